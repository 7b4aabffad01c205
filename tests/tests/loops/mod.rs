//! Loops over tensors whose body is one group: the bits of the loop run trip by trip, whichever way it runs.

use jit_runtime::prelude::*;

use crate::bodies;

/// The loops, as `bodies`, each with this attribute.
macro_rules! bodies {
    ($script:meta) => {
        pub(crate) mod bodies {
            use jit_runtime::prelude::*;

            #[$script]
            pub(crate) fn escape(cr: &Tensor, ci: &Tensor, n: usize) -> (Tensor, Tensor, Tensor) {
                let mut zr = Tensor::zeros_like(cr);
                let mut zi = Tensor::zeros_like(cr);
                let mut count = Tensor::zeros_like(cr);
                for _ in 0..n {
                    let zr2 = &zr * &zr;
                    let zi2 = &zi * &zi;
                    let inside = (&zr2 + &zi2).le(4.0);
                    count = count + inside.cast::<f32>();
                    zi = inside.select(2.0 * &zr * &zi + ci, &zi);
                    zr = inside.select(zr2 - zi2 + cr, &zr);
                }
                (zr, zi, count)
            }

            #[$script]
            pub(crate) fn kept(x: &Tensor, by: f32, n: usize) -> (Tensor, Tensor) {
                let mut y = x.clone();
                let same = x * 2.0;
                for _ in 0..n {
                    y = (&y * by + x).tanh();
                }
                (y, same)
            }

            #[$script]
            pub(crate) fn swapped(x: &Tensor, y: &Tensor, n: usize) -> (Tensor, Tensor) {
                let (mut a, mut b) = (x.clone(), y.clone());
                for _ in 0..n {
                    let next = &a * 0.5 + &b;
                    a = b;
                    b = next;
                }
                (a, b)
            }

            #[$script]
            pub(crate) fn flags(x: &Tensor, n: usize) -> (Tensor<bool>, Tensor) {
                let mut seen = x.gt(100.0);
                let mut y = x.clone();
                for _ in 0..n {
                    y = &y * 1.5 - 0.25;
                    seen = seen | y.gt(2.0);
                }
                (seen, y)
            }

            #[$script]
            pub(crate) fn settled(x: &Tensor, n: usize) -> (Tensor, Tensor) {
                let mut y = Tensor::zeros_like(x);
                let mut last = x.clone();
                for _ in 0..n {
                    let next = (&y + x).clamp(-1.0, 1.0);
                    last = &next - &y;
                    y = next;
                }
                (y, last)
            }

            #[$script]
            pub(crate) fn counted(x: &Tensor, n: usize) -> Tensor {
                let mut y = x.clone();
                for i in 0..n {
                    y = &y * 0.5 + i as f32;
                }
                y
            }

            #[$script]
            pub(crate) fn cycles(x: &Tensor, n: usize) -> (Tensor, Tensor) {
                let (mut y, mut last) = (x.clone(), x.clone());
                for _ in 0..n {
                    last = &y * 2.0;
                    y = 1.0 - &y;
                }
                (y, last)
            }

            #[$script]
            pub(crate) fn doubles(x: &Tensor<f64>, n: usize) -> (Tensor<f64>, Tensor<bool>) {
                let mut y = x.clone();
                let mut any = x.gt(1.0);
                for _ in 0..n {
                    y = 0.5 * (&y + x / &y);
                    any = any & y.is_finite();
                }
                (y, any)
            }

            #[$script]
            pub(crate) fn single(x: &Tensor, n: usize) -> Tensor {
                let mut y = x.clone();
                for _ in 0..n {
                    y = &y * &y;
                }
                y
            }

            #[$script]
            pub(crate) fn root(x: &Tensor, limit: i32) -> (Tensor, i32) {
                let mut y = x.clone();
                let mut it = 0;
                while it < limit && (&y * &y - x).abs().max().item() > 1e-5 {
                    y = 0.5 * (&y + x / &y);
                    it += 1;
                }
                (y, it)
            }

            #[$script]
            pub(crate) fn bounded(c: &Tensor, n: usize) -> (Tensor, Tensor) {
                let mut z = Tensor::zeros_like(c);
                let mut count = Tensor::zeros_like(c);
                for _ in 0..n {
                    let inside = z.abs().le(4.0);
                    if !inside.any().item() {
                        break;
                    }
                    count = count + inside.cast::<f32>();
                    z = inside.select(&z * &z + c, &z);
                }
                (z, count)
            }

            #[$script]
            pub(crate) fn grown(x: &Tensor) -> (Tensor, Tensor<bool>, usize) {
                let mut y = x.clone();
                let mut on = y.lt(4.0);
                let mut trips = 3;
                while on.any().item() {
                    y = on.select(&y + 0.75, &y);
                    on = y.lt(4.0);
                    trips += 2;
                }
                (y, on, trips)
            }

            #[$script]
            pub(crate) fn shrunk(x: &Tensor<f64>, step: f64) -> (Tensor<f64>, Tensor<f64>) {
                let mut y = x.clone();
                let mut last = x.clone();
                loop {
                    if y.max().item() <= 1.0 {
                        break;
                    }
                    last = &y * 0.5;
                    y = &y - step;
                }
                (y, last)
            }

            #[$script]
            pub(crate) fn lifted(x: &Tensor) -> Tensor {
                let mut y = x.clone();
                while !y.ge(1.0).all().item() {
                    y = y.maximum(&(&y + 0.3));
                }
                y
            }

            #[$script]
            pub(crate) fn below(x: &Tensor) -> Tensor {
                let mut y = x.clone();
                while y.max().item() < 9.0 {
                    y = &y * 1.5 + 0.25;
                }
                y
            }

            #[$script]
            pub(crate) fn late(x: &Tensor, n: usize) -> (Tensor, Tensor) {
                let (mut y, mut count) = (x.clone(), x * 0.0);
                for _ in 0..n {
                    count = &count + 1.0;
                    if !y.lt(5.0).any().item() {
                        break;
                    }
                    y = &y + 0.5;
                }
                (y, count)
            }

            #[$script]
            pub(crate) fn settling(x: &Tensor) -> Tensor {
                let mut y = x.clone();
                while y.abs().sum().item() > 1.0 {
                    y = &y * 0.5;
                }
                y
            }

            #[$script]
            pub(crate) fn shifted(x: &Tensor, n: usize) -> Tensor {
                let mut y = x.clone();
                for _ in 0..n {
                    y = y.t() * 2.0;
                }
                y
            }

            #[$script]
            pub(crate) fn doubling(x: &Tensor, n: usize) -> Tensor {
                let (mut y, mut i) = (x.clone(), 1);
                while i * 2 < n {
                    y = &y * 0.5;
                    i += 1;
                }
                y
            }

            #[$script]
            pub(crate) fn divided(x: &Tensor<i32>, n: usize) -> Tensor<i32> {
                let mut y = x * 100;
                for _ in 0..n {
                    y = &y / (x * x + 1);
                }
                y
            }

            #[$script]
            pub(crate) fn above(x: &Tensor) -> (Tensor, usize) {
                let mut y = x.clone();
                let mut trips = 0;
                loop {
                    if y.min().item() < 0.05 {
                        break;
                    }
                    y = &y * 0.75;
                    trips += 1;
                }
                (y, trips)
            }

            #[$script]
            pub(crate) fn numbered(x: &Tensor, n: usize) -> Tensor {
                let mut y = x.clone();
                let mut t = 0.0;
                for _ in 0..n {
                    if !y.lt(5.0).any().item() {
                        break;
                    }
                    y = &y + t;
                    t += 0.5;
                }
                y
            }

            #[$script]
            pub(crate) fn none_of_them(x: &Tensor, n: usize) -> (Tensor, Tensor, usize) {
                let (mut y, mut last) = (x.clone(), x * 0.0);
                let mut trips = 0;
                while trips < n && !y.gt(3.0).any().item() {
                    last = &y - 1.0;
                    y = &y * 1.001 + 0.002;
                    trips += 1;
                }
                (y, last, trips)
            }

            #[$script]
            pub(crate) fn inside(x: &Tensor<f64>, n: usize) -> (Tensor<f64>, Tensor<bool>) {
                let mut y = x.clone();
                let mut low = y.lt(1.0);
                for _ in 0..n {
                    if (&y * 2.0).max().item() >= 7.0 {
                        break;
                    }
                    y = &y + &y * &y * 0.01;
                    low = low & y.lt(1.0);
                }
                (y, low)
            }

            #[$script]
            pub(crate) fn all_of_them(x: &Tensor) -> Tensor {
                let mut y = x.clone();
                while y.lt(7.0).all().item() {
                    y = &y + 0.75;
                }
                y
            }
        }
    };
}

