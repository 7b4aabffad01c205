//! The reference interpreter: slow, plain, and the oracle of the tests.
//!
//! It computes in each op's own element type. Functions that the runtime approximates come from a
//! table of the caller's, so that bits can be compared, or are evaluated in f64 and rounded.

mod combine;
mod elementwise;
mod layout;
mod parts;
mod reduce;
mod window;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::data::{Const, Scalar, TensorData};
use crate::graph::{Graph, Location, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Class, Op, host, shape};
use crate::types::{DType, Type};

/// A value of the interpreter.
#[derive(Clone, Debug)]
pub enum Value {
    /// A host scalar.
    Scalar(Scalar),
    /// A tensor.
    Tensor(Arc<TensorData>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// Never read.
    Undef,
}

impl Value {
    /// Equality of type, shape and bits, all NaNs alike.
    pub fn same_bits(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Scalar(a), Value::Scalar(b)) => a.same_bits(*b),
            (Value::Tensor(a), Value::Tensor(b)) => a.same_bits(b),
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| x.same_bits(y))
            }
            _ => false,
        }
    }

    fn ty(&self) -> Type {
        match self {
            Value::Scalar(s) => Type::Scalar(s.dtype()),
            Value::Tensor(t) => t.ty(),
            Value::List(list) => {
                let element = list.iter().try_fold(Type::Hole, |ty, v| ty.join(&v.ty()));
                Type::List(Box::new(element.unwrap_or(Type::Hole)))
            }
            Value::Undef => Type::Hole,
        }
    }

    fn scalar(&self) -> Result<Scalar, String> {
        match self {
            Value::Scalar(s) => Ok(*s),
            _ => Err("expected a host scalar".into()),
        }
    }

    fn tensor(&self) -> Result<&TensorData, String> {
        match self {
            Value::Tensor(t) => Ok(t),
            _ => Err("expected a tensor".into()),
        }
    }
}

/// Why a run ended early.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The op.
    pub op: Op,
    /// What went wrong.
    pub message: String,
    /// Where in the user's source.
    pub location: Option<Location>,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op.name(), self.message)
    }
}

/// Values of approximated functions: `None` leaves the op to the interpreter.
pub type Approx<'a> = &'a dyn Fn(Op, &[Scalar]) -> Option<Scalar>;

/// Runs a graph.
///
/// # Errors
/// Where and why it stopped.
pub fn run(graph: &Graph, args: &[Value], approx: Option<Approx<'_>>) -> Result<Vec<Value>, Stop> {
    let mut machine = Machine { graph, env: HashMap::new(), approx };
    machine.region(graph.body, args)
}

struct Machine<'a> {
    graph: &'a Graph,
    env: HashMap<ValueId, Value>,
    approx: Option<Approx<'a>>,
}

