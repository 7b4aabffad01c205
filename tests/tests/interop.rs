//! Tensors from and for other crates: the same elements, the same memory where the layout allows it.

use half::{bf16, f16};
use jit_runtime::interop::half::Packed;
use jit_runtime::interop::safetensors::{File, save};
use jit_runtime::prelude::*;

fn long(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 1013) as f32 * 0.25 - 100.0).collect()
}

#[test]
fn long_vectors_are_adopted_and_never_written() {
    for n in [10_000, 100_003] {
        let data = long(n);
        let (expected, start) = (data.clone(), data.as_ptr());
        let mut x = Tensor::from(data);
        assert_eq!(x.as_slice().unwrap().as_ptr(), start, "no copy");
        // Kernels work on whole groups of elements; here there is no room past the end.
        assert_eq!((&x + 1.0).to_vec(), expected.iter().map(|v| v + 1.0).collect::<Vec<_>>());
        assert_eq!(
            (&x * &x).sum().item(),
            (&Tensor::from(&expected[..]) * &Tensor::from(&expected[..])).sum().item()
        );
        assert_eq!(x.gt(x.flip(0)).to_vec().len(), n);
        x += 1.0;
        x.set_slice(0, 0, &Tensor::from([5.0, 6.0]));
        assert_eq!((x[0], x[1], x[2]), (5.0, 6.0, expected[2] + 1.0));
    }
    let bools = Tensor::from_vec(vec![true; 40_001], [40_001]).unwrap();
    assert!(bools.all().item() && !(!&bools).any().item());
    let rows = Tensor::from_vec(long(40_000), [200, 200]).unwrap();
    assert_eq!(rows.matmul(&rows.t()).shape(), [200, 200]);
    assert_eq!(rows.t().sum_axis(0).to_vec(), rows.sum_axis(1).to_vec());
}

#[script]
fn scaled(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    y[0] = 9.0;
    y * 2.0 + x
}

#[test]
fn adopted_memory_as_an_argument() {
    let (data, x) = (long(50_000), Tensor::from(long(50_000)));
    let y = scaled(&x);
    assert_eq!((y[0], y[1]), (18.0 + data[0], 3.0 * data[1]));
    assert_eq!(x.to_vec(), data, "the argument is as it was");
}

#[test]
fn matrices_of_faer() {
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let m = x.as_faer().unwrap();
    assert_eq!((m.nrows(), m.ncols(), m[(1, 0)]), (2, 3, 4.0));
    assert_eq!(m.as_ptr(), x.as_slice().unwrap().as_ptr(), "no copy");
    let turned = x.t();
    let t = turned.as_faer().unwrap();
    assert_eq!((t.nrows(), t[(0, 1)], t.as_ptr()), (3, 4.0, m.as_ptr()));
    assert_eq!(
        (Tensor::from(m), Tensor::from(t), Tensor::from(x.to_faer().unwrap())),
        (x.clone(), x.t(), x.clone())
    );
    let product = m * t;
    assert_eq!(Tensor::from(&product), x.matmul(&x.t()));
    let gaps = x.slice_step(1, 0, 3, 2);
    let message = gaps.as_faer().unwrap_err().to_string();
    assert!(
        message
            .starts_with("as_faer: this view of shape [2, 2] has gaps in memory; `to_faer` copies it (at "),
        "{message}"
    );
    assert_eq!(Tensor::from(gaps.to_faer().unwrap()), gaps);
    let message = x.flatten().as_faer().unwrap_err().to_string();
    assert!(message.starts_with("as_faer: needs a matrix, got [6] (at tests/tests/interop.rs"), "{message}");
    assert_eq!(Tensor::<f64>::zeros([0, 3]).as_faer().unwrap().ncols(), 3);
}

