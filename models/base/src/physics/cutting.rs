//! Cutting force and power after Kienzle (Kienzle and Victor 1957): `kc = kc11 h^-m`.

/// A work material.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Material {
    /// Specific cutting force at 1 mm chip thickness [N/mm2].
    pub kc11_n_per_mm2: f64,
    /// Exponent of the chip thickness [-].
    pub m: f64,
}

/// Mild steel (Sandvik Coromant and Tschaetsch, *Metal Forming and Machining*, tables).
pub const MILD_STEEL: Material = Material { kc11_n_per_mm2: 1_988.0, m: 0.263 };

impl Material {
    /// Specific cutting force at that chip thickness, 0.05 to 2.5 mm [N/mm2].
    pub fn kc_n_per_mm2(&self, h_mm: f64) -> f64 {
        self.kc11_n_per_mm2 * libm::pow(h_mm, -self.m)
    }
}

/// Power of a cut [kW]: `ap f vc kc / (60e3 eta)`, with depth and feed in mm, cutting speed in m/min.
pub fn power_kw(
    depth_mm: f64,
    feed_mm: f64,
    speed_m_per_min: f64,
    kc_n_per_mm2: f64,
    efficiency: f64,
) -> f64 {
    depth_mm * feed_mm * speed_m_per_min * kc_n_per_mm2 / (60.0e3 * efficiency)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sandvik's worked example: 3 mm, 0.2 mm, 120 m/min, 3,100 N/mm2, 0.8 gives 4.65 kW.
    #[test]
    fn the_published_example() {
        assert!((power_kw(3.0, 0.2, 120.0, 3_100.0, 0.8) - 4.65).abs() < 0.001);
    }

    /// By hand: 1988 x 0.2^-0.263 = 1988 x 1.5269 = 3,035.6 N/mm2.
    #[test]
    fn thin_chips_cost_more() {
        assert!((MILD_STEEL.kc_n_per_mm2(0.2) - 3_035.6).abs() < 1.0);
        assert_eq!(MILD_STEEL.kc_n_per_mm2(1.0), 1_988.0);
    }
}
