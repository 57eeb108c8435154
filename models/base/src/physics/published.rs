//! Every law with its equation, where it holds, whence it is, and numbers from its source beside ours.
//!
//! The tests of each law hold more than stands here; this is what `aegis physics` shows a person who wants to know what
//! the twin is made of.

/// A law of physics as a person would look it up.
pub struct Sheet {
    /// The file of `physics/` that holds it.
    pub law: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Where it holds.
    pub valid: &'static str,
    /// Standard and clause, book, paper.
    pub source: &'static str,
    /// What it is held against.
    pub checks: &'static [Check],
}

/// One published number, and ours.
pub struct Check {
    /// What is computed, with its conditions.
    pub what: &'static str,
    /// [unit].
    pub unit: &'static str,
    /// Who says the number; `by hand` where it is worked out from the equation.
    pub from: &'static str,
    /// What they say.
    pub published: f64,
    /// What the law of this crate gives.
    pub ours: fn() -> f64,
    /// How far ours may lie from theirs, as a share of it: their rounding, or the law's own accuracy.
    pub within: f64,
}

impl Check {
    /// By how much ours is off, as a share of what is published.
    pub fn error(&self) -> f64 {
        (self.ours)() / self.published - 1.0
    }
}

/// All of them, by name. Each stands with its law.
pub const SHEETS: &[&Sheet] = &[
    &super::acid::SHEET,
    &super::bearing::SHEET,
    &super::bond::SHEET,
    &super::chatter::SHEET,
    &super::chiller::SHEET,
    &super::clean_room::SHEET,
    &super::coil::SHEET,
    &super::contact::SHEET,
    &super::cutting::SHEET,
    &super::deposition::SHEET,
    &super::die_attach::SHEET,
    &super::excimer::SHEET,
    &super::fan::SHEET,
    &super::filter::SHEET,
    &super::gauge::SHEET,
    &super::held_zone::SHEET,
    &super::helium_gap::SHEET,
    &super::imaging::SHEET,
    &super::isolation::SHEET,
    &super::moist_air::SHEET,
    &super::molding::SHEET,
    &super::overlay::SHEET,
    &super::plasma_etch::SHEET,
    &super::plate::SHEET,
    &super::polishing::SHEET,
    &super::pump::SHEET,
    &super::pure_water::SHEET,
    &super::reflow::SHEET,
    &super::refrigerant::SHEET,
    &super::rf_match::SHEET,
    &super::sawing::SHEET,
    &super::scrubber::SHEET,
    &super::spill::SHEET,
    &super::thermal::SHEET,
    &super::throttle::SHEET,
    &super::tool_life::SHEET,
    &super::vibration::SHEET,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_the_published_numbers() {
        for sheet in SHEETS {
            assert!(!sheet.checks.is_empty(), "{} is held against nothing", sheet.law);
            for check in sheet.checks {
                let error = check.error();
                assert!(
                    error.abs() <= check.within,
                    "{}, {}: {} against {} {}",
                    sheet.law,
                    check.what,
                    (check.ours)(),
                    check.published,
                    check.unit
                );
            }
        }
    }
}
