//! `einsum`: what an equation says, the sizes that follow, and the ops that compute it.

use super::composite::Build;
use super::shape::{Rule, Shape, broadcast, show};
use super::{Attrs, Op};
use crate::types::{Dim, Type};

/// An axis: a letter, or one of those under `...`, counted from the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Letter(char),
    Ellipsis(usize),
}

/// The subscripts of an operand or the result: letters before and after `...`.
#[derive(Clone, PartialEq, Debug)]
struct Subscripts {
    before: Vec<char>,
    after: Vec<char>,
    ellipsis: bool,
}

/// A parsed equation.
#[derive(Clone, PartialEq, Debug)]
pub struct Equation {
    inputs: Vec<Subscripts>,
    output: Subscripts,
}

impl Subscripts {
    fn parse(text: &str) -> Result<Subscripts, String> {
        let (before, after, ellipsis) = match text.split_once("...") {
            Some((before, after)) => (before, after, true),
            None => (text, "", false),
        };
        let letters = |part: &str| -> Result<Vec<char>, String> {
            match part.chars().find(|c| !c.is_ascii_alphabetic()) {
                Some(c) => {
                    Err(format!("`{c}` in `{text}` is no subscript; subscripts are letters and one `...`"))
                }
                None => Ok(part.chars().collect()),
            }
        };
        Ok(Subscripts { before: letters(before)?, after: letters(after)?, ellipsis })
    }

    fn letters(&self) -> impl Iterator<Item = char> + '_ {
        self.before.iter().chain(&self.after).copied()
    }

    /// One label for each axis; `wide` axes stand under `...`.
    fn labels(&self, wide: usize) -> Vec<Label> {
        let middle = if self.ellipsis { wide } else { 0 };
        let before = self.before.iter().copied().map(Label::Letter);
        let after = self.after.iter().copied().map(Label::Letter);
        before.chain((0..middle).rev().map(Label::Ellipsis)).chain(after).collect()
    }

    fn show(&self) -> String {
        let middle = if self.ellipsis { "..." } else { "" };
        format!("{}{middle}{}", String::from_iter(&self.before), String::from_iter(&self.after))
    }
}

impl Equation {
    /// Parses `"bij,bjk->bik"`; without `->` the result has `...` and every letter that stands once, by the alphabet.
    ///
    /// # Errors
    /// The text is no equation.
    pub fn parse(text: &str) -> Result<Equation, String> {
        let text: String = text.chars().filter(|c| *c != ' ').collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let inputs: Vec<Subscripts> = left.split(',').map(Subscripts::parse).collect::<Result<_, _>>()?;
        let all: Vec<char> = inputs.iter().flat_map(Subscripts::letters).collect();
        let times = |letters: &[char], c: char| letters.iter().filter(|l| **l == c).count();
        let output = match right {
            Some(right) => Subscripts::parse(right)?,
            None => {
                let mut once: Vec<char> = all.iter().copied().filter(|c| times(&all, *c) == 1).collect();
                once.sort_unstable();
                let ellipsis = inputs.iter().any(|i| i.ellipsis);
                Subscripts { before: vec![], after: once, ellipsis }
            }
        };
        let letters: Vec<char> = output.letters().collect();
        if let Some(c) = letters.iter().find(|c| !all.contains(c)) {
            return Err(format!("`{c}` of the result stands at no operand of `{text}`"));
        }
        if let Some(c) = letters.iter().find(|c| times(&letters, **c) > 1) {
            return Err(format!("`{c}` occurs twice in the result of `{text}`"));
        }
        if output.ellipsis && !inputs.iter().any(|i| i.ellipsis) {
            return Err(format!("`...` of the result stands at no operand of `{text}`"));
        }
        Ok(Equation { inputs, output })
    }

    /// How many operands it is for.
    pub fn arity(&self) -> usize {
        self.inputs.len()
    }

    /// The number of axes of the result, unless `...` decides it.
    pub fn rank(&self) -> Option<usize> {
        (!self.output.ellipsis).then(|| self.output.letters().count())
    }

