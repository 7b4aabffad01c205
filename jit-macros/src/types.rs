//! Types as far as the macro knows them: kinds for certain, element types by unification.

use jit_ir::{DType, Type};

/// An element type that may still be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Var(usize);

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ty {
    /// A host scalar.
    Scalar(Var),
    /// A tensor.
    Tensor(Var),
    /// The result of a call: known at linking.
    Hole,
}

/// What an open element type becomes if nothing says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fallback {
    /// An integer literal.
    Int,
    /// A float literal.
    Float,
    /// A made tensor: an error.
    None,
}

#[derive(Clone, Copy)]
enum State {
    Same(Var),
    Known(DType),
    Open(Fallback),
    /// Beside the result of a call: settled at linking.
    Linked,
}

/// Element types and which of them are the same.
#[derive(Default)]
pub(crate) struct Vars {
    states: Vec<State>,
}

impl Vars {
    pub(crate) fn known(&mut self, dtype: DType) -> Var {
        self.states.push(State::Known(dtype));
        Var(self.states.len() - 1)
    }

    pub(crate) fn open(&mut self, fallback: Fallback) -> Var {
        self.states.push(State::Open(fallback));
        Var(self.states.len() - 1)
    }

    fn root(&self, mut var: Var) -> Var {
        while let State::Same(next) = self.states[var.0] {
            var = next;
        }
        var
    }

    /// Makes two element types one. What cannot be one is left to rustc.
    pub(crate) fn unify(&mut self, a: Var, b: Var) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        match (self.states[a.0], self.states[b.0]) {
            (State::Known(_), State::Known(_)) => {}
            (_, State::Known(_)) => self.states[a.0] = State::Same(b),
            (State::Known(_), _) => self.states[b.0] = State::Same(a),
            (State::Linked, _) => self.states[b.0] = State::Same(a),
            (State::Open(Fallback::None), _) | (_, State::Linked) => self.states[a.0] = State::Same(b),
            (State::Open(Fallback::Int), State::Open(Fallback::Float)) => self.states[a.0] = State::Same(b),
            _ => self.states[b.0] = State::Same(a),
        }
    }

    /// The element type stands beside the result of a call.
    pub(crate) fn link(&mut self, var: Var) {
        let root = self.root(var);
        if let State::Open(_) = self.states[root.0] {
            self.states[root.0] = State::Linked;
        }
    }

    /// The element type, if it is settled.
    pub(crate) fn get(&self, var: Var) -> Option<DType> {
        match self.states[self.root(var).0] {
            State::Known(d) => Some(d),
            _ => None,
        }
    }

    /// The element type at the end of the function.
    pub(crate) fn settle(&self, var: Var) -> Settled {
        match self.states[self.root(var).0] {
            State::Known(d) => Settled::Known(d),
            State::Open(Fallback::Int) => Settled::Known(DType::I32),
            State::Open(Fallback::Float) => Settled::Known(DType::F64),
            State::Linked => Settled::Linked,
            State::Open(Fallback::None) | State::Same(_) => Settled::Unknown,
        }
    }
}

/// What is known of an element type at the end of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settled {
    Known(DType),
    Linked,
    Unknown,
}

/// A declared type: of a parameter, a result, a `let`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Declared {
    Scalar(DType),
    Tensor(DType),
    Tuple(Vec<Declared>),
    /// `_`
    Open,
}

impl Declared {
    /// Reads a type; `None` for one that scripts do not know.
    pub(crate) fn read(ty: &syn::Type) -> Option<Declared> {
        match ty {
            syn::Type::Reference(r) if r.mutability.is_none() => Declared::read(&r.elem),
            syn::Type::Paren(p) => Declared::read(&p.elem),
            syn::Type::Group(g) => Declared::read(&g.elem),
            syn::Type::Tuple(t) => {
                Some(Declared::Tuple(t.elems.iter().map(Declared::read).collect::<Option<_>>()?))
            }
            syn::Type::Infer(_) => Some(Declared::Open),
            syn::Type::Path(p) if p.qself.is_none() => {
                let last = p.path.segments.last()?;
                if last.ident == "Tensor" {
                    return element(&last.arguments).map(Declared::Tensor);
                }
                if !last.arguments.is_none() {
                    return None;
                }
                last.ident.to_string().parse().ok().map(Declared::Scalar)
            }
            _ => None,
        }
    }

    /// The types of the values that it consists of.
    pub(crate) fn leaves(&self, out: &mut Vec<Type>) {
        match self {
            Declared::Scalar(d) => out.push(Type::Scalar(*d)),
            Declared::Tensor(d) => out.push(Type::tensor(*d)),
            Declared::Tuple(parts) => parts.iter().for_each(|p| p.leaves(out)),
            Declared::Open => out.push(Type::Hole),
        }
    }
}

/// The `T` of `Tensor<T>`; `f32` if it is not written.
pub(crate) fn element(arguments: &syn::PathArguments) -> Option<DType> {
    match arguments {
        syn::PathArguments::None => Some(DType::F32),
        syn::PathArguments::AngleBracketed(a) if a.args.len() == 1 => match a.args.first()? {
            syn::GenericArgument::Type(syn::Type::Path(p)) => {
                let dtype: DType = p.path.get_ident()?.to_string().parse().ok()?;
                (dtype != DType::Usize).then_some(dtype)
            }
            _ => None,
        },
        _ => None,
    }
}
