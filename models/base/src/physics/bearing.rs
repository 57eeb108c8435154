//! Where a rolling bearing's defects sound (Harris and Kotzalas, *Rolling Bearing Analysis*, 5th ed., ch. 25).

use super::published::{Check, Sheet};

/// A rolling bearing's geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bearing {
    /// Rolling elements.
    pub elements: u32,
    /// Their diameter [mm].
    pub element_mm: f64,
    /// Pitch diameter [mm].
    pub pitch_mm: f64,
    /// Contact angle [rad].
    pub contact_rad: f64,
}

/// SKF 6205: nine balls of 7.940 mm on 39.04 mm (Case Western Reserve University's bearing data centre).
pub const SKF_6205: Bearing = Bearing { elements: 9, element_mm: 7.940, pitch_mm: 39.04, contact_rad: 0.0 };

/// SKF 6203: eight balls of 6.746 mm on 28.50 mm (Case Western Reserve University's bearing data centre).
pub const SKF_6203: Bearing = Bearing { elements: 8, element_mm: 6.746, pitch_mm: 28.50, contact_rad: 0.0 };

/// Rexnord ZA-2115: sixteen rollers of 8.407 mm on 71.501 mm at 15.17 degrees (University of Cincinnati's IMS set).
pub const REXNORD_ZA_2115: Bearing =
    Bearing { elements: 16, element_mm: 8.407, pitch_mm: 71.501, contact_rad: 0.264_766_448 };

/// Bearings that are known by name.
pub const KNOWN: [(&str, Bearing); 3] =
    [("6203", SKF_6203), ("6205", SKF_6205), ("ZA-2115", REXNORD_ZA_2115)];

/// Defect frequencies per turn of the shaft.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lines {
    /// Outer race.
    pub bpfo: f64,
    /// Inner race.
    pub bpfi: f64,
    /// Ball spin.
    pub bsf: f64,
    /// Cage.
    pub ftf: f64,
}

impl Bearing {
    /// Its defect frequencies, per turn.
    pub fn lines(&self) -> Lines {
        let g = self.element_mm / self.pitch_mm * libm::cos(self.contact_rad);
        let n = f64::from(self.elements);
        Lines {
            bpfo: n / 2.0 * (1.0 - g),
            bpfi: n / 2.0 * (1.0 + g),
            bsf: self.pitch_mm / (2.0 * self.element_mm) * (1.0 - g * g),
            ftf: (1.0 - g) / 2.0,
        }
    }
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "bearing",
    equation: "BPFO = n/2 (1 - g), BPFI = n/2 (1 + g), BSF = D/2d (1 - g^2), FTF = (1 - g)/2, g = d/D cos a",
    valid: "rolling without slip, outer race at rest",
    source: "Harris and Kotzalas, Rolling Bearing Analysis, 5th ed., ch. 25",
    checks: &[
        Check {
            what: "outer race of a 6205",
            unit: "1/turn",
            from: "Case Western Reserve University, bearing data centre",
            published: 3.5848,
            ours: || SKF_6205.lines().bpfo,
            within: 1e-4,
        },
        Check {
            what: "inner race of a 6205",
            unit: "1/turn",
            from: "Case Western Reserve University, bearing data centre",
            published: 5.4152,
            ours: || SKF_6205.lines().bpfi,
            within: 1e-4,
        },
        Check {
            what: "ball of a 6205, twice a turn",
            unit: "1/turn",
            from: "Case Western Reserve University, bearing data centre",
            published: 4.7135,
            ours: || 2.0 * SKF_6205.lines().bsf,
            within: 1e-4,
        },
        Check {
            what: "outer race of a 6203",
            unit: "1/turn",
            from: "Case Western Reserve University, bearing data centre",
            published: 3.0530,
            ours: || SKF_6203.lines().bpfo,
            within: 3e-4,
        },
        Check {
            what: "cage of a 6205",
            unit: "1/turn",
            from: "Case Western Reserve University, bearing data centre",
            published: 0.398_28,
            ours: || SKF_6205.lines().ftf,
            within: 1e-4,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The bearing data centre's table for the 6205: 3.5848, 5.4152, 2.3567 (half of its 4.7135), 0.39828.
    #[test]
    fn the_published_lines_of_the_6205() {
        let l = SKF_6205.lines();
        for (ours, published) in [(l.bpfo, 3.5848), (l.bpfi, 5.4152), (l.bsf, 2.3567), (l.ftf, 0.3983)] {
            assert!((ours - published).abs() < 2e-4, "{ours} against {published}");
        }
    }
}
