//! Scalar code as a register program: unboxed values, elements of tensors read and written in place.
//!
//! A program never says what went wrong: a fault ends it, and the graph as it was written is run op by
//! op to find the error.

use jit_ir::ops::{Attrs, host};
use jit_ir::{DType, Op, Prim, Scalar, with_dtype};
use smallvec::SmallVec;

use crate::tensor::raw::{RawTensor, Val};

/// Registers of a program; a byte names one.
pub(crate) const REGISTERS: usize = 256;

/// A value's bits, zero-extended.
type Bits = u64;
/// An op on one register; `None` is a fault.
pub(crate) type Unary = fn(Bits) -> Option<Bits>;
/// An op on two registers; `None` is a fault.
pub(crate) type Binary = fn(Bits, Bits) -> Option<Bits>;

/// One instruction.
pub(crate) enum Instr {
    Move { to: u8, from: u8 },
    Unary { f: Unary, to: u8, a: u8 },
    Binary { f: Binary, to: u8, a: u8, b: u8 },
    AddI64 { to: u8, a: u8, b: u8 },
    SubI64 { to: u8, a: u8, b: u8 },
    MulI64 { to: u8, a: u8, b: u8 },
    AddUsize { to: u8, a: u8, b: u8 },
    AddF32 { to: u8, a: u8, b: u8 },
    MulF32 { to: u8, a: u8, b: u8 },
    AddF64 { to: u8, a: u8, b: u8 },
    MulF64 { to: u8, a: u8, b: u8 },
    /// Any other op of host scalars.
    Other(Box<Other>),
    Jump(u32),
    /// Jumps if the register is false.
    Unless { a: u8, to: u32 },
    /// Jumps if the comparison is false.
    UnlessLtI64 { a: u8, b: u8, to: u32 },
    UnlessEqI64 { a: u8, b: u8, to: u32 },
    UnlessBinary { f: Binary, a: u8, b: u8, to: u32 },
    /// Jumps once the first register, a position, has reached the second, a count.
    Done { a: u8, b: u8, to: u32 },
    /// The next position; jumps back.
    Again { a: u8, to: u32 },
    Read1 { to: u8, cells: u8, i: u8 },
    Read2 { to: u8, cells: u8, i: u8, j: u8 },
    Read { to: u8, cells: u8, at: Box<[u8]> },
    Write1 { cells: u8, i: u8, value: u8 },
    Write2 { cells: u8, i: u8, j: u8, value: u8 },
    Write { cells: u8, at: Box<[u8]>, value: u8 },
    Dim { to: u8, cells: u8, axis: i64 },
    Len { to: u8, cells: u8 },
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

/// A compiled loop.
pub(crate) struct Program {
    pub(crate) code: Vec<Instr>,
    pub(crate) constants: Vec<(u8, Bits)>,
    /// For each argument where it goes.
    pub(crate) inputs: Vec<Place>,
    /// The element type of each tensor, and whether it is written.
    pub(crate) tensors: Vec<(DType, bool)>,
    pub(crate) outputs: Vec<Place>,
}

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Register(u8, DType),
    Tensor(u8),
    /// Nobody reads it.
    Nowhere,
}

/// The elements of a tensor.
struct Cells {
    base: *mut u8,
    size: usize,
    shape: SmallVec<[usize; 4]>,
    strides: SmallVec<[isize; 4]>,
}

impl Cells {
    fn new(tensor: &RawTensor) -> Cells {
        let size = tensor.dtype.size();
        Cells {
            base: tensor.buffer.start().wrapping_add(tensor.offset * size),
            size,
            shape: tensor.shape.as_slice().into(),
            strides: tensor.strides.as_slice().into(),
        }
    }

    /// The address of the element at a position, if there is one.
    #[inline(always)]
    fn address(&self, at: impl ExactSizeIterator<Item = u64>) -> Option<*mut u8> {
        if at.len() != self.shape.len() {
            return None;
        }
        let mut offset = 0_isize;
        for ((i, n), stride) in at.zip(&self.shape).zip(&self.strides) {
            if i >= *n as u64 {
                return None;
            }
            offset += i as isize * stride;
        }
        Some(self.base.wrapping_offset(offset * self.size as isize))
    }

    #[inline(always)]
    fn read(&self, at: impl ExactSizeIterator<Item = u64>) -> Option<Bits> {
        let from = self.address(at)?;
        // SAFETY: a position in range leads to an element of the view, which was written when the tensor was
        // made; the tensor is kept by the run. Elements are aligned to their size.
        Some(unsafe {
            match self.size {
                1 => Bits::from(from.read()),
                4 => Bits::from(from.cast::<u32>().read()),
                _ => from.cast::<u64>().read(),
            }
        })
    }

