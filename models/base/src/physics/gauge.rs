//! What a gauge makes of what it measures: repeatability, reproducibility, and what it catches at all.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Repeatability from the mean range of three trials (AIAG MSA, 4th ed., ch. III B): `R K1`.
pub fn repeatability(mean_range: f64) -> f64 {
    0.5908 * mean_range
}

/// Reproducibility from the range of three appraisers' means, `parts` measured in `trials` each:
/// `sqrt((D K2)^2 - EV^2 / (n r))`, never below nought.
pub fn reproducibility(range_of_means: f64, ev: f64, parts: f64, trials: f64) -> f64 {
    let between = 0.5231 * range_of_means;
    (between * between - ev * ev / (parts * trials)).max(0.0).sqrt()
}

/// Both together: `sqrt(EV^2 + AV^2)`.
pub fn repeatability_and_reproducibility(ev: f64, av: f64) -> f64 {
    (ev * ev + av * av).sqrt()
}

/// Light of a sphere much smaller than the wavelength over that of a reference [-]: the sixth power of its size (Rayleigh).
pub fn rayleigh_share(size_nm: f64, reference_nm: f64) -> f64 {
    let r = size_nm / reference_nm;
    let cube = r * r * r;
    cube * cube
}

/// Share of the defects that a scanner catches [-], where their sizes fall off as `d^-3` above `smallest_nm` (Stapper) and
/// the threshold sits at the light of `threshold_nm`: a signal that is down moves the threshold up by its sixth root.
pub fn capture_share(signal: f64, threshold_nm: f64, smallest_nm: f64) -> f64 {
    let seen_nm = threshold_nm * libm::pow(signal.max(1e-3), -1.0 / 6.0);
    let r = smallest_nm / seen_nm.max(smallest_nm);
    r * r
}

/// Yield of dies of mean fault count `faults` (Murphy 1964): `((1 - e^-m) / m)^2`.
pub fn murphy_yield(faults: f64) -> f64 {
    if faults < 1e-9 {
        return 1.0;
    }
    let share = (1.0 - libm::exp(-faults)) / faults;
    share * share
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Light of the reference spheres over what laser and spot account for [-]; with too little of it, nothing.
    Law {
        name: "scatter_signal",
        inputs: &["signal", "power_mw", "spot_um"],
        params: &["signal_0", "power_mw_0", "spot_um_0"],
        eval: |q, p| {
            let spot = p[2] / q[2].max(1e-6);
            let expected = p[0] * q[1] / p[1] * spot * spot;
            (expected > 0.3 * p[0]).then(|| q[0] / expected)
        },
    },
    // Light of a laser for each ampere above its threshold [mW/A].
    Law {
        name: "laser_slope",
        inputs: &["power_mw", "current_a"],
        params: &["threshold_a"],
        eval: |q, p| (q[1] - p[0] > 0.05).then(|| q[0] / (q[1] - p[0])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "gauge",
    equation: "EV = R K1; AV = sqrt((D K2)^2 - EV^2 / n r); GRR = sqrt(EV^2 + AV^2); I ~ P d^6 / w^2; Y = ((1 - e^-m) / m)^2",
    valid: "three appraisers, three trials; spheres far below the wavelength; defect sizes as d^-3",
    source: "AIAG MSA, 4th ed., ch. III B; Bohren and Huffman, ch. 5; Stapper 1983; Murphy 1964",
    checks: &[
        Check {
            what: "repeatability of the manual's example (mean range 0.3417)",
            unit: "mm",
            from: "AIAG MSA, 4th ed., gauge repeatability and reproducibility report",
            published: 0.201_88,
            ours: || repeatability(0.341_7),
            within: 1e-3,
        },
        Check {
            what: "reproducibility of it (means differ by 0.4447; 10 parts, 3 trials)",
            unit: "mm",
            from: "AIAG MSA, 4th ed., gauge repeatability and reproducibility report",
            published: 0.229_63,
            ours: || reproducibility(0.444_7, repeatability(0.341_7), 10.0, 3.0),
            within: 1e-3,
        },
        Check {
            what: "both of it",
            unit: "mm",
            from: "AIAG MSA, 4th ed., gauge repeatability and reproducibility report",
            published: 0.305_75,
            ours: || {
                let ev = repeatability(0.341_7);
                repeatability_and_reproducibility(ev, reproducibility(0.444_7, ev, 10.0, 3.0))
            },
            within: 1e-3,
        },
        Check {
            what: "Murphy's yield at a fault a die",
            unit: "-",
            from: "by hand",
            published: 0.399_6,
            ours: || murphy_yield(1.0),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: half the light moves a threshold of 100 nm to 112.2 nm, and 79.4 % of what it caught is left.
    #[test]
    fn less_light_catches_fewer() {
        let (sound, half) = (capture_share(1.0, 100.0, 80.0), capture_share(0.5, 100.0, 80.0));
        assert!((sound - 0.64).abs() < 1e-12);
        assert!((half / sound - 0.793_7).abs() < 1e-3, "{}", half / sound);
        assert_eq!(capture_share(100.0, 100.0, 80.0), 1.0, "never more than all");
    }

    #[test]
    fn light_of_a_sphere_grows_with_the_sixth_power() {
        assert!((rayleigh_share(200.0, 100.0) - 64.0).abs() < 1e-9);
        assert_eq!(murphy_yield(0.0), 1.0);
    }
}
