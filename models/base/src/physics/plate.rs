//! A plate heat exchanger between two waters: counterflow by its transfer units (see [`super::coil`]), its conductance
//! following both flows.
//!
//! Each side's film passes `h ~ m^0.7` (plates with chevrons: Nu ~ Re^0.7; Kakac, Liu and Pramuanjaroenkij, *Heat Exchangers*,
//! 3rd edition, table 11.4), and the sides lie in series.

use super::coil::{WATER_J_PER_KG_K, effectiveness, transfer_units};
use super::published::{Check, Sheet};
use super::residual::Law;

/// How a film follows its flow [-].
pub const FILM_EXPONENT: f64 = 0.7;

/// Conductance over that at nominal flows [-], both films alike at those; flows over their nominals.
pub fn flow_factor(hot: f64, cold: f64) -> f64 {
    let film = |flow: f64| libm::pow(flow.max(1e-3), -FILM_EXPONENT);
    2.0 / (film(hot) + film(cold))
}

/// Heat passed [kW] by `ua_kw_per_k` between waters of those flows [l/s] and entering temperatures [degC].
pub fn heat_kw(ua_kw_per_k: f64, hot_l_per_s: f64, cold_l_per_s: f64, hot_c: f64, cold_c: f64) -> f64 {
    let c = WATER_J_PER_KG_K / 1_000.0;
    let (least, most) = (c * hot_l_per_s.min(cold_l_per_s), c * hot_l_per_s.max(cold_l_per_s));
    if least < 0.01 {
        return 0.0;
    }
    effectiveness(ua_kw_per_k / least, least / most) * least * (hot_c - cold_c)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Conductance at nominal flows [kW/K]: falls as plates foul.
    Law {
        name: "plate_conductance",
        inputs: &["hot_in_c", "hot_out_c", "cold_in_c", "hot_l_per_s", "cold_l_per_s"],
        params: &["hot_nominal", "cold_nominal"],
        eval: |q, p| {
            let c = WATER_J_PER_KG_K / 1_000.0;
            let (least, most) = (c * q[3].min(q[4]), c * q[3].max(q[4]));
            // A trickle leaves the plates as warm as the other side enters: it tells nothing.
            if least < 6.0 || q[0] - q[2] < 2.0 {
                return None;
            }
            let ntu = transfer_units(c * q[3] * (q[0] - q[1]) / (least * (q[0] - q[2])), least / most)?;
            Some(ntu * least / flow_factor(q[3] / p[0], q[4] / p[1]))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "plate",
    equation: "Q = e(N, c) Cmin (th - tc); UA = UA0 2 / (mh^-0.7 + mc^-0.7)",
    valid: "counterflow plates, turbulent, both films alike at nominal flow",
    source: "Incropera, 11.29a; Kakac, Liu and Pramuanjaroenkij, Heat Exchangers, 3rd ed., table 11.4",
    checks: &[
        Check {
            what: "effectiveness at 3 transfer units, equal flows",
            unit: "-",
            from: "Incropera, table 11.3",
            published: 0.75,
            ours: || heat_kw(3.0 * 4.186, 1.0, 1.0, 1.0, 0.0) / 4.186,
            within: 1e-6,
        },
        Check {
            what: "conductance at half of both flows",
            unit: "-",
            from: "by hand",
            published: 0.6156,
            ours: || flow_factor(0.5, 0.5),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_conductance_comes_back_at_any_flow() {
        let law = &LAWS[0];
        for (hot, cold) in [(12.0, 5.0), (10.0, 7.0), (12.0, 2.0)] {
            let ua = 40.0 * flow_factor(hot / 12.0, cold / 5.0);
            let out = 23.0 - heat_kw(ua, hot, cold, 23.0, 7.0) / (hot * WATER_J_PER_KG_K / 1_000.0);
            let told = (law.eval)(&[23.0, out, 7.0, hot, cold], &[12.0, 5.0]).unwrap();
            assert!((told - 40.0).abs() < 1e-6, "{told}");
        }
        assert_eq!((law.eval)(&[23.0, 23.0, 7.0, 12.0, 0.0], &[12.0, 5.0]), None);
    }
}
