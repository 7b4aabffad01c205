//! Ranges at the limits of their types, and what `for` runs over, against plain Rust.

use jit_runtime::prelude::*;
use jit_tests::conform;

conform! {
    fn steps_i32(a: i32, b: i32, k: usize) -> (i32, i32) {
        let (mut n, mut last) = (0, 0);
        for i in (a..b).step_by(k) { n += 1; last = i; }
        (n, last)
    } with [
        (-2_000_000_000, 2_000_000_000, 1_000_000_000), (i32::MIN, i32::MAX, 1 << 30), (5, 5, 1), (7, 3, 2),
        (i32::MAX - 3, i32::MAX, 1), (i32::MIN, i32::MIN + 4, 3)
    ]
    fn steps_u8(a: u8, b: u8, k: usize) -> (usize, u8) {
        let (mut n, mut last) = (0, 0);
        for i in (a..=b).step_by(k) { n += 1; last = i; }
        for i in (a..b).rev().step_by(k) { n += 1; last = last.wrapping_add(i); }
        (n, last)
    } with [(0, 255, 1), (0, 255, 100), (0, 255, 1000), (250, 255, 3), (255, 255, 1), (9, 3, 1)]
    fn until_break(a: i64, b: i64) -> i64 {
        let mut last = 0;
        for i in a..b { last = i; if i >= a + 3 { break; } }
        last
    } with [(i64::MIN, i64::MAX), (-2, 9), (i64::MAX - 5, i64::MAX), (3, 3)]
    fn reversed(a: i64, b: i64) -> i64 {
        let mut last = 0;
        for i in (a..b).rev() { last = i; if i <= b - 3 { break; } }
        last
    } with [(i64::MIN, i64::MAX), (-2, 9), (i64::MIN, i64::MIN + 4)]
    fn reversed_inclusive(a: i64, b: i64) -> i64 {
        let mut last = 0;
        for i in (a..=b).rev() { last = i; if i <= b - 3 { break; } }
        last
    } with [(i64::MIN + 1, i64::MAX), (-2, 9), (4, 3), (i64::MAX, i64::MAX)]
    fn sizes(a: usize, b: usize) -> (usize, usize) {
        let (mut n, mut last) = (0, 0);
        for i in a..b { n += 1; last = i; if n > 4 { break; } }
        for i in (a..b).rev() { last ^= i; n += 1; if n > 9 { break; } }
        (n, last)
    } with [(0, 3), (2, usize::MAX), (usize::MAX - 2, usize::MAX), (5, 2)]
    fn literals(n: i32) -> (i32, i64, u8) {
        let (mut a, mut b, mut c) = (0, 0, 0);
        for i in -3..4 { a = a * 3 + i + n; }
        for i in (-2_000_000_000..2_000_000_000_i64).step_by(900_000_000) { b = b / 2 + i; }
        for i in (0..250_u8).step_by(60) { c ^= i; }
        for i in (-1000..=1000).step_by(500) { a = a / 2 + i; }
        (a, b, c)
    } with [(0,), (3,)]
    fn negative_start(n: i32) -> (i32, i64) {
        let (mut a, mut b) = (0, 0);
        for i in -5..n { a = (a * 3 + i) % 1009; }
        for i in (-5..=n as i64).rev().step_by(2) { b = (b * 5 + i) % 997; }
        (a, b)
    } with [(0,), (7,), (-9,)]
    fn open_ended(n: i64) -> (i64, usize) {
        let (mut a, mut k) = (0, 0);
        for i in -3.. { a += i; if i > n { break; } }
        for i in (5..).step_by(3) { k += i; if k > 40 { break; } }
        (a, k)
    } with [(0,), (6,)]
    fn adaptors(n: usize) -> (usize, usize, usize) {
        let (mut a, mut b, mut c) = (0, 0, 0);
        for (i, j) in (0..n).zip((3..9).rev()) { a = (a * 7 + i * j) % 1009; }
        for i in (0..n).skip(2).step_by(2) { b = b * 3 + i; }
        for i in (0..n).skip(n + 4) { b += i; }
        for (i, j) in (1..n).take(3).enumerate() { c = c * 5 + i + j; }
        for (i, (j, k)) in (0..n).zip(2..6).enumerate() { c = (c * 3 + i * j + k) % 1009; }
        (a, b, c)
    } with [(0,), (1,), (4,), (9,)]
    fn while_either(n: i64, k: i64, a: f64, flag: bool) -> (i64, f64, i64, i64, i64, i64) {
        let (mut i, mut x, mut steps) = (0, a, 0);
        while i < n || i < k { i += 1; }
        while x * x - a > 1e-9 || a - x * x > 1e-9 { x = (x + a / x) * 0.5; steps += 1; }
        let (mut j, mut m, mut t) = (0, 0, 0);
        while !(j >= n) || j < k { j += 1; }
        while (flag && m < 3) || m < k || m * 2 < n { m += 1; }
        for _ in 0..3 { let mut q = 0; while q < n || (q < k && flag) { q += 2; t += q; } }
        let mut go = n > 0 || flag;
        let mut u = 0;
        while go { u += 1; go = u < n || u < k; }
        (i, x, steps, j + m, t, u)
    } with [(5, 2, 2.0, true), (2, 5, 9.0, false), (0, 0, 1.0, true), (3, 3, 0.25, false)]
    fn while_if(n: i64, k: i64) -> (i64, i64) {
        let (mut i, mut j) = (0, 0);
        while if i < n { true } else { i < k } { i += 1; }
        while if j % 2 == 0 { j < n } else { j < k } { j += 1; }
        (i, j)
    } with [(5, 2), (2, 5), (0, 0)]
    fn smallest(x: &Tensor<i64>, n: i64) -> (Tensor<i64>, bool, i64, i32) {
        let low = -9223372036854775808;
        (x * -9223372036854775808, n == low, if n > -9223372036854775808_i64 { 1 } else { 2 }, -2147483648)
    } with [(&Tensor::from([1_i64, 0]), i64::MIN), (&Tensor::from([3_i64]), 0)]
    fn smallest_matched(n: i64) -> i64 {
        match n { -9223372036854775808 => 1, -9223372036854775807..=0 => 2, _ => 3 }
    } with [(i64::MIN,), (-4,), (9,), (i64::MIN + 1,)]
}

#[script]
fn by_step(n: usize, k: usize) -> usize {
    let mut t = 0;
    for i in (0..n).step_by(k) {
        t += i;
    }
    t
}

#[test]
fn a_step_of_nothing_is_an_error() {
    let error = by_step::try_call(5, 0).unwrap_err().to_string();
    assert!(error.starts_with("assertion failed: step != 0 (at tests/tests/ranges.rs:"), "{error}");
    assert_eq!(by_step::try_call(5, 2).unwrap(), 6);
}
