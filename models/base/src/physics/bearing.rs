//! Where a rolling bearing's defects sound (Harris and Kotzalas, *Rolling Bearing Analysis*, 5th ed., ch. 25).

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
