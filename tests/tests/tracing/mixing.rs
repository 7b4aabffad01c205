//! Scripts called in traces, traces called in scripts, at any depth.

use jit_runtime::eager;
use jit_runtime::prelude::*;

#[script]
fn halve_until(x: &Tensor, limit: f32) -> Tensor {
    let mut y = x.clone();
    while y.abs().max() > limit {
        y = y * 0.5;
    }
    y
}

#[trace]
fn around(x: &Tensor) -> Tensor {
    let y = halve_until(&(x + 1.0), 1.0);
    y * 3.0
}

#[test]
fn a_script_keeps_its_control_flow_in_a_trace() {
    for v in [0.0, 1.0, 7.0, 100.0, 1e6, -3.0] {
        let x = Tensor::from([v, v / 2.0]);
        for _ in 0..2 {
            assert_eq!(around(&x), eager(|| around(&x)));
        }
    }
    assert_eq!(around::stats().recordings, 1, "the loop is in the graph");
    let graph = around::graph().unwrap();
    assert!(graph.to_string().contains("loop("), "{graph}");
    assert!(around::traces()[0].guards.is_empty());
}

#[script]
fn total(x: &Tensor) -> f32 {
    x.sum().item()
}

#[script]
fn both(x: &Tensor, keep: bool) -> (Tensor, usize, Option<Tensor>, Vec<Tensor>) {
    let mut list = vec![];
    let mut n = 0;
    while (n as f32) < x.max().item() {
        list.push(x * (n as f32));
        n += 1;
    }
    (x + 1.0, n, if keep { Some(x * 2.0) } else { None }, list)
}

#[trace]
fn uses_scalars(x: &Tensor) -> Tensor {
    let t = total(x);
    let (mut y, n, maybe, list) = both(x, t > 1.0);
    if let Some(z) = maybe {
        y = y + z;
    }
    for part in &list {
        y = y + part;
    }
    y * t + (n as f32)
}

#[test]
fn what_a_script_returns_to_the_host_is_guarded() {
    for _ in 0..3 {
        for values in [[1.0, 2.0], [0.0, 0.5], [3.0, -3.0], [1.0, 2.0]] {
            let x = Tensor::from(values);
            assert_eq!(uses_scalars(&x), eager(|| uses_scalars(&x)));
        }
    }
    assert_eq!(uses_scalars::stats().recordings, 3);
    let seen: Vec<String> = uses_scalars::traces()[0].guards.iter().map(|g| g.seen.clone()).collect();
    assert!(seen.iter().any(|s| s == "`item` was 3.0"), "{seen:?}");
}

#[script]
fn root(x: &Tensor) -> Result<Tensor> {
    if x.min() < 0.0 {
        return Err(Error::msg("negative"));
    }
    Ok(x.sqrt())
}

#[trace]
fn falls_back(x: &Tensor) -> Tensor {
    match root(x) {
        Ok(y) => y * 2.0,
        Err(e) => x - (e.to_string().len() as f32),
    }
}

#[trace]
fn passes_on(x: &Tensor) -> Result<Tensor> {
    let y = root(x)?;
    Ok(y + 1.0)
}

#[test]
fn whether_a_script_fails_is_never_baked_in() {
    for _ in 0..6 {
        for values in [[-1.0, 4.0], [1.0, 4.0], [9.0, -4.0], [9.0, 16.0]] {
            let x = Tensor::from(values);
            assert_eq!(falls_back(&x), eager(|| falls_back(&x)));
            match (passes_on(&x), eager(|| passes_on(&x))) {
                (Ok(a), Ok(b)) => assert_eq!(a, b),
                (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
                (a, b) => panic!("{a:?} {b:?}"),
            }
        }
    }
    let stats = falls_back::stats();
    assert_eq!(stats.paths, 1, "{stats}");
    assert!(stats.replays >= 10, "{stats}");
}

#[script]
fn always_fails(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 1 { Err(Error::msg("no")) } else { Ok(x.clone()) }
}

#[trace]
fn never_kept(x: &Tensor) -> Tensor {
    always_fails(x).unwrap_or_else(|_| x * 2.0)
}

#[test]
fn calls_that_always_fail_are_not_recorded_for_ever() {
    let x = Tensor::from([1.0]);
    for _ in 0..20 {
        assert_eq!(never_kept(&x).item(), 2.0);
    }
    assert_eq!(never_kept::stats().recordings, 8);
}

#[trace]
fn branch(x: &Tensor) -> Tensor {
    if x.max() > 3.0 { x - 1.0 } else { x * 10.0 }
}

#[script]
fn repeats(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = branch(&y);
    }
    y
}

