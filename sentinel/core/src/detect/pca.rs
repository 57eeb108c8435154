//! Hotelling's T2 within the principal components and the squared prediction error Q beside them (Jackson and Mudholkar
//! 1979): a row at once, where the mean over rows would be slow.

use serde::{Deserialize, Serialize};

use super::eigen::{Eigen, dot};

/// The components that together hold this share of the variance are what columns have in common.
const COMMON: f64 = 0.9;

/// The components as learned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pca {
    /// Unit vectors.
    components: Vec<Vec<f64>>,
    variances: Vec<f64>,
}

impl Pca {
    /// Takes the covariance of healthy rows, decomposed.
    pub fn new(eigen: &Eigen) -> Pca {
        let total: f64 = eigen.values.iter().sum();
        let mut held = 0.0;
        let kept = eigen
            .values
            .iter()
            .take_while(|w| {
                let more = held < COMMON * total;
                held += **w;
                more
            })
            .count();
        Pca {
            components: eigen.vectors[..kept].to_vec(),
            variances: eigen.values[..kept].iter().map(|w| w.max(1e-12)).collect(),
        }
    }

    /// The square roots of T2 and of Q for a row of deviations.
    pub fn values(&self, row: &[f64]) -> (f64, f64) {
        let scores = self.scores(row);
        let t2: f64 = scores.iter().zip(&self.variances).map(|(t, w)| t * t / w).sum();
        let explained: f64 = scores.iter().map(|t| t * t).sum();
        (t2.sqrt(), (dot(row, row) - explained).max(0.0).sqrt())
    }

    /// What each column adds to T2; they sum to it.
    pub fn t2_shares(&self, row: &[f64]) -> Vec<f64> {
        let scores = self.scores(row);
        let of = |j: usize| {
            let along = scores.iter().zip(&self.variances).zip(&self.components);
            row[j] * along.map(|((t, w), p)| t / w * p[j]).sum::<f64>()
        };
        (0..row.len()).map(of).collect()
    }

    /// What each column adds to Q; they sum to it.
    pub fn q_shares(&self, row: &[f64]) -> Vec<f64> {
        let scores = self.scores(row);
        let rest =
            |j: usize| row[j] - scores.iter().zip(&self.components).map(|(t, p)| t * p[j]).sum::<f64>();
        (0..row.len()).map(|j| rest(j) * rest(j)).collect()
    }

    fn scores(&self, row: &[f64]) -> Vec<f64> {
        self.components.iter().map(|p| dot(p, row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::eigen::{covariance, symmetric};
    use super::*;
    use aegis_models::Seed;

    #[test]
    fn t2_sees_far_along_what_columns_share_and_q_what_breaks_it() {
        let mut rng = Seed(4).stream("pca");
        let mut row = || {
            let a = rng.normal();
            (0..5).map(|_| a + 0.1 * rng.normal()).collect::<Vec<f64>>()
        };
        let rows: Vec<Vec<f64>> = (0..2_000).map(|_| row()).collect();
        let pca = Pca::new(&symmetric(covariance(&rows)));
        let (t2, q) = pca.values(&[4.0; 5]);
        assert!((3.5..4.5).contains(&t2) && q < 0.2, "{t2} {q}");
        let broken = [0.0, 0.0, 2.0, 0.0, 0.0];
        let (t2, q) = pca.values(&broken);
        assert!(t2 < 1.0 && q > 1.5, "{t2} {q}");
        let shares = pca.q_shares(&broken);
        assert!((shares.iter().sum::<f64>() - q * q).abs() < 1e-9);
        assert!(shares.iter().all(|s| *s <= shares[2]));
        assert!((pca.t2_shares(&broken).iter().sum::<f64>() - t2 * t2).abs() < 1e-9);
    }
}
