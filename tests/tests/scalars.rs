//! Scalar code: loops over host scalars and elements, which run as register programs.
#![allow(clippy::assign_op_pattern, clippy::needless_range_loop, unused_assignments)]

use jit_runtime::prelude::*;
use jit_tests::conform;

fn v(values: &[i64]) -> Tensor<i64> {
    Tensor::from(values)
}

fn m(n: usize, k: usize) -> Tensor {
    Tensor::from((0..n * k).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<f32>>())
        .reshape([n as isize, k as isize])
}

conform! {
    fn gcd(a: i64, b: i64) -> i64 {
        let (mut a, mut b) = (a, b);
        while b != 0 { (a, b) = (b, a % b); }
        a
    } with [(48, 18), (0, 5), (7, 0), (1_000_000_007, 998_244_353)]

    fn collatz(n: i64) -> (usize, i64) {
        let mut n = n;
        let mut steps = 0;
        let mut highest = n;
        loop {
            if n == 1 { break; }
            n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
            highest = highest.max(n);
            steps += 1;
        }
        (steps, highest)
    } with [(1,), (27,), (97,)]

    fn iterations(n: usize, seed: i64) -> (i64, f64, bool) {
        let mut state = seed;
        let mut sum = 0.0;
        let mut seen = false;
        for i in 0..n {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let u = ((state >> 11) & 0xffff) as f64 / 65536.0;
            sum += u * (i as f64).sqrt();
            if u > 0.999 { seen = true; continue; }
            if i == 900 { state ^= 5; }
        }
        (state, sum, seen)
    } with [(0, 1), (1, 2), (1000, 3)]

    fn edit_distance(a: &Tensor<i64>, b: &Tensor<i64>) -> i64 {
        let (n, m) = (a.len(), b.len());
        let mut d = Tensor::<i64>::zeros([n + 1, m + 1]);
        for i in 0..n + 1 { d[[i, 0]] = i as i64; }
        for j in 0..=m { d[[0, j]] = j as i64; }
        for i in 1..=n {
            for j in 1..=m {
                let cost = if a[i - 1] == b[j - 1] { 0 } else { 1 };
                let best = (d[[i - 1, j]] + 1).min(d[[i, j - 1]] + 1);
                d[[i, j]] = best.min(d[[i - 1, j - 1]] + cost);
            }
        }
        d[[n, m]]
    } with [(&v(&[1, 2, 3, 4]), &v(&[2, 3, 5, 4])), (&v(&[]), &v(&[1])), (&v(&[]), &v(&[])), (&v(&[9, 8, 7, 6, 5]), &v(&[5, 6, 7, 8, 9]))]

    fn edit_distance_rows(a: &Tensor<i64>, b: &Tensor<i64>) -> i64 {
        let m = b.len();
        let mut before = Tensor::<i64>::arange(0, m as i64 + 1, 1);
        for i in 0..a.len() {
            let mut row = before.clone();
            row[0] = i as i64 + 1;
            for j in 1..=m {
                let cost = if a[i] == b[j - 1] { 0 } else { 1 };
                row[j] = (before[j] + 1).min(row[j - 1] + 1).min(before[j - 1] + cost);
            }
            before = row;
        }
        before[m]
    } with [(&v(&[1, 2, 3, 4]), &v(&[2, 3, 5, 4])), (&v(&[]), &v(&[1, 2])), (&v(&[9, 8, 7, 6, 5]), &v(&[5, 6, 7, 8, 9]))]

    fn product(a: &Tensor, b: &Tensor) -> Tensor {
        let (n, k, m) = (a.dim(0), a.dim(1), b.dim(1));
        let mut c = Tensor::<f32>::zeros([n, m]);
        for i in 0..n {
            for j in 0..m {
                let mut s = 0.0;
                for l in 0..k { s += a[[i, l]] * b[[l, j]]; }
                c[[i, j]] = s;
            }
        }
        c
    } with [(&m(3, 4), &m(4, 2)), (&m(2, 3), &m(2, 3).t()), (&Tensor::<f32>::zeros([0, 3]), &m(3, 2))]

    fn insertion_sort(x: &Tensor) -> Tensor {
        let mut y = x.flatten();
        for i in 1..y.len() {
            let key = y[i];
            let mut j = i;
            while j > 0 && y[j - 1] > key {
                y[j] = y[j - 1];
                j -= 1;
            }
            y[j] = key;
        }
        y
    } with [(&m(4, 5),), (&m(1, 1),), (&m(1, 2),)]

    fn sieve(n: usize) -> (Tensor<bool>, i64) {
        let mut composite = Tensor::<bool>::zeros([n + 1]);
        let mut primes = 0;
        for i in 2..=n {
            if composite[i] { continue; }
            primes += 1;
            let mut j = i * i;
            while j <= n { composite[j] = true; j += i; }
        }
        (composite, primes)
    } with [(0,), (2,), (50,)]

    fn swapped(x: &Tensor, n: usize) -> (Tensor, Tensor) {
        let mut a = x.clone();
        let mut b = x * 2.0;
        for i in 0..n {
            a[i % 2] += b[0] * (i as f32);
            (a, b) = (b, a);
            if a[0] > 100.0 { a[0] = 1.0; b[1] = a[1]; }
        }
        (a, b)
    } with [(&m(1, 2).flatten(), 0), (&m(1, 2).flatten(), 3), (&m(1, 2).flatten(), 8)]

    fn old_versions(x: &Tensor, n: usize) -> (Tensor, f32) {
        let mut y = x.clone();
        let mut s = 0.0;
        for i in 0..n {
            let before = y.clone();
            y[i % 3] = y[i % 3] * 2.0 + 1.0;
            s += before[i % 3] + y[i % 3] + x[0];
            if s > 20.0 { y = before; }
        }
        (y, s)
    } with [(&m(1, 3).flatten(), 0), (&m(1, 3).flatten(), 7), (&m(1, 3).flatten(), 30)]

    fn rank_three(x: &Tensor, k: i32) -> (f32, Tensor, u8) {
        let mut y = x.reshape([2, 2, 2]);
        let mut bits = 7_u8;
        for i in 0..2 { for j in 0..2 { for l in 0..2 {
            y[[i, j, l]] = y[[j, l, i]].abs() + (k as f32).powi(2);
            bits = bits ^ ((i + 2 * j) as u8) & !(1 << l);
        } } }
        let mut total = 0.0;
        let mut i = 0;
        while i < y.dim(0) { total += y[[i, 0, 1]]; i += 1; }
        (total, y, bits)
    } with [(&m(2, 4), 3)]

    fn nested_returns(x: &Tensor<i64>, target: i64) -> (usize, usize) {
        for i in 0..x.len() {
            for j in i + 1..x.len() {
                if x[i] + x[j] == target { return (i, j); }
                if x[i] > 90 { break; }
            }
        }
        (77, 77)
    } with [(&v(&[1, 95, 3, 4]), 7), (&v(&[1, 95, 3, 4]), 99), (&v(&[]), 0)]

    fn fibonacci(n: u8) -> i64 {
        let (mut a, mut b) = (0, 1);
        for _ in 0..n { (a, b) = (b, a + b); }
        a
    } with [(0,), (1,), (50,)]
}

