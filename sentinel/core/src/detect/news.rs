//! What is news: a departure opens an incident when it is clearly larger than those that people have already been shown
//! of the same column. A pump that starts every hour, or a batch job every night, is news once.

use serde::{Deserialize, Serialize};

/// What has been shown is half forgotten after so many rows.
const HALF_LIFE: f64 = 3_000.0;
/// A departure is news when it is this many times the largest that is remembered.
const CLEARLY: f64 = 1.15;
/// Departure at which one column alone would be news [standard deviations].
const LIMIT: f64 = 4.0;

/// The largest departures of one column that are remembered, each with its own smoothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct News {
    shown: [f64; 3],
}

impl News {
    /// Takes the departure smoothed in the `k`th way and says whether it is news, one column among `columns`.
    pub fn push(&mut self, k: usize, departure: f64, columns: usize) -> bool {
        // Of many columns one is far out more often: the limit of the family is that of one (Bonferroni), and a Gaussian
        // tail falls as exp(-x^2 / 2).
        let limit = (LIMIT * LIMIT + 2.0 * libm::log(columns.max(1) as f64)).sqrt();
        let (size, shown) = (departure.abs(), &mut self.shown[k]);
        let news = size > limit && size > CLEARLY * *shown;
        if size > limit {
            *shown = shown.max(size);
        }
        *shown *= 1.0 - core::f64::consts::LN_2 / HALF_LIFE;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_no_news_a_larger_one_is_and_much_later_it_is_again() {
        let mut news = News::default();
        assert!(!news.push(0, 3.9, 1), "below the limit");
        assert!(news.push(0, 10.0, 1));
        assert!(!news.push(0, -10.5, 1), "as large as before");
        assert!(news.push(0, 13.0, 1));
        assert!(!news.push(0, 13.0, 1));
        for _ in 0..9_000 {
            news.push(0, 0.0, 1);
        }
        assert!(news.push(0, 6.0, 1), "forgotten");
        assert!(!News::default().push(0, 4.5, 52), "one of fifty-two");
    }
}
