//! Printing as NumPy does, long tensors abridged.

use std::fmt;

use super::{Elem, Tensor};

/// Tensors of more elements are abridged.
const LONG: usize = 1000;
/// Entries shown at each end of an abridged axis.
const EDGE: usize = 3;

/// As NumPy prints it. A precision is that of each element (`{x:.3}`), a width the least of each; a tensor of rank 0 with
/// a precision is printed as its element is.
///
/// ```
/// use jit_runtime::prelude::*;
/// # fn main() {
/// let x = Tensor::from([1.0, -0.25]);
/// assert_eq!(format!("{x}"), "[   1. -0.25]");
/// assert_eq!(format!("{x:.1} {:6.3}", x.sum()), "[ 1.0 -0.2]  0.750");
/// # }
/// ```
impl<T: Elem> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = self.seen();
        let values = raw.to_vec::<T>();
        if let ([value], true, true) = (&values[..], raw.rank() == 0, f.precision().is_some()) {
            return fmt::Display::fmt(value, f);
        }
        let abridged = values.len() > LONG;
        let mut shown = Vec::new();
        let (digits, plus) = (f.precision(), f.sign_plus());
        collect(&raw.shape, 0, abridged, &mut |i| shown.push(cell(values[i], digits, plus)));
        let width = shown.iter().map(String::len).chain(f.width()).max().unwrap_or(0);
        let mut cells = shown.into_iter();
        write_axis(f, &raw.shape, abridged, 0, width, &mut cells)
    }
}

impl<T: Elem> fmt::Debug for Tensor<T> {
    /// As `Display`, precision and width included, with type and shape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As text, since a precision is not meant for sizes.
        f.write_str(&format!("Tensor<{}>{:?}\n", T::DTYPE, self.raw().shape))?;
        fmt::Display::fmt(self, f)
    }
}

/// An element with so many digits after its point, where it is a float.
fn cell<T: Elem>(value: T, digits: Option<usize>, plus: bool) -> String {
    let number = match digits {
        Some(digits) if T::DTYPE.is_float() => format!("{value:.digits$}"),
        _ => text(value),
    };
    let signed = plus && T::DTYPE != jit_ir::DType::Bool && !number.starts_with(['-', 'N']);
    if signed { format!("+{number}") } else { number }
}

/// A number in NumPy's short form: `1.` for a whole float, up to eight digits otherwise.
fn text<T: Elem>(value: T) -> String {
    let plain = value.to_string();
    if !T::DTYPE.is_float() || plain.contains(['N', 'i']) {
        return plain;
    }
    let number: f64 = plain.parse().unwrap_or(0.0);
    let size = number.abs();
    if number != 0.0 && !(1e-4..1e8).contains(&size) {
        return format!("{number:.4e}");
    }
    let digits = format!("{number:.8}");
    digits.trim_end_matches('0').to_string()
}

/// The positions shown along an axis of size `n`; `None` is the gap.
fn positions(n: usize, abridged: bool) -> Vec<Option<usize>> {
    if !abridged || n <= 2 * EDGE {
        return (0..n).map(Some).collect();
    }
    (0..EDGE).map(Some).chain([None]).chain((n - EDGE..n).map(Some)).collect()
}

fn collect(shape: &[usize], at: usize, abridged: bool, each: &mut impl FnMut(usize)) {
    let Some((n, rest)) = shape.split_first() else { return each(at) };
    for i in positions(*n, abridged).into_iter().flatten() {
        collect(rest, at * n + i, abridged, each);
    }
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    shape: &[usize],
    abridged: bool,
    depth: usize,
    width: usize,
    cells: &mut impl Iterator<Item = String>,
) -> fmt::Result {
    let Some((n, rest)) = shape.split_first() else {
        return write!(f, "{:>width$}", cells.next().unwrap_or_default());
    };
    f.write_str("[")?;
    for (k, position) in positions(*n, abridged).into_iter().enumerate() {
        if k > 0 && rest.is_empty() {
            f.write_str(" ")?;
        } else if k > 0 {
            write!(f, "{}{}", "\n".repeat(rest.len()), " ".repeat(depth + 1))?;
        }
        match position {
            Some(_) => write_axis(f, rest, abridged, depth + 1, width, cells)?,
            None => f.write_str("...")?,
        }
    }
    f.write_str("]")
}