#[test]
fn arrays_of_ndarray() {
    let array = ndarray::Array::from_shape_fn((120, 100), |(i, j)| (i * 100 + j) as f64);
    let start = array.as_ptr();
    let x = Tensor::from(array.clone());
    assert_eq!(x, Tensor::from(&array));
    let adopted = Tensor::from(array);
    assert_eq!(adopted.as_slice().unwrap().as_ptr(), start, "no copy");
    assert_eq!(x.as_ndarray().unwrap().as_ptr(), x.as_slice().unwrap().as_ptr(), "no copy");
    assert_eq!(x.as_ndarray().unwrap()[[3, 7]], 307.0);
    let columns = ndarray::Array::from_shape_fn((2, 3), |(i, j)| (i * 3 + j) as i64).reversed_axes();
    assert_eq!(Tensor::from(columns.clone()), Tensor::from([[0_i64, 3], [1, 4], [2, 5]]));
    assert_eq!(Tensor::from(&columns.slice(ndarray::s![1.., ..])), Tensor::from([[1_i64, 4], [2, 5]]));
    // A part of a longer allocation.
    let part = ndarray::Array::from_iter(0..40_000_i32).slice_move(ndarray::s![10_000..30_000]);
    assert_eq!(Tensor::from(part), Tensor::arange(10_000, 30_000, 1));
    let message = x.t().as_ndarray().unwrap_err().to_string();
    assert!(
        message.starts_with("as_ndarray: this view of shape [100, 120] is not row-major in memory"),
        "{message}"
    );
    assert_eq!(Tensor::from(x.t().to_ndarray()), x.t());
    assert_eq!(Tensor::scalar(2_u8).as_ndarray().unwrap().ndim(), 0);
}

fn path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("jit-runtime-{}-{name}.safetensors", std::process::id()))
}

#[test]
fn files_of_tensors() {
    let path = path("all");
    let (w, b) = (Tensor::from_vec(long(6000), [60, 100]).unwrap(), Tensor::from([true, false, true]));
    let (i, d, u) =
        (Tensor::from([[-1_i64], [i64::MIN]]), Tensor::from([f64::NAN, 1e-310]), Tensor::from([200_u8]));
    let (none, n) = (Tensor::<f32>::zeros([0, 4]), Tensor::from([i32::MIN, 5]));
    let half = w.slice_axis(0, 0, 2).pack::<bf16>();
    let all = [
        ("w", (&w).into()),
        ("w.t", (&w.t()).into()),
        ("b", (&b).into()),
        ("i", (&i).into()),
        ("d", (&d).into()),
        ("u", (&u).into()),
        ("none", (&none).into()),
        ("n", (&n).into()),
        ("half", (&half).into()),
    ];
    save(&path, all).unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["b", "d", "half", "i", "n", "none", "u", "w", "w.t"]);
    assert_eq!((file.shape("w"), file.dtype("half").as_deref()), (Some(&[60, 100][..]), Some("BF16")));
    let read = file.tensor::<f32>("w").unwrap();
    assert_eq!((&read, &file.tensor("w.t").unwrap(), &file.tensor("b").unwrap()), (&w, &w.t(), &b));
    assert_eq!((file.tensor("i").unwrap(), file.tensor("u").unwrap(), file.tensor("n").unwrap()), (i, u, n));
    assert_eq!(file.tensor("none").unwrap(), none);
    let back = file.tensor::<f64>("d").unwrap();
    assert!(back[0].is_nan() && back[1] == 1e-310);
    assert_eq!(file.packed::<bf16>("half").unwrap(), half);
    // The file's memory outlives the file, and is not written.
    let again = file.tensor::<f32>("w").unwrap();
    assert_eq!(again.as_slice().unwrap().as_ptr(), read.as_slice().unwrap().as_ptr(), "no copy");
    drop(file);
    let mut changed = read.clone();
    changed += 1.0;
    changed[[0, 0]] = 7.0;
    assert_eq!((read.matmul(&w.t()), again), (w.matmul(&w.t()), w.clone()));
    assert_eq!(changed[[59, 99]], w[[59, 99]] + 1.0);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let path = path("wrong");
    let message = |e: Error| e.to_string().replace(path.to_str().unwrap(), "FILE");
    assert!(message(File::open(&path).unwrap_err()).starts_with("safetensors: FILE: "));
    for bytes in [&b""[..], b"12345678", &[255; 40], &[8, 0, 0, 0, 0, 0, 0, 0, b'{']] {
        std::fs::write(&path, bytes).unwrap();
        assert!(message(File::open(&path).unwrap_err()).starts_with("safetensors: FILE: "), "{bytes:?}");
    }
    let (x, h) = (Tensor::from([1.0_f32]), Tensor::from([1.0_f32]).pack::<f16>());
    save(&path, [("x", (&x).into()), ("h", (&h).into())]).unwrap();
    let file = File::open(&path).unwrap();
    let said = [
        message(file.tensor::<f32>("y").unwrap_err()),
        message(file.tensor::<f64>("x").unwrap_err()),
        message(file.tensor::<f32>("h").unwrap_err()),
        message(file.packed::<bf16>("h").unwrap_err()),
    ];
    assert_eq!(
        said,
        [
            "safetensors: FILE: has no tensor `y`; it has h, x",
            "safetensors: FILE: `x` holds F32, not F64",
            "safetensors: FILE: `h` holds F16, not F32; read it by `packed` (feature `half`)",
            "safetensors: FILE: `h` holds F16, not BF16; read it by `packed` (feature `half`)",
        ]
    );
    // Bools are 0 or 1.
    let mut bytes = std::fs::read(&path).unwrap();
    save(&path, [("b", (&Tensor::from([true, true])).into())]).unwrap();
    bytes = std::fs::read(&path).unwrap_or(bytes);
    *bytes.last_mut().unwrap() = 2;
    std::fs::write(&path, bytes).unwrap();
    let error = message(File::open(&path).unwrap().tensor::<bool>("b").unwrap_err());
    assert_eq!(error, "safetensors: FILE: `b` holds bytes that are no bools");
    assert!(save("/no/such/place", [("x", (&x).into())]).unwrap_err().to_string().starts_with("save: "));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn numbers_of_sixteen_bits() {
    let x = Tensor::from([[1.0_f32, -0.1, 70_000.0], [f32::NAN, f32::NEG_INFINITY, 1e-8]]);
    let expected =
        |round: fn(f32) -> f32| -> Vec<u32> { x.to_vec().iter().map(|v| round(*v).to_bits()).collect() };
    let bits = |x: Tensor| -> Vec<u32> { x.to_vec().iter().map(|v| v.to_bits()).collect() };
    assert_eq!(bits(x.pack::<f16>().unpack()), expected(|v| f16::from_f32(v).to_f32()));
    assert_eq!(bits(x.t().pack::<bf16>().unpack().t()), expected(|v| bf16::from_f32(v).to_f32()));
    assert_eq!(x.pack::<f16>().unpack().shape(), [2, 3]);
    assert_eq!(Tensor::<f32>::zeros([0, 2]).pack::<bf16>().unpack().shape(), [0, 2]);
    assert!(Packed::from_vec(vec![f16::ONE; 3], [2]).is_err());
    assert_eq!(Packed::from_vec(vec![f16::ONE; 3], [3]).unwrap().unpack(), Tensor::ones([3]));
}

