//! The values of `arange` and `linspace`. The interpreter and the runtime both use this definition.

use crate::data::{Prim, Scalar};

/// More values than this are an error instead of an attempt to allocate them: half a terabyte of `f64`.
const MOST: u128 = u32::MAX as u128 * 16;

/// The values of `arange(start, end, step)`: start, start + step, .. as long as they have not reached `end`.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    first: First,
    len: usize,
}

/// Integers are counted in integers: `f64` does not have those beyond 2^53, and a wrong length is a wrong result.
#[derive(Clone, Copy, Debug)]
enum First {
    Int { start: i64, step: i64 },
    Float { start: f64, step: f64 },
}

impl Range {
    /// The range of three host scalars: integers if all are, else floats.
    ///
    /// # Errors
    /// The step is zero or NaN, an end is infinite, or there are too many values.
    pub fn new(start: Scalar, end: Scalar, step: Scalar) -> Result<Range, String> {
        if [start, end, step].iter().all(|s| s.dtype().is_int()) {
            return Range::ints(start.as_i64(), end.as_i64(), step.as_i64());
        }
        let [start, end, step] = [start, end, step].map(f64::from_scalar);
        if step == 0.0 || step.is_nan() {
            return Err(format!("step {step} never reaches the end"));
        }
        let n = ((end - start) / step).ceil();
        if n.is_nan() || n > MOST as f64 {
            return Err(format!("{start}..{end} by {step} is not a finite range"));
        }
        Ok(Range { first: First::Float { start, step }, len: n.max(0.0) as usize })
    }

    /// The range of three integers.
    ///
    /// # Errors
    /// The step is zero, or there are too many values.
    pub fn ints(start: i64, end: i64, step: i64) -> Result<Range, String> {
        if step == 0 {
            return Err("step 0 never reaches the end".into());
        }
        let towards = if step > 0 { end > start } else { end < start };
        let distance = u128::from(end.abs_diff(start));
        let n = if towards { distance.div_ceil(u128::from(step.unsigned_abs())) } else { 0 };
        if n > MOST {
            return Err(format!("{start}..{end} by {step} has {n} values, which is too many for a tensor"));
        }
        Ok(Range { first: First::Int { start, step }, len: n as usize })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Value number `i`, below [`Range::len`].
    #[inline]
    pub fn at(&self, i: usize) -> Scalar {
        match self.first {
            // The value is between start and end, so that it is right however often the product wraps.
            First::Int { start, step } => Scalar::I64(start.wrapping_add(step.wrapping_mul(i as i64))),
            First::Float { start, step } => Scalar::F64(start + i as f64 * step),
        }
    }
}

/// `n` values at equal distances from `start` to `end`. Both ends are met exactly.
#[derive(Clone, Copy, Debug)]
pub struct Linspace {
    start: f64,
    end: f64,
    step: f64,
    n: usize,
    /// Whether the distance between the ends is too large for a number.
    is_too_wide: bool,
}

impl Linspace {
    /// The values from `start` to `end`.
    pub fn new(start: f64, end: f64, n: usize) -> Linspace {
        let step = (end - start) / (n.max(2) - 1) as f64;
        let is_too_wide = !step.is_finite() && start.is_finite() && end.is_finite();
        Linspace { start, end, step, n, is_too_wide }
    }

    /// Value number `i`.
    #[inline]
    pub fn at(&self, i: usize) -> f64 {
        if i + 1 == self.n && self.n > 1 {
            self.end
        } else if self.is_too_wide {
            let part = i as f64 / (self.n.max(2) - 1) as f64;
            self.start * (1.0 - part) + self.end * part
        } else {
            self.start + self.step * i as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(start: i64, end: i64, step: i64) -> Vec<i64> {
        let range = Range::ints(start, end, step).unwrap();
        (0..range.len()).map(|i| range.at(i).as_i64()).collect()
    }

    #[test]
    fn integers_are_counted_in_integers() {
        assert_eq!(ints(0, 10, 3), [0, 3, 6, 9]);
        assert_eq!(ints(10, 0, -3), [10, 7, 4, 1]);
        assert_eq!(ints(0, 10, -1), []);
        assert_eq!(ints(5, 5, 1), []);
        assert_eq!(ints(i64::MAX - 2, i64::MAX, 1), [i64::MAX - 2, i64::MAX - 1]);
        assert_eq!(ints(i64::MIN, i64::MAX, i64::MAX), [i64::MIN, -1, i64::MAX - 1]);
        assert_eq!(ints(i64::MAX, i64::MIN, i64::MIN), [i64::MAX, -1]);
        assert_eq!(Range::ints(0, 144_962_911_544_046_900, 1_449_629_115_440_469).unwrap().len(), 100);
        let error = Range::ints(i64::MIN, i64::MAX, 1).unwrap_err();
        assert!(
            error.ends_with("has 18446744073709551615 values, which is too many for a tensor"),
            "{error}"
        );
        assert!(Range::ints(1, 2, 0).is_err());
    }

    #[test]
    fn ends_of_linspace_are_exact() {
        for (a, b) in [(0.1, 0.7), (-f64::MAX, f64::MAX), (f64::MAX, -f64::MAX), (3.0, 3.0)] {
            for n in [1, 2, 3, 7, 1000] {
                let values: Vec<f64> = (0..n).map(|i| Linspace::new(a, b, n).at(i)).collect();
                assert_eq!(values[0], a);
                assert!(values.iter().all(|v| v.is_finite()));
                assert!(n == 1 || values[n - 1] == b);
            }
        }
    }
}
