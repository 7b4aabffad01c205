//! Calls of methods on values whose type the script has to find out: fields, elements, results of other methods; and methods of
//! structs that have the names of a tensor's methods.

use jit_runtime::prelude::*;

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Vec2 {
    x: f64,
    y: f64,
}

/// Methods that tensors, numbers and lists have, too.
#[script]
impl Vec2 {
    fn add(&self, other: &Vec2) -> Vec2 {
        Vec2 { x: self.x + other.x, y: self.y + other.y }
    }
    fn mul(&self, by: f64) -> Vec2 {
        Vec2 { x: self.x * by, y: self.y * by }
    }
    fn dot(&self, other: &Vec2) -> f64 {
        self.x * other.x + self.y * other.y
    }
    fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }
    fn abs(&self) -> Vec2 {
        Vec2 { x: self.x.abs(), y: self.y.abs() }
    }
    fn max(&self, other: &Vec2) -> Vec2 {
        if self.norm() > other.norm() { self.clone() } else { other.clone() }
    }
    fn sum(&self) -> f64 {
        self.x + self.y
    }
    fn len(&self) -> usize {
        2
    }
    fn hypot(&self, other: &Vec2) -> f64 {
        self.add(other).norm()
    }
}

#[derive(Clone, Debug, PartialEq, Pytree)]
struct Body {
    at: Vec2,
    speed: Vec2,
    mass: f64,
    trail: Tensor<f64>,
}

#[script]
impl Body {
    fn sum(&self) -> f64 {
        self.at.sum() + self.speed.sum() * self.mass + self.trail.sum().item()
    }
    fn moved(&self, by: f64) -> Body {
        Body { at: self.at.add(&self.speed.mul(by)), ..self.clone() }
    }
}

#[script]
fn bodies(all: &[Body], dt: f64) -> (Vec<Body>, f64, Vec2, usize) {
    let mut moved = Vec::new();
    let mut total = 0.0;
    let mut far = all[0].at.clone();
    for body in all {
        let next = body.moved(dt);
        total += next.sum() + next.at.norm() + body.speed.dot(&body.at) * 0.5 + body.at.hypot(&next.at);
        far = far.max(&next.at).abs();
        moved.push(next);
    }
    for (a, b) in all.iter().zip(&moved) {
        let v = Vec2 { x: a.mass, y: 0.5 };
        total += v.dot(&b.at) + v.add(&a.at).norm() + b.trail.max().item();
    }
    let Body { at, speed, .. } = &all[0];
    let far_off: Vec2 = at.add(speed);
    total += far_off.sum();
    (moved, total, far.mul(2.0), at.len() + all.len())
}

/// A struct of the same fields as another one, and methods of the same names.
#[derive(Clone, Debug, PartialEq, Pytree)]
struct Complex {
    x: f64,
    y: f64,
}

#[script]
impl Complex {
    fn new(x: f64) -> Complex {
        Complex { x, y: 0.5 }
    }
    fn add(&self, other: &Complex) -> Complex {
        Complex { x: self.x + other.x, y: self.y - other.y }
    }
    fn mul(&self, by: f64) -> Complex {
        Complex { x: self.x * by, y: self.y }
    }
    fn norm(&self) -> f64 {
        self.x * 100.0
    }
    fn push(self, x: f64) -> Complex {
        Complex { y: self.y + x, ..self }
    }
    fn recip(&self) -> Result<Complex> {
        if self.x == 0.0 {
            return Err(Error::msg("no inverse"));
        }
        Ok(Complex { x: 1.0 / self.x, y: self.y })
    }
    fn twice(&self) -> Result<f64> {
        let other = self.recip()?;
        Ok(self.recip()?.mul(2.0).norm() + other.recip()?.norm())
    }
    fn scaled(&self, by: f64) -> Complex {
        self.mul(by).mul(1.0).add(self).add(self)
    }
}

#[script]
fn of_two_structs(a: &Vec2, b: &Complex, all: &[Vec2], k: f64) -> (f64, f64, Complex, Vec<Complex>, f64) {
    let c = a.mul(2.0);
    let d = b.mul(2.0);
    let mut s = Complex::new(k);
    for v in all {
        s = s.push(v.x);
    }
    let s = s.push(k);
    let mut out = vec![Complex { x: 0.0, y: 0.0 }; 2];
    out[1] = out[0].add(&d).mul(k + 1.0);
    let picked = match all.len() {
        0 => b.clone(),
        _ => b.scaled(k * 2.0).add(b),
    };
    let near = a.mul(1.0 - k).add(&a.mul(k)).add(a).add(&a.mul(2.0)).norm();
    (c.norm() + d.norm(), b.scaled(k * 3.0).norm() + picked.norm(), s.push(1.0), out, near)
}