    #[inline(always)]
    fn write(&self, at: impl ExactSizeIterator<Item = u64>, bits: Bits) -> Option<()> {
        let to = self.address(at)?;
        // SAFETY: as in `read`; tensors that a program writes were made unique and contiguous before, so that
        // no other cells or tensors share their elements.
        unsafe {
            match self.size {
                1 => to.write(bits as u8),
                4 => to.cast::<u32>().write(bits as u32),
                _ => to.cast::<u64>().write(bits),
            }
        }
        Some(())
    }
}

/// The bits of a scalar.
pub(crate) fn bits(value: Scalar) -> Bits {
    with_dtype!(value.dtype(), T => to_bits(T::from_scalar(value)))
}

/// The scalar of a type with these bits.
fn scalar(bits: Bits, dtype: DType) -> Scalar {
    with_dtype!(dtype, T => from_bits::<T>(bits).to_scalar())
}

#[inline(always)]
fn to_bits<T: Prim>(value: T) -> Bits {
    match value.to_scalar() {
        Scalar::Bool(v) => v as u64,
        Scalar::U8(v) => v.into(),
        Scalar::I32(v) => (v as u32).into(),
        Scalar::I64(v) => v as u64,
        Scalar::Usize(v) => v as u64,
        Scalar::F32(v) => v.to_bits().into(),
        Scalar::F64(v) => v.to_bits(),
    }
}

#[inline(always)]
fn from_bits<T: Prim>(bits: Bits) -> T {
    T::from_scalar(match T::DTYPE {
        DType::Bool => Scalar::Bool(bits != 0),
        DType::U8 => Scalar::U8(bits as u8),
        DType::I32 => Scalar::I32(bits as u32 as i32),
        DType::I64 => Scalar::I64(bits as i64),
        DType::Usize => Scalar::Usize(bits as usize),
        DType::F32 => Scalar::F32(f32::from_bits(bits as u32)),
        DType::F64 => Scalar::F64(f64::from_bits(bits)),
    })
}

macro_rules! int_binary {
    ($op:expr, $T:ident) => {{
        macro_rules! checked {
            ($method:ident) => {
                |a, b| from_bits::<$T>(a).$method(from_bits::<$T>(b)).map(to_bits)
            };
        }
        let f: Binary = match $op {
            Op::Add => checked!(checked_add),
            Op::Sub => checked!(checked_sub),
            Op::Mul => checked!(checked_mul),
            Op::Div => checked!(checked_div),
            Op::Rem => checked!(checked_rem),
            Op::DivEuclid => checked!(checked_div_euclid),
            Op::RemEuclid => checked!(checked_rem_euclid),
            Op::Maximum => |a, b| Some(to_bits(from_bits::<$T>(a).max(from_bits::<$T>(b)))),
            Op::Minimum => |a, b| Some(to_bits(from_bits::<$T>(a).min(from_bits::<$T>(b)))),
            Op::And => |a, b| Some(a & b),
            Op::Or => |a, b| Some(a | b),
            Op::Xor => |a, b| Some(a ^ b),
            Op::Shl => |a, b| (b < u64::from($T::BITS)).then(|| to_bits(from_bits::<$T>(a) << b)),
            Op::Shr => |a, b| (b < u64::from($T::BITS)).then(|| to_bits(from_bits::<$T>(a) >> b)),
            op => return compare::<$T>(op),
        };
        f
    }};
}

macro_rules! float_binary {
    ($op:expr, $T:ident) => {{
        let f: Binary = match $op {
            Op::Add => |a, b| Some(to_bits(from_bits::<$T>(a) + from_bits::<$T>(b))),
            Op::Sub => |a, b| Some(to_bits(from_bits::<$T>(a) - from_bits::<$T>(b))),
            Op::Mul => |a, b| Some(to_bits(from_bits::<$T>(a) * from_bits::<$T>(b))),
            Op::Div => |a, b| Some(to_bits(from_bits::<$T>(a) / from_bits::<$T>(b))),
            Op::Maximum => |a, b| Some(to_bits(from_bits::<$T>(a).max(from_bits::<$T>(b)))),
            Op::Minimum => |a, b| Some(to_bits(from_bits::<$T>(a).min(from_bits::<$T>(b)))),
            op => return compare::<$T>(op),
        };
        f
    }};
}

