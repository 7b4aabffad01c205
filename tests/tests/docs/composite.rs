let x: Tensor<f64> = Tensor::from([[3.0, 4.0]]);
assert_eq!((x.norm().item(), x.powi(2), x.powi(-1)[[0, 1]]), (5.0, Tensor::from([[9.0, 16.0]]), 0.25));
let (w, b) = (Tensor::from([[1.0, 2.0], [0.0, 1.0]]), Tensor::from([0.5, 1.0]));
assert_eq!(x.linear(&w, &b), Tensor::from([[11.5, 5.0]]));
let (gamma, beta) = (Tensor::from([1.0, 1.0]), Tensor::from([0.0, 10.0]));
assert_eq!(x.layer_norm(&gamma, &beta, 0.0), Tensor::from([[-1.0, 11.0]]));
assert!((x.rms_norm(&gamma, 0.0).square().mean().item() - 1.0).abs() < 1e-12);
let logits: Tensor<f64> = Tensor::from([[1e6, 1e6]]);
assert!((logits.cross_entropy(&Tensor::from([0_i64])).item() - 2_f64.ln()).abs() < 1e-15);
