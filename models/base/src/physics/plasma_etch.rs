//! How fast a plasma etches a metal film, how bright it glows, and what a wet clean does to both.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Etch rate over nominal [-], about a nominal point: power of the source, chlorine and pressure as shares of nominal,
/// kelvins that the wafer is warmer. Ion and neutral flux each limit in part, so that exponents lie between 0 and 1.
pub fn rate_share(power: f64, chlorine: f64, pressure: f64, warmer_k: f64) -> f64 {
    libm::pow(power, 0.6) * libm::pow(chlorine, 0.5) * libm::pow(pressure, 0.2) * (1.0 + 0.003 * warmer_k)
}

/// Emission over nominal [-] at that share of nominal power: its square, which fits both runs of changed power of a LAM
/// 9600.
pub fn emission_share(power: f64) -> f64 {
    power * power
}

/// Rate of a chamber so many wafers after its wet clean, over a seasoned one [-]: `1 - s exp(-n / n0)`.
pub fn seasoning(wafers: f64, share: f64, pace_wafers: f64) -> f64 {
    1.0 - share * libm::exp(-wafers / pace_wafers)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Time to the endpoint over what the chamber's seasoning accounts for [-].
    Law {
        name: "etch_pace",
        inputs: &["etch_s", "wafers_since_clean"],
        params: &["nominal_s", "season_share", "season_wafers"],
        eval: |q, p| Some(q[0] * seasoning(q[1], p[1], p[2]) / p[0]),
    },
    // Brightness over what delivered power and the window's age account for [-].
    Law {
        name: "emission",
        inputs: &["counts", "forward_w", "reflected_w", "rf_hours"],
        params: &["nominal_counts", "nominal_w", "per_hour"],
        eval: |q, p| {
            let power = (q[1] - q[2]) / p[1];
            (power > 0.2).then(|| q[0] / (p[0] * emission_share(power) * (1.0 - p[2] * q[3])))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "plasma_etch",
    equation: "r ~ P^0.6 Cl2^0.5 p^0.2; I ~ P^2; r(n) = 1 - s exp(-n/n0)",
    valid: "within a fifth of the nominal point",
    source: "Wise et al., J. Chemometrics 13 (1999): recording of a LAM 9600; Coburn and Winters 1979 (synergy)",
    checks: &[
        Check {
            what: "endpoint signal at 400 W over that at 350 W, in counts from 1,734",
            unit: "counts",
            from: "Wise et al. 1999, LAM 9600, run TCP +50, step 4: 2,250",
            published: 2_250.0,
            ours: || 1_734.0 * emission_share(400.0 / 350.0),
            within: 0.02,
        },
        Check {
            what: "endpoint signal at 360 W over that at 350 W, in counts from 1,734",
            unit: "counts",
            from: "Wise et al. 1999, LAM 9600, run TCP +10, step 4: 1,850",
            published: 1_850.0,
            ours: || 1_734.0 * emission_share(360.0 / 350.0),
            within: 0.02,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nominal_point_is_one_and_a_clean_chamber_is_slow() {
        assert_eq!(rate_share(1.0, 1.0, 1.0, 0.0), 1.0);
        assert!(rate_share(0.9, 1.0, 1.0, 0.0) < 0.95);
        // By hand: 1 - 0.04 / e = 0.98528.
        assert!((seasoning(20.0, 0.04, 20.0) - 0.98528).abs() < 1e-5);
    }
}