fn compare<T: Prim + PartialOrd>(op: Op) -> Option<Binary> {
    let f: Binary = match op {
        Op::Lt => |a, b| Some((from_bits::<T>(a) < from_bits::<T>(b)) as u64),
        Op::Le => |a, b| Some((from_bits::<T>(a) <= from_bits::<T>(b)) as u64),
        Op::Gt => |a, b| Some((from_bits::<T>(a) > from_bits::<T>(b)) as u64),
        Op::Ge => |a, b| Some((from_bits::<T>(a) >= from_bits::<T>(b)) as u64),
        Op::Eq => |a, b| Some((from_bits::<T>(a) == from_bits::<T>(b)) as u64),
        Op::Ne => |a, b| Some((from_bits::<T>(a) != from_bits::<T>(b)) as u64),
        _ => return None,
    };
    Some(f)
}

/// The code of an op on two values of a type, if it has one.
pub(crate) fn binary(op: Op, dtype: DType) -> Option<Binary> {
    Some(match dtype {
        DType::Bool => match op {
            Op::And => |a, b| Some(a & b),
            Op::Or => |a, b| Some(a | b),
            Op::Xor => |a, b| Some(a ^ b),
            op => return compare::<bool>(op),
        },
        DType::U8 => int_binary!(op, u8),
        DType::I32 => int_binary!(op, i32),
        DType::I64 => int_binary!(op, i64),
        DType::Usize => int_binary!(op, usize),
        DType::F32 => float_binary!(op, f32),
        DType::F64 => float_binary!(op, f64),
    })
}

/// The code of an op on one value, if it has one.
pub(crate) fn unary(op: Op, from: DType, to: DType) -> Option<Unary> {
    Some(match (op, from) {
        (Op::Cast, _) => with_dtype!(from, F => with_dtype!(to, T => {
            |a| Some(to_bits(T::from_scalar(from_bits::<F>(a).to_scalar())))
        })),
        (Op::Not, DType::Bool) => |a| Some(a ^ 1),
        (Op::Neg, DType::I32) => |a| from_bits::<i32>(a).checked_neg().map(to_bits),
        (Op::Neg, DType::I64) => |a| from_bits::<i64>(a).checked_neg().map(to_bits),
        (Op::Neg, DType::F32) => |a| Some(to_bits(-from_bits::<f32>(a))),
        (Op::Neg, DType::F64) => |a| Some(to_bits(-from_bits::<f64>(a))),
        (Op::Abs, DType::F32) => |a| Some(to_bits(from_bits::<f32>(a).abs())),
        (Op::Abs, DType::F64) => |a| Some(to_bits(from_bits::<f64>(a).abs())),
        (Op::Sqrt, DType::F32) => |a| Some(to_bits(from_bits::<f32>(a).sqrt())),
        (Op::Sqrt, DType::F64) => |a| Some(to_bits(from_bits::<f64>(a).sqrt())),
        _ => return None,
    })
}

