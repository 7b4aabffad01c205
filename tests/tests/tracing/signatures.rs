//! What a recording is for: element types, ranks, structure, values of all other arguments.

use std::collections::BTreeMap;

use jit_runtime::eager;
use jit_runtime::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Mode {
    Plain,
    Scaled,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Config {
    name: String,
    sizes: BTreeMap<String, u32>,
}

#[trace]
#[allow(clippy::too_many_arguments)]
fn any_argument(
    x: &Tensor,
    mode: Mode,
    by_ref: &Mode,
    text: &str,
    owned: String,
    config: &Config,
    steps: u32,
    names: &[String],
    limit: Option<u64>,
) -> Tensor {
    let mut y = if mode == Mode::Scaled { x * 2.0 } else { x.clone() };
    if *by_ref == Mode::Scaled {
        y = y + 1.0;
    }
    y = y + (text.len() + 10 * owned.len() + 100 * config.sizes.len() + 1000 * names.len()) as f32;
    y * (steps as f32) - limit.unwrap_or(0) as f32
}

#[test]
fn arguments_of_any_type_are_part_of_the_signature() {
    let x = Tensor::from([1.0, 2.0]);
    let config = |n: u32| Config { name: "c".into(), sizes: (0..n).map(|i| (i.to_string(), i)).collect() };
    let mut expected = 0;
    for (mode, by_ref, text, owned, n, steps, names, limit) in [
        (Mode::Plain, Mode::Plain, "a", "", 0, 1, vec![], None),
        (Mode::Scaled, Mode::Plain, "a", "", 0, 1, vec![], None),
        (Mode::Plain, Mode::Scaled, "a", "", 0, 1, vec![], None),
        (Mode::Plain, Mode::Plain, "ab", "", 0, 1, vec![], None),
        (Mode::Plain, Mode::Plain, "a", "b", 0, 1, vec![], None),
        (Mode::Plain, Mode::Plain, "a", "", 2, 1, vec![], None),
        (Mode::Plain, Mode::Plain, "a", "", 0, 7, vec![], None),
        (Mode::Plain, Mode::Plain, "a", "", 0, 1, vec!["n".to_string()], None),
        (Mode::Plain, Mode::Plain, "a", "", 0, 1, vec![], Some(3)),
    ] {
        expected += 1;
        for _ in 0..3 {
            let call =
                || any_argument(&x, mode, &by_ref, text, owned.to_string(), &config(n), steps, &names, limit);
            assert_eq!(call(), eager(call));
        }
        assert_eq!(any_argument::stats().recordings, expected);
    }
    let why: Vec<String> = any_argument::traces().into_iter().map(|t| t.why).collect();
    assert_eq!(why[0], "the first call");
    assert_eq!(why[1], "`mode` has another value");
    assert_eq!(why[5], "`config` has another value");
}

#[trace]
fn generic<'a, T: Float>(list: &'a [Tensor<T>], text: &'a str) -> Tensor<T> {
    list.iter().fold(Tensor::scalar(T::of(1.0)), |all, x| all * x) + T::of(text.len() as f64)
}

#[test]
fn generic_functions_say_which_element_types_they_were_called_with() {
    for _ in 0..3 {
        assert_eq!(generic::<f32>(&[], "a").item(), 2.0_f32);
        assert_eq!(generic::<f64>(&[], "a").item(), 2.0_f64);
        assert_eq!(generic(&[Tensor::from([3.0_f32])], "a"), Tensor::from([4.0_f32]));
        assert_eq!(generic(&[Tensor::from([3.0_f64])], "a"), Tensor::from([4.0_f64]));
    }
    let traces = generic::traces();
    let why: Vec<&str> = traces.iter().map(|t| t.why.as_str()).collect();
    assert_eq!(why[1], "the element types are others");
    assert_eq!(why[3], "`list[0]` was f32[?], is f64[?]");
    assert_eq!(
        traces[2].signature,
        "generic(list.len() = 1, list[0]: f32[?], text = a value of its own type)"
    );
}

