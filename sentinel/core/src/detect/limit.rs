//! Limits for a stated budget of false findings, from rows that were not used to fit.
//!
//! Peaks over threshold (Pickands 1975; Coles, *An Introduction to Statistical Modeling of Extreme Values*, ch. 4) with
//! an exponential tail: beyond a high quantile `u` the excess of a cluster's maximum is exponential with mean `e`, so the
//! level that one cluster in `n` samples passes is `u + e ln(n r)`, where `r` is the number of clusters a sample. Taking
//! clusters instead of samples is what makes the limit hold for autocorrelated data.

/// The budget: one false finding of one statistic over one channel in this many samples (28 hours at 1 Hz). The
/// exponential tail is heavier than a Gaussian one, so that quiet channels stay far below it.
pub const SAMPLES_PER_FALSE_FINDING: f64 = 1.0e5;

/// Values below the threshold that end a cluster.
pub(super) const CLUSTER_GAP: usize = 5;

/// The quantile from which the tail begins.
const THRESHOLD: f64 = 0.9;

/// The least mean excess, as a share of the threshold: a short span shows too few clusters to trust a shorter tail.
const LEAST_EXCESS: f64 = 0.3;

/// The limit for a statistic that took the values `held_out`; never below `floor`.
pub fn learn(held_out: &[f64], floor: f64) -> f64 {
    learn_for(held_out, floor, SAMPLES_PER_FALSE_FINDING)
}

/// The same for another budget: one false finding in `samples`.
pub(super) fn learn_for(held_out: &[f64], floor: f64, samples: f64) -> f64 {
    let size: Vec<f64> = held_out.iter().map(|v| v.abs()).collect();
    if size.len() < 20 {
        let widest = size.iter().copied().fold(0.0, f64::max);
        return floor.max(2.0 * widest);
    }
    let u = quantile(&size, THRESHOLD);
    let (mut clusters, mut excess, mut peak, mut quiet) = (0_u32, 0.0, 0.0_f64, CLUSTER_GAP);
    for v in &size {
        if *v > u {
            peak = peak.max(v - u);
            quiet = 0;
        } else {
            quiet += 1;
            if quiet == CLUSTER_GAP && peak > 0.0 {
                clusters += 1;
                excess += peak;
                peak = 0.0;
            }
        }
    }
    if peak > 0.0 {
        clusters += 1;
        excess += peak;
    }
    let clusters = f64::from(clusters.max(1));
    let mean_excess = (excess / clusters).max(LEAST_EXCESS * u);
    let rate = clusters / size.len() as f64;
    (u + mean_excess * libm::log((rate * samples).max(1.0))).max(floor)
}

/// The value below which the share `q` of `values` lies; zero when there are none.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    let at = ((sorted.len() - 1) as f64 * q).round() as usize;
    *sorted.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::Seed;

    #[test]
    fn the_budget_holds_on_independent_and_on_autocorrelated_noise() {
        for phi in [0.0, 0.9] {
            let mut rng = Seed(3).stream("limit");
            let mut x = 0.0;
            let mut next = || {
                x = phi * x + (1.0_f64 - phi * phi).sqrt() * rng.normal();
                x
            };
            let held_out: Vec<f64> = (0..2_000).map(|_| next()).collect();
            let limit = learn(&held_out, 0.0);
            let beyond = (0..1_000_000).filter(|_| next().abs() > limit).count();
            // The budget is ten clusters in a million; a cluster may hold several samples.
            assert!(beyond <= 30, "phi {phi}: limit {limit}, {beyond} beyond");
            assert!(limit < 9.0, "phi {phi}: limit {limit} would see nothing");
        }
    }
}
