//! Every op of the table against the interpreter: the same bits in every layout, with and without
//! the passes.

#![allow(clippy::cloned_ref_to_slice_refs, reason = "all cases read alike")]

mod contract;

use std::collections::BTreeSet;
use std::sync::Arc;

use jit_ir::interp::{self, Value};
use jit_ir::ops::Class;
use jit_ir::{DType, Graph, Op, Scalar, TensorData, Type};
use jit_runtime::testing::{self, Layout};

/// Values with every special one among them.
fn values(dtype: DType, n: usize, seed: usize) -> Vec<Scalar> {
    let special =
        [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40, -1e-310, 3e38, 0.5, -2.5];
    (0..n)
        .map(|i| {
            let k = (i + seed) * 7919 % 1013;
            let float = if k.is_multiple_of(5) { special[k % 12] } else { k as f64 / 97.0 - 5.0 };
            match dtype {
                DType::Bool => Scalar::Bool(k.is_multiple_of(3)),
                d if d.is_int() => Scalar::I64(k as i64 - 500).cast(d),
                d => Scalar::F64(float).cast(d),
            }
        })
        .collect()
}

fn tensor(dtype: DType, shape: &[usize], seed: usize) -> Value {
    let n = shape.iter().product();
    Value::Tensor(Arc::new(TensorData::from_scalars(dtype, shape.to_vec(), &values(dtype, n, seed))))
}

fn indices(shape: &[usize], below: i64) -> Value {
    let n: usize = shape.iter().product();
    let scalars: Vec<Scalar> = (0..n).map(|i| Scalar::I64((i as i64 * 7 + 1) % below)).collect();
    Value::Tensor(Arc::new(TensorData::from_scalars(DType::I64, shape.to_vec(), &scalars)))
}

fn name(value: &Value) -> String {
    match value {
        Value::Scalar(s) => s.dtype().to_string(),
        Value::Tensor(t) => format!("{}[*]", t.dtype()),
        Value::List(list) => format!("list<{}>", list.first().map_or("_".into(), name)),
        Value::Undef => "_".into(),
    }
}

/// Runs `op(args) attrs` everywhere and compares.
fn check(op: Op, args: &[Value], attrs: &str) {
    let text = text_of(op, args, attrs);
    compare(&Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}")), args);
}

fn text_of(op: Op, args: &[Value], attrs: &str) -> String {
    let params: Vec<String> = args.iter().enumerate().map(|(i, v)| format!("%a{i}: {}", name(v))).collect();
    let uses: Vec<String> = (0..args.len()).map(|i| format!("%a{i}")).collect();
    format!(
        "fn f({}) -> _ {{\n  %r: _ = {}({}){attrs}\n  return %r\n}}\n",
        params.join(", "),
        op.name(),
        uses.join(", ")
    )
}