#[test]
fn scalar_loops_are_register_programs_or_native() {
    #[script]
    fn alternating(n: i64) -> i64 {
        let mut sum = 0;
        for i in 0..n {
            sum = i - sum;
        }
        sum
    }
    let explain = alternating::lower(4).explain();
    assert_eq!(explain.contains("register program"), cfg!(debug_assertions), "{explain}");
    assert!(!explain.contains("carried values"), "{explain}");
    for text in [
        native::product::lower(&m(3, 4), &m(4, 2)).explain(),
        native::insertion_sort::lower(&m(2, 2)).explain(),
        native::edit_distance::lower(&v(&[1]), &v(&[2])).explain(),
        native::sieve::lower(3).explain(),
        native::iterations::lower(3, 1).explain(),
        native::nested_returns::lower(&v(&[1]), 1).explain(),
    ] {
        assert!(text.contains("native loop of scalar code"), "{text}");
        assert!(!text.contains("register program") && !text.contains("carried values"), "{text}");
    }
    // That `y.dim(0)` is 2 only linking finds, so that the form of the second loop is another one.
    let text = native::rank_three::lower(&m(2, 4), 1).explain();
    assert!(text.contains("native loop of scalar code") && text.contains("register program"), "{text}");
}

#[test]
fn errors_in_scalar_loops_name_the_line() {
    #[script]
    fn fails(x: &Tensor<i64>, n: usize) -> i64 {
        let mut total = 0;
        for i in 0..n {
            total = total * 100 + x[i];
        }
        total
    }
    assert_eq!(fails(&v(&[1, 2]), 2), 102);
    let error = fails::try_call(&v(&[1, 2]), 3).unwrap_err();
    assert!(error.to_string().starts_with("x[i]: index 2 is out of range for size 2"), "{error}");
    assert_eq!(error.place().unwrap().file.as_ref(), file!());
    let error = fails::try_call(&Tensor::<i64>::ones([40]), 40).unwrap_err();
    assert!(error.to_string().contains("overflows"), "{error}");
}

