//! Discrete Fourier transforms of lengths that have no prime factor but 2, 3 and 5.
//!
//! Stockham's self-sorting transform, decimation in frequency (Van Loan, *Computational Frameworks for the Fast Fourier
//! Transform*, ch. 1 and 2), in plain `f64` with tabulated twiddles over `libm`: the same bits on every machine.

use std::collections::BTreeMap;

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// The square of its size.
    pub fn power(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    fn plus(self, o: Complex) -> Complex {
        Complex { re: self.re + o.re, im: self.im + o.im }
    }

    fn minus(self, o: Complex) -> Complex {
        Complex { re: self.re - o.re, im: self.im - o.im }
    }

    fn times(self, o: Complex) -> Complex {
        Complex { re: self.re * o.re - self.im * o.im, im: self.re * o.im + self.im * o.re }
    }

    /// Times a real number.
    pub fn scaled(self, k: f64) -> Complex {
        Complex { re: self.re * k, im: self.im * k }
    }

    /// Times -i.
    fn turned(self) -> Complex {
        Complex { re: self.im, im: -self.re }
    }
}

/// The greatest length up to `n` that a [`RealFft`] takes: even, with no prime factor but 2, 3 and 5; 0 below 2.
pub fn smooth_length(n: usize) -> usize {
    (2..=n).rev().find(|n| n % 2 == 0 && factors(*n).is_some()).unwrap_or(0)
}

/// The radices of a length, from the largest; none when another prime divides it.
fn factors(mut n: usize) -> Option<Vec<usize>> {
    let mut radices = Vec::new();
    for r in [5, 4, 3, 2] {
        while n > 0 && n.is_multiple_of(r) {
            radices.push(r);
            n /= r;
        }
    }
    (n == 1).then_some(radices)
}

/// `exp(-2 pi i k / n)` for each `k` below `n`.
fn twiddles(n: usize) -> Vec<Complex> {
    let turn = |k: usize| -2.0 * std::f64::consts::PI * k as f64 / n as f64;
    (0..n).map(|k| libm::sincos(turn(k))).map(|(im, re)| Complex { re, im }).collect()
}

/// A complex transform of one length.
#[derive(Clone, Debug)]
pub struct Fft {
    radices: Vec<usize>,
    twiddles: Vec<Complex>,
}

impl Fft {
    /// A transform of length `n`; none when a prime other than 2, 3 and 5 divides it.
    pub fn new(n: usize) -> Option<Fft> {
        Some(Fft { radices: factors(n)?, twiddles: twiddles(n) })
    }

    /// `X[k] = sum over j of x[j] exp(-2 pi i j k / n)`, in place; `scratch` is room that a caller may keep.
    ///
    /// # Panics
    /// When `x` has another length.
    pub fn forward(&self, x: &mut Vec<Complex>, scratch: &mut Vec<Complex>) {
        let n = self.twiddles.len();
        assert_eq!(x.len(), n, "the transform's length");
        scratch.resize(n, Complex::default());
        let (mut length, mut stride) = (n, 1);
        for radix in &self.radices {
            match radix {
                2 => self.stage::<2>(length, stride, x, scratch),
                3 => self.stage::<3>(length, stride, x, scratch),
                4 => self.stage::<4>(length, stride, x, scratch),
                _ => self.stage::<5>(length, stride, x, scratch),
            }
            std::mem::swap(x, scratch);
            length /= radix;
            stride *= radix;
        }
    }

    fn stage<const R: usize>(&self, length: usize, stride: usize, x: &[Complex], y: &mut [Complex]) {
        let m = length / R;
        for p in 0..m {
            let turns: [Complex; R] = std::array::from_fn(|j| self.twiddles[p * j * stride]);
            for q in 0..stride {
                let mut a: [Complex; R] = std::array::from_fn(|k| x[q + stride * (p + m * k)]);
                butterfly(&mut a);
                for j in 0..R {
                    y[q + stride * (R * p + j)] = if p == 0 { a[j] } else { a[j].times(turns[j]) };
                }
            }
        }
    }
}

/// The transform of two to five values.
fn butterfly<const R: usize>(a: &mut [Complex; R]) {
    match R {
        2 => (a[0], a[1]) = (a[0].plus(a[1]), a[0].minus(a[1])),
        3 => {
            let (sum, half) = (a[1].plus(a[2]), a[1].minus(a[2]).scaled(SIN_60).turned());
            let middle = a[0].minus(sum.scaled(0.5));
            (a[0], a[1], a[2]) = (a[0].plus(sum), middle.plus(half), middle.minus(half));
        }
        4 => {
            let (s, d) = (a[0].plus(a[2]), a[0].minus(a[2]));
            let (t, e) = (a[1].plus(a[3]), a[1].minus(a[3]).turned());
            (a[0], a[1], a[2], a[3]) = (s.plus(t), d.plus(e), s.minus(t), d.minus(e));
        }
        _ => {
            let (s1, d1) = (a[1].plus(a[4]), a[1].minus(a[4]));
            let (s2, d2) = (a[2].plus(a[3]), a[2].minus(a[3]));
            let m1 = a[0].plus(s1.scaled(COS_72)).plus(s2.scaled(COS_144));
            let m2 = a[0].plus(s1.scaled(COS_144)).plus(s2.scaled(COS_72));
            let n1 = d1.scaled(SIN_72).plus(d2.scaled(SIN_144)).turned();
            let n2 = d1.scaled(SIN_144).minus(d2.scaled(SIN_72)).turned();
            a[0] = a[0].plus(s1).plus(s2);
            (a[1], a[2], a[3], a[4]) = (m1.plus(n1), m2.plus(n2), m2.minus(n2), m1.minus(n1));
        }
    }
}

