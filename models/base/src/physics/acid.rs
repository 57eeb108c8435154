//! The pH of water that holds strong acid or base, and carbonate.
//!
//! Electroneutrality at 25 degC: `[Na+] - [Cl-] + [H+] = [OH-] + [HCO3-] + 2 [CO3--]` with pKw 13.995, pK1 6.352 and pK2
//! 10.329 (Stumm and Morgan, *Aquatic Chemistry*, 3rd edition, table 4.7; dilute, no activity).

use super::published::{Check, Sheet};

const KW: f64 = 1.011_6e-14;
const K1: f64 = 4.446e-7;
const K2: f64 = 4.688e-11;
/// Carbon dioxide dissolved under a unit of its pressure [mol/(l atm)], pKH 1.47.
const HENRY: f64 = 0.033_9;
/// Carbon dioxide in air [atm].
pub const AIR_CO2_ATM: f64 = 4.0e-4;

/// The charge that acid and base leave over [mol/l] at that hydrogen ion concentration.
fn excess(h: f64, base: f64, carbonate: f64) -> f64 {
    let d = h * h + K1 * h + K1 * K2;
    base + h - KW / h - carbonate * (K1 * h + 2.0 * K1 * K2) / d
}

/// pH of water with `base` mol/l of strong base less strong acid (below nought for acid) and `carbonate` mol/l in all of
/// its forms; pH 0 to 14, by halving.
pub fn ph(base: f64, carbonate: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 14.0_f64);
    for _ in 0..30 {
        let mid = 0.5 * (low + high);
        if excess(libm::exp(-std::f64::consts::LN_10 * mid), base, carbonate) > 0.0 {
            low = mid;
        } else {
            high = mid;
        }
    }
    0.5 * (low + high)
}

/// Hydrogen ions of pure water under carbon dioxide of that pressure [mol/l]: `[H+]^2 = Kw + K1 KH p`.
pub fn carbonic_h(co2_atm: f64) -> f64 {
    (KW + K1 * HENRY * co2_atm.max(0.0)).sqrt()
}

/// Conductivity that dissolved carbon dioxide adds to pure water at 25 degC [uS/cm]: H+ (349.8) and HCO3- (44.5 S cm2/mol).
pub fn carbonic_us_per_cm(co2_atm: f64) -> f64 {
    let h = carbonic_h(co2_atm);
    let bicarbonate = h - KW / h;
    1e3 * (349.8 * (h - KW.sqrt()) + 198.3 * (KW / h - KW.sqrt()) + 44.5 * bicarbonate)
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "acid",
    equation: "[Na] - [Cl] + [H] = Kw/[H] + Ct (K1 [H] + 2 K1 K2) / ([H]^2 + K1 [H] + K1 K2)",
    valid: "25 degC, dilute",
    source: "Stumm and Morgan, Aquatic Chemistry, 3rd ed., table 4.7",
    checks: &[
        Check {
            what: "pH of 10 mmol/l of sodium bicarbonate",
            unit: "-",
            from: "(pK1 + pK2) / 2, Stumm and Morgan, ch. 4",
            published: 8.34,
            ours: || ph(0.01, 0.01),
            within: 0.005,
        },
        Check {
            what: "pH of water under the carbon dioxide of air",
            unit: "-",
            from: "Stumm and Morgan, ch. 4: rain water",
            published: 5.6,
            ours: || -libm::log10(carbonic_h(AIR_CO2_ATM)),
            within: 0.01,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_acid_and_base() {
        assert!((ph(-1e-3, 0.0) - 3.0).abs() < 0.001);
        assert!((ph(0.1, 0.0) - 12.995).abs() < 0.001);
        assert!((ph(0.0, 0.0) - 6.9975).abs() < 0.001);
    }

    #[test]
    fn carbonate_buffers() {
        let step = |carbonate: f64| ph(0.011, carbonate) - ph(0.010, carbonate);
        assert!(step(0.0) < step(0.011), "at a given base, near pK1 + pK2 over two the slope is steep");
        assert!(ph(0.009, 0.01) - ph(0.005, 0.01) < 1.0);
        assert!(carbonic_us_per_cm(0.0).abs() < 1e-9);
        // About 1 uS/cm of water that stands in air comes of its carbon dioxide.
        assert!((carbonic_us_per_cm(AIR_CO2_ATM) - 0.914).abs() < 0.005);
    }
}
