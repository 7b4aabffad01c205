//! Scalar code as a register program: unboxed values, elements of tensors read and written in place.
//!
//! A program never says what went wrong: a fault ends it, and the graph as it was written is run op by
//! op to find the error.

mod cells;
mod instr;
pub mod native;
mod ops;

use jit_ir::DType;
use smallvec::SmallVec;

use crate::tensor::raw::{RawTensor, Val};
use cells::Cells;
pub(crate) use instr::{Instr, Other};
use native::Memory;
use ops::{Bits, from_bits, scalar, to_bits};
pub(crate) use ops::{binary, bits, function, unary};

/// Registers of a program; a byte names one.
pub(crate) const REGISTERS: usize = 256;

/// A compiled loop.
pub(crate) struct Program {
    pub(crate) code: Vec<Instr>,
    pub(crate) constants: Vec<(u8, Bits)>,
    /// For each argument where it goes.
    pub(crate) inputs: Vec<Place>,
    /// The element type of each tensor, and whether it is written.
    pub(crate) tensors: Vec<(DType, bool)>,
    pub(crate) outputs: Vec<Place>,
    /// The same loop as a macro wrote it out, if it did. It takes the scalars of `inputs` in their order and gives those
    /// of `outputs`.
    pub(crate) native: Option<native::Code>,
}

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Register(u8, DType),
    Tensor(u8),
    /// Nobody reads it.
    Nowhere,
}

impl Program {
    /// Runs the program; the arguments that it writes are changed in place if nothing else holds them.
    /// `None` is a fault.
    pub(crate) fn run(&self, args: Vec<Val>) -> Option<Vec<Val>> {
        let mut tensors: SmallVec<[Option<RawTensor>; 8]> = SmallVec::from_elem(None, self.tensors.len());
        let mut given: SmallVec<[Bits; 16]> = SmallVec::new();
        for (place, val) in self.inputs.iter().zip(args) {
            match (place, val) {
                (Place::Register(_, dtype), Val::Scalar(s)) if s.dtype() == *dtype => given.push(bits(s)),
                (Place::Tensor(t), Val::Tensor(tensor)) => tensors[usize::from(*t)] = Some(tensor),
                // What was never set is never read.
                (Place::Register(..), Val::Undef) => given.push(0),
                (Place::Nowhere, _) | (Place::Tensor(_), Val::Undef) => {}
                _ => return None,
            }
        }
        let mut cells: SmallVec<[Cells; 4]> = SmallVec::with_capacity(tensors.len());
        for (tensor, (dtype, written)) in tensors.iter_mut().zip(&self.tensors) {
            let Some(tensor) = tensor else {
                cells.push(Cells::none(*dtype));
                continue;
            };
            if tensor.dtype != *dtype {
                return None;
            }
            cells.push(if *written { Cells::of_mut(tensor) } else { Cells::of(tensor) });
        }
        match self.native {
            Some(code) => {
                given.resize(given.len().max(self.outputs.len()), 0);
                code(&mut Memory { values: &mut given, cells: &cells })?;
            }
            None => self.interpret(&mut given, &cells)?,
        }
        drop(cells);
        let mut made = given.into_iter();
        let out = self.outputs.iter().map(|place| match place {
            Place::Register(_, dtype) => made.next().map_or(Val::Undef, |b| Val::Scalar(scalar(b, *dtype))),
            Place::Tensor(t) => tensors[usize::from(*t)].take().map_or(Val::Undef, Val::Tensor),
            Place::Nowhere => Val::Undef,
        });
        Some(out.collect())
    }

    /// Takes the scalars of the inputs, in their order, and leaves those of the outputs.
    fn interpret(&self, scalars: &mut SmallVec<[Bits; 16]>, cells: &[Cells]) -> Option<()> {
        let mut registers = [0_u64; REGISTERS];
        for (register, value) in &self.constants {
            registers[usize::from(*register)] = *value;
        }
        let register = |place: &Place| match place {
            Place::Register(r, _) => Some(usize::from(*r)),
            _ => None,
        };
        for (r, bits) in self.inputs.iter().filter_map(register).zip(scalars.drain(..)) {
            registers[r] = bits;
        }
        self.execute(&mut registers, cells)?;
        scalars.extend(self.outputs.iter().filter_map(register).map(|r| registers[r]));
        Some(())
    }

