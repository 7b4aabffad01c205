//! A traced function as a step of a script's plan.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use jit_ir::{Tree, Type};

use super::function::TraceFn;
use super::record::suspended;
use crate::error::{Error, Result};
use crate::tensor::raw::Val;

type Trees = (Vec<Tree<Type>>, Tree<Type>);

/// How scripts call a traced function.
pub struct Step {
    name: &'static str,
    function: fn() -> &'static TraceFn,
    run: fn(&[Val]) -> Result<Vec<Val>>,
    trees: fn() -> Trees,
}

impl Step {
    /// Used by `#[trace]`.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        function: fn() -> &'static TraceFn,
        run: fn(&[Val]) -> Result<Vec<Val>>,
        trees: fn() -> Trees,
    ) -> Step {
        Step { name, function, run, trees }
    }

    pub(super) fn function(&self) -> &'static TraceFn {
        (self.function)()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Why a plan calls the function although it has recordings.
    pub(crate) fn why_called(&self) -> &'static str {
        if self.function().check_every > 0 {
            "each call of it counts, for `check_every`"
        } else if !super::inline::is_inlinable(self) {
            "values of the user's own types go through a call"
        } else {
            "for what its compared recordings do not cover"
        }
    }

    /// What arguments and result consist of.
    pub(crate) fn trees(&self) -> Trees {
        (self.trees)()
    }

    /// For each value of the arguments whether it belongs to an option.
    pub(crate) fn optional(&self) -> Box<[bool]> {
        fn walk(tree: &Tree<Type>, inside: bool, out: &mut Vec<bool>) {
            match tree {
                // The flag of an option, and what it holds.
                Tree::Option(_, inner) => {
                    out.push(inside);
                    walk(inner, true, out);
                }
                Tree::Tuple(parts) => parts.iter().for_each(|t| walk(t, inside, out)),
                Tree::Record(fields) => fields.iter().for_each(|(_, t)| walk(t, inside, out)),
                Tree::List(_) => out.extend(tree.leaves().iter().map(|_| inside)),
                Tree::Leaf(_) => out.push(inside),
                Tree::Unset => {}
            }
        }
        let mut out = Vec::new();
        self.trees().0.iter().for_each(|tree| walk(tree, false, &mut out));
        out.into()
    }

    /// Calls the function: it records or replays by its own cache.
    pub(crate) fn call(&self, vals: &[Val]) -> Result<Vec<Val>> {
        let _active = Active::push(self.name);
        suspended(|| (self.run)(vals))
    }
}

/// The steps that graphs name, each by a name of its own.
static STEPS: Mutex<Vec<(String, &'static Step)>> = Mutex::new(Vec::new());

/// The name by which graphs call a step.
pub(crate) fn name_of(step: &'static Step) -> String {
    let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((name, _)) = steps.iter().find(|(_, known)| std::ptr::eq(*known, step)) {
        return name.clone();
    }
    let same = steps.iter().filter(|(_, known)| known.name == step.name).count();
    let name = if same == 0 { step.name.to_string() } else { format!("{}#{}", step.name, same + 1) };
    steps.push((name.clone(), step));
    name
}

/// The step of that name.
pub(crate) fn find(name: &str) -> Option<&'static Step> {
    let steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    steps.iter().find(|(known, _)| known == name).map(|(_, step)| *step)
}

thread_local! {
    /// Scripts whose plans run on this thread and call steps, and those steps.
    static ACTIVE: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// A name on the stack of what runs.
struct Active;

impl Active {
    fn push(name: &'static str) -> Active {
        ACTIVE.with(|a| a.borrow_mut().push(name));
        Active
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.with(|a| a.borrow_mut().pop());
    }
}

thread_local! {
    /// The scripts among [`ACTIVE`], by address.
    static SCRIPTS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A script whose plan runs on this thread and calls steps.
pub(crate) struct ActiveScript {
    _name: Active,
}

impl ActiveScript {
    /// Enters a script.
    ///
    /// # Errors
    /// It runs already: it calls itself by way of a traced function.
    pub(crate) fn enter<T>(script: &'static T, name: &'static str) -> Result<ActiveScript> {
        let address = std::ptr::from_ref(script) as usize;
        if SCRIPTS.with(|s| s.borrow().contains(&address)) {
            let path = ACTIVE.with(|a| a.borrow().join(" calls "));
            let message = format!("scripts cannot call themselves: {path} calls {name}");
            return Err(Error::Compile { message, at: None });
        }
        SCRIPTS.with(|s| s.borrow_mut().push(address));
        Ok(ActiveScript { _name: Active::push(name) })
    }
}

impl Drop for ActiveScript {
    fn drop(&mut self) {
        SCRIPTS.with(|s| s.borrow_mut().pop());
    }
}
