assert_eq!((Tensor::zeros([2]), Tensor::ones([2])), (Tensor::from([0, 0]), Tensor::from([1, 1])));
assert_eq!((Tensor::full([2], 7), Tensor::scalar(7).item()), (Tensor::from([7, 7]), 7));
assert_eq!(Tensor::eye(2), Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
assert_eq!((Tensor::arange(0, 6, 2), Tensor::arange(3, 0, -1)), (Tensor::from([0, 2, 4]), Tensor::from([3, 2, 1])));
assert_eq!(Tensor::linspace(0.0, 1.0, 3), Tensor::from([0.0, 0.5, 1.0]));
assert_eq!(Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]).unwrap(), Tensor::from([[1, 2], [3, 4]]));
let keys = Key::new(7).split(2);
let (u, n): (Tensor, Tensor) = (Tensor::uniform(keys[0], [2, 3]), Tensor::normal(keys[1], [2, 3]));
assert!(u.ge(0.0).all().item() && u.lt(1.0).all().item() && n.is_finite().all().item());