const SIN_60: f64 = 0.866_025_403_784_438_6;
const COS_72: f64 = 0.309_016_994_374_947_45;
const SIN_72: f64 = 0.951_056_516_295_153_5;
const COS_144: f64 = -0.809_016_994_374_947_5;
const SIN_144: f64 = 0.587_785_252_292_473_1;

/// A transform of real values of one even length.
#[derive(Clone, Debug)]
pub struct RealFft {
    half: Fft,
    twiddles: Vec<Complex>,
}

impl RealFft {
    /// A transform of length `n`; none when it is odd or a prime other than 2, 3 and 5 divides it.
    pub fn new(n: usize) -> Option<RealFft> {
        let half = (n >= 2 && n.is_multiple_of(2)).then(|| Fft::new(n / 2)).flatten()?;
        Some(RealFft { half, twiddles: twiddles(n) })
    }

    /// The bins 0 to n/2 of the transform of `x`.
    ///
    /// # Panics
    /// When `x` has another length.
    pub fn forward(&self, x: &[f64]) -> Vec<Complex> {
        let n = self.twiddles.len();
        assert_eq!(x.len(), n, "the transform's length");
        // Two real values make a complex one; what is even and what is odd in the result belongs to either.
        let mut z: Vec<Complex> = x.chunks_exact(2).map(|p| Complex { re: p[0], im: p[1] }).collect();
        self.half.forward(&mut z, &mut Vec::new());
        let h = n / 2;
        (0..=h)
            .map(|k| {
                let (a, b) = (z[k % h], z[(h - k) % h]);
                let b = Complex { re: b.re, im: -b.im };
                let odd = a.minus(b).turned().times(self.twiddles[k % n]);
                a.plus(b).plus(odd).scaled(0.5)
            })
            .collect()
    }
}

/// Transforms and windows by length, kept: their tables cost as much as a transform.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    real: BTreeMap<usize, RealFft>,
    complex: BTreeMap<usize, Fft>,
    windows: BTreeMap<usize, Vec<f64>>,
}

impl Plans {
    /// Hann's window of a length.
    pub fn window(&mut self, n: usize) -> &[f64] {
        self.windows.entry(n).or_insert_with(|| super::hann(n))
    }

    /// The real transform of a length that [`smooth_length`] gave.
    ///
    /// # Panics
    /// At any other length.
    pub fn real(&mut self, n: usize) -> &RealFft {
        self.real.entry(n).or_insert_with(|| RealFft::new(n).expect("an even length of factors 2, 3 and 5"))
    }

    /// The complex transform of a length that [`smooth_length`] gave.
    ///
    /// # Panics
    /// At any other length.
    pub fn complex(&mut self, n: usize) -> &Fft {
        self.complex.entry(n).or_insert_with(|| Fft::new(n).expect("a length of factors 2, 3 and 5"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn it_agrees_with_realfft() {
        let mut planner = realfft::RealFftPlanner::<f64>::new();
        for n in [2, 4, 6, 10, 12, 18, 30, 50, 64, 90, 250, 1_024, 4_050, 25_600, 60_000] {
            let mut rng = Seed(n as u64).stream("fft");
            let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let ours = RealFft::new(n).unwrap().forward(&x);
            let oracle = planner.plan_fft_forward(n);
            let (mut input, mut theirs) = (x.clone(), oracle.make_output_vec());
            oracle.process(&mut input, &mut theirs).unwrap();
            assert_eq!(ours.len(), theirs.len());
            for (k, (a, b)) in ours.iter().zip(&theirs).enumerate() {
                let error = Complex { re: a.re - b.re, im: a.im - b.im }.power().sqrt();
                assert!(error < 1e-11 * n as f64, "length {n}, bin {k}: {a:?} against {b}");
            }
        }
    }

    #[test]
    fn lengths_it_cannot_take_are_told() {
        assert!(RealFft::new(14).is_none() && RealFft::new(15).is_none() && RealFft::new(0).is_none());
        assert!(Fft::new(15).is_some() && Fft::new(7).is_none() && Fft::new(0).is_none());
        assert_eq!([0, 1, 2, 7, 25_600, 121_991].map(smooth_length), [0, 0, 2, 6, 25_600, 121_500]);
    }

    /// Parseval: the power of a signal is that of its spectrum.
    #[test]
    fn power_is_kept() {
        let mut rng = Seed(5).stream("parseval");
        let mut x: Vec<Complex> = (0..900).map(|_| Complex { re: rng.normal(), im: rng.normal() }).collect();
        let before: f64 = x.iter().map(|c| c.power()).sum();
        Fft::new(900).unwrap().forward(&mut x, &mut Vec::new());
        let after: f64 = x.iter().map(|c| c.power()).sum::<f64>() / 900.0;
        assert!((before / after - 1.0).abs() < 1e-12, "{before} against {after}");
    }
}