    fn shape(&self, operands: &[&[Dim]]) -> Result<Sizes, String> {
        if operands.len() != self.arity() {
            return Err(format!("the equation is for {} operands, got {}", self.arity(), operands.len()));
        }
        let mut sizes = Sizes { letters: vec![], wide: vec![], sure: true, labels: vec![] };
        for (subscripts, dims) in self.inputs.iter().zip(operands) {
            let named = subscripts.letters().count();
            let wide = dims.len().checked_sub(named).filter(|w| *w == 0 || subscripts.ellipsis);
            let Some(wide) = wide else {
                return Err(format!("`{}` does not fit the axes of {}", subscripts.show(), show(dims)));
            };
            let start = subscripts.before.len();
            let under = broadcast(&sizes.wide, &dims[start..start + wide])?;
            sizes.sure &= under.sure;
            sizes.wide = under.dims.unwrap_or_default();
            let rest = dims[..start].iter().chain(&dims[start + wide..]);
            for (letter, dim) in subscripts.letters().zip(rest) {
                sizes.meet(letter, *dim, operands)?;
            }
            sizes.labels.push(subscripts.labels(wide));
        }
        Ok(sizes)
    }
}

/// The sizes that letters and the axes under `...` stand for.
struct Sizes {
    letters: Vec<(char, Dim)>,
    wide: Vec<Dim>,
    sure: bool,
    labels: Vec<Vec<Label>>,
}

impl Sizes {
    fn meet(&mut self, letter: char, dim: Dim, operands: &[&[Dim]]) -> Result<(), String> {
        let Some((_, known)) = self.letters.iter_mut().find(|(l, _)| *l == letter) else {
            self.letters.push((letter, dim));
            return Ok(());
        };
        match (*known, dim) {
            (Dim::Known(a), Dim::Known(b)) if a != b => {
                let shapes: Vec<String> = operands.iter().map(|d| show(d)).collect();
                return Err(format!("`{letter}` is {a} and {b} in {}", shapes.join(", ")));
            }
            (Dim::Known(_), Dim::Known(_)) => {}
            (Dim::Sym(a), Dim::Sym(b)) if a == b => {}
            (Dim::Known(_), _) => self.sure = false,
            _ => {
                *known = dim;
                self.sure = false;
            }
        }
        Ok(())
    }

    fn of(&self, label: Label) -> Dim {
        match label {
            Label::Letter(c) => self.letters.iter().find(|(l, _)| *l == c).map_or(Dim::Unknown, |(_, d)| *d),
            Label::Ellipsis(i) => self.wide[self.wide.len() - 1 - i],
        }
    }
}

/// The shape rule: `operands` are tensors, or one list of them.
pub(super) fn infer(operands: &[Type], attrs: &Attrs) -> Rule {
    let equation = Equation::parse(attrs.text.as_deref().unwrap_or_default())?;
    let unknown = Shape { dims: equation.rank().map(|n| vec![Dim::Unknown; n]), sure: false };
    if matches!(operands, [Type::List(_)]) {
        return Ok(unknown);
    }
    let Some(dims) = operands.iter().map(super::shape::tensor_dims).collect::<Option<Vec<_>>>() else {
        return Ok(unknown);
    };
    let sizes = equation.shape(&dims)?;
    let labels = equation.output.labels(sizes.wide.len());
    Ok(Shape { dims: Some(labels.into_iter().map(|l| sizes.of(l)).collect()), sure: sizes.sure })
}

/// A value with a label for each of its axes.
struct Labelled<V> {
    value: V,
    labels: Vec<Label>,
}

/// Applies the ops that compute an equation: operands are contracted from left to right, by `matmul` over the axes
/// that two of them share and nobody else needs; axes of a single one are summed before.
///
/// # Errors
/// An op that does not fit, which none is where the shape rule holds.
pub fn build<B: Build>(
    b: &mut B,
    equation: &Equation,
    operands: &[&B::Value],
    shapes: &[Vec<usize>],
) -> Result<B::Value, B::Error> {
    let dims: Vec<Vec<Dim>> =
        shapes.iter().map(|shape| shape.iter().map(|n| Dim::Known(*n)).collect()).collect();
    let slices: Vec<&[Dim]> = dims.iter().map(Vec::as_slice).collect();
    let Ok(sizes) = equation.shape(&slices) else { unreachable!("the shape rule was asked before") };
    let output = equation.output.labels(sizes.wide.len());
    let mut steps = Steps { b, sizes: &sizes };
    let mut left: Option<Labelled<B::Value>> = None;
    for (i, operand) in operands.iter().enumerate() {
        let right = steps.single((*operand).clone(), &sizes.labels[i], &shapes[i])?;
        let later = &sizes.labels[i + 1..];
        let kept = |l: &Label| output.contains(l) || later.iter().any(|labels| labels.contains(l));
        left = Some(match left {
            None => right,
            Some(left) => steps.contract(left, right, &kept)?,
        });
    }
    let Some(all) = left else { unreachable!("an equation has an operand") };
    let all = steps.summed(all, &|l| output.contains(l))?;
    steps.ordered(all, &output)
}