fn values(shape: [usize; 2], seed: usize) -> Tensor {
    let n = shape[0] * shape[1];
    let value = |i: usize| ((i + seed) * 7919 % 4001) as f32 / 1000.0 - 2.0;
    Tensor::from_vec((0..n).map(value).collect(), shape).expect("as many as the shape has")
}

trait Bits {
    fn bits(&self) -> Vec<Vec<u32>>;
}
impl Bits for Tensor {
    fn bits(&self) -> Vec<Vec<u32>> {
        let sizes = self.shape().iter().map(|n| *n as u32).collect();
        vec![sizes, self.to_vec().iter().map(|v| v.to_bits()).collect()]
    }
}
impl Bits for Tensor<f64> {
    fn bits(&self) -> Vec<Vec<u32>> {
        vec![self.to_vec().iter().flat_map(|v| [v.to_bits() as u32, (v.to_bits() >> 32) as u32]).collect()]
    }
}
impl Bits for Tensor<i32> {
    fn bits(&self) -> Vec<Vec<u32>> {
        vec![self.to_vec().iter().map(|v| *v as u32).collect()]
    }
}
impl Bits for Tensor<bool> {
    fn bits(&self) -> Vec<Vec<u32>> {
        vec![self.to_vec().iter().map(|v| u32::from(*v)).collect()]
    }
}
impl Bits for i32 {
    fn bits(&self) -> Vec<Vec<u32>> {
        vec![vec![*self as u32]]
    }
}
impl Bits for usize {
    fn bits(&self) -> Vec<Vec<u32>> {
        vec![vec![*self as u32]]
    }
}
impl<A: Bits, B: Bits> Bits for (A, B) {
    fn bits(&self) -> Vec<Vec<u32>> {
        [self.0.bits(), self.1.bits()].concat()
    }
}
impl<A: Bits, B: Bits, C: Bits> Bits for (A, B, C) {
    fn bits(&self) -> Vec<Vec<u32>> {
        [self.0.bits(), self.1.bits(), self.2.bits()].concat()
    }
}