#[trace]
fn described(x: &Tensor, n: usize, scale: f32, flags: (bool, i64)) -> Tensor {
    x * (n as f32) * scale + if flags.0 { flags.1 as f32 } else { 0.0 }
}

#[test]
fn recordings_say_why_they_were_made() {
    let x = Tensor::from([1.0]);
    described(&x, 2, 0.5, (true, 3));
    described(&x, 3, 0.5, (true, 3));
    described(&x.reshape([1, 1]), 3, 0.5, (true, 3));
    described(&x, 3, 0.25, (true, 4));
    let traces = described::traces();
    let why: Vec<&str> = traces.iter().map(|t| t.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "the first call",
            "`n` was 2, is 3",
            "`x` was f32[?], is f32[?, ?]",
            "`scale` was 0.5, is 0.25, `flags.1` was 3, is 4"
        ]
    );
    assert_eq!(traces[0].signature, "described(x: f32[?], n = 2, scale = 0.5, flags.0 = true, flags.1 = 3)");
}

#[trace]
fn guarded(x: &Tensor) -> Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x.clone() }
}

#[test]
fn recordings_after_a_guard_say_what_the_host_saw() {
    guarded(&Tensor::from([1.0]));
    guarded(&Tensor::from([-1.0]));
    let traces = guarded::traces();
    let line = traces[0].guards[0].at.line;
    let text = traces[1].to_string();
    assert!(traces[1].why.starts_with("`gt` was false at tests/tests/tracing/signatures.rs:"), "{text}");
    assert_eq!(traces[1].guards[0].at.line, line);
    assert!(text.contains("0 runs, not yet checked; recorded because: `gt` was false"), "{text}");
    let explain = guarded::lower(&Tensor::from([1.0])).explain();
    assert!(explain.contains("recorded because: the first call") && explain.contains("if"), "{explain}");
}

#[trace]
fn floats(x: &Tensor, t: f32) -> Tensor {
    if t.is_nan() { x - 1.0 } else { x / t }
}

#[test]
fn static_floats_are_told_by_their_bits() {
    let x = Tensor::from([1.0]);
    for _ in 0..3 {
        assert_eq!(floats(&x, 0.0).item(), f32::INFINITY);
        assert_eq!(floats(&x, -0.0).item(), f32::NEG_INFINITY);
        assert_eq!(floats(&x, f32::NAN).item(), 0.0);
    }
    assert_eq!(floats::stats().recordings, 3);
}

#[trace]
fn counted(x: &Tensor, n: usize) -> Tensor {
    x + (n as f32)
}

#[test]
fn a_full_cache_makes_room_for_what_comes_again() {
    let x = Tensor::from([1.0]);
    for n in 0..64 {
        assert_eq!(counted(&x, n).item(), 1.0 + n as f32);
    }
    let full = counted::stats();
    assert_eq!((full.recordings, full.signatures, full.evictions), (64, 64, 0));
    // Once: it may never come again, and runs as it is.
    for n in 64..70 {
        assert_eq!(counted(&x, n).item(), 1.0 + n as f32);
    }
    assert_eq!((counted::stats().recordings, counted::stats().eager), (64, 6));
    // The second time it takes the place of one that was not used since.
    for _ in 0..3 {
        for n in 64..70 {
            assert_eq!(counted(&x, n).item(), 1.0 + n as f32);
        }
    }
    let stats = counted::stats();
    assert_eq!((stats.recordings, stats.signatures, stats.evictions), (70, 64, 6), "{stats}");
    assert_eq!(stats.calls, 64 + 6 + 18);
    assert_eq!(stats.calls, stats.recordings + stats.replays + stats.eager);
    // What was evicted is recorded again when it comes twice.
    for _ in 0..3 {
        assert_eq!(counted(&x, 0).item(), 1.0);
    }
    assert_eq!(counted::stats().recordings, 71);
}

