//! Calls: which graph of a callee takes the arguments, and what becomes of them.

use super::{Callee, Frame, Linked, Linker};
use crate::graph::{Graph, Node};
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::tree::Tree;
use crate::types::{DType, Type};
use crate::unify::Ty;

/// The choices of one attempt: which, and of how many.
#[derive(Default)]
pub(super) struct Choices {
    made: Vec<(usize, usize)>,
    next: usize,
}

impl Choices {
    pub(super) fn choose(&mut self, count: usize) -> usize {
        if self.next == self.made.len() {
            self.made.push((0, count));
        }
        self.next += 1;
        self.made[self.next - 1].0.min(count - 1)
    }

    /// On to other choices, the last ones first; says whether there are any.
    pub(super) fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((choice, count)) = self.made.pop() {
            if choice + 1 < count {
                self.made.push((choice + 1, count));
                return true;
            }
        }
        false
    }
}

impl Linker {
    pub(super) fn call(
        &mut self,
        frame: &mut Frame<'_>,
        node: &Node,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        let name = node.attrs.text.clone().unwrap_or_default();
        let args: Vec<Tree<ValueId>> =
            (0..node.operands.len()).map(|i| self.operand(frame, node, i)).collect();
        match frame.library.callee(&name) {
            None => Err(self.error(format!("`{name}` is called but not known"))),
            Some(callee) => self.invoke(callee, &name, args, into),
        }
    }

    /// A call of a known callee.
    pub(super) fn invoke(
        &mut self,
        callee: Callee<'_>,
        name: &str,
        args: Vec<Tree<ValueId>>,
        into: RegionId,
    ) -> Linked<Tree<ValueId>> {
        match callee {
            Callee::Step { name, params, result } => {
                let mut args = args;
                for (arg, param) in args.iter_mut().zip(&params).filter(|(_, param)| param.is_known()) {
                    *arg = self.conform(std::mem::replace(arg, Tree::Unset), param, into)?;
                }
                let operands = args.iter().flat_map(Tree::leaves).collect();
                let types = result.leaves();
                let at = self.at.clone();
                let attrs = Attrs { text: Some(name), ..Attrs::default() };
                let call = self.graph.push(into, Op::Call, operands, attrs, types.clone(), at);
                let results = self.graph.nodes[call].results.clone();
                for (value, ty) in results.iter().zip(&types) {
                    let ty = self.typing.vars.ty(ty);
                    self.typing.types.insert(*value, ty);
                }
                let mut next = results.into_iter();
                Ok(result
                    .map(&mut |_| next.next().unwrap_or_else(|| unreachable!("one result for each leaf"))))
            }
            Callee::Function(graphs, library) => {
                let Some(graph) = self.chosen(graphs, name, &args) else {
                    let message = format!("`{name}` does not take these arguments");
                    return Err(self.error(message));
                };
                let (at, path) = (self.at.clone(), self.path.len());
                let value = self.function(graph, library, args, into);
                self.path.truncate(path);
                self.at = at;
                value
            }
        }
    }

    /// The graph of a script that takes the arguments, of a generic one that with the types that literals have by
    /// themselves; others are tried if that does not fit.
    fn chosen<'g>(
        &mut self,
        graphs: Vec<&'g Graph>,
        name: &str,
        args: &[Tree<ValueId>],
    ) -> Option<&'g Graph> {
        let named = named_element(name).filter(|_| graphs.len() > 1);
        let of_that_name = |g: &&Graph| match named {
            None => true,
            Some(dtype) => differing(&graphs).first().is_none_or(|p| graph_element(g, *p) == Some(dtype)),
        };
        let fitting = graphs.iter().copied().filter(of_that_name).filter(|g| self.accepts(g, args, true));
        let (first, others): (Vec<&Graph>, Vec<&Graph>) = fitting.partition(|g| self.accepts(g, args, false));
        let all = [first, others].concat();
        match all.len() {
            0 => None,
            1 => Some(all[0]),
            count => Some(all[self.choices.choose(count)]),
        }
    }

    /// Whether a graph's parameters have the types of the arguments, as far as both are known; of literals the types that
    /// rustc gives them, or with `open` any.
    fn accepts(&self, graph: &Graph, args: &[Tree<ValueId>], open: bool) -> bool {
        graph.params().len() == args.len()
            && graph.params().iter().zip(args).all(|(p, a)| self.takes(graph.ty(*p), a, open))
    }

    /// Whether a value may be of a declared type.
    fn takes(&self, declared: &Type, arg: &Tree<ValueId>, open: bool) -> bool {
        let vars = &self.typing.vars;
        match (declared, arg) {
            (Type::Scalar(d) | Type::Tensor(d, _), Tree::Leaf(v)) => {
                let mut ty = self.typing.ty(*v);
                while let Ty::List(element) = ty {
                    ty = vars.element(element);
                }
                match ty {
                    Ty::Scalar(var) | Ty::Tensor(var) => match vars.get(var) {
                        Some(known) => known == *d,
                        None => open || vars.fallback(var).is_none_or(|fallback| fallback == *d),
                    },
                    _ => true,
                }
            }
            (Type::List(element), Tree::List(inner)) => self.takes(element, inner, open),
            (Type::List(element), Tree::Tuple(parts)) => {
                parts.iter().all(|part| self.takes(element, part, open))
            }
            (Type::Option(some), Tree::Option(_, inner)) => self.takes(some, inner, open),
            (Type::Tuple(types), Tree::Tuple(parts)) => {
                types.len() == parts.len()
                    && types.iter().zip(parts).all(|(ty, part)| self.takes(ty, part, open))
            }
            _ => true,
        }
    }
}

/// The element type in the name of a call: `f::<f64>`.
fn named_element(name: &str) -> Option<DType> {
    name.split_once("::<")?.1.trim_end_matches('>').parse().ok()
}

/// The parameters whose element types differ between the graphs of a generic script.
fn differing(graphs: &[&Graph]) -> Vec<usize> {
    let all = 0..graphs.first().map_or(0, |g| g.params().len());
    all.filter(|p| graphs.iter().any(|g| graph_element(g, *p) != graph_element(graphs[0], *p))).collect()
}

fn graph_element(graph: &Graph, param: usize) -> Option<DType> {
    let mut ty = graph.ty(graph.params()[param]);
    while let Type::List(element) | Type::Option(element) = ty {
        ty = element;
    }
    match ty {
        Type::Tuple(parts) => parts.iter().find_map(Type::dtype),
        ty => ty.dtype(),
    }
}
