//! The rows of the elementwise ops.
//!
//! A row is a variant, its name in the text form (and as a method), what it does, and its value
//! for one element. The enum, inference, folding, the interpreter, the vector kernels, the
//! `Tensor` methods and the script front end are all made from these rows.

/// Hands every elementwise row to the macro `$callback`.
///
/// `exact` rows give the same bits wherever they are computed. The body of an `approx` row is the
/// reference; the runtime may compute it otherwise, within the documented error.
#[macro_export]
macro_rules! elementwise_rows {
    ($callback:ident) => { $callback! {
        unary_num {
            Abs abs "Absolute value." { float: |a| a.abs(), int: |a| Int::abs(a) }
            Neg neg "Negation." { float: |a| -a, int: |a| Int::neg(a) }
            Signum signum "The sign as -1 or 1 (floats: of zeros too, as std), 0 for an integer 0." { float: |a| a.signum(), int: |a| Int::signum(a) }
            Square square "x times x." { float: |a| a * a, int: |a| Int::mul(a, a) }
            Relu relu "The larger of x and 0; NaN stays." { float: |a| if a < 0.0 { 0.0 } else { a }, int: |a| if a < Prim::ZERO { Prim::ZERO } else { a } }
        }
        unary_float {
            exact {
                Sqrt sqrt "Square root." |a| a.sqrt()
                Rsqrt rsqrt "1 / sqrt(x), two roundings." |a| 1.0 / a.sqrt()
                Recip recip "1 / x." |a| 1.0 / a
                Floor floor "The largest integer not above x." |a| a.floor()
                Ceil ceil "The smallest integer not below x." |a| a.ceil()
                Round round "The nearest integer, halves away from zero." |a| a.round()
                Trunc trunc "The integer part." |a| a.trunc()
            }
            approx {
                Exp exp "e to the x." |a| a.exp()
                ExpM1 exp_m1 "e to the x, less 1, accurate near 0." |a| a.exp_m1()
                Ln ln "Natural logarithm." |a| a.ln()
                Ln1p ln_1p "ln(1 + x), accurate near 0." |a| a.ln_1p()
                Log2 log2 "Logarithm to base 2." |a| a.log2()
                Sin sin "Sine of radians." |a| a.sin()
                Cos cos "Cosine of radians." |a| a.cos()
                Tan tan "Tangent of radians." |a| a.tan()
                Asin asin "Arc sine in radians." |a| a.asin()
                Acos acos "Arc cosine in radians." |a| a.acos()
                Atan atan "Arc tangent in radians." |a| a.atan()
                Sinh sinh "Hyperbolic sine." |a| a.sinh()
                Cosh cosh "Hyperbolic cosine." |a| a.cosh()
                Tanh tanh "Hyperbolic tangent." |a| a.tanh()
                Erf erf "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x." |a| $crate::ops::special::Special::erf(a)
                Gelu gelu "x times the share of the normal distribution below x: 0.5 x erfc(-x / sqrt(2))." |a| $crate::ops::special::Special::gelu(a)
                Sigmoid sigmoid "1 / (1 + exp(-x))." |a| if a < 0.0 { a.exp() / (1.0 + a.exp()) } else { 1.0 / (1.0 + (-a).exp()) }
                Silu silu "x * sigmoid(x)." |a| a / (1.0 + (-a).exp())
                GeluTanh gelu_tanh "0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))." |a| 0.5 * a * (1.0 + (0.797_884_560_802_865_4 * (a + 0.044715 * a * a * a)).tanh())
                Softplus softplus "ln(1 + exp(x))." |a| if a > 0.0 { a + (-a).exp().ln_1p() } else { a.exp().ln_1p() }
            }
        }
        test_float {
            IsNan is_nan "Whether x is NaN." |a| a.is_nan()
            IsFinite is_finite "Whether x is neither infinite nor NaN." |a| a.is_finite()
        }
        binary_num {
            Add add "Sum." { float: |a, b| a + b, int: |a, b| Int::add(a, b) }
            Sub sub "Difference." { float: |a, b| a - b, int: |a, b| Int::sub(a, b) }
            Mul mul "Product." { float: |a, b| a * b, int: |a, b| Int::mul(a, b) }
            Maximum maximum "The larger one; NaN if either is." { float: |a, b| if a > b || a.is_nan() { a } else { b }, int: |a, b| if a > b { a } else { b } }
            Minimum minimum "The smaller one; NaN if either is." { float: |a, b| if a < b || a.is_nan() { a } else { b }, int: |a, b| if a < b { a } else { b } }
        }
        binary_div {
            Div div "Quotient; an integer one is cut off towards zero." { float: |a, b| a / b, int: |a, b| Int::div(a, b) }
            Rem rem "Remainder with the sign of the dividend." { float: |a, b| a % b, int: |a, b| Int::rem(a, b) }
            DivEuclid div_euclid "Euclidean quotient, as Rust's." { float: |a, b| a.div_euclid(b), int: |a, b| Int::div_euclid(a, b) }
            RemEuclid rem_euclid "Euclidean remainder, as Rust's." { float: |a, b| a.rem_euclid(b), int: |a, b| Int::rem_euclid(a, b) }
        }
        binary_float {
            Powf powf "a to the b." |a, b| a.powf(b)
            Atan2 atan2 "The angle of the point (b, a) in radians." |a, b| a.atan2(b)
        }
        compare {
            Gt gt "Greater." |a, b| a > b
            Ge ge "Greater or equal." |a, b| a >= b
            Lt lt "Less." |a, b| a < b
            Le le "Less or equal." |a, b| a <= b
            Eq eq "Equal." |a, b| a == b
            Ne ne "Not equal." |a, b| a != b
        }
        bits {
            And and "Logical or bitwise and." |a, b| a & b
            Or or "Logical or bitwise or." |a, b| a | b
            Xor xor "Logical or bitwise exclusive or." |a, b| a ^ b
        }
    } };
}