impl Program {
    /// Runs the program; the arguments that it writes are changed in place if nothing else holds them.
    /// `None` is a fault.
    pub(crate) fn run(&self, args: Vec<Val>) -> Option<Vec<Val>> {
        let mut registers = [0_u64; REGISTERS];
        let mut tensors: Vec<Option<RawTensor>> = vec![None; self.tensors.len()];
        for (register, value) in &self.constants {
            registers[usize::from(*register)] = *value;
        }
        for (place, val) in self.inputs.iter().zip(args) {
            match (place, val) {
                (Place::Register(r, dtype), Val::Scalar(s)) if s.dtype() == *dtype => {
                    registers[usize::from(*r)] = bits(s);
                }
                (Place::Tensor(t), Val::Tensor(tensor)) => tensors[usize::from(*t)] = Some(tensor),
                // What was never set is never read.
                (Place::Nowhere, _) | (Place::Register(..), Val::Undef) => {}
                _ => return None,
            }
        }
        let mut cells = Vec::with_capacity(tensors.len());
        for (tensor, (dtype, written)) in tensors.iter_mut().zip(&self.tensors) {
            let tensor = tensor.as_mut().filter(|t| t.dtype == *dtype)?;
            if *written {
                with_dtype!(*dtype, T => {
                    tensor.make_mut::<T>();
                });
            }
            cells.push(Cells::new(tensor));
        }
        self.execute(&mut registers, &cells)?;
        let out = self.outputs.iter().map(|place| match place {
            Place::Register(r, dtype) => Val::Scalar(scalar(registers[usize::from(*r)], *dtype)),
            Place::Tensor(t) => tensors[usize::from(*t)].take().map_or(Val::Undef, Val::Tensor),
            Place::Nowhere => Val::Undef,
        });
        Some(out.collect())
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
                Instr::Unless { a, to } => {
                    if get!(a) == 0 {
                        pc = *to as usize;
                    }
                }
                Instr::UnlessLtI64 { a, b, to } => {
                    if (get!(a) as i64) >= (get!(b) as i64) {
                        pc = *to as usize;
                    }
                }
                Instr::UnlessEqI64 { a, b, to } => {
                    if get!(a) != get!(b) {
                        pc = *to as usize;
                    }
                }
                Instr::UnlessBinary { f, a, b, to } => {
                    if f(get!(a), get!(b))? == 0 {
                        pc = *to as usize;
                    }
                }
                Instr::Done { a, b, to } => {
                    if get!(a) >= get!(b) {
                        pc = *to as usize;
                    }
                }
                Instr::Again { a, to } => {
                    set!(a, get!(a) + 1);
                    pc = *to as usize;
                }
                Instr::Read1 { to, cells: c, i } => set!(to, cells[usize::from(*c)].read([get!(i)].into_iter())?),
                Instr::Read2 { to, cells: c, i, j } => {
                    set!(to, cells[usize::from(*c)].read([get!(i), get!(j)].into_iter())?)
                }
                Instr::Read { to, cells: c, at } => {
                    set!(to, cells[usize::from(*c)].read(at.iter().map(|r| get!(r)))?)
                }
                Instr::Write1 { cells: c, i, value } => {
                    cells[usize::from(*c)].write([get!(i)].into_iter(), get!(value))?
                }
                Instr::Write2 { cells: c, i, j, value } => {
                    cells[usize::from(*c)].write([get!(i), get!(j)].into_iter(), get!(value))?
                }
                Instr::Write { cells: c, at, value } => {
                    cells[usize::from(*c)].write(at.iter().map(|r| get!(r)), get!(value))?
                }
                Instr::Dim { to, cells: c, axis } => {
                    let shape = &cells[usize::from(*c)].shape;
                    let axis = jit_ir::ops::shape::axis(*axis, shape.len()).ok()?;
                    set!(to, shape[axis] as u64)
                }
                Instr::Len { to, cells: c } => {
                    set!(to, cells[usize::from(*c)].shape.iter().product::<usize>() as u64)
                }
                Instr::Assert(a) => {
                    if get!(a) == 0 {
                        return None;
                    }
                }
            }
        }
        Some(())
    }
}

impl Other {
    fn value(&self, regs: &[u64; REGISTERS]) -> Option<Bits> {
        let args: SmallVec<[Scalar; 3]> =
            self.args.iter().map(|(r, dtype)| scalar(regs[usize::from(*r)], *dtype)).collect();
        host::call(self.op, &args, &self.attrs).ok().map(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_out_of_range_have_no_address() {
        let x = RawTensor::from_fn(&[2, 3], |i| i as f32);
        let t = x.view([3, 2].into_iter().collect(), [1, 3].into_iter().collect(), 0);
        let cells = Cells::new(&t);
        let read = |i, j| cells.read([i, j].into_iter()).map(from_bits::<f32>);
        assert_eq!(read(2, 1), Some(5.0));
        assert_eq!(read(1, 0), Some(1.0));
        assert_eq!((read(3, 0), read(0, 2), read(u64::MAX, 0)), (None, None, None));
        assert_eq!(cells.read([0].into_iter()), None);
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
        };
        let x = RawTensor::from_fn(&[3], |i| i as f32);
        let out = program.run(vec![Val::Tensor(x.clone())]).unwrap();
        assert_eq!(out[0].tensor().unwrap().to_vec::<f32>(), [0.0, 9.0, 2.0]);
        assert_eq!(x.to_vec::<f32>(), [0.0, 1.0, 2.0]);
        let start = x.buffer.start();
        let out = program.run(vec![Val::Tensor(x)]).unwrap();
        assert_eq!(out[0].tensor().unwrap().buffer.start(), start);
    }

    #[test]
    fn faults_end_the_program() {
        assert_eq!(binary(Op::Add, DType::I32).unwrap()(bits(Scalar::I32(i32::MAX)), 1), None);
        assert_eq!(binary(Op::Div, DType::I64).unwrap()(7, 0), None);
        assert_eq!(binary(Op::Shl, DType::U8).unwrap()(1, 8), None);
        let down = binary(Op::Sub, DType::I32).unwrap()(0, 1).map(|b| scalar(b, DType::I32));
        assert!(matches!(down, Some(Scalar::I32(-1))));
    }
}
