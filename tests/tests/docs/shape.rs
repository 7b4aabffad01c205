let x = Tensor::from([[1, 2, 3], [4, 5, 6]]);
assert_eq!(x.reshape([3, -1]), Tensor::from([[1, 2], [3, 4], [5, 6]]));
assert_eq!(x.flatten(), Tensor::from([1, 2, 3, 4, 5, 6]));
assert_eq!((x.t(), x.transpose(0, 1), x.permute([1, 0])), (x.t(), x.t(), Tensor::from([[1, 4], [2, 5], [3, 6]])));
assert_eq!((x.unsqueeze(0).shape(), x.unsqueeze(-1).squeeze(-1).shape()), (&[1, 2, 3][..], &[2, 3][..]));
assert_eq!(Tensor::from([1, 2]).broadcast_to([2, 2]), Tensor::from([[1, 2], [1, 2]]));
assert_eq!((x.flip(1), x.roll(1, 1)), (Tensor::from([[3, 2, 1], [6, 5, 4]]), Tensor::from([[3, 1, 2], [6, 4, 5]])));
assert_eq!(Tensor::from([1, 2]).repeat([2]), Tensor::from([1, 2, 1, 2]));
assert_eq!(Tensor::from([1, 2]).pad([(1, 2)], 0), Tensor::from([0, 1, 2, 0, 0]));
assert_eq!((x.triu(0), x.tril(0)), (Tensor::from([[1, 2, 3], [0, 5, 6]]), Tensor::from([[1, 0, 0], [4, 5, 0]])));
// Parts.
assert_eq!((x.index_axis(0, 1), x.slice_axis(1, 1, 3)), (Tensor::from([4, 5, 6]), Tensor::from([[2, 3], [5, 6]])));
assert_eq!(x.slice_step(1, 0, 3, 2), Tensor::from([[1, 3], [4, 6]]));
assert_eq!(x.rows().map(|row| row.sum().item()).collect::<Vec<i32>>(), [6, 15]);
assert_eq!(x.split(0, 2), [Tensor::from([[1, 2, 3]]), Tensor::from([[4, 5, 6]])]);
assert_eq!(x.split_sizes(1, [1, 2]), [Tensor::from([[1], [4]]), Tensor::from([[2, 3], [5, 6]])]);
assert_eq!(x.take(1, &Tensor::from([2_i64, 0])), Tensor::from([[3, 1], [6, 4]]));
assert_eq!(x.gather(1, &Tensor::from([[2_i64], [0]])), Tensor::from([[3], [4]]));
// The axis, where to, what.
let source = Tensor::from([10, 20, 30]);
assert_eq!(Tensor::from([0, 0]).scatter_add(0, &Tensor::from([1_i64, 0, 1]), &source), Tensor::from([20, 40]));
assert_eq!(Tensor::from([1_i64, 0]).one_hot::<f32>(2), Tensor::from([[0.0, 1.0], [1.0, 0.0]]));
// Order.
let y = Tensor::from([3, 1, 2]);
assert_eq!((y.sort(0), y.argsort(0)), (Tensor::from([1, 2, 3]), Tensor::from([1_i64, 2, 0])));
assert_eq!(y.topk(2, 0), (Tensor::from([3, 2]), Tensor::from([0_i64, 2])));
assert_eq!((y.cumsum(0), y.cumprod(0)), (Tensor::from([3, 4, 6]), Tensor::from([3, 3, 6])));
assert_eq!(Tensor::from([[0.0, 0.0]]).softmax(1), Tensor::from([[0.5, 0.5]]));
assert!((Tensor::from([1e6, 1e6]).log_softmax(0)[0] + 2_f64.ln()).abs() < 1e-15);
let image = Tensor::from([[[[1.0, 2.0], [3.0, 6.0]]]]);
assert_eq!((image.max_pool2d(2, 1, 0).item(), image.avg_pool2d(2, 1, 0).item()), (6.0, 3.0));
assert_eq!((Tensor::zeros_like(&y), Tensor::ones_like(&y)), (Tensor::from([0, 0, 0]), Tensor::from([1, 1, 1])));