fn same<R: Bits>(call: impl Fn() -> R) {
    let expected = jit_runtime::eager(&call).bits();
    for threads in [1, 3] {
        jit_runtime::set_threads(threads);
        assert!(call().bits() == expected, "{threads} threads");
    }
}

/// Blocks that no longer change are done while others go on, in any order; `last` is read by no trip.
pub(crate) fn blocks_that_a_trip_left_as_they_were(how: &str) {
    for n in [1, 63, 64, 65, 1024, 3000, 500_000] {
        // Blocks that settle at once, after some trips, and never; in some a single element is later than the others.
        let value = |i: usize| match (i / 64 % 7, i % 64) {
            (0, 0) if i.is_multiple_of(3) => f32::NAN,
            (0, _) => -0.0,
            (3, 40) => 1e-4,
            (block, _) => block as f32 * 0.013 - 0.03,
        };
        let x = Tensor::from_vec((0..n).map(value).collect(), [n]).expect("as many as the shape has");
        for trips in [1, 2, 8, 9, 10, 17, 60, 200] {
            same(|| bodies::settled(&x, trips));
            same(|| bodies::cycles(&x, trips));
        }
    }
    let x = Tensor::full([4096], 0.5);
    let explained = bodies::settled::lower(&x, 3).explain();
    assert!(explained.contains(how), "{explained}");
}

pub(crate) fn bits_of_trip_by_trip(how: &str) {
    for shape in [[0, 3], [1, 1], [3, 21], [8, 128], [1, 1025], [50, 1000]] {
        let (x, y) = (values(shape, 1), values(shape, 2));
        let turned = values([shape[1], shape[0]], 3).t();
        let row = values([1, shape[1]], 4);
        for n in [0, 1, 2, 3, 20] {
            for other in [&y, &turned, &row] {
                same(|| bodies::escape(&x, other, n));
                same(|| bodies::escape(other, &x, n));
                same(|| bodies::swapped(&x, other, n));
            }
            same(|| bodies::kept(&turned, 0.75, n));
            same(|| bodies::flags(&x, n));
            same(|| bodies::counted(&x, n));
            same(|| bodies::single(&x, n));
            same(|| bodies::doubles(&x.cast(), n));
        }
    }
    let x = values([8, 128], 1);
    for explained in [bodies::escape::lower(&x, &x, 3).explain(), bodies::single::lower(&x, 3).explain()] {
        assert!(explained.contains(how), "{explained}");
    }
}

