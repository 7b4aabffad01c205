//! Short lists on the stack, filled where they stand.

/// How many entries stand on the stack.
const FEW: usize = 8;

/// Calls `body` with a list of `n` entries, all of them `value` at first. Unlike a small vector that a function gives
/// back, the list is never moved: on a path of some ten nanoseconds, moving what was just written is what costs.
#[inline(always)]
pub(crate) fn few<T: Copy, R>(n: usize, value: T, body: impl FnOnce(&mut [T]) -> R) -> R {
    let mut stack = [value; FEW];
    let mut heap = Vec::new();
    let list = match stack.get_mut(..n) {
        Some(list) => list,
        None => {
            heap.resize(n, value);
            &mut heap[..]
        }
    };
    body(list)
}

#[cfg(test)]
mod tests {
    use super::few;

    #[test]
    fn lists_of_any_length() {
        for n in [0, 1, 8, 9, 100] {
            let sum = few(n, 1, |list| {
                list.iter_mut().enumerate().for_each(|(i, v)| *v += i);
                (list.len(), list.iter().sum::<usize>())
            });
            assert_eq!(sum, (n, n * (n + 1) / 2));
        }
    }
}