impl Machine<'_> {
    fn get(&self, value: ValueId) -> Value {
        self.env.get(&value).cloned().unwrap_or(Value::Undef)
    }

    fn region(&mut self, region: RegionId, args: &[Value]) -> Result<Vec<Value>, Stop> {
        let data = &self.graph.regions[region];
        for (arg, value) in data.args.iter().zip(args) {
            self.env.insert(*arg, value.clone());
        }
        for node in &data.nodes {
            let node = &self.graph.nodes[*node];
            let values = self.node(node)?;
            for (result, value) in node.results.iter().zip(values) {
                self.env.insert(*result, value);
            }
        }
        Ok(data.results.iter().map(|v| self.get(*v)).collect())
    }

    fn node(&mut self, node: &Node) -> Result<Vec<Value>, Stop> {
        let stop = |message: String| Stop { op: node.op, message, location: node.location.clone() };
        let operands: Vec<Value> = node.operands.iter().map(|v| self.get(*v)).collect();
        // What depends on a value that was never set was never set either.
        // A list may hold what an option does not.
        let held = match (node.op, operands.first()) {
            (Op::List, _) => operands.len(),
            (Op::Push | Op::SetIndex, Some(Value::List(_))) => 1,
            _ => 0,
        };
        let asked = &operands[..operands.len() - held];
        if node.op != Op::Loop && asked.iter().any(|v| matches!(v, Value::Undef)) {
            return Ok(vec![Value::Undef; node.results.len()]);
        }
        match node.op {
            Op::If => {
                let taken = matches!(operands[0], Value::Scalar(Scalar::Bool(true)));
                self.region(node.regions[usize::from(!taken)], &[])
            }
            Op::Loop => self.repeat(node, operands),
            Op::Fused => self.region(node.regions[0], &[]),
            Op::Undef => Ok(vec![Value::Undef]),
            Op::Const => match &node.attrs.value {
                Some(Const::Scalar(s)) => Ok(vec![Value::Scalar(*s)]),
                Some(Const::Tensor(t)) => Ok(vec![Value::Tensor(t.clone())]),
                None => Err(stop("has no value".into())),
            },
            Op::Guard => {
                let expected = match &node.attrs.value {
                    Some(Const::Scalar(s)) => Value::Scalar(*s),
                    Some(Const::Tensor(t)) => Value::Tensor(t.clone()),
                    None => Value::Undef,
                };
                if same(&operands[0], &expected) { Ok(vec![]) } else { Err(stop("does not hold".into())) }
            }
            Op::Path => Ok(vec![]),
            Op::Assert => match operands[0] {
                Value::Scalar(Scalar::Bool(true)) => Ok(vec![]),
                _ => {
                    let shown: Vec<Scalar> = operands[1..].iter().filter_map(|v| v.scalar().ok()).collect();
                    Err(stop(host::message(node.attrs.text.as_deref().unwrap_or_default(), &shown)))
                }
            },
            Op::Call => Err(stop("the graph is not linked".into())),
            _ => self.plain(node.op, &node.attrs, &operands).map(|v| vec![v]).map_err(stop),
        }
    }

    fn repeat(&mut self, node: &Node, mut operands: Vec<Value>) -> Result<Vec<Value>, Stop> {
        let count = match node.attrs.keep.then(|| operands.remove(0)) {
            Some(Value::Scalar(n)) => Some(n.as_i64().max(0) as usize),
            // What depends on a value that was never set.
            Some(_) => return Ok(vec![Value::Undef; node.results.len()]),
            None => None,
        };
        let mut carried = operands;
        let mut i = 0;
        while count.is_none_or(|n| i < n) {
            let go = self.region(node.regions[0], &carried)?;
            if !matches!(go[0], Value::Scalar(Scalar::Bool(true))) {
                break;
            }
            if count.is_some() {
                carried.insert(0, Value::Scalar(Scalar::Usize(i)));
            }
            carried = self.region(node.regions[1], &carried)?;
            i += 1;
        }
        Ok(carried)
    }

    /// What takes tensors one by one does so with those of a list.
    fn joined(&self, op: Op, attrs: &Attrs, value: Value) -> Result<Value, String> {
        match value {
            Value::List(list) if op.joins() && list.is_empty() => Err("needs at least one tensor".into()),
            Value::List(list) if op.joins() => self.plain(op, attrs, &list),
            value => Ok(value),
        }
    }

    fn plain(&self, op: Op, attrs: &Attrs, operands: &[Value]) -> Result<Value, String> {
        let host = op.is_elementwise() || matches!(op, Op::Host | Op::Powi);
        if host && operands.iter().all(|v| matches!(v, Value::Scalar(_))) {
            let scalars: Vec<Scalar> = operands.iter().map(Value::scalar).collect::<Result<_, _>>()?;
            return host::call(op, &scalars, attrs).map(Value::Scalar);
        }
        if op.takes_sizes() && operands.iter().any(|v| matches!(v, Value::List(_))) {
            let each = |v: &Value| if let Value::List(list) = v { list.to_vec() } else { vec![v.clone()] };
            return self.plain(op, attrs, &operands.iter().flat_map(each).collect::<Vec<_>>());
        }
        if let Some(value) = listed(op, operands)? {
            return self.joined(op, attrs, value);
        }
        match (op, operands) {
            (Op::Item, [Value::Scalar(s)]) => return Ok(Value::Scalar(*s)),
            (Op::ToTensor, [Value::List(list)]) => {
                let values: Vec<Scalar> = list.iter().map(Value::scalar).collect::<Result<_, _>>()?;
                let dtype = attrs.dtype.or(values.first().map(|s| s.dtype())).unwrap_or(DType::F32);
                return Ok(made(dtype, &[values.len()], &values));
            }
            (Op::Same, [a, b]) => return Ok(Value::Scalar(Scalar::Bool(same(a, b)))),
            _ => {}
        }
        let types: Vec<Type> = operands.iter().map(Value::ty).collect();
        let sizes: Vec<Option<i64>> = operands.iter().map(|v| v.scalar().ok().map(Scalar::as_i64)).collect();
        crate::ops::types::result(op, &types, &sizes, attrs)?;
        let found = shape::infer(op, &types, &sizes, attrs)?;
        let known = |d| if let crate::types::Dim::Known(n) = d { n } else { 0 };
        let to: Vec<usize> = found.dims.unwrap_or_default().into_iter().map(known).collect();
        if op.is_elementwise() {
            return elementwise::eval(op, operands, &to, attrs, self.approx);
        }
        match op.info().class {
            Class::Reduce => reduce::eval(op, operands[0].tensor()?, &to, attrs, self.approx),
            _ if op == Op::Einsum => {
                combine::einsum(operands, attrs, &|op, attrs, args| self.plain(op, attrs, args))
            }
            _ if op == Op::Attention => {
                combine::attention(operands, &to, &|op, attrs, args| self.plain(op, attrs, args))
            }
            _ if op == Op::Conv2d => window::conv(operands, &to),
            _ if matches!(op, Op::MaxPool2d | Op::AvgPool2d) => window::pool(op, operands, &to),
            Class::Combine => combine::eval(op, operands, &to, attrs),
            Class::Ask => ask(op, operands, attrs),
            _ if matches!(op, Op::CumSum | Op::CumProd | Op::Softmax | Op::LogSoftmax) => {
                reduce::along(op, operands[0].tensor()?, attrs, self.approx)
            }
            _ => layout::eval(op, operands, &to, attrs),
        }
    }
}

