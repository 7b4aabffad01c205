//! Ops that multiply and add: products, equations, windows, attention.

use super::*;

#[test]
fn products() {
    let pairs: [(&[usize], &[usize]); 13] = [
        (&[3, 4], &[4, 5]),
        (&[4], &[4, 5]),
        (&[3, 4], &[4]),
        (&[4], &[4]),
        (&[2, 3, 4], &[4, 5]),
        (&[2, 1, 3, 4], &[5, 4, 2]),
        (&[1, 600], &[600, 3]),
        (&[7, 600], &[600, 1]),
        (&[0, 4], &[4, 2]),
        (&[3, 0], &[0, 2]),
        (&[3, 4], &[5, 6]),
        (&[2, 3, 4], &[3, 4, 5]),
        (&[3, 2, 4], &[4]),
    ];
    for dtype in NUMBERS {
        for (a, b) in pairs {
            check(Op::Matmul, &[tensor(dtype, a, 1), tensor(dtype, b, 2)], "");
        }
        check(Op::Dot, &[tensor(dtype, &[70], 1), tensor(dtype, &[70], 2)], "");
        check(Op::Dot, &[tensor(dtype, &[70], 1), tensor(dtype, &[7], 2)], "");
        check(Op::Outer, &[tensor(dtype, &[3], 1), tensor(dtype, &[4], 2)], "");
    }
}

/// Random operands and attributes, most of which do not fit: both say so, or give the same, and neither panics.
#[test]
fn equations() {
    let cases: [(&str, &[&[usize]]); 22] = [
        ("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]]),
        ("ij,jk->ki", &[&[3, 600], &[600, 2]]),
        ("ij,kj", &[&[3, 4], &[5, 4]]),
        ("ij,jk,kl->il", &[&[3, 4], &[4, 2], &[2, 5]]),
        ("i,i->", &[&[7], &[7]]),
        ("i,i->i", &[&[7], &[7]]),
        ("i,j->ij", &[&[3], &[4]]),
        ("ij->ji", &[&[3, 4]]),
        ("ij->", &[&[3, 4]]),
        ("ijk->ik", &[&[3, 4, 2]]),
        ("ii->i", &[&[4, 4]]),
        ("ii", &[&[4, 4]]),
        ("iji,j->i", &[&[4, 3, 4], &[3]]),
        ("ij,kl->il", &[&[3, 4], &[2, 5]]),
        ("b...d,de->b...e", &[&[2, 3, 1, 4], &[4, 5]]),
        ("...ij,...jk->...ik", &[&[2, 1, 3, 4], &[5, 4, 2]]),
        ("...i->...", &[&[2, 3]]),
        ("ij,jk->ik", &[&[0, 4], &[4, 2]]),
        ("ij,jk->ik", &[&[3, 0], &[0, 2]]),
        (",i->i", &[&[], &[3]]),
        ("ij,jk->ik", &[&[3, 4], &[5, 2]]),
        ("ij,jk->iz", &[&[3, 4], &[4, 2]]),
    ];
    for dtype in NUMBERS {
        for (equation, shapes) in cases {
            let args: Vec<Value> = shapes.iter().enumerate().map(|(i, s)| tensor(dtype, s, i)).collect();
            check(Op::Einsum, &args, &format!(" {{text = {equation:?}}}"));
        }
    }
}

#[test]
fn windows() {
    let numbers =
        |all: &[usize]| -> Vec<Value> { all.iter().map(|n| Value::Scalar(Scalar::Usize(*n))).collect() };
    let args = |tensors: &[Value], all: &[usize]| [tensors, &numbers(all)].concat();
    // Stride, padding, dilation, groups.
    let convs: [(&[usize], &[usize], [usize; 7]); 14] = [
        (&[2, 3, 5, 6], &[4, 3, 3, 3], [1, 1, 0, 0, 1, 1, 1]),
        (&[2, 4, 5, 6], &[6, 2, 3, 2], [2, 1, 1, 2, 1, 2, 2]),
        (&[1, 3, 7, 7], &[3, 1, 3, 3], [1, 2, 1, 1, 2, 1, 3]),
        (&[1, 2, 4, 4], &[3, 2, 1, 1], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 2, 4, 4], &[3, 2, 4, 4], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 1, 20, 20], &[2, 1, 2, 2], [1, 1, 3, 3, 1, 1, 1]),
        (&[0, 1, 4, 4], &[2, 1, 2, 2], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 0, 4, 4], &[2, 0, 2, 2], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 1, 4, 4], &[0, 1, 2, 2], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 1, 1, 1], &[1, 1, 2, 2], [1, 1, 5, 5, 1, 1, 1]),
        (&[1, 1, 4, 4], &[1, 1, 5, 5], [1, 1, 0, 0, 1, 1, 1]),
        (&[1, 2, 4, 4], &[2, 2, 2, 2], [1, 1, 0, 0, 1, 1, 2]),
        (&[1, 2, 4, 4], &[2, 2, 2, 2], [0, 1, 0, 0, 1, 1, 1]),
        (&[1, 4, 4], &[2, 2, 2, 2], [1, 1, 0, 0, 1, 1, 1]),
    ];
    for dtype in NUMBERS {
        for (x, w, all) in convs {
            check(Op::Conv2d, &args(&[tensor(dtype, x, 1), tensor(dtype, w, 2)], &all), "");
        }
        // Kernel, stride, padding.
        for (shape, all) in [
            (&[2, 3, 5, 6][..], [2, 2, 2, 2, 0, 0]),
            (&[1, 1, 7, 5], [3, 2, 1, 2, 1, 1]),
            (&[1, 2, 1, 1], [3, 3, 1, 1, 2, 2]),
            (&[1, 2, 4, 9], [1, 1, 3, 2, 0, 0]),
            (&[0, 2, 4, 4], [2, 2, 1, 1, 0, 0]),
            (&[1, 1, 0, 4], [2, 2, 1, 1, 1, 0]),
            (&[1, 1, 4, 4], [2, 2, 1, 1, 2, 0]),
            (&[1, 1, 4, 4], [5, 2, 1, 1, 0, 0]),
            (&[4, 4], [2, 2, 1, 1, 0, 0]),
        ] {
            check(Op::MaxPool2d, &args(&[tensor(dtype, shape, 1)], &all), "");
            if dtype.is_float() {
                check(Op::AvgPool2d, &args(&[tensor(dtype, shape, 1)], &all), "");
            }
        }
    }
}