#[test]
fn faults_of_native_loops_name_the_line() {
    #[script(native)]
    fn fails(x: &Tensor<i64>, n: usize, by: i64) -> (Tensor<i64>, i64) {
        let mut y = x.clone();
        let mut total = 7;
        for i in 0..n {
            assert!(total != 99, "not {total}");
            y[i] = total / by + 1;
            total = total * 100 + x[i] - y[i];
        }
        (y, total)
    }
    let x = v(&[1, 2, 3]);
    let explain = fails::lower(&x, 3, 1).explain();
    assert!(explain.contains("native loop of scalar code"), "{explain}");
    fails::check(&x, 3, 2).unwrap();
    for (n, by, message) in [(4, 1, "out of range for size 3"), (3, 0, "division by zero"), (1, 0, "7 / 0")] {
        let error = fails::try_call(&x, n, by).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.place().unwrap().file.as_ref(), file!());
        // What the run wrote before it failed is not seen.
        assert_eq!(x, v(&[1, 2, 3]));
    }
    let long = Tensor::<i64>::ones([40]);
    assert!(fails::try_call(&long, 40, 1).unwrap_err().to_string().contains("overflows"));
    let error = fails::try_call(&v(&[-593, 3]), 2, 1).unwrap_err();
    assert!(error.to_string().contains("not 99"), "{error}");
    // Positions past all memory.
    #[script(native)]
    fn far(x: &Tensor, n: usize) -> f32 {
        let mut s = 0.0;
        for i in 0..2 {
            s += x[[i * n, i * n]];
        }
        s
    }
    let square = Tensor::<f32>::ones([2, 2]);
    assert!(far::lower(&square, 1).explain().contains("native loop"));
    assert_eq!(far(&square, 1), 2.0);
    for n in [2, usize::MAX / 2, usize::MAX] {
        assert!(far::try_call(&square, n).unwrap_err().to_string().contains("out of range"));
    }
    // A tensor of another rank.
    assert!(fails::try_call(&x.reshape([1, 3]), 1, 1).is_err());
}

#[test]
fn writes_are_in_place_in_steps_too() {
    // Not a register program: a tensor op stands in the loop. A write of one element must not copy.
    #[script]
    fn mixed(n: usize, trips: usize) -> (Tensor, f32) {
        let mut y = Tensor::<f32>::zeros([n]);
        let one = Tensor::<f32>::ones([2]);
        let mut s = 0.0;
        for i in 0..trips {
            if i % 2 == 0 {
                y[i] = 1.0 + s;
            }
            s = (&one * (i as f32)).sum().item();
        }
        (y, s)
    }
    mixed::check(10, 10).unwrap();
    mixed(1_000_000, 10);
    let time = |n: usize| {
        let start = std::time::Instant::now();
        mixed(n, 1000);
        start.elapsed()
    };
    // A copy for each write would move 2 GB.
    let large = (0..3).map(|_| time(1_000_000)).min().unwrap();
    assert!(large < std::time::Duration::from_millis(100), "{large:?}");
}