/// Runs a graph of one op everywhere and compares.
fn compare(graph: &Graph, args: &[Value]) {
    let text = graph.to_string();
    assert_eq!(Graph::parse(&text).as_ref(), Ok(graph), "{text}");
    let expected = interp::run(graph, args, Some(&testing::approx));
    if let Ok(results) = &expected {
        inferred(graph, args, &results[0]);
    }
    for layout in Layout::ALL {
        let same = |got: jit_runtime::Result<Vec<Value>>, how: &str| match (&expected, &got) {
            (Ok(e), Ok(g)) => {
                let differ = || format!("{text}{args:?}\n{layout:?}, {how}: {:?}\nexpected {:?}", g[0], e[0]);
                assert!(e[0].same_bits(&g[0]), "{}", differ());
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{text}{layout:?}, {how}: {got:?}\nexpected {expected:?}"),
        };
        same(testing::run(graph, args, layout, false), "as written");
        for level in 0..testing::levels() {
            let got = testing::at_level(level, || testing::run(graph, args, layout, true));
            same(got, &format!("instruction level {level}"));
        }
    }
}

/// The type that inference finds, with the sizes of the operands and without, is that of the value.
fn inferred(graph: &Graph, args: &[Value], result: &Value) {
    let node = &graph.nodes[graph.regions[graph.body].nodes[0]];
    let scalar = |v: &Value| if let Value::Scalar(s) = v { Some(s.as_i64()) } else { None };
    let known: Vec<Type> = args.iter().map(ty).collect();
    let open: Vec<Type> = known.iter().map(without_sizes).collect();
    let values: Vec<Option<i64>> = args.iter().map(scalar).collect();
    for (types, values) in [(&known, &values[..]), (&known, &[]), (&open, &[])] {
        let found = jit_ir::ops::types::result(node.op, types, values, &node.attrs);
        let joined = found.as_ref().ok().and_then(|t| t.join(&ty(result)));
        assert!(joined.is_some(), "{graph}{args:?}: {found:?}, and it is {}", ty(result));
    }
}

fn ty(value: &Value) -> Type {
    match value {
        Value::Scalar(s) => Type::Scalar(s.dtype()),
        Value::Tensor(t) => jit_ir::ops::types::known(t.dtype(), &t.shape),
        Value::List(list) => Type::List(Box::new(list.first().map_or(Type::Hole, ty))),
        Value::Undef => Type::Hole,
    }
}

fn without_sizes(ty: &Type) -> Type {
    ty.dtype().filter(|_| ty.is_tensor()).map_or(ty.clone(), Type::tensor)
}

const FLOATS: [DType; 2] = [DType::F32, DType::F64];
const NUMBERS: [DType; 5] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8];
const ALL: [DType; 6] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

/// Whether the op takes elements of this type.
fn takes(op: Op, dtype: DType) -> bool {
    let ty = jit_ir::Type::tensor(dtype);
    let operands = vec![ty; op.info().operands.0];
    jit_ir::ops::types::result(op, &operands, &[], &jit_ir::Attrs::dtype(DType::F32)).is_ok()
}

#[test]
fn elementwise_ops() {
    let shapes: [&[usize]; 6] = [&[], &[0], &[1], &[67], &[3, 5], &[130]];
    let mut tested = BTreeSet::new();
    for op in Op::ALL.iter().filter(|op| op.is_elementwise()) {
        if matches!(op, Op::Shl | Op::Shr) {
            continue;
        }
        for dtype in ALL.into_iter().filter(|d| *op == Op::Select || takes(*op, *d)) {
            for shape in shapes {
                let arity = op.info().operands.0;
                let mut args: Vec<Value> = (0..arity).map(|i| tensor(dtype, shape, 31 * i)).collect();
                if *op == Op::Select {
                    args[0] = tensor(DType::Bool, shape, 5);
                }
                if *op == Op::Cast {
                    for to in ALL {
                        check(*op, &args, &format!(" {{dtype = {to}}}"));
                    }
                } else {
                    check(*op, &args, "");
                }
            }
            tested.insert(*op);
        }
    }
    let missing: Vec<&Op> = Op::ALL.iter().filter(|op| op.is_elementwise() && !tested.contains(op)).collect();
    assert_eq!(missing, [&Op::Shl, &Op::Shr], "shifts are for host scalars");
}

#[test]
fn tails_of_every_length() {
    for op in Op::ALL.iter().filter(|op| op.is_elementwise() && !matches!(op, Op::Shl | Op::Shr)) {
        for dtype in ALL.into_iter().filter(|d| takes(*op, *d) && *op != Op::Select) {
            // Each length once for each op, the types in turn.
            for n in (0..=67).filter(|n| (n + dtype as usize).is_multiple_of(2)) {
                let args: Vec<Value> =
                    (0..op.info().operands.0).map(|i| tensor(dtype, &[n], 31 * i)).collect();
                check(*op, &args, if *op == Op::Cast { " {dtype = f32}" } else { "" });
            }
        }
    }
    for n in 0..=67 {
        check(Op::Sum, &[tensor(DType::F32, &[n], n)], "");
        check(Op::CumProd, &[tensor(DType::F64, &[n], n)], " {axes = [0]}");
        let (mask, x) = (tensor(DType::Bool, &[n], 5), tensor(DType::I32, &[n], 1));
        check(Op::Select, &[mask, x.clone(), x], "");
    }
}

