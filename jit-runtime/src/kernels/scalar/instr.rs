//! Instructions.

use jit_ir::ops::{Attrs, host};
use jit_ir::{DType, Op, Scalar};
use smallvec::SmallVec;

use super::REGISTERS;
use super::ops::{Binary, Bits, Unary, bits, scalar};

/// One instruction: of 16 bytes, so that the next one is found fast.
#[expect(clippy::box_collection, reason = "a boxed slice has two words")]
pub(crate) enum Instr {
    Move {
        to: u8,
        from: u8,
    },
    Unary {
        f: Unary,
        to: u8,
        a: u8,
    },
    Binary {
        f: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    AddI64 {
        to: u8,
        a: u8,
        b: u8,
    },
    SubI64 {
        to: u8,
        a: u8,
        b: u8,
    },
    MulI64 {
        to: u8,
        a: u8,
        b: u8,
    },
    AddUsize {
        to: u8,
        a: u8,
        b: u8,
    },
    SubUsize {
        to: u8,
        a: u8,
        b: u8,
    },
    AddF32 {
        to: u8,
        a: u8,
        b: u8,
    },
    MulF32 {
        to: u8,
        a: u8,
        b: u8,
    },
    AddF64 {
        to: u8,
        a: u8,
        b: u8,
    },
    MulF64 {
        to: u8,
        a: u8,
        b: u8,
    },
    /// Any other op of host scalars.
    Other(Box<Other>),
    Jump(u32),
    /// Jumps if the register is false.
    Unless {
        a: u8,
        to: u32,
    },
    /// Jumps if the comparison is false.
    UnlessLtI64 {
        a: u8,
        b: u8,
        to: u32,
    },
    UnlessEqI64 {
        a: u8,
        b: u8,
        to: u32,
    },
    UnlessGtUsize {
        a: u8,
        b: u8,
        to: u32,
    },
    UnlessGtF32 {
        a: u8,
        b: u8,
        to: u32,
    },
    UnlessBinary {
        f: Binary,
        a: u8,
        b: u8,
        to: u32,
    },
    /// Jumps if the comparison is true.
    When {
        a: u8,
        to: u32,
    },
    WhenGtF32 {
        a: u8,
        b: u8,
        to: u32,
    },
    WhenBinary {
        f: Binary,
        a: u8,
        b: u8,
        to: u32,
    },
    /// Jumps once the first register, a position, has reached the second, a count.
    Done {
        a: u8,
        b: u8,
        to: u32,
    },
    /// The next position; jumps back unless it is the count.
    Again {
        a: u8,
        b: u8,
        to: u32,
    },
    Read1 {
        to: u8,
        cells: u8,
        i: u8,
    },
    /// The element before a position.
    ReadBefore {
        to: u8,
        cells: u8,
        i: u8,
    },
    Read2 {
        to: u8,
        cells: u8,
        i: u8,
        j: u8,
    },
    Read {
        to: u8,
        cells: u8,
        at: Box<Vec<u8>>,
    },
    Write1 {
        cells: u8,
        i: u8,
        value: u8,
    },
    Write2 {
        cells: u8,
        i: u8,
        j: u8,
        value: u8,
    },
    Write {
        cells: u8,
        at: Box<Vec<u8>>,
        value: u8,
    },
    Dim {
        to: u8,
        cells: u8,
        axis: i64,
    },
    Len {
        to: u8,
        cells: u8,
    },
    /// A fault unless the register is true.
    Assert(u8),
}

/// An op of host scalars without an instruction of its own.
pub(crate) struct Other {
    pub(crate) op: Op,
    pub(crate) attrs: Attrs,
    pub(crate) args: SmallVec<[(u8, DType); 3]>,
    pub(crate) to: u8,
}

impl Instr {
    /// Visits the registers that the instruction reads (`false`) and writes (`true`).
    pub(crate) fn registers(&mut self, visit: &mut dyn FnMut(&mut u8, bool)) {
        match self {
            Instr::Move { to, from } => {
                visit(from, false);
                visit(to, true);
            }
            Instr::Unary { to, a, .. } => {
                visit(a, false);
                visit(to, true);
            }
            Instr::Binary { to, a, b, .. }
            | Instr::AddI64 { to, a, b }
            | Instr::SubI64 { to, a, b }
            | Instr::MulI64 { to, a, b }
            | Instr::AddUsize { to, a, b }
            | Instr::SubUsize { to, a, b }
            | Instr::AddF32 { to, a, b }
            | Instr::MulF32 { to, a, b }
            | Instr::AddF64 { to, a, b }
            | Instr::MulF64 { to, a, b } => {
                visit(a, false);
                visit(b, false);
                visit(to, true);
            }
            Instr::Other(other) => {
                other.args.iter_mut().for_each(|(r, _)| visit(r, false));
                visit(&mut other.to, true);
            }
            Instr::Jump(_) => {}
            Instr::Unless { a, .. } | Instr::When { a, .. } | Instr::Assert(a) => visit(a, false),
            Instr::UnlessLtI64 { a, b, .. }
            | Instr::UnlessEqI64 { a, b, .. }
            | Instr::UnlessGtUsize { a, b, .. }
            | Instr::UnlessGtF32 { a, b, .. }
            | Instr::UnlessBinary { a, b, .. }
            | Instr::WhenGtF32 { a, b, .. }
            | Instr::WhenBinary { a, b, .. }
            | Instr::Done { a, b, .. } => {
                visit(a, false);
                visit(b, false);
            }
            Instr::Again { a, b, .. } => {
                visit(a, false);
                visit(b, false);
                visit(a, true);
            }
            Instr::Read1 { to, i, .. } | Instr::ReadBefore { to, i, .. } => {
                visit(i, false);
                visit(to, true);
            }
            Instr::Read2 { to, i, j, .. } => {
                visit(i, false);
                visit(j, false);
                visit(to, true);
            }
            Instr::Read { to, at, .. } => {
                at.iter_mut().for_each(|r| visit(r, false));
                visit(to, true);
            }
            Instr::Write1 { i, value, .. } => {
                visit(i, false);
                visit(value, false);
            }
            Instr::Write2 { i, j, value, .. } => {
                visit(i, false);
                visit(j, false);
                visit(value, false);
            }
            Instr::Write { at, value, .. } => {
                at.iter_mut().for_each(|r| visit(r, false));
                visit(value, false);
            }
            Instr::Dim { to, .. } | Instr::Len { to, .. } => visit(to, true),
        }
    }

    /// Where a jump leads.
    pub(crate) fn target(&mut self) -> Option<&mut u32> {
        match self {
            Instr::Jump(to)
            | Instr::Unless { to, .. }
            | Instr::UnlessLtI64 { to, .. }
            | Instr::UnlessEqI64 { to, .. }
            | Instr::UnlessGtUsize { to, .. }
            | Instr::UnlessGtF32 { to, .. }
            | Instr::UnlessBinary { to, .. }
            | Instr::When { to, .. }
            | Instr::WhenGtF32 { to, .. }
            | Instr::WhenBinary { to, .. }
            | Instr::Done { to, .. }
            | Instr::Again { to, .. } => Some(to),
            _ => None,
        }
    }
}

impl Other {
    pub(super) fn value(&self, regs: &[u64; REGISTERS]) -> Option<Bits> {
        let args: SmallVec<[Scalar; 3]> =
            self.args.iter().map(|(r, dtype)| scalar(regs[usize::from(*r)], *dtype)).collect();
        host::call(self.op, &args, &self.attrs).ok().map(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_small() {
        assert_eq!(size_of::<Instr>(), 16);
    }
}
