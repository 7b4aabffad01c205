//! What methods accept: pairs, owned tensors, tuples as shapes, sums of bools; and printing.

use std::sync::Arc;

use jit_runtime::eager;
use jit_runtime::prelude::*;

fn image() -> Tensor {
    Tensor::<f32>::arange(0.0, 16.0, 1.0).reshape([1, 1, 4, 4])
}

#[test]
fn pairs_are_numbers_arrays_or_tuples() {
    let (x, w) = (image(), Tensor::<f32>::ones([1, 1, 3, 3]));
    assert_eq!(x.conv2d(&w, (1, 1), (0, 0), (1, 1), 1), x.conv2d(&w, 1, [0, 0], 1, 1));
    assert_eq!(x.conv2d(&w, (2, 1), (1, 0), 1, 1), x.conv2d(&w, [2, 1], [1, 0], 1, 1));
    assert_eq!(x.max_pool2d((2, 1), 2, (0, 0)), x.max_pool2d([2, 1], [2, 2], 0));
    assert_eq!(x.avg_pool2d((2, 2), (1, 2), 0), x.avg_pool2d(2, [1, 2], 0));
}

#[trace]
fn owned(x: &Tensor, w: &Tensor, i: &Tensor<i64>) -> (Tensor, Tensor, Tensor) {
    let y = x.matmul(w * 2.0).matmul(x.t());
    let mut z = y.clone();
    z.set_axis(0, 0, y.index_axis(0, 1));
    z.set_slice(1, 1, y.slice_axis(1, 0, 1));
    let added = x.sum_axis(1).scatter_add(0, i.clone(), Tensor::from([1.0, 2.0]));
    (y.take(0, i.clone()), z + x.linear(w.t(), w.index_axis(0, 0)).sum(), added)
}

#[test]
fn tensors_are_taken_owned_or_by_any_reference() {
    let x = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]);
    let by_reference = x.matmul(&x);
    let (shared, mut unique, boxed) = (Arc::new(x.clone()), x.clone(), Box::new(x.clone()));
    let (borrowed, exclusive) = (&x, &mut unique);
    for y in [
        x.matmul(x.clone()),
        x.matmul(&borrowed),
        x.matmul(borrowed),
        x.matmul(&mut *exclusive),
        x.matmul(&exclusive),
        x.matmul(&shared),
        x.matmul(shared.clone()),
        x.matmul(&*boxed),
        x.matmul(&boxed),
        x.matmul(shared.as_ref()),
    ] {
        assert_eq!(y, by_reference);
    }
    // The element type of an index tensor follows from the method, as do those of what is added or multiplied.
    assert_eq!(x.take(0, &Tensor::from([0, 1])), x);
    assert_eq!(x.take(0, Tensor::from([1, 0])), x.flip(0));
    assert_eq!(x.gather(1, Tensor::from([[0], [1]])), Tensor::from([[1.0], [4.0]]));
    let counts = Tensor::zeros([3]).scatter_add(0, Tensor::from([0, 2]), Tensor::from([1.0, 1.0]));
    assert_eq!(counts, Tensor::from([1.0, 0.0, 1.0]));
    let v = Tensor::from([1.0, 2.0]);
    assert_eq!(v.dot(Tensor::from([3.0, 4.0])).item(), 11.0);
    assert_eq!(v.outer(v.clone()), v.outer(&v));
    assert_eq!(x.layer_norm(Tensor::ones([2]), Tensor::zeros([2]), 1e-5), {
        let (one, zero) = (Tensor::ones([2]), Tensor::zeros([2]));
        x.layer_norm(&one, &zero, 1e-5)
    });
    assert_eq!(x.rms_norm(Tensor::ones([2]), 1e-5), x.rms_norm(&Tensor::ones([2]), 1e-5));
    assert_eq!(x.cross_entropy(Tensor::from([0, 1])), x.cross_entropy(&Tensor::from([0_i64, 1])));
    assert_eq!(
        image().conv2d(Tensor::ones([1, 1, 2, 2]), 1, 0, 1, 1),
        image().conv2d(&Tensor::ones([1, 1, 2, 2]), 1, 0, 1, 1)
    );
    assert_eq!(Tensor::zeros_like(x.clone()), Tensor::zeros_like(&x));
    let attended = Tensor::scaled_dot_product_attention(x.clone(), x.clone(), x.clone(), true);
    assert_eq!(attended, Tensor::scaled_dot_product_attention(&x, &x, &x, true));
}

#[script]
fn scripted(x: &Tensor, i: &Tensor<i64>) -> (Tensor, Tensor) {
    let mut y = x.matmul(x.t());
    y.set_axis(0, 0, y.index_axis(0, 1));
    (y.take(0, i.clone()).linear(y.t(), Tensor::from([1.0, 2.0])), Tensor::zeros_like(x * 2.0))
}

#[test]
fn owned_tensors_are_captured() {
    let (x, i) = (Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), Tensor::from([1, 0]));
    for _ in 0..2 {
        assert_eq!(scripted(&x, &i), eager(|| scripted(&x, &i)));
    }
}