/// The first trip's values broadcast to more than they were.
pub(crate) fn shapes_that_grow() {
    let (column, row) = (values([5, 1], 1), values([1, 7], 2));
    same(|| bodies::swapped(&column, &row, 3));
    let error =
        bodies::escape::try_call(&values([5, 2], 1), &values([3, 2], 1), 4).expect_err("shapes do not fit");
    assert!(error.to_string().contains("[5, 2]"), "{error}");
}

/// Elements that ask for few trips, for many, for none; a NaN; a loop that its count ends.
pub(crate) fn trips_while_some_element_asks(how: &str) {
    for n in [1, 2, 63, 64, 65, 1000, 4096, 200_001] {
        let value = |i: usize| match (i / 64 % 5, i % 64) {
            (0, _) => 4.5,
            (2, 17) => 0.01,
            (block, j) => 0.5 + block as f32 * 0.4 + j as f32 * 0.001,
        };
        let x = Tensor::from_vec((0..n).map(value).collect(), [n]).expect("as many as the shape has");
        for limit in [-1, 0, 1, 3, 50] {
            same(|| bodies::root(&x, limit));
        }
        for trips in [0, 1, 7, 8, 9, 40] {
            same(|| bodies::bounded(&x, trips));
            same(|| bodies::bounded(&(&x - 4.0), trips));
        }
        same(|| bodies::grown(&x));
        same(|| bodies::grown(&(&x + 10.0)));
        same(|| bodies::shrunk(&x.cast(), 0.1));
        same(|| bodies::lifted(&(&x - 2.0)));
        let mut nan = x.to_vec();
        nan[n / 2] = f32::NAN;
        let nan = Tensor::from_vec(nan, [n]).expect("as many as before");
        same(|| bodies::root(&nan, 9));
        same(|| bodies::bounded(&nan, 9));
        same(|| bodies::grown(&nan));
    }
    let turned = values([7, 300], 1).t();
    same(|| bodies::root(&turned.abs(), 5));
    same(|| bodies::bounded(&turned, 5));
    same(|| bodies::grown(&turned));
    let x = values([3, 50], 1);
    let doubles = x.cast();
    for explained in [
        bodies::root::lower(&x, 3).explain(),
        bodies::bounded::lower(&x, 3).explain(),
        bodies::grown::lower(&x).explain(),
        bodies::shrunk::lower(&doubles, 0.5).explain(),
        bodies::lifted::lower(&x).explain(),
    ] {
        assert!(explained.contains(how), "{explained}");
    }
}

/// Elements that end the loop in the first block, in a later one, earlier than those before them, at once, never; a NaN.
pub(crate) fn trips_while_all_elements_ask(how: &str) {
    for n in [1, 2, 63, 64, 65, 1000, 4096, 200_001] {
        // Later blocks end the loop earlier, some elements after others of their block.
        let falling = |i: usize| 0.3 + (i as f32 / n as f32) * 3.0 + (i % 64) as f32 * 0.001;
        let rising = |i: usize| falling(n - 1 - i);
        let one = |i: usize| if i == n * 2 / 3 { 0.4 } else { 0.1 };
        for value in [&falling as &dyn Fn(usize) -> f32, &rising, &one] {
            let x = Tensor::from_vec((0..n).map(value).collect(), [n]).expect("as many as the shape has");
            same(|| bodies::below(&x));
            same(|| bodies::above(&x));
            same(|| bodies::all_of_them(&x));
            same(|| bodies::all_of_them(&(&x + 100.0)));
            // Many trips, more than are tried at once, for few elements.
            let many = if n <= 1000 { 5000 } else { 17 };
            for trips in [0, 1, 7, 8, 9, 40, many] {
                same(|| bodies::none_of_them(&x, trips));
                same(|| bodies::inside(&x.cast(), trips));
            }
            let mut nan = x.to_vec();
            nan[n / 2] = f32::NAN;
            let nan = Tensor::from_vec(nan, [n]).expect("as many as before");
            same(|| bodies::below(&nan));
            same(|| bodies::all_of_them(&nan));
            same(|| bodies::none_of_them(&nan, 9));
            same(|| bodies::inside(&nan.cast(), 9));
        }
    }
    let turned = values([7, 300], 1).t();
    same(|| bodies::below(&turned));
    same(|| bodies::none_of_them(&turned, 6));
    let none = Tensor::zeros([0]);
    same(|| bodies::none_of_them(&none, 3));
    let error = bodies::below::try_call(&none).expect_err("there is no largest element").to_string();
    assert!(error.contains("max") && error.contains("loops/mod.rs"), "{error}");
    let x = values([3, 50], 1);
    for explained in [
        bodies::below::lower(&x).explain(),
        bodies::above::lower(&x).explain(),
        bodies::all_of_them::lower(&x).explain(),
        bodies::none_of_them::lower(&x, 3).explain(),
        bodies::inside::lower(&x.cast(), 3).explain(),
    ] {
        assert!(explained.contains(how), "{explained}");
    }
}

