let x = Tensor::from([[1, 2, 3], [4, 5, 6]]);
assert_eq!((x.shape(), x.rank(), x.dim(-1), x.len(), x.is_empty()), (&[2, 3][..], 2, 3, 6, false));
assert_eq!((x[[1, 0]], x.sum().item()), (4, 21));
assert_eq!(x.index_axis(0, 1).to_vec(), [4, 5, 6]);
assert_eq!((x.as_slice(), x.t().as_slice()), (Some(&[1, 2, 3, 4, 5, 6][..]), None));
