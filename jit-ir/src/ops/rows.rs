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

/// The exponentials of the distances from the largest element (step 2), and their sum (step 3). If the largest element is
/// infinite or NaN, the distance of an element is NaN, and with it the sum.
macro_rules! distances {
    ($($more:expr),* $(,)?) => {
        &[
            (Op::Max, &[X]),
            (Op::Sub, &[X, S(0)]),
            (Op::Exp, &[S(1)]),
            (Op::Sum, &[S(2)]),
            $($more,)*
        ]
    };
}

/// The logarithm of the sum of exponentials has a value for infinite elements, too: then 0 is subtracted instead of the
/// largest element (step 4), as the distances would be NaN.
const LOG_SUM_EXP: [Step; 10] = [
    (Op::Max, &[X]),
    (Op::IsFinite, &[S(0)]),
    (Op::IsNan, &[S(0)]),
    (Op::Or, &[S(1), S(2)]),
    (Op::Select, &[S(3), S(0), Zero]),
    (Op::Sub, &[X, S(4)]),
    (Op::Exp, &[S(5)]),
    (Op::Sum, &[S(6)]),
    (Op::Ln, &[S(7)]),
    (Op::Add, &[S(8), S(4)]),
];

const VAR: [Step; 4] =
    [(Op::Mean, &[X]), (Op::Sub, &[X, S(0)]), (Op::Mul, &[S(1), S(1)]), (Op::Mean, &[S(2)])];

/// The steps of an op; the last one gives its result.
pub fn steps(op: Op) -> Option<&'static [Step]> {
    Some(match op {
        // One division for each row.
        Op::Softmax => distances![(Op::Recip, &[S(3)]), (Op::Mul, &[S(2), S(4)])],
        Op::LogSumExp => &LOG_SUM_EXP,
        // The largest element is subtracted first: of large elements, `x - logsumexp(x)` would be what rounding left.
        Op::LogSoftmax => distances![(Op::Ln, &[S(3)]), (Op::Sub, &[S(1), S(4)])],
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