struct Steps<'a, B> {
    b: &'a mut B,
    sizes: &'a Sizes,
}

impl<B: Build> Steps<'_, B> {
    fn size(&self, label: Label) -> usize {
        match self.sizes.of(label) {
            Dim::Known(n) => n,
            _ => unreachable!("all sizes are known"),
        }
    }

    fn reshape(&mut self, value: &B::Value, to: &[usize]) -> Result<B::Value, B::Error> {
        let sizes: Vec<B::Value> = to.iter().map(|n| self.b.int(*n as i64)).collect();
        let operands: Vec<&B::Value> = std::iter::once(value).chain(&sizes).collect();
        self.b.op(Op::Reshape, &operands, Attrs::default())
    }

    /// An operand with each label once: of equal ones the diagonal, axes under `...` as wide as the others'.
    fn single(
        &mut self,
        mut value: B::Value,
        labels: &[Label],
        shape: &[usize],
    ) -> Result<Labelled<B::Value>, B::Error> {
        let full: Vec<usize> = labels.iter().map(|l| self.size(*l)).collect();
        if full != shape {
            let sizes: Vec<B::Value> = full.iter().map(|n| self.b.int(*n as i64)).collect();
            let operands: Vec<&B::Value> = std::iter::once(&value).chain(&sizes).collect();
            value = self.b.op(Op::BroadcastTo, &operands, Attrs::default())?;
        }
        let mut labels = labels.to_vec();
        while let Some((i, j)) = repeated(&labels) {
            let mut order: Vec<usize> = (0..labels.len()).filter(|k| *k != i && *k != j).collect();
            order.extend([i, j]);
            value = self.b.op(Op::Permute, &[&value], Attrs::axes(order.iter().map(|k| *k as i64)))?;
            let twice = labels[i];
            labels = order[..order.len() - 2].iter().map(|k| labels[*k]).chain([twice]).collect();
            let n = self.size(twice);
            let mut flat: Vec<usize> = labels.iter().map(|l| self.size(*l)).collect();
            flat[labels.len() - 1] = n * n;
            value = self.reshape(&value, &flat)?;
            let [start, end, step] = [0, n * n, n + 1].map(|v| self.b.int(v as i64));
            value = self.b.op(Op::SliceStep, &[&value, &start, &end, &step], Attrs::axes([-1]))?;
        }
        Ok(Labelled { value, labels })
    }

    /// Summed over the axes that are not kept.
    fn summed(
        &mut self,
        x: Labelled<B::Value>,
        kept: &dyn Fn(&Label) -> bool,
    ) -> Result<Labelled<B::Value>, B::Error> {
        let gone: Vec<i64> = (0..x.labels.len()).filter(|i| !kept(&x.labels[*i])).map(|i| i as i64).collect();
        if gone.is_empty() {
            return Ok(x);
        }
        let value = self.b.op(Op::Sum, &[&x.value], Attrs::axes(gone))?;
        Ok(Labelled { value, labels: x.labels.into_iter().filter(|l| kept(l)).collect() })
    }

    /// The axes in another order.
    fn ordered(&mut self, x: Labelled<B::Value>, to: &[Label]) -> Result<B::Value, B::Error> {
        if x.labels == to {
            return Ok(x.value);
        }
        let place = |l: &Label| x.labels.iter().position(|k| k == l).map_or(0, |i| i as i64);
        self.b.op(Op::Permute, &[&x.value], Attrs::axes(to.iter().map(place)))
    }

    fn contract(
        &mut self,
        left: Labelled<B::Value>,
        right: Labelled<B::Value>,
        kept: &dyn Fn(&Label) -> bool,
    ) -> Result<Labelled<B::Value>, B::Error> {
        let (in_left, in_right) = (left.labels.clone(), right.labels.clone());
        let left = self.summed(left, &|l| kept(l) || in_right.contains(l))?;
        let right = self.summed(right, &|l| kept(l) || in_left.contains(l))?;
        let of = |labels: &[Label], f: &dyn Fn(&Label) -> bool| -> Vec<Label> {
            labels.iter().filter(|l| f(l)).copied().collect()
        };
        let batch = of(&left.labels, &|l| in_right.contains(l) && kept(l));
        let inner = of(&left.labels, &|l| in_right.contains(l) && !kept(l));
        let rows = of(&left.labels, &|l| !in_right.contains(l));
        let columns = of(&right.labels, &|l| !in_left.contains(l));
        let labels = [batch.clone(), rows.clone(), columns.clone()].concat();
        let count = |steps: &Self, part: &[Label]| -> usize { part.iter().map(|l| steps.size(*l)).product() };
        let [b, m, n, k] = [&batch, &rows, &columns, &inner].map(|part| count(self, part));
        let left = self.ordered(left, &[batch.clone(), rows, inner.clone()].concat())?;
        let right = self.ordered(right, &[batch, inner.clone(), columns].concat())?;
        let left = self.reshape(&left, &[b, m, k])?;
        let right = self.reshape(&right, &[b, k, n])?;
        // Without a common axis to add over nothing is added.
        let op = if inner.is_empty() { Op::Mul } else { Op::Matmul };
        let value = self.b.op(op, &[&left, &right], Attrs::default())?;
        let sizes: Vec<usize> = labels.iter().map(|l| self.size(*l)).collect();
        Ok(Labelled { value: self.reshape(&value, &sizes)?, labels })
    }
}