#[trace]
fn methods_with_lists(layers: &[Tensor], bias: Option<&Tensor>, x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for layer in layers {
        y = y.matmul(layer);
    }
    match bias {
        Some(b) => y + b,
        None => y,
    }
}

#[test]
fn the_structure_of_arguments_is_part_of_the_signature() {
    let w = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let x = Tensor::from([1.0, 1.0]);
    for _ in 0..3 {
        for n in 0..3 {
            let layers = vec![w.clone(); n];
            for bias in [None, Some(&x)] {
                let call = || methods_with_lists(&layers, bias, &x);
                assert_eq!(call(), eager(call));
            }
        }
    }
    assert_eq!(methods_with_lists::stats().recordings, 6);
    let why: Vec<String> = methods_with_lists::traces().into_iter().map(|t| t.why).collect();
    assert!(why.iter().any(|w| w.contains("layers.len() = 1")), "{why:?}");
}

#[derive(Clone, PartialEq, Debug, Pytree)]
struct Model {
    weight: Tensor,
    scale: f32,
    name: String,
}

#[trace]
impl Model {
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let y = x.matmul(&self.weight) * self.scale + self.name.len() as f32;
        if mode == Mode::Scaled { y * 10.0 } else { y }
    }
}

#[test]
fn methods_take_any_argument_too() {
    let model =
        |name: &str, scale: f32| Model { weight: Tensor::from([[1.0], [2.0]]), scale, name: name.into() };
    let x = Tensor::from([[1.0, 2.0]]);
    for _ in 0..3 {
        for (name, scale, mode) in
            [("a", 1.0, Mode::Plain), ("ab", 1.0, Mode::Plain), ("a", 2.0, Mode::Scaled)]
        {
            let m = model(name, scale);
            assert_eq!(m.forward(&x, mode), eager(|| m.forward(&x, mode)));
        }
    }
    let handle = Model::forward_trace();
    assert_eq!(handle.stats().recordings, 3);
    assert_eq!(handle.traces()[1].why, "`self.name` has another value");
}

#[test]
fn closures_take_structures() {
    let f = jit_runtime::trace(|(model, n): &(Model, usize)| &model.weight * model.scale + (*n as f32));
    for _ in 0..3 {
        for (scale, n) in [(1.0, 1), (2.0, 1), (1.0, 5)] {
            let model = Model { weight: Tensor::from([1.0, 2.0]), scale, name: String::new() };
            let got = f.call(&(model, n));
            assert_eq!(got, Tensor::from([scale + n as f32, 2.0 * scale + n as f32]));
        }
    }
    assert_eq!(f.stats().recordings, 3);
    assert_eq!(f.traces()[2].why, "`x.1` was 1, is 5");
    assert!(f.traces()[0].signature.starts_with("closure at tests/tests/tracing/signatures.rs:"));
}

#[test]
fn captured_tensors_are_shared() {
    let weight: Tensor = Tensor::full([1000, 1000], 0.5);
    let start = weight.as_slice().unwrap().as_ptr();
    let f = jit_runtime::trace(|x: &Tensor| (x.matmul(&weight), weight.clone()));
    let x: Tensor = Tensor::ones([2, 1000]);
    for _ in 0..3 {
        let (y, kept) = f.call(&x);
        assert_eq!(y[[1, 7]], 500.0);
        assert_eq!(kept.as_slice().unwrap().as_ptr(), start, "no copy was made");
    }
    f.check(&x).unwrap();
    // A value that is read into the host as a whole is kept, too.
    let g = jit_runtime::trace(|x: &Tensor| x + x.to_vec()[0]);
    for v in [1.0, 2.0, 1.0, 2.0] {
        assert_eq!(g.call(&Tensor::from([v])).item(), 2.0 * v);
    }
}