#[test]
fn owned_tensors_are_recorded() {
    for n in [2, 2, 2, 5] {
        let x = Tensor::<f32>::normal(Key::new(n as u64), [n, 3]);
        let (w, i) = (Tensor::<f32>::normal(Key::new(9), [3, 3]), Tensor::from([1, 0]));
        assert_eq!(owned(&x, &w, &i), eager(|| owned(&x, &w, &i)));
    }
    assert_eq!(owned::stats().recordings, 1);
}

#[trace]
fn reshapes(x: &Tensor) -> Tensor {
    x.reshape((x.dim(0), -1)) * 2.0
}

#[test]
fn a_shape_may_be_a_tuple() {
    let x = Tensor::arange(0, 24, 1);
    assert_eq!(x.reshape((2, -1)).shape(), [2, 12]);
    assert_eq!(x.reshape((-1,)).shape(), [24]);
    assert_eq!(x.reshape((x.len() / 2, 2_i32)).shape(), [12, 2]);
    assert_eq!(x.reshape((2_usize, 3_i64, -1_isize, 2_i32)).shape(), [2, 3, 2, 2]);
    assert_eq!(x.reshape((1, 1, 2, 1, 3, 1, 4, -1)).shape(), [1, 1, 2, 1, 3, 1, 4, 1]);
    let error = std::panic::catch_unwind(|| x.reshape((-1, -1, 2))).unwrap_err();
    assert!(error.downcast_ref::<String>().unwrap().starts_with("reshape: "), "{error:?}");
    for n in [2, 2, 2, 4] {
        let x = Tensor::<f32>::ones([n, 2, 3]);
        assert_eq!(reshapes(&x), eager(|| reshapes(&x)));
        assert_eq!(reshapes(&x).shape(), [n, 6]);
    }
}

#[trace]
fn counts(x: &Tensor) -> (Tensor<i64>, Tensor, Tensor<i64>, Tensor, Tensor<i64>, Tensor) {
    let m = x.gt(0.0);
    (m.sum(), m.mean(), m.sum_axis(0), m.mean_axis(-1), m.sum_keepdim([0, 1]), m.mean_keepdim(1))
}

#[test]
fn bools_are_counted() {
    let m = Tensor::from([[true, false, true], [true, true, false]]);
    assert_eq!(m.sum(), Tensor::scalar(4_i64));
    assert_eq!(m.mean(), Tensor::scalar(4.0_f32 / 6.0));
    assert_eq!(m.sum_axis(0), Tensor::from([2_i64, 1, 1]));
    assert_eq!(m.sum_axis([0, 1]), m.sum());
    assert_eq!(m.sum_keepdim(1), Tensor::from([[2_i64], [2]]));
    assert_eq!(m.mean_axis(1), Tensor::from([2.0_f32 / 3.0, 2.0 / 3.0]));
    assert_eq!(m.mean_keepdim(0).shape(), [1, 3]);
    let none = Tensor::<bool>::zeros([0]);
    assert!(none.sum().item() == 0 && none.mean().item().is_nan());
    // More than a byte counts to.
    assert_eq!(Tensor::<bool>::ones([1000]).sum().item(), 1000);
    for n in [2, 2, 2, 5] {
        let x = Tensor::<f32>::normal(Key::new(n as u64), [n, 3]);
        assert_eq!(counts(&x), eager(|| counts(&x)));
    }
    assert_eq!(counts::stats().recordings, 1);
}

#[test]
fn printing_honours_precision_and_width() {
    for v in [1.0 / 3.0, -2.0, 1e9, 1e-9, f64::NAN, f64::NEG_INFINITY] {
        let x = Tensor::scalar(v);
        assert_eq!(
            format!("{x:.3} {x:9.2} {x:<8.1}| {x:+.1} {x:09.2}"),
            format!("{v:.3} {v:9.2} {v:<8.1}| {v:+.1} {v:09.2}")
        );
        assert_eq!(format!("{:.2}", Tensor::scalar(v as f32)), format!("{:.2}", v as f32));
    }
    assert_eq!(format!("{:.3}", Tensor::scalar(7)), "7");
    let x = Tensor::from([[1.0, -0.125], [100.0, f64::NAN]]);
    assert_eq!(format!("{x:.1}"), "[[  1.0  -0.1]\n [100.0   NaN]]");
    assert_eq!(format!("{x:+.0}"), "[[  +1   -0]\n [+100  NaN]]");
    assert_eq!(format!("{x:7.1}"), "[[    1.0    -0.1]\n [  100.0     NaN]]");
    assert_eq!(format!("{x:.2?}"), "Tensor<f64>[2, 2]\n[[  1.00  -0.12]\n [100.00    NaN]]");
    assert_eq!(
        format!("{:.1} {:4}", Tensor::from([1, 20]), Tensor::from([true, false])),
        "[ 1 20] [ true false]"
    );
    // Without a precision all is as it was, and a long one is abridged with it, too.
    assert_eq!(format!("{} {:6}|", Tensor::from([1.0, 0.5]), Tensor::scalar(2.5)), "[ 1. 0.5]    2.5|");
    assert_eq!(format!("{:.1}", Tensor::<f32>::ones([2000])), "[1.0 1.0 1.0 ... 1.0 1.0 1.0]");
}