/// Loops that look like those, but for which it does not do that elements are asked one by one, or that change more.
pub(crate) fn loops_in_which_all_elements_count() {
    for n in [1, 64, 100, 5000] {
        let x = values([1, n], 3);
        same(|| bodies::settling(&x));
        for trips in [0, 1, 9, 40] {
            same(|| bodies::late(&x, trips));
            same(|| bodies::numbered(&x, trips));
            same(|| bodies::shifted(&x, trips));
        }
    }
    let x = values([3, 50], 1);
    for (explained, why) in [
        (bodies::late::lower(&x, 3).explain(), "a `break` has to come first in a trip"),
        (bodies::settling::lower(&x).explain(), "takes all elements together"),
        (bodies::numbered::lower(&x, 3).explain(), "reads a host number that changes from trip to trip"),
        (bodies::counted::lower(&x, 3).explain(), "reads a host number that changes from trip to trip"),
        (bodies::shifted::lower(&x, 3).explain(), "is no elementwise op"),
    ] {
        assert!(!explained.contains("all trips"), "{explained}");
        let line = explained.lines().find(|line| line.contains("no kernel with its trips inside"));
        assert!(line.is_some_and(|line| line.contains(why) && line.contains("loops/mod.rs")), "{explained}");
    }
    for n in [0, 1, 5, 9] {
        same(|| bodies::doubling(&x, n));
        same(|| bodies::divided(&x.cast(), n));
    }
    let explained = bodies::divided::lower(&x.cast(), 3).explain();
    assert!(explained.contains("can fail by the values that it meets"), "{explained}");
    let explained = bodies::doubling::lower(&x, 3).explain();
    assert!(explained.contains("its condition, or a host number that it carries"), "{explained}");
    let explained = bodies::swapped::lower(&x, &x, 3).explain();
    assert!(
        explained.contains("a trip leaves a variable with the value that another one had"),
        "{explained}"
    );
}

/// Of no elements none is the largest: the line of the source is named, with a kernel as without one.
pub(crate) fn nothing_asks_where_nothing_is() {
    let none = Tensor::zeros([0]);
    same(|| bodies::grown(&none));
    same(|| bodies::bounded(&none, 3));
    same(|| bodies::lifted(&none));
    let error = bodies::root::try_call(&none, 3).expect_err("there is no largest element").to_string();
    assert!(error.contains("max") && error.contains("loops/mod.rs"), "{error}");
}

macro_rules! tests {
    ($how:literal, $asked:literal) => {
        #[test]
        fn blocks_that_a_trip_left_as_they_were() {
            loops::blocks_that_a_trip_left_as_they_were($how);
        }

        #[test]
        fn bits_of_trip_by_trip() {
            loops::bits_of_trip_by_trip($how);
        }

        #[test]
        fn trips_while_some_element_asks() {
            loops::trips_while_some_element_asks($asked);
        }

        #[test]
        fn trips_while_all_elements_ask() {
            loops::trips_while_all_elements_ask($asked);
        }

        #[test]
        fn loops_in_which_all_elements_count() {
            loops::loops_in_which_all_elements_count();
        }

        #[test]
        fn nothing_asks_where_nothing_is() {
            loops::nothing_asks_where_nothing_is();
        }

        #[test]
        fn shapes_that_grow() {
            loops::shapes_that_grow();
        }
    };
}
