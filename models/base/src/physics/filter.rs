//! A filter's impedance: `Z = dP / Q`, constant for laminar flow through its medium (Darcy's law), growing as it loads.
//!
//! A clean HEPA filter of 1.2 x 0.6 m stands at about 120 Pa and 0.45 m/s, which is 1,166 m3/h and 370 Pa s/m3; it is
//! changed at about twice that (IEST-RP-CC001, makers' data sheets).

use super::published::{Check, Sheet};
use super::residual::Law;

/// Impedance from a pressure drop and a flow [Pa s/m3]; none without flow.
pub fn impedance_pa_s_per_m3(drop_pa: f64, flow_m3_per_h: f64) -> Option<f64> {
    (flow_m3_per_h > 1.0).then(|| drop_pa * 3_600.0 / flow_m3_per_h)
}

/// Impedance of a filter that is loaded to a share of its clean impedance: 0 is clean, 1 is due for a change
/// [Pa s/m3].
pub fn loaded_impedance(clean_pa_s_per_m3: f64, loading: f64) -> f64 {
    clean_pa_s_per_m3 * (1.0 + loading)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // dP / Q [Pa s/m3]: constant for a medium, grows as it loads.
    Law {
        name: "filter_impedance",
        inputs: &["drop_pa", "flow_m3_per_h"],
        params: &[],
        eval: |q, _| impedance_pa_s_per_m3(q[0], q[1]),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "filter",
    equation: "Z = dP / Q",
    valid: "laminar flow through the medium (Darcy)",
    source: "IEST-RP-CC001; makers' data sheets",
    checks: &[Check {
        what: "clean HEPA filter of 1.2 x 0.6 m, 120 Pa at 0.45 m/s",
        unit: "Pa s/m3",
        from: "by hand",
        published: 370.37,
        ours: || impedance_pa_s_per_m3(120.0, 0.45 * 0.72 * 3_600.0).unwrap_or(f64::NAN),
        within: 1e-4,
    }],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 120 Pa at 0.45 m/s x 0.72 m2 = 0.324 m3/s is 370.4 Pa s/m3.
    #[test]
    fn the_published_clean_filter() {
        let z = impedance_pa_s_per_m3(120.0, 0.45 * 0.72 * 3_600.0).unwrap();
        assert!((z - 370.37).abs() < 0.01, "{z}");
        assert_eq!(loaded_impedance(z, 1.0), 2.0 * z);
        assert_eq!(impedance_pa_s_per_m3(120.0, 0.0), None);
    }
}