/// Rows that are all equal, laid out as one.
#[test]
fn repeated_rows() {
    let repeated = |dtype, seed: usize| {
        let row = values(dtype, 5, seed);
        let all: Vec<Scalar> = row.iter().copied().cycle().take(20).collect();
        Value::Tensor(Arc::new(TensorData::from_scalars(dtype, vec![4, 5], &all)))
    };
    for op in Op::ALL.iter().filter(|op| op.is_elementwise() && !matches!(op, Op::Shl | Op::Shr | Op::Cast)) {
        for dtype in ALL.into_iter().filter(|d| takes(*op, *d) && *op != Op::Select) {
            let args: Vec<Value> = (0..op.info().operands.0).map(|i| repeated(dtype, 7 * i)).collect();
            check(*op, &args, "");
        }
    }
    for dtype in FLOATS {
        let x = repeated(dtype, 1);
        for op in Op::ALL.iter().filter(|op| op.info().class == Class::Reduce && takes(**op, dtype)) {
            for axis in [0, 1] {
                check(*op, &[x.clone()], &format!(" {{axes = [{axis}]}}"));
            }
        }
        for op in [Op::CumSum, Op::Softmax, Op::LogSoftmax, Op::Flip, Op::Sort, Op::ArgSort] {
            check(op, &[x.clone()], " {axes = [0]}");
        }
        check(Op::Matmul, &[x.clone(), tensor(dtype, &[5, 3], 2)], "");
        check(Op::Matmul, &[tensor(dtype, &[3, 4], 2), x.clone()], "");
        check(Op::Concat, &[x.clone(), x.clone()], " {axes = [1]}");
        check(Op::Einsum, &[x.clone(), x.clone()], " {text = \"ij,kj->ik\"}");
        check(Op::Flatten, &[x.clone()], "");
    }
}

#[test]
fn broadcasting() {
    let pairs: [(&[usize], &[usize]); 9] = [
        (&[3, 4], &[4]),
        (&[3, 1], &[1, 5]),
        (&[2, 1, 70], &[3, 1]),
        (&[70, 3], &[70, 1]),
        (&[], &[5]),
        (&[0, 3], &[1, 3]),
        (&[1], &[0]),
        (&[2, 3], &[3, 2]),
        (&[65, 130], &[130]),
    ];
    for (a, b) in pairs {
        for op in [Op::Add, Op::Sub, Op::Lt, Op::Maximum] {
            check(op, &[tensor(DType::F32, a, 1), tensor(DType::F32, b, 2)], "");
            check(op, &[tensor(DType::F32, b, 1), tensor(DType::F32, a, 2)], "");
        }
        check(
            Op::Select,
            &[tensor(DType::Bool, a, 1), tensor(DType::I64, b, 2), tensor(DType::I64, &[], 2)],
            "",
        );
    }
}

#[test]
fn scalars_beside_tensors() {
    let x = tensor(DType::F32, &[9], 1);
    for op in [Op::Add, Op::Sub, Op::Div, Op::Powf, Op::Ge] {
        check(op, &[x.clone(), Value::Scalar(Scalar::F32(1.5))], "");
        check(op, &[Value::Scalar(Scalar::F32(1.5)), x.clone()], "");
    }
    check(Op::Clamp, &[x, Value::Scalar(Scalar::F32(-1.0)), Value::Scalar(Scalar::F32(1.0))], "");
}