    fn execute(&self, regs: &mut [u64; REGISTERS], cells: &[Cells]) -> Option<()> {
        macro_rules! get {
            ($r:expr) => {
                regs[usize::from(*$r)]
            };
        }
        macro_rules! set {
            ($to:expr, $value:expr) => {
                regs[usize::from(*$to)] = $value
            };
        }
        let code = &self.code[..];
        let mut pc = 0;
        macro_rules! jump {
            ($to:expr, $if:expr) => {
                if $if {
                    pc = *$to as usize;
                }
            };
        }
        while let Some(instr) = code.get(pc) {
            pc += 1;
            match instr {
                Instr::Move { to, from } => set!(to, get!(from)),
                Instr::Unary { f, to, a } => set!(to, f(get!(a))?),
                Instr::Binary { f, to, a, b } => set!(to, f(get!(a), get!(b))?),
                Instr::AddI64 { to, a, b } => set!(to, (get!(a) as i64).checked_add(get!(b) as i64)? as u64),
                Instr::SubI64 { to, a, b } => set!(to, (get!(a) as i64).checked_sub(get!(b) as i64)? as u64),
                Instr::MulI64 { to, a, b } => set!(to, (get!(a) as i64).checked_mul(get!(b) as i64)? as u64),
                Instr::AddUsize { to, a, b } => set!(to, get!(a).checked_add(get!(b))?),
                Instr::SubUsize { to, a, b } => set!(to, get!(a).checked_sub(get!(b))?),
                Instr::AddF32 { to, a, b } => {
                    set!(to, to_bits(from_bits::<f32>(get!(a)) + from_bits::<f32>(get!(b))))
                }
                Instr::MulF32 { to, a, b } => {
                    set!(to, to_bits(from_bits::<f32>(get!(a)) * from_bits::<f32>(get!(b))))
                }
                Instr::AddF64 { to, a, b } => {
                    set!(to, to_bits(from_bits::<f64>(get!(a)) + from_bits::<f64>(get!(b))))
                }
                Instr::MulF64 { to, a, b } => {
                    set!(to, to_bits(from_bits::<f64>(get!(a)) * from_bits::<f64>(get!(b))))
                }
                Instr::Other(other) => set!(&other.to, other.value(regs)?),
                Instr::Jump(to) => pc = *to as usize,
                Instr::Unless { a, to } => jump!(to, get!(a) == 0),
                Instr::UnlessLtI64 { a, b, to } => {
                    if (get!(a) as i64) >= (get!(b) as i64) {
                        pc = *to as usize;
                    }
                }
                Instr::UnlessEqI64 { a, b, to } => jump!(to, get!(a) != get!(b)),
                Instr::UnlessGtUsize { a, b, to } => jump!(to, get!(a) <= get!(b)),
                Instr::UnlessGtF32 { a, b, to } => {
                    let greater = f32::from_bits(get!(a) as u32) > f32::from_bits(get!(b) as u32);
                    if !greater {
                        pc = *to as usize;
                    }
                }
                Instr::UnlessBinary { f, a, b, to } => jump!(to, f(get!(a), get!(b))? == 0),
                Instr::When { a, to } => jump!(to, get!(a) != 0),
                Instr::WhenGtF32 { a, b, to } => {
                    if f32::from_bits(get!(a) as u32) > f32::from_bits(get!(b) as u32) {
                        pc = *to as usize;
                    }
                }
                Instr::WhenBinary { f, a, b, to } => jump!(to, f(get!(a), get!(b))? != 0),
                Instr::Done { a, b, to } => jump!(to, get!(a) >= get!(b)),
                Instr::Again { a, b, to } => {
                    let next = get!(a) + 1;
                    set!(a, next);
                    if next < get!(b) {
                        pc = *to as usize;
                    }
                }
                Instr::Read1 { to, cells: c, i } => set!(to, cells[usize::from(*c)].read1(get!(i))?),
                Instr::ReadBefore { to, cells: c, i } => {
                    set!(to, cells[usize::from(*c)].read1(get!(i).wrapping_sub(1))?)
                }
                Instr::Read2 { to, cells: c, i, j } => {
                    set!(to, cells[usize::from(*c)].read2(get!(i), get!(j))?)
                }
                Instr::Read { to, cells: c, at } => {
                    set!(to, cells[usize::from(*c)].read(at.iter().map(|r| get!(r)))?)
                }
                Instr::Write1 { cells: c, i, value } => {
                    cells[usize::from(*c)].write1(get!(i), get!(value))?
                }
                Instr::Write2 { cells: c, i, j, value } => {
                    cells[usize::from(*c)].write2(get!(i), get!(j), get!(value))?
                }
                Instr::Write { cells: c, at, value } => {
                    cells[usize::from(*c)].write(at.iter().map(|r| get!(r)), get!(value))?
                }
                Instr::Dim { to, cells: c, axis } => set!(to, cells[usize::from(*c)].dim(*axis)?),
                Instr::Len { to, cells: c } => set!(to, cells[usize::from(*c)].len()?),
                Instr::Assert(a) if get!(a) == 0 => return None,
                Instr::Assert(_) => {}
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use jit_ir::Scalar;

    use super::*;

    #[test]
    fn tensors_that_were_never_set_have_no_elements_and_no_sizes() {
        for instr in [
            Instr::Read1 { to: 1, cells: 0, i: 0 },
            Instr::Len { to: 1, cells: 0 },
            Instr::Dim { to: 1, cells: 0, axis: 0 },
        ] {
            let program = |code| Program {
                code,
                constants: vec![],
                inputs: vec![Place::Tensor(0)],
                tensors: vec![(DType::F32, false)],
                outputs: vec![Place::Tensor(0)],
                native: None,
            };
            assert!(program(vec![instr]).run(vec![Val::Undef]).is_none());
            assert!(matches!(program(vec![]).run(vec![Val::Undef]).unwrap()[..], [Val::Undef]));
        }
    }

    #[test]
    fn written_tensors_are_copied_if_shared() {
        let code = vec![Instr::Write1 { cells: 0, i: 0, value: 1 }];
        let program = Program {
            code,
            constants: vec![(0, 1), (1, bits(Scalar::F32(9.0)))],
            inputs: vec![Place::Tensor(0)],
            tensors: vec![(DType::F32, true)],
            outputs: vec![Place::Tensor(0)],
            native: None,
        };
        let x = RawTensor::from_fn(&[3], |i| i as f32);
        let out = program.run(vec![Val::Tensor(x.clone())]).unwrap();
        assert_eq!(out[0].tensor().unwrap().to_vec::<f32>(), [0.0, 9.0, 2.0]);
        assert_eq!(x.to_vec::<f32>(), [0.0, 1.0, 2.0]);
        let start = x.buffer.start();
        let out = program.run(vec![Val::Tensor(x)]).unwrap();
        assert_eq!(out[0].tensor().unwrap().buffer.start(), start);
    }
}
