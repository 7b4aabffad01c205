//! Short lists on the stack, filled where they stand.

/// How many entries stand on the stack: most lists are this short, as filling what nobody asked for costs.
const FEW: usize = 3;
/// And at most.
const MORE: usize = 8;

/// Calls `body` with a list of `n` entries, all of them `value` at first. Unlike a small vector that a function gives
/// back, the list is never moved: on a path of some ten nanoseconds, moving what was just written is what costs.
#[inline(always)]
pub(crate) fn few<T: Copy, R>(n: usize, value: T, body: impl FnOnce(&mut [T]) -> R) -> R {
    let (mut few, mut more, mut heap);
    let list = if n <= FEW {
        few = [value; FEW];
        &mut few[..n]
    } else if n <= MORE {
        more = [value; MORE];
        &mut more[..n]
    } else {
        heap = vec![value; n];
        &mut heap[..]
    };
    body(list)
}

#[cfg(test)]
mod tests {
    use super::few;

    #[test]
    fn lists_of_any_length() {
        for n in [0, 1, 3, 4, 8, 9, 100] {
            let sum = few(n, 1, |list| {
                list.iter_mut().enumerate().for_each(|(i, v)| *v += i);
                (list.len(), list.iter().sum::<usize>())
            });
            assert_eq!(sum, (n, n * (n + 1) / 2));
        }
    }
}