#[test]
fn attention() {
    // Rows of q and k, numbers of rows.
    let cases: &[(&[usize], &[usize], &[usize])] = &[
        (&[3, 4], &[5, 4], &[5, 2]),
        (&[5, 4], &[3, 4], &[3, 2]),
        (&[2, 130, 8], &[2, 130, 8], &[2, 130, 3]),
        (&[65, 2], &[200, 2], &[200, 1]),
        (&[300, 1], &[2, 1], &[2, 1]),
        (&[1, 7], &[9, 7], &[9, 5]),
        (&[3, 1, 2, 4], &[2, 5, 4], &[1, 1, 5, 2]),
        (&[0, 4], &[5, 4], &[5, 2]),
        (&[3, 4], &[0, 4], &[0, 2]),
        (&[3, 0], &[5, 0], &[5, 2]),
        (&[0, 3, 4], &[0, 5, 4], &[0, 5, 2]),
        // Shapes that do not fit.
        (&[3, 4], &[5, 3], &[5, 2]),
        (&[3, 4], &[5, 4], &[4, 2]),
        (&[4], &[5, 4], &[5, 2]),
        (&[2, 3, 4], &[3, 5, 4], &[5, 2]),
    ];
    for dtype in [DType::F32, DType::F64] {
        for (q, k, v) in cases {
            for causal in [false, true] {
                let causal = Value::Scalar(Scalar::Bool(causal));
                check(
                    Op::Attention,
                    &[tensor(dtype, q, 1), tensor(dtype, k, 2), tensor(dtype, v, 3), causal],
                    "",
                );
            }
        }
    }
}