#[test]
fn reductions() {
    let mut tested = BTreeSet::new();
    let shapes: [(&[usize], &[&str]); 8] = [
        (&[], &[""]),
        (&[0], &["", " {axes = [0]}"]),
        (&[5], &["", " {axes = [-1], keep}"]),
        (&[4, 70], &["", " {axes = [0]}", " {axes = [1]}", " {axes = [0, 1], keep}", " {axes = [2]}"]),
        (&[3, 4, 5], &[" {axes = [1]}", " {axes = [0, 2]}", " {axes = [2, 0], keep}", " {axes = [1, -2]}"]),
        (&[0, 3], &["", " {axes = [0]}", " {axes = [1]}"]),
        (&[9000], &[""]),
        (&[4200, 2], &[" {axes = [0]}"]),
    ];
    for op in Op::ALL.iter().filter(|op| op.info().class == Class::Reduce) {
        for dtype in ALL.into_iter().filter(|d| takes(*op, *d)) {
            for (shape, attrs) in shapes {
                if shape.iter().product::<usize>() > 1000 && dtype != DType::F32 {
                    continue;
                }
                for a in attrs {
                    if matches!(op, Op::ArgMax | Op::ArgMin) && a.contains(", ") {
                        continue;
                    }
                    if *op == Op::LogSumExp
                        && (a.is_empty()
                            || a.contains("0, 1")
                            || a.contains(", 0]")
                            || a.contains("0, 2")
                            || a.contains("1, -2"))
                    {
                        continue;
                    }
                    check(*op, &[tensor(dtype, shape, 3)], a);
                    tested.insert(*op);
                }
            }
        }
    }
    assert!(Op::ALL.iter().filter(|op| op.info().class == Class::Reduce).all(|op| tested.contains(op)));
}

#[test]
fn along_an_axis() {
    for dtype in FLOATS {
        for (shape, axis) in
            [(&[5][..], 0), (&[3, 70], 1), (&[3, 70], 0), (&[2, 3, 4], -2), (&[0, 3], 1), (&[2, 3], 5)]
        {
            for op in [Op::CumSum, Op::CumProd, Op::Softmax, Op::LogSoftmax, Op::Flip] {
                check(op, &[tensor(dtype, shape, 2)], &format!(" {{axes = [{axis}]}}"));
            }
        }
    }
}

#[test]
fn shapes_and_picks() {
    let int = |n: i64| Value::Scalar(Scalar::I64(n));
    let count = |n: usize| Value::Scalar(Scalar::Usize(n));
    for dtype in ALL {
        let x = tensor(dtype, &[3, 4], 1);
        let y = tensor(dtype, &[2, 1, 5], 1);
        for sizes in [&[12][..], &[2, -1], &[4, 3], &[5, 5], &[-1, -1], &[]] {
            let args: Vec<Value> = std::iter::once(x.clone()).chain(sizes.iter().map(|n| int(*n))).collect();
            check(Op::Reshape, &args, "");
        }
        for sizes in [&[2, 3, 4][..], &[3, 4], &[4], &[1, 4]] {
            let args: Vec<Value> =
                std::iter::once(x.clone()).chain(sizes.iter().map(|n| count(*n))).collect();
            check(Op::BroadcastTo, &args, "");
        }
        check(Op::Flatten, &[y.clone()], "");
        check(Op::T, &[x.clone()], "");
        check(Op::T, &[y.clone()], "");
        check(Op::Transpose, &[y.clone()], " {axes = [0, -1]}");
        check(Op::Permute, &[y.clone()], " {axes = [2, 0, 1]}");
        check(Op::Permute, &[y.clone()], " {axes = [2, 0, 0]}");
        check(Op::Unsqueeze, &[x.clone()], " {axes = [-1]}");
        check(Op::Squeeze, &[y.clone()], " {axes = [1]}");
        check(Op::Squeeze, &[y.clone()], " {axes = [0]}");
        check(Op::Triu, &[x.clone(), int(1)], "");
        check(Op::Tril, &[x.clone(), int(-1)], "");
        for i in [0, 3, 4] {
            check(Op::IndexAxis, &[x.clone(), count(i)], " {axes = [1]}");
        }
        for (a, b) in [(0, 2), (1, 1), (2, 4), (3, 2)] {
            check(Op::SliceAxis, &[x.clone(), count(a), count(b)], " {axes = [0]}");
        }
        check(Op::Take, &[x.clone(), indices(&[2, 2], 3)], " {axes = [0]}");
        check(Op::Take, &[x.clone(), indices(&[5], 9)], " {axes = [1]}");
        check(Op::ZerosLike, &[x.clone()], "");
        check(Op::OnesLike, &[x.clone()], "");
        check(Op::Concat, &[x.clone(), x.clone(), x.clone()], " {axes = [1]}");
        check(Op::Concat, &[x.clone(), y.clone()], " {axes = [0]}");
        check(Op::Stack, &[x.clone(), x.clone()], " {axes = [-1]}");
        check(Op::Equal, &[x.clone(), x.clone()], "");
        check(Op::Dim, &[x.clone()], " {axes = [-1]}");
        check(Op::Len, &[y.clone()], "");
        check(Op::Rank, &[y.clone()], "");
        check(Op::Item, &[tensor(dtype, &[1, 1], 4)], "");
        check(Op::Item, &[x.clone()], "");
        check(Op::Index, &[x.clone(), count(2), count(3)], "");
        check(Op::Index, &[x, count(3), count(0)], "");
    }
    check(Op::OneHot, &[indices(&[2, 3], 4), count(4)], " {dtype = f32}");
    check(Op::OneHot, &[indices(&[2, 3], 4), count(2)], " {dtype = i64}");
}

