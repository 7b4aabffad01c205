//! Windows that move over the last two axes of `[n, c, h, w]`: convolution and pooling.

use super::shape::{Rule, Shape, count, show};
use crate::types::Dim;

/// How a window lies and moves, rows first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Elements of the window.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Elements added before and after.
    pub padding: [usize; 2],
    /// From one element of the window to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// The window of a `conv2d` over weights of these sizes: `numbers` are stride, padding, dilation, each for rows
    /// and columns, and groups.
    pub fn of_conv(weight: &[usize], numbers: &[usize]) -> Window {
        Window {
            kernel: [weight[2], weight[3]],
            stride: [numbers[0], numbers[1]],
            padding: [numbers[2], numbers[3]],
            dilation: [numbers[4], numbers[5]],
        }
    }

    /// The window of a pool: `numbers` are kernel, stride, padding, each for rows and columns.
    pub fn of_pool(numbers: &[usize]) -> Window {
        Window {
            kernel: [numbers[0], numbers[1]],
            stride: [numbers[2], numbers[3]],
            padding: [numbers[4], numbers[5]],
            dilation: [1, 1],
        }
    }

    /// The position in the input of element `k` of window `i` along an axis; `None` in the padding.
    pub fn position(&self, axis: usize, i: usize, k: usize, size: usize) -> Option<usize> {
        let at = i * self.stride[axis] + k * self.dilation[axis];
        at.checked_sub(self.padding[axis]).filter(|at| *at < size)
    }
}

/// How many windows an axis holds.
fn windows(size: usize, [kernel, stride, padding, dilation]: [usize; 4]) -> Result<usize, String> {
    let span = (kernel - 1).checked_mul(dilation).and_then(|n| n.checked_add(1));
    let room = padding.checked_mul(2).and_then(|n| n.checked_add(size));
    match (span, room) {
        (Some(span), Some(room)) if span <= room => Ok((room - span) / stride + 1),
        (Some(span), Some(room)) => {
            Err(format!("a window over {span} does not fit into {room}, padding included"))
        }
        _ => Err("sizes are too large".into()),
    }
}

/// An axis of the result, from what is known.
fn along(size: Dim, numbers: [Option<i64>; 4]) -> Result<Dim, String> {
    for (n, (what, least)) in
        numbers.iter().zip([("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)])
    {
        if n.is_some_and(|n| n < least) {
            return Err(format!("the {what} must be at least {least}, got {}", n.unwrap_or(0)));
        }
    }
    match (size, numbers) {
        (Dim::Known(n), [Some(k), Some(s), Some(p), Some(d)]) => {
            windows(n, [k, s, p, d].map(|v| v as usize)).map(Dim::Known)
        }
        _ => Ok(Dim::Unknown),
    }
}

fn known(dim: Dim) -> Option<i64> {
    if let Dim::Known(n) = dim { Some(n as i64) } else { None }
}

fn image(x: &[Dim]) -> Result<(), String> {
    if x.len() == 4 { Ok(()) } else { Err(format!("needs a tensor [n, c, h, w], got {}", show(x))) }
}

/// The shape rule of `conv2d`.
pub(super) fn conv(x: Option<&[Dim]>, w: Option<&[Dim]>, values: &[Option<i64>]) -> Rule {
    if let Some(x) = x {
        image(x)?;
    }
    if let Some(w) = w
        && w.len() != 4
    {
        return Err(format!("needs weights [c_out, c_in / groups, kh, kw], got {}", show(w)));
    }
    let (Some(x), Some(w)) = (x, w) else { return Ok(Shape::maybe(vec![Dim::Unknown; 4])) };
    let groups = values[6];
    if groups.is_some_and(|g| g < 1) {
        return Err(format!("the number of groups must be at least 1, got {}", groups.unwrap_or(0)));
    }
    if let (Dim::Known(channels), Dim::Known(out), Dim::Known(each), Some(groups)) =
        (x[1], w[0], w[1], groups)
        && (each.checked_mul(groups as usize) != Some(channels) || out % groups as usize != 0)
    {
        return Err(format!(
            "{} weights do not fit {} in {groups} groups: [c_out, c_in / groups, kh, kw], c_out a multiple of groups",
            show(w),
            show(x)
        ));
    }
    let rows = along(x[2], [known(w[2]), values[0], values[2], values[4]])?;
    let columns = along(x[3], [known(w[3]), values[1], values[3], values[5]])?;
    let dims = vec![x[0], w[0], rows, columns];
    count(&dims)?;
    Ok(Shape::maybe(dims))
}

/// The shape rule of `max_pool2d` and `avg_pool2d`.
pub(super) fn pool(x: &[Dim], values: &[Option<i64>]) -> Rule {
    image(x)?;
    let mut dims = x.to_vec();
    for axis in 0..2 {
        let [kernel, stride, padding] = [values[axis], values[2 + axis], values[4 + axis]];
        dims[2 + axis] = along(x[2 + axis], [kernel, stride, padding, Some(1)])?;
        if let (Some(k), Some(p)) = (kernel, padding)
            && p >= k
        {
            return Err(format!("the padding must be smaller than the window, got {p} for a window of {k}"));
        }
        if x[2 + axis] == Dim::Known(0) {
            return Err(format!("needs at least one element, this tensor has shape {}", show(x)));
        }
    }
    count(&dims)?;
    Ok(Shape::maybe(dims))
}