#[test]
fn a_trace_is_inlined_in_a_script_once_it_has_recordings() {
    let x = Tensor::from([1.0, 2.0]);
    assert_eq!(repeats(&x, 1), eager(|| repeats(&x, 1)));
    for _ in 0..3 {
        for n in [0, 1, 2, 5, 9] {
            assert_eq!(repeats(&x, n), eager(|| repeats(&x, n)));
        }
    }
    let graph = repeats::lower(&x, 3).graph();
    let text = graph.to_string();
    // Both branches are in it; what is left to call is for other ranks, which a loop might lead to.
    assert!(text.contains("mul(") && text.contains("sub(") && text.matches("call(").count() == 1, "{text}");
    let before = branch::stats().calls;
    assert_eq!(repeats(&x, 40), eager(|| repeats(&x, 40)));
    assert_eq!(branch::stats().calls, before, "the script's plan does not call it any more");
    assert!(repeats::stats().compilations <= 6, "{}", repeats::stats());
    let explain = repeats::lower(&x, 3).explain();
    assert!(
        explain.contains("a call of the traced `branch`: for what its compared recordings do not cover"),
        "{explain}"
    );
    assert!(explain.contains("time: a traced function that it calls has other recordings"), "{explain}");
}

#[trace]
fn scaled(x: &Tensor, k: f32, mode: usize) -> (Tensor, f32) {
    let y = if mode == 0 { x * k } else { x + k };
    (y, k + 1.0)
}

#[script]
fn with_scalars(x: &Tensor, modes: usize) -> Tensor {
    let mut y = x.clone();
    let mut k = 1.0;
    for i in 0..modes {
        let (z, next) = scaled(&y, k, i % 2);
        y = z;
        k = next;
    }
    y
}

#[test]
fn static_arguments_are_conditions_where_the_script_does_not_know_them() {
    let x = Tensor::from([1.0, 2.0]);
    for _ in 0..4 {
        for n in [1, 2, 3, 6, 7] {
            assert_eq!(with_scalars(&x, n), eager(|| with_scalars(&x, n)));
        }
    }
    let text = with_scalars::lower(&x, 1).graph().to_string();
    assert!(text.contains("same(") && text.contains("call("), "{text}");
}

#[trace]
fn structured(
    layers: &[(Tensor, Option<Tensor>)],
    x: &Tensor,
    keep: Option<f32>,
) -> (Vec<Tensor>, Option<Tensor>) {
    let mut all = vec![];
    let mut y = x.clone();
    for (w, b) in layers {
        y = y.matmul(w);
        if let Some(b) = b {
            y = &y + b;
        }
        if y.max() > 2.0 {
            all.push(y.clone());
        }
    }
    (all, keep.map(|k| y * k))
}

#[script]
fn calls_structured(layers: &[(Tensor, Option<Tensor>)], x: &Tensor, n: usize, keep: Option<f32>) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        let (all, last) = structured(layers, &y, keep);
        for part in &all {
            y = &y + part * 0.125;
        }
        if let Some(last) = last {
            y = y + last * 0.25;
        }
    }
    y
}

#[test]
fn lists_and_options_are_inlined_under_their_structure() {
    let w = Tensor::from([[0.5, 1.0], [0.25, 0.5]]);
    let b = Tensor::from([1.0, -1.0]);
    for _ in 0..4 {
        for x in [[1.0, 2.0], [5.0, 0.0], [-3.0, 1.0]] {
            let x = Tensor::from(x);
            for count in 0..3 {
                for bias in [false, true] {
                    let layers: Vec<_> =
                        (0..count).map(|i| (w.clone(), (bias && i == 0).then(|| b.clone()))).collect();
                    for keep in [None, Some(2.0)] {
                        let call = || calls_structured(&layers, &x, 2, keep);
                        assert_eq!(call(), eager(call));
                    }
                }
            }
        }
    }
    // All of it is inlined by now, and no run fails.
    let fallbacks = jit_runtime::testing::fallbacks();
    let x = Tensor::from([1.0, 2.0]);
    let layers = vec![(w.clone(), Some(b.clone()))];
    let before = structured::stats().calls;
    for _ in 0..3 {
        assert_eq!(
            calls_structured(&layers, &x, 2, Some(2.0)),
            eager(|| calls_structured(&layers, &x, 2, Some(2.0)))
        );
    }
    let text = calls_structured::lower(&layers, &x, 2, Some(2.0)).graph().to_string();
    assert_eq!(structured::stats().calls, before, "{text}");
    assert_eq!(jit_runtime::testing::fallbacks(), fallbacks, "{text}");
}

#[trace]
fn open_rank(x: &Tensor) -> Tensor {
    x.sum_axis(0)
}

#[script]
fn reduces(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    while y.rank() > 0 {
        y = open_rank(&y);
    }
    y
}

#[test]
fn ranks_that_a_loop_changes_are_conditions() {
    let x: Tensor = Tensor::ones([2, 3, 4]);
    for _ in 0..4 {
        assert_eq!(reduces(&x).item(), 24.0);
        assert_eq!(reduces(&x.flatten()).item(), 24.0);
    }
    assert_eq!(open_rank::stats().signatures, 3);
}

#[trace]
fn innermost(x: &Tensor) -> Tensor {
    if x.sum() > 10.0 { x * 0.5 } else { x + 2.0 }
}

