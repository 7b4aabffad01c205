//! Thousands of damaged function bodies: the lowering reports errors, or gives a text that parses; it
//! never panics.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::diag::Errors;
use crate::lower;
use crate::options::Options;
use crate::signature::Signature;
use crate::types::Generics;

const BODIES: &[&str] = &[
    "fn h(m: &Mlp, n: i64, o: Option<&Tensor>) -> (Tensor, i64) { let mut y = m.w.clone(); for (i, l) in m.layers.iter().enumerate() { \
     if let Some(b) = &l.bias { y = l.forward(&y) + b; y[[i, 0]] += 1.0; } } let Some(z) = o else { return (y, LIMIT); }; \
     match n { 0 => (z.clone(), 1), k @ 1..=3 if k > 2 => (y, k), i64::MIN..0 | 9 => (y * 2.0, -n), _ => panic!(\"{n}\") } }",
    "fn i(xs: &[Tensor], n: usize) -> Result<Vec<Tensor>> { let mut out = vec![]; let a = [1, 2]; for x in xs { out.push(g(x, a[0])?); } \
     for row in xs[0].rows().rev() { out.push(row); } if n > 2 { return Err(Error::msg(\"no\")); } debug_assert!(n != 1); Ok(out) }",
    "fn j(p: (f32, (Tensor, bool))) -> Layer { let (a, (mut w, _)) = p; w[0] = a.powi(2); let Layer { b, .. } = make(&w); Layer { w, b, ..base(&w) } }",
    "fn a(x: &Tensor, t: f32) -> Tensor { if x.sum() > t { x * 2.0 } else { x + 1.0 } }",
    "fn b(x: &Tensor, n: usize) -> (Tensor, i32) { let mut y = x.clone(); let mut k = 0; for i in 0..n { if i == 3 { continue; } \
     y = &y + (i as f32); k += 1; if k > 7 && y.max() > 2.0 { break; } } (y, k) }",
    "fn c(x: f32, m: i64) -> f32 { let (a, (b, c)) = (x, (x + 1.0, m)); 'o: loop { while a > b { if c == 2 { return a; } break 'o; } \
     let d = loop { break 3.0; }; return d * a; } }",
    "fn d(x: &Tensor<f64>) -> Tensor<f64> { let y; if x.rank() == 1 { y = x.sum_axis(0); } else { y = x.mean_keepdim([0, -1]); } \
     let (p, q) = f(&y, 2.0); let z: Tensor<f64> = g(p); Tensor::concat(&[&z, &y], 0).reshape([2, -1]).t() }",
    "fn e(x: &Tensor<i64>, i: usize) -> i64 { assert!(x.len() > i, \"range\"); let v = x[i] << 2 | 1; (x[[i]] as i64 - v).max(-3) % 5 }",
    "fn f(mut x: Tensor) -> Tensor { x += 1.0; x *= Tensor::full([2, 3], 1.5); for r in (1..=4).rev() { x = x.powi(2) / (r as f32); } \
     match 3 { 1 => x, _ => x.exp() } }",
    "fn g(a: bool, b: bool) -> bool { let c = a || !b && (a != b); if let Some(d) = c { return d; } println!(\"{c}\"); c ^ true }",
];

/// A linear congruential generator: the same damage in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Removes, doubles or exchanges a token somewhere.
fn damage(tokens: TokenStream, dice: &mut Dice, spare: &[TokenTree]) -> TokenStream {
    let mut list: Vec<TokenTree> = tokens.into_iter().collect();
    if list.is_empty() {
        return TokenStream::new();
    }
    let at = dice.roll(list.len());
    if let TokenTree::Group(g) = &list[at]
        && dice.roll(5) > 0
    {
        let inner = damage(g.stream(), dice, spare);
        let delimiter = if dice.roll(30) == 0 { Delimiter::Parenthesis } else { g.delimiter() };
        list[at] = TokenTree::Group(Group::new(delimiter, inner));
        return list.into_iter().collect();
    }
    let other = dice.roll(list.len());
    match dice.roll(4) {
        0 => {
            list.remove(at);
        }
        1 => list.insert(other, list[at].clone()),
        2 => list.swap(at, other),
        _ => list[at] = spare[dice.roll(spare.len())].clone(),
    }
    list.into_iter().collect()
}

fn leaves(tokens: TokenStream, out: &mut Vec<TokenTree>) {
    for token in tokens {
        if let TokenTree::Group(g) = &token {
            leaves(g.stream(), out);
        }
        out.push(token);
    }
}

