//! Elements and sizes that the host looks at, outside of recordings.

use jit_runtime::prelude::*;

/// Allocations while `body` runs.
fn allocations(body: impl FnOnce()) -> u64 {
    allocation_counter::measure(body).count_total
}

#[test]
fn looking_allocates_nothing() {
    let x = Tensor::<f32>::normal(Key::new(1), [100]);
    let m = Tensor::<f64>::normal(Key::new(1), [10, 5]);
    let (turned, one) = (m.t(), Tensor::scalar(2_i64));
    let mut y = Tensor::<f32>::zeros([100]);
    let mut sum = 0.0;
    let count = allocations(|| {
        for i in 0..100 {
            sum += x[i] + m[[i / 10, 4]] as f32 + turned[[4, i / 10]] as f32;
            y[i] = sum;
            y[[i]] += one.item() as f32;
        }
        assert_eq!(
            (x.len(), m.dim(-1), m.dim(0_usize), turned.rank(), m.shape()),
            (100, 5, 10, 2, &[10, 5][..])
        );
        assert!(one > 1 && one == 2 && !x.is_empty());
    });
    assert_eq!(count, 0);
    assert_eq!(y[99], sum + 2.0);
}

#[test]
fn what_a_recorded_call_gave_is_read_as_any_other() {
    #[trace]
    fn doubled(x: &Tensor) -> Tensor {
        x * 2.0
    }
    let x = Tensor::from([1.0_f32, 2.0]);
    // Recorded, compared, replayed.
    for _ in 0..3 {
        let mut y = doubled(&x);
        let count = allocations(|| {
            y[1] += y[0] + y.len() as f32 + y.dim(0) as f32;
        });
        assert!(count <= 3, "{count}");
        assert_eq!((allocations(|| y[0] = y[1]), y.to_vec()), (0, vec![10.0, 10.0]));
    }
}

#[test]
fn a_write_is_in_place_or_on_one_copy() {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    let mut y = x.clone();
    // The first write makes the copy, the others find it.
    let (first, others) = (allocations(|| y[0] = 9.0), allocations(|| (0..3).for_each(|i| y[i] += 1.0)));
    assert!(first <= 3 && others == 0, "{first} {others}");
    assert_eq!((x, y), (Tensor::from([1.0, 2.0, 3.0]), Tensor::from([10.0, 3.0, 4.0])));
    // A view is written as what it shows.
    let m = Tensor::from([[1, 2], [3, 4]]);
    let mut t = m.t();
    t[[0, 1]] = 7;
    let mut wide = Tensor::from([5, 6]).broadcast_to([2, 2]);
    wide[[1, 0]] = 8;
    assert_eq!((t, m), (Tensor::from([[1, 7], [2, 4]]), Tensor::from([[1, 2], [3, 4]])));
    assert_eq!(wide, Tensor::from([[5, 6], [8, 6]]));
}

#[test]
fn traced_tensors_are_guarded_as_before() {
    #[trace]
    fn looks(x: &Tensor) -> Tensor {
        let mut y = x * 1.0;
        y[0] = 3.0;
        if x[1] > 0.0 && x.dim(0) > 1 { y * x.sum().item() } else { y + x.len() as f32 }
    }
    for values in [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, -2.0], [1.0, -2.0], [4.0, 2.0]] {
        let x = Tensor::from(values);
        assert_eq!(looks(&x), jit_runtime::eager(|| looks(&x)));
    }
    let seen: Vec<String> = looks::traces().iter().flat_map(|p| p.guards.clone()).map(|g| g.seen).collect();
    assert!(seen.iter().any(|s| s == "`x[i]` was 2.0"), "{seen:?}");
    for name in ["`x[i]`", "`dim`", "`item`", "`len`"] {
        assert!(seen.iter().any(|s| s.starts_with(name)), "{name}: {seen:?}");
    }
}

/// Reading an element takes some nanoseconds: no more than this many times an element of a `Vec`. It took 600 times.
#[test]
#[cfg_attr(debug_assertions, ignore = "times mean something in optimised builds")]
fn an_element_costs_some_nanoseconds() {
    use std::hint::black_box;
    use std::time::Instant;
    const N: usize = 100_000;
    const TIMES: f64 = 40.0;
    let x = Tensor::<f32>::normal(Key::new(1), [N]);
    let (v, mut y) = (x.to_vec(), Tensor::<f32>::zeros([N]));
    // The best of several rounds: others use the machine, too.
    let best = |mut body: Box<dyn FnMut() + '_>| {
        (0..7).fold(f64::INFINITY, |best, _| {
            let start = Instant::now();
            body();
            best.min(start.elapsed().as_secs_f64() * 1e9 / N as f64)
        })
    };
    let plain = best(Box::new(|| (0..N).for_each(|i| _ = black_box(black_box(&v)[i]))));
    let read = best(Box::new(|| (0..N).for_each(|i| _ = black_box(black_box(&x)[i]))));
    let write = best(Box::new(|| (0..N).for_each(|i| black_box(&mut y)[i] = 1.0)));
    let item = best(Box::new(|| {
        let one = Tensor::scalar(1.0_f32);
        (0..N).for_each(|_| _ = black_box(black_box(&one).item()));
    }));
    let sizes =
        best(Box::new(|| (0..N).for_each(|_| _ = black_box(black_box(&x).dim(0) + black_box(&x).len()))));
    println!(
        "ns: Vec {plain:.2}, x[i] {read:.2}, y[i] = v {write:.2}, item {item:.2}, dim and len {sizes:.2}"
    );
    let limit = TIMES * plain.max(0.3);
    assert!([read, write, item, sizes].iter().all(|t| *t < limit), "{plain} {read} {write} {item} {sizes}");
}