#[test]
fn parts() {
    let int = |n: i64| Value::Scalar(Scalar::I64(n));
    let count = |n: usize| Value::Scalar(Scalar::Usize(n));
    for dtype in ALL {
        let x = tensor(dtype, &[3, 4], 1);
        let row = |shape: &[usize]| tensor(dtype, shape, 9);
        for (i, shape) in [(0, [4].as_slice()), (2, &[1]), (1, &[]), (3, &[4]), (0, &[3])] {
            check(Op::SetAxis, &[x.clone(), count(i), row(shape)], " {axes = [0]}");
        }
        check(Op::SetAxis, &[x.clone(), count(3), row(&[3])], " {axes = [-1]}");
        for (start, shape) in
            [(0, [2, 4]), (1, [2, 4]), (2, [2, 4]), (0, [0, 4]), (3, [0, 4]), (1, [1, 1]), (0, [3, 3])]
        {
            check(Op::SetSlice, &[x.clone(), count(start), row(&shape)], " {axes = [0]}");
        }
        check(Op::SetSlice, &[x.clone(), count(1), row(&[3, 2])], " {axes = [1]}");
        check(Op::SetSlice, &[x.clone(), count(1), row(&[4])], " {axes = [0]}");
        for (shape, axis) in [([2, 4], 0), ([3, 6], 1), ([0, 4], 0), ([3, 3], 0)] {
            let (at, attrs) = (indices(&shape, 3), format!(" {{axes = [{axis}]}}"));
            check(Op::Gather, &[x.clone(), at.clone()], &attrs);
            if dtype != DType::Bool {
                check(Op::ScatterAdd, &[x.clone(), at, row(&shape)], &attrs);
            }
        }
        check(Op::Gather, &[x.clone(), indices(&[1, 4], 9)], " {axes = [0]}");
        for axis in [0, 1] {
            for shape in [[3, 4], [40, 3], [0, 2], [1, 1]] {
                check(Op::Sort, &[row(&shape)], &format!(" {{axes = [{axis}]}}"));
                check(Op::ArgSort, &[row(&shape)], &format!(" {{axes = [{axis}]}}"));
                for k in [0, 1, 2, 3, 30] {
                    check(Op::TopK, &[row(&shape), count(k)], &format!(" {{axes = [{axis}]}}"));
                }
            }
        }
        for (i, n) in [(0, 2), (1, 2), (3, 4), (0, 3), (2, 2), (0, 0)] {
            check(Op::PartOf, &[x.clone(), count(i), count(n)], " {axes = [1]}");
        }
        for (start, end, all) in [(0, 1, 4), (1, 4, 4), (4, 4, 4), (0, 2, 3), (2, 5, 5)] {
            let args = [x.clone(), count(start), count(end), count(all)];
            check(Op::PartSized, &args, " {axes = [-1]}");
        }
        for by in [0, 1, -1, 7, -9] {
            check(Op::Roll, &[x.clone(), int(by)], " {axes = [0]}");
            check(Op::Roll, &[x.clone(), int(by)], " {axes = [-1]}");
        }
        for times in [[1, 1], [2, 3], [0, 2], [3, 0]] {
            check(Op::Repeat, &[x.clone(), count(times[0]), count(times[1])], "");
        }
        check(Op::Repeat, &[x.clone(), count(2)], "");
        let fill = Value::Scalar(Scalar::F64(1.0).cast(dtype));
        for pairs in [[0, 0, 0, 0], [1, 0, 2, 3], [0, 2, 0, 0]] {
            let counts = pairs.iter().map(|n| count(*n));
            let args: Vec<Value> = [x.clone(), fill.clone()].into_iter().chain(counts).collect();
            check(Op::Pad, &args, "");
        }
        check(Op::Pad, &[x.clone(), fill, count(1), count(1)], "");
        for (a, b, step) in [(0, 3, 1), (0, 3, 2), (1, 3, 2), (2, 2, 3), (0, 4, 2), (0, 3, 0)] {
            check(Op::SliceStep, &[x.clone(), count(a), count(b), count(step)], " {axes = [0]}");
        }
    }
}