/// Whether two values are equal as `==` has it.
fn equal(a: &Value, b: &Value) -> bool {
    let same = |x, y| matches!(host::eval(Op::Eq, &[x, y], None), Ok(Scalar::Bool(true)));
    match (a, b) {
        (Value::Scalar(x), Value::Scalar(y)) => same(*x, *y),
        (Value::Tensor(x), Value::Tensor(y)) => {
            x.shape == y.shape && (0..x.len()).all(|i| same(x.get(i), y.get(i)))
        }
        (Value::List(x), Value::List(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| equal(x, y))
        }
        _ => false,
    }
}

/// Whether two values have the same bits, all NaNs alike.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Scalar(x), Value::Scalar(y)) => x.same_bits(*y),
        (Value::Tensor(x), Value::Tensor(y)) => x.same_bits(y),
        _ => false,
    }
}

/// What an op on lists gives; the tensors to join for `concat` and `stack`, `None` for other ops.
fn listed(op: Op, operands: &[Value]) -> Result<Option<Value>, String> {
    if let (Op::Split, [Value::Tensor(key), n]) = (op, operands) {
        if !key.shape.is_empty() {
            return Err("the first argument must be a key, such as `Key::new(7)`".into());
        }
        let one = |i| crate::random::split(key.get(0).as_i64(), i);
        let keys = (0..crate::random::split_count(n.scalar()?.as_i64())?)
            .map(|i| made(DType::I64, &[], &[Scalar::I64(one(i))]));
        return Ok(Some(Value::List(Arc::new(keys.collect()))));
    }
    let Some(Value::List(list)) = operands.first() else {
        return Ok((op == Op::List).then(|| Value::List(Arc::new(operands.to_vec()))));
    };
    let at = |v: &Value| -> Result<usize, String> {
        let i = v.scalar()?.as_i64();
        if (0..list.len() as i64).contains(&i) {
            Ok(i as usize)
        } else {
            Err(format!("index {i} is out of range for a list of {}", list.len()))
        }
    };
    Ok(Some(match (op, &operands[1..]) {
        (Op::List, _) => Value::List(Arc::new(operands.to_vec())),
        (Op::Push, [value]) => {
            let mut list = list.to_vec();
            list.push(value.clone());
            Value::List(Arc::new(list))
        }
        (Op::Index, [i]) => list[at(i)?].clone(),
        (Op::SetIndex, [i, value]) => {
            let mut changed = list.to_vec();
            changed[at(i)?] = value.clone();
            Value::List(Arc::new(changed))
        }
        (Op::Len, []) => Value::Scalar(Scalar::Usize(list.len())),
        (Op::Equal, [other]) => Value::Scalar(Scalar::Bool(equal(&operands[0], other))),
        (op, []) if op.joins() => Value::List(list.clone()),
        _ => return Err("takes no list".into()),
    }))
}

fn ask(op: Op, operands: &[Value], attrs: &Attrs) -> Result<Value, String> {
    let x = operands[0].tensor()?;
    let usize = |n: usize| Ok(Value::Scalar(Scalar::Usize(n)));
    match op {
        Op::Item => Ok(Value::Scalar(x.get(0))),
        Op::Dim => usize(x.shape[shape::only_axis(attrs, x.shape.len())?]),
        Op::Sizes => {
            Ok(Value::List(Arc::new(x.shape.iter().map(|n| Value::Scalar(Scalar::Usize(*n))).collect())))
        }
        Op::Len => usize(x.len()),
        Op::Rank => usize(x.shape.len()),
        Op::Index => {
            let mut at = 0;
            for (v, n) in operands[1..].iter().zip(&x.shape) {
                at = at * n + v.scalar()?.as_i64() as usize;
            }
            Ok(Value::Scalar(x.get(at)))
        }
        Op::Host | Op::Powi => Err("takes host scalars".into()),
        _ => {
            operands[1].tensor()?;
            Ok(Value::Scalar(Scalar::Bool(equal(&operands[0], &operands[1]))))
        }
    }
}

/// A tensor from scalars.
fn made(dtype: DType, shape: &[usize], values: &[Scalar]) -> Value {
    Value::Tensor(Arc::new(TensorData::from_scalars(dtype, shape.to_vec(), values)))
}