#[script]
fn inverses(b: &Complex) -> Result<f64> {
    Ok(b.recip()?.norm() + b.twice()?)
}

#[test]
fn methods_that_give_results() {
    let b = Complex { x: 0.25, y: 1.0 };
    assert_eq!(inverses(&b).unwrap(), jit_runtime::eager(|| inverses(&b)).unwrap());
    assert_eq!(inverses(&Complex { x: 0.0, y: 1.0 }).unwrap_err().to_string(), "no inverse");
}

#[test]
fn methods_of_two_structs_of_the_same_fields() {
    let (a, b) = (Vec2 { x: 3.0, y: 4.0 }, Complex { x: 0.25, y: 1.0 });
    let all = [a.clone(), Vec2 { x: 0.5, y: 0.0 }];
    for all in [&all[..], &[]] {
        let expected = jit_runtime::eager(|| of_two_structs(&a, &b, all, 0.5));
        assert_eq!(of_two_structs(&a, &b, all, 0.5), expected);
        assert_eq!(of_two_structs(&a, &b, all, 0.5), expected);
    }
}

#[test]
fn methods_of_structs_that_tensors_have_too() {
    let body = |k: f64| Body {
        at: Vec2 { x: k, y: -1.0 },
        speed: Vec2 { x: 0.5, y: k },
        mass: k * 2.0,
        trail: Tensor::from([k, 3.0]),
    };
    let all = [body(1.0), body(2.5)];
    let expected = jit_runtime::eager(|| bodies(&all, 0.25));
    assert_eq!(bodies(&all, 0.25), expected);
    assert_eq!(bodies(&all, 0.25), expected);
}

#[derive(Clone, Debug, Pytree)]
struct Layer {
    w: Tensor,
}

#[script]
impl Layer {
    fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.w)
    }
}

#[derive(Clone, Debug, Pytree)]
struct Net {
    layers: Vec<Layer>,
    two: [Layer; 2],
}

#[script]
impl Net {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        for layer in &self.layers {
            y = layer.forward(&y);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            y = layer.forward(&y) * (i as f32);
        }
        for (a, b) in self.layers.iter().zip(self.two.iter()) {
            y = a.forward(&y) + b.forward(&y);
        }
        y
    }
}

#[script]
fn pair(p: Layer, q: Layer, x: &Tensor) -> Tensor {
    let (a, b) = (p, q);
    a.forward(&b.forward(x))
}

#[script]
fn found(net: &Net, x: &Tensor, n: usize) -> (Tensor, Tensor, Tensor) {
    let mut all = vec![];
    let mut best = None;
    for layer in &net.layers {
        all.push(layer.clone());
        if layer.w.sum() > 1.0 {
            best = Some(layer.clone());
        }
    }
    let last = loop {
        if n < all.len() {
            break all[n].clone();
        }
        break net.two[0].clone();
    };
    let chosen = if n > 0 { net.two[1].clone() } else { last.clone() };
    let y = match best {
        Some(b) => b.forward(x),
        None => x.clone(),
    };
    let kept = {
        let inner = net.two[0].clone();
        inner
    };
    let one;
    let two;
    (one, two) = (kept.clone(), [last.clone(), kept.clone()]);
    let y = one.forward(&two[1].forward(&y));
    let Net { layers, .. } = net;
    (all[0].forward(&last.forward(x)), chosen.forward(&y), layers[0].forward(x))
}

#[test]
fn methods_of_what_is_found_on_the_way() {
    let layer = |k: f32| Layer { w: Tensor::from([[k, 1.0], [0.5, -k]]) };
    let x = Tensor::from([[1.0, 2.0]]);
    let net = Net { layers: vec![layer(1.0), layer(2.0)], two: [layer(0.5), layer(3.0)] };
    for n in 0..3 {
        let expected = jit_runtime::eager(|| found(&net, &x, n));
        assert_eq!(found(&net, &x, n), expected);
    }
}

#[test]
fn methods_of_what_the_declarations_tell() {
    let layer = |k: f32| Layer { w: Tensor::from([[k, 1.0], [0.5, -k]]) };
    let x = Tensor::from([[1.0, 2.0]]);
    let net = Net { layers: vec![layer(1.0), layer(2.0)], two: [layer(0.5), layer(3.0)] };
    let expected = jit_runtime::eager(|| net.forward(&x));
    assert_eq!(net.forward(&x), expected);
    let expected = jit_runtime::eager(|| pair(layer(1.0), layer(3.0), &x));
    assert_eq!(pair(layer(1.0), layer(3.0), &x), expected);
}