#[script]
fn inner_script(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = innermost(&y);
    }
    y
}

#[trace]
fn middle(x: &Tensor) -> Tensor {
    let y = inner_script(x, 3);
    if y.max() > 4.0 { y - 1.0 } else { y }
}

#[script]
fn outermost(x: &Tensor, n: usize) -> Tensor {
    let mut y = x.clone();
    for _ in 0..n {
        y = middle(&y) + 0.25;
    }
    y
}

#[trace]
fn top(x: &Tensor) -> Tensor {
    outermost(x, 4) * 2.0
}

#[test]
fn scripts_and_traces_nest() {
    for _ in 0..6 {
        for values in [[1.0, 2.0], [20.0, 3.0], [-4.0, 0.5], [7.0, 7.0]] {
            let x = Tensor::from(values);
            assert_eq!(top(&x), eager(|| top(&x)));
            assert_eq!(outermost(&x, 2), eager(|| outermost(&x, 2)));
        }
    }
    assert_eq!(top::stats().recordings, 1);
    let before = (middle::stats().calls, innermost::stats().calls);
    for _ in 0..5 {
        let x = Tensor::from([1.0, 2.0]);
        assert_eq!(top(&x), eager(|| top(&x)));
        assert_eq!(outermost(&x, 3), eager(|| outermost(&x, 3)));
    }
    assert_eq!((middle::stats().calls, innermost::stats().calls), before, "both are inlined");
}

mod one {
    use super::*;
    #[trace]
    pub(super) fn same_name(x: &Tensor) -> Tensor {
        x + 1.0
    }
    #[script]
    pub(super) fn calls(x: &Tensor) -> Tensor {
        same_name(x)
    }
}

mod two {
    use super::*;
    #[trace]
    pub(super) fn same_name(x: &Tensor) -> Tensor {
        x * 100.0
    }
    #[script]
    pub(super) fn calls(x: &Tensor) -> Tensor {
        same_name(x)
    }
}

#[script]
fn calls_both(x: &Tensor) -> Tensor {
    one::calls(x) + two::calls(x)
}

#[test]
fn traces_of_one_name_are_told_apart() {
    let x = Tensor::from([1.0, 2.0]);
    for _ in 0..4 {
        assert_eq!(calls_both(&x), Tensor::from([102.0, 203.0]));
    }
}

#[trace]
fn goes_back(x: &Tensor, n: usize) -> Tensor {
    if n == 0 { x.clone() } else { comes_from(x, n - 1) * 2.0 }
}

#[script]
fn comes_from(x: &Tensor, n: usize) -> Tensor {
    goes_back(x, n) + 1.0
}

#[test]
fn recursion_by_way_of_a_trace_is_reported() {
    let x = Tensor::from([1.0]);
    let error = comes_from::try_call(&x, 2).unwrap_err().to_string();
    assert!(
        error.contains("scripts cannot call themselves: comes_from calls goes_back calls comes_from"),
        "{error}"
    );
    assert_eq!(comes_from(&x, 0).item(), 2.0, "the function is as usable as before");
    let error = goes_back::try_call(&x, 3).unwrap_err().to_string();
    assert!(error.contains("scripts cannot call themselves"), "{error}");
}

#[trace]
fn recursive(x: &Tensor, n: usize) -> Tensor {
    if n == 0 { x.clone() } else { recursive(x, n - 1) * 2.0 }
}

#[test]
fn a_trace_may_call_itself_as_plain_rust_does() {
    let x = Tensor::from([1.0, 3.0]);
    for _ in 0..3 {
        assert_eq!(recursive(&x, 5), &x * 32.0);
    }
    assert_eq!(recursive::stats().recordings, 1);
}

#[trace]
fn draws(key: Key, n: usize) -> Tensor {
    let keys = key.split(2);
    noisy(keys[0], n) + Tensor::uniform(keys[1], [n])
}

#[script]
fn noisy(key: Key, n: usize) -> Tensor {
    let x: Tensor = Tensor::normal(key, [n]);
    if x.sum() > 0.0 { x } else { x * -1.0 }
}

#[test]
fn keys_go_through_scripts_and_stay_open() {
    for seed in 0..6 {
        for _ in 0..2 {
            let key = Key::new(seed);
            assert_eq!(draws(key, 4), eager(|| draws(key, 4)));
        }
    }
    assert_eq!(draws::stats().recordings, 1);
}

#[test]
fn loaded_graphs_join_recordings() {
    let again = jit_runtime::Function::new(halve_until::graph()).unwrap();
    let f = jit_runtime::trace(|x: &Tensor| {
        let y: Tensor = again.call((x, 1.0_f32)).unwrap();
        y + 1.0
    });
    for v in [1.0, 8.0, 64.0, 3.0] {
        let x = Tensor::from([v]);
        for _ in 0..2 {
            assert_eq!(f.call(&x), halve_until(&x, 1.0) + 1.0);
        }
    }
    assert_eq!(f.stats().recordings, 1);
}