#[test]
fn serde_formats() {
    let x = Tensor::from([[1.5_f32, -0.0, 2.0], [3.0, 1e-40, 5.0]]);
    let text = serde_json::to_string(&x.t()).unwrap();
    assert_eq!(text, r#"{"shape":[3,2],"data":[1.5,3.0,-0.0,1e-40,2.0,5.0]}"#);
    let back: Tensor<f32> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, x.t());
    let bools: Tensor<bool> = serde_json::from_str(r#"{"shape":[],"data":[true]}"#).unwrap();
    assert!(bools.item());
    for (text, message) in [
        (r#"{"shape":[2],"data":[1]}"#, "from_vec: 1 elements for shape [2]"),
        (
            r#"{"shape":[18446744073709551615,2],"data":[1]}"#,
            "from_vec: 1 elements for shape [18446744073709551615, 2]",
        ),
        (r#"{"data":[1]}"#, "missing field `shape`"),
    ] {
        let error = serde_json::from_str::<Tensor<i32>>(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn in_a_trace_they_read_on_the_host() {
    let f = jit_runtime::trace(|x: &Tensor| x * x.to_ndarray().sum());
    let (a, b) = (Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0]));
    for x in [&a, &a, &b, &a] {
        assert_eq!(f.call(x), x * x.sum());
    }
    let g = jit_runtime::trace(|x: &Tensor| x * x.pack::<f16>().unpack());
    for x in [&a, &a, &b, &a] {
        assert_eq!(g.call(x), x * x);
    }
}