/// The places of a label that stands twice.
fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|i| {
        let j = (i + 1..labels.len()).find(|j| labels[*j] == labels[i])?;
        Some((i, j))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str, shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
        let types: Vec<Type> =
            shapes.iter().map(|s| super::super::types::known(crate::DType::F32, s)).collect();
        let attrs = Attrs { text: Some(text.into()), ..Attrs::default() };
        let dims = infer(&types, &attrs)?.dims.unwrap_or_default();
        Ok(dims.iter().map(|d| if let Dim::Known(n) = d { *n } else { 0 }).collect())
    }

    #[test]
    fn equations_give_sizes() {
        assert_eq!(sizes("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]]), Ok(vec![2, 3, 5]));
        assert_eq!(sizes("ij, jk", &[&[3, 4], &[4, 5]]), Ok(vec![3, 5]));
        assert_eq!(sizes("ba", &[&[3, 4]]), Ok(vec![4, 3]));
        assert_eq!(sizes("ii->", &[&[3, 3]]), Ok(vec![]));
        assert_eq!(sizes("...ij,...j->...i", &[&[7, 1, 3, 4], &[6, 4]]), Ok(vec![7, 6, 3]));
        assert_eq!(sizes("...,i", &[&[2], &[5]]), Ok(vec![2, 5]));
    }

    #[test]
    fn what_is_no_equation_is_said() {
        for (text, shapes, message) in [
            (
                "i1->i",
                &[&[2, 2][..]][..],
                "`1` in `i1` is no subscript; subscripts are letters and one `...`",
            ),
            ("ij->ik", &[&[2, 2]], "`k` of the result stands at no operand of `ij->ik`"),
            ("ij->ii", &[&[2, 2]], "`i` occurs twice in the result of `ij->ii`"),
            ("i->...i", &[&[2]], "`...` of the result stands at no operand of `i->...i`"),
            ("ij,jk->ik", &[&[2, 2]], "the equation is for 2 operands, got 1"),
            ("ij->ij", &[&[2]], "`ij` does not fit the axes of [2]"),
            ("ij,jk->ik", &[&[2, 3], &[4, 5]], "`j` is 3 and 4 in [2, 3], [4, 5]"),
            ("...,...->...", &[&[2], &[3]], "shapes do not broadcast: [2] and [3]"),
        ] {
            assert_eq!(sizes(text, shapes), Err(message.to_string()), "{text}");
        }
    }
}
