let mut x = Tensor::from([[1, 2], [3, 4]]);
let before = x.clone();
x[[0, 0]] = 10;
x.set_axis(0, 1, &Tensor::from([7, 8]));
x.set_slice(1, 1, &Tensor::from([[0], [0]]));
assert_eq!(x, Tensor::from([[10, 0], [7, 0]]));
assert_eq!(before, Tensor::from([[1, 2], [3, 4]]));
