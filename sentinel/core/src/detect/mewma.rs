//! Multivariate exponentially weighted mean (Lowry, Woodall, Champ and Rigdon 1992): small changes that many columns
//! share, or that break what columns have in common.

use serde::{Deserialize, Serialize};

use super::eigen::{Eigen, dot};

/// Weight of a new row.
const WEIGHT: f64 = 0.1;
/// No direction counts as less than this share of the mean variance: what hardly moved while learning is no oracle.
const LEAST_VARIANCE: f64 = 0.02;

/// The whitening as learned, and the mean so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mewma {
    /// Each row a direction of unit length over its standard deviation.
    whiten: Vec<Vec<f64>>,
    mean: Vec<f64>,
}

impl Mewma {
    /// Takes the covariance of healthy rows, decomposed.
    pub fn new(eigen: &Eigen) -> Mewma {
        let d = eigen.values.len();
        let least = LEAST_VARIANCE * eigen.values.iter().sum::<f64>() / d.max(1) as f64;
        let whiten = eigen
            .values
            .iter()
            .zip(&eigen.vectors)
            .map(|(w, v)| {
                let sigma = w.max(least).max(1e-12).sqrt();
                v.iter().map(|x| x / sigma).collect()
            })
            .collect();
        Mewma { whiten, mean: vec![0.0; d] }
    }

    /// Takes a row of deviations.
    pub fn take(&mut self, row: &[f64]) {
        for (m, x) in self.mean.iter_mut().zip(row) {
            *m += WEIGHT * (x - *m);
        }
    }

    /// Forgets the mean.
    pub fn forget(&mut self) {
        self.mean.iter_mut().for_each(|m| *m = 0.0);
    }

    /// The length of the whitened mean, of which each column counts by its `sureness`.
    pub fn value(&self, sureness: &[f64]) -> f64 {
        let mean: Vec<f64> = self.mean.iter().zip(sureness).map(|(m, s)| m * s).collect();
        self.whiten.iter().map(|w| dot(w, &mean)).map(|y| y * y).sum::<f64>().sqrt()
    }

    /// What each column adds to the square of the value (complete decomposition, Alcala and Qin 2009); they sum to it.
    pub fn shares(&self, sureness: &[f64]) -> Vec<f64> {
        let mean: Vec<f64> = self.mean.iter().zip(sureness).map(|(m, s)| m * s).collect();
        let y: Vec<f64> = self.whiten.iter().map(|w| dot(w, &mean)).collect();
        (0..mean.len())
            .map(|j| mean[j] * self.whiten.iter().zip(&y).map(|(w, y)| w[j] * y).sum::<f64>())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::eigen::{covariance, symmetric};
    use super::*;
    use aegis_models::Seed;

    #[test]
    fn the_value_is_mahalanobis_and_its_shares_sum_to_its_square() {
        let mut rng = Seed(8).stream("mewma");
        // Two columns that move together, and one by itself.
        let mut row = || {
            let (a, b, c) = (rng.normal(), rng.normal(), rng.normal());
            vec![a, a + 0.3 * b, 2.0 * c]
        };
        let rows: Vec<Vec<f64>> = (0..5_000).map(|_| row()).collect();
        let mut m = Mewma::new(&symmetric(covariance(&rows)));
        let sure = [1.0; 3];
        // 200 rows of the same deviation: the mean is the deviation.
        let settle = |m: &mut Mewma, x: [f64; 3]| {
            m.forget();
            (0..200).for_each(|_| m.take(&x));
            m.value(&sure)
        };
        let (together, apart) = (settle(&mut m, [1.0, 1.0, 0.0]), settle(&mut m, [1.0, -1.0, 0.0]));
        // By hand: inverse of [[1, 1], [1, 1.09]] gives 1 and 45.4 as squares.
        assert!((together - 1.0).abs() < 0.05, "{together}");
        assert!((apart * apart - 45.4).abs() < 3.0, "{apart}");
        assert!((m.shares(&sure).iter().sum::<f64>() - apart * apart).abs() < 1e-9);
    }
}
