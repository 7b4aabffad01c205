//! Ops along axes that are made of elementwise ops and reductions: one definition for tensors and for graphs.

use super::Op;

/// An operand of a [`Step`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// What the op is applied to.
    X,
    /// 0 of its element type.
    Zero,
    /// The result of an earlier step.
    Step(usize),
}

/// An elementwise op, or a reduction that keeps the reduced axes with size 1.
pub type Step = (Op, &'static [Part]);

use Part::{Step as S, X, Zero};

/// What is subtracted before exp: the largest element, or 0 where that is infinite, as then the distance would be NaN
/// for no reason. It is step 4.
macro_rules! shifted {
    ($($more:expr),* $(,)?) => {
        &[
            (Op::Max, &[X]),
            (Op::IsFinite, &[S(0)]),
            (Op::IsNan, &[S(0)]),
            (Op::Or, &[S(1), S(2)]),
            (Op::Select, &[S(3), S(0), Zero]),
            (Op::Sub, &[X, S(4)]),
            (Op::Exp, &[S(5)]),
            (Op::Sum, &[S(6)]),
            $($more,)*
        ]
    };
}

const VAR: [Step; 4] =
    [(Op::Mean, &[X]), (Op::Sub, &[X, S(0)]), (Op::Mul, &[S(1), S(1)]), (Op::Mean, &[S(2)])];

/// The steps of an op; the last one gives its result.
pub fn steps(op: Op) -> Option<&'static [Step]> {
    Some(match op {
        // Divided by once for each row.
        Op::Softmax => shifted![(Op::Recip, &[S(7)]), (Op::Mul, &[S(6), S(8)])],
        Op::LogSumExp => shifted![(Op::Ln, &[S(7)]), (Op::Add, &[S(8), S(4)])],
        Op::LogSoftmax => shifted![(Op::Ln, &[S(7)]), (Op::Add, &[S(8), S(4)]), (Op::Sub, &[X, S(9)])],
        Op::Var => &VAR,
        Op::Std => {
            const STD: [Step; 5] = [VAR[0], VAR[1], VAR[2], VAR[3], (Op::Sqrt, &[S(3)])];
            &STD
        }
        _ => return None,
    })
}

/// Whether an op is a reduction that a fused group may hold: over the last axis or all of them, of floats.
pub fn is_fold(op: Op) -> bool {
    matches!(op, Op::Sum | Op::Mean | Op::Max | Op::Min)
}