#[test]
fn damaged_bodies_never_panic() {
    let sources: Vec<TokenStream> = BODIES.iter().map(|b| b.parse().expect("tokens")).collect();
    let mut spare = Vec::new();
    sources.iter().for_each(|s| leaves(s.clone(), &mut spare));
    let mut dice = Dice(7);
    let (mut captured, mut refused) = (0, 0);
    for round in 0..30_000 {
        let mut tokens = sources[round % sources.len()].clone();
        for _ in 0..dice.roll(4) {
            tokens = damage(tokens, &mut dice, &spare);
        }
        let text = tokens.to_string();
        let Ok(item) = syn::parse2::<syn::ItemFn>(tokens) else { continue };
        let outcome = std::panic::catch_unwind(|| {
            let mut errors = Errors::default();
            let signature = Signature::read(&item, &Generics::new(), &Options::default(), &mut errors);
            let captured = lower::lower(&signature, &item.block);
            if let Ok(c) = &captured {
                jit_ir::Graph::parse(&c.text).unwrap_or_else(|e| panic!("{e}\n{}", c.text));
            }
            captured.is_ok()
        });
        match outcome {
            Ok(true) => captured += 1,
            Ok(false) => refused += 1,
            Err(_) => panic!("the lowering panicked on\n{text}"),
        }
    }
    assert!(captured > 1_000 && refused > 1_000, "{captured} captured, {refused} refused");
}

const ITEMS: &[&str] = &[
    "impl Mlp { const GAIN: f32 = 1.5; pub fn forward(&self, x: &Tensor) -> Tensor { self.scaled(x) * Self::GAIN + self.w[0] } \
     fn make(n: usize) -> Self { Self { w: Tensor::<f32>::ones([n]) } } fn eat(self, k: i64) -> Result<i64> { if k > 2 { return Err(Error::msg(\"k\")); } Ok(k) } }",
    "impl<T: Float> Dense<T> where T: Copy { fn forward(&self, x: &Tensor<T>) -> Tensor<T> { x.matmul(&self.w) * T::of(2.0) } }",
    "#[inline] pub(crate) fn generic<'a, T: Num, U>(x: &'a Tensor<T>, mut y: Vec<(Tensor<U>, bool)>) -> (Tensor<T>, usize) where U: Elem { \
     y.push((y[0].0.clone(), true)); (x + T::of(1.0), y.len()) }",
];

#[test]
fn damaged_items_never_panic() {
    let sources: Vec<TokenStream> =
        ITEMS.iter().chain(BODIES).map(|item| item.parse().expect("tokens")).collect();
    let options: TokenStream = "shape(x = [n, 3, ..], y = [.., m]), fast_math".parse().expect("tokens");
    let mut spare = Vec::new();
    sources.iter().for_each(|s| leaves(s.clone(), &mut spare));
    leaves(options.clone(), &mut spare);
    let mut dice = Dice(11);
    for round in 0..6_000 {
        let mut tokens = sources[round % sources.len()].clone();
        let mut options = if dice.roll(4) == 0 { options.clone() } else { TokenStream::new() };
        for _ in 0..dice.roll(5) {
            tokens = damage(tokens, &mut dice, &spare);
            options = damage(options, &mut dice, &spare);
        }
        let text = format!("#[script({options})] {tokens}");
        let outcome = std::panic::catch_unwind(|| {
            let _ = crate::script_tokens(&options, tokens.clone());
            let _ = crate::trace_tokens(&options, tokens);
        });
        assert!(outcome.is_ok(), "the macro panicked on\n{text}");
    }
}

#[test]
fn with_an_error_the_original_item_is_emitted() {
    for item in [
        "fn broken (x : & Tensor) -> Tensor { println ! (\"{x}\") ; x . sigmoyd () }",
        "impl Mlp { fn broken (& self , x : & Tensor) -> Tensor { x . } }",
        "struct Strange ;",
    ] {
        let tokens: TokenStream = item.parse().expect("tokens");
        let emitted = crate::script_tokens(&TokenStream::new(), tokens.clone()).to_string();
        assert!(emitted.contains(&tokens.to_string()), "{emitted}");
        // A syntax error, as while one types, is left to rustc.
        assert_eq!(emitted.contains("compile_error"), !item.contains("x . }"), "{emitted}");
        // Nothing that names what is not there.
        assert!(!emitted.contains("Handle"), "{emitted}");
    }
}
