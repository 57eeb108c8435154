//! A heat exchanger between two streams, by effectiveness and number of transfer units.
//!
//! Counterflow, which a coil of four or more rows comes close to: Incropera, DeWitt, *Fundamentals of Heat and Mass
//! Transfer*, 6th edition, table 11.3 (equation 11.29a) and table 11.4 (11.29b); Kays and London, *Compact Heat
//! Exchangers*.

use super::moist_air;
use super::published::{Check, Sheet};
use super::residual::Law;

/// Beyond this the transfer units can no longer be told from the effectiveness [-].
const HIGHEST_TOLD: f64 = 0.97;
/// How the conductance of a finned coil follows the air's flow [-]: between 0.5 and 0.7 for finned tubes (Kays and
/// London).
pub const AIR_EXPONENT: f64 = 0.6;
/// Specific heat of water [J/(kg K)].
pub const WATER_J_PER_KG_K: f64 = 4_186.0;

/// Share of the greatest possible heat that is passed [-], for `ntu` = UA / Cmin >= 0 and `ratio` = Cmin / Cmax in
/// 0 to 1.
pub fn effectiveness(ntu: f64, ratio: f64) -> f64 {
    if (1.0 - ratio).abs() < 1e-9 {
        return ntu / (1.0 + ntu);
    }
    let e = libm::exp(-ntu * (1.0 - ratio));
    (1.0 - e) / (1.0 - ratio * e)
}

/// The transfer units behind an effectiveness [-]; none where it does not tell them.
pub fn transfer_units(effectiveness: f64, ratio: f64) -> Option<f64> {
    if !(effectiveness > 0.0 && effectiveness < HIGHEST_TOLD) {
        return None;
    }
    if (1.0 - ratio).abs() < 1e-9 {
        return Some(effectiveness / (1.0 - effectiveness));
    }
    Some(libm::log((effectiveness - 1.0) / (effectiveness * ratio - 1.0)) / (ratio - 1.0))
}

/// What the air's flow does to a coil's conductance, against that at nominal flow [-].
pub fn flow_factor(flow: f64, nominal: f64) -> f64 {
    libm::pow((flow / nominal).max(0.0), AIR_EXPONENT)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Conductance of a cooling coil at nominal airflow [kW/K]: falls as it fouls, whatever load, valve and fan do.
    Law {
        name: "coil_conductance",
        inputs: &["entering_c", "leaving_c", "water_c", "water_l_per_min", "flow_m3_per_h"],
        params: &["nominal_m3_per_h"],
        eval: |q, p| {
            let air = moist_air::DENSITY_KG_PER_M3 * moist_air::HEAT_J_PER_KG_K * q[4] / 3_600.0;
            // A litre of water is a kilogram.
            let water = WATER_J_PER_KG_K * q[3] / 60.0;
            let (least, most) = (air.min(water), air.max(water));
            if least < 50.0 || q[0] - q[2] < 2.0 {
                return None;
            }
            let passed = air * (q[0] - q[1]) / (least * (q[0] - q[2]));
            let ntu = transfer_units(passed, least / most)?;
            Some(ntu * least / 1_000.0 / flow_factor(q[4], p[0]))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "coil",
    equation: "e = (1 - exp(-N (1 - c))) / (1 - c exp(-N (1 - c))), N = UA / Cmin, c = Cmin / Cmax",
    valid: "counterflow, four rows and more; N >= 0, 0 <= c <= 1",
    source: "Incropera and DeWitt, Fundamentals of Heat and Mass Transfer, 6th ed., 11.29a",
    checks: &[
        Check {
            what: "effectiveness at 3 transfer units, ratio 0.5",
            unit: "-",
            from: "Incropera, figure 11.11",
            published: 0.874,
            ours: || effectiveness(3.0, 0.5),
            within: 0.002,
        },
        Check {
            what: "effectiveness at 3 transfer units, ratio 1",
            unit: "-",
            from: "Incropera, table 11.3",
            published: 0.75,
            ours: || effectiveness(3.0, 1.0),
            within: 1e-9,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Incropera, figure 11.11: at NTU 3 and a capacity ratio of 0.5 a counterflow exchanger passes 0.87 of the greatest
    /// possible heat; at a ratio of 1, 0.75; with one stream boiling, 1 - e^-3 = 0.950.
    #[test]
    fn effectiveness_as_published() {
        assert!((effectiveness(3.0, 0.5) - 0.874).abs() < 0.001, "{}", effectiveness(3.0, 0.5));
        assert!((effectiveness(3.0, 1.0) - 0.75).abs() < 1e-9);
        assert!((effectiveness(3.0, 0.0) - 0.950).abs() < 0.001);
    }

    #[test]
    fn the_transfer_units_come_back() {
        for (ntu, ratio) in [(0.5, 0.3), (2.0, 0.5), (3.0, 1.0), (1.0, 0.0)] {
            let back = transfer_units(effectiveness(ntu, ratio), ratio).unwrap();
            assert!((back - ntu).abs() < 1e-9, "{ntu} {ratio}: {back}");
        }
        assert_eq!(transfer_units(0.99, 0.5), None);
        assert_eq!(transfer_units(-0.1, 0.5), None);
    }

    #[test]
    fn more_air_passes_more_heat() {
        assert_eq!(flow_factor(5.0, 5.0), 1.0);
        // By hand: 1.1^0.6.
        assert!((flow_factor(5.5, 5.0) - 1.0589).abs() < 1e-4);
    }
}