#[test]
fn makers() {
    let int = |n: i64| Value::Scalar(Scalar::I64(n));
    let count = |n: usize| Value::Scalar(Scalar::Usize(n));
    for dtype in ALL {
        let attrs = format!(" {{dtype = {dtype}}}");
        check(Op::Zeros, &[count(2), count(3)], &attrs);
        check(Op::Ones, &[], &attrs);
        check(Op::Full, &[count(3), Value::Scalar(Scalar::F64(2.5).cast(dtype))], "");
        check(Op::ToTensor, &[Value::Scalar(Scalar::F64(2.5).cast(dtype))], "");
        check(Op::Eye, &[count(3)], &attrs);
    }
    for (a, b, s) in [(0, 10, 3), (5, 0, -2), (3, 3, 1), (0, 5, 0)] {
        check(Op::Arange, &[int(a), int(b), int(s)], "");
    }
    for n in [0, 1, 2, 5] {
        let f = |v| Value::Scalar(Scalar::F32(v));
        check(Op::Linspace, &[f(-1.0), f(2.0), count(n)], "");
    }
}

#[test]
fn operands_that_do_not_fit() {
    let mut state = 12345_u64;
    let mut roll = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut ran = BTreeSet::new();
    let plain =
        |op: &&Op| op.info().class != Class::Structure && !matches!(op, Op::Host | Op::Powi | Op::List);
    for op in Op::ALL.iter().filter(plain) {
        let (least, most) = op.info().operands;
        for _ in 0..300 {
            let count = least + roll((most.min(least + 2) - least + 1) as u64) as usize;
            let dtype = ALL[roll(6) as usize];
            let mut args = Vec::new();
            for i in 0..count {
                // Mostly what the op may take: a tensor first, numbers after it.
                let scalar = roll(4) > u64::from(i > 0) * 2;
                let shape: Vec<usize> = (0..roll(5)).map(|_| roll(4) as usize).collect();
                args.push(match (scalar && i > 0, roll(3)) {
                    (true, 0) => Value::Scalar(Scalar::I64(roll(9) as i64 - 4)),
                    (true, 1) => Value::Scalar(Scalar::Usize(roll(5) as usize)),
                    (true, _) => Value::Scalar(Scalar::F64(roll(9) as f64 / 2.0 - 2.0).cast(dtype)),
                    (false, 0) if i > 0 => indices(&shape, 4),
                    (false, _) => tensor(dtype, &shape, roll(99) as usize),
                });
            }
            let axes: Vec<String> = (0..roll(3)).map(|_| (roll(9) as i64 - 4).to_string()).collect();
            let attrs = [
                String::new(),
                format!(" {{axes = [{}]}}", axes.join(", ")),
                format!(" {{axes = [{}], keep}}", axes.join(", ")),
                format!(" {{dtype = {}}}", ALL[roll(6) as usize]),
                " {text = \"ij,jk\"}".to_string(),
            ];
            let text = text_of(*op, &args, &attrs[roll(5) as usize]);
            if let Ok(graph) = Graph::parse(&text) {
                compare(&graph, &args);
                ran.insert(*op);
            }
        }
    }
    assert!(ran.len() > 100, "{} ops had a graph", ran.len());
}
