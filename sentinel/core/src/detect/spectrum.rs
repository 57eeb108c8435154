//! What a waveform says of a bearing and its shaft, with evidence in words.
//!
//! The lines are found by [`aegis_models::signal`]; here they are held against limits and given a name:
//!
//! - A **race** that is spalled is struck by every element alike: its comb stands alone, and what rings is modulated
//!   deeply.
//! - An **element** that is spalled strikes both races, by turns, and not with every turn of its own: shallow lines of
//!   2 BSF, of the cage, or of both races at once.
//! - **Unbalance** shakes once a turn, **misalignment** twice or three times, **looseness** many times, and in halves
//!   (ISO 13373-1:2002, annex B).

mod shaft;

use aegis_models::physics::bearing::Bearing;
use aegis_models::signal::{BadBurst, BearingLines, Family, FamilyScore, Plans, bearing_lines, kurtosis};

pub use shaft::{ShaftFault, ShaftFinding, shaft_faults};

/// How far a comb must stand above what the same search finds by chance, in logarithms of power over the floor: the mean
/// of four lines of noise, or of six, scatters by a tenth around it and hardly ever passes 0.5.
const COMB_EXCESS: f64 = 0.7;
/// The same for the cage's seven lines, whose mean scatters less.
const CAGE_EXCESS: f64 = 0.55;
/// A line that modulates what rings by this much belongs to a race: every element strikes it, at its strongest.
const DEEP: f64 = 0.3;

/// Two races show alike when one stands above chance by this share of the other's excess.
const ALIKE: f64 = 0.6;

/// What is wrong with a bearing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearingFault {
    /// Nothing that its lines would show.
    None,
    /// The inner race.
    Inner,
    /// The outer race.
    Outer,
    /// A rolling element, or the cage that carries it.
    Ball,
}

impl BearingFault {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            BearingFault::None => "none",
            BearingFault::Inner => "inner",
            BearingFault::Outer => "outer",
            BearingFault::Ball => "ball",
        }
    }
}

/// What was made of a waveform.
#[derive(Clone, Debug, PartialEq)]
pub struct BearingVerdict {
    /// What is wrong.
    pub fault: BearingFault,
    /// The strongest family over its limit [-]: 1 is at the limit, in logarithms of power.
    pub ratio: f64,
    /// The family that `ratio` is of.
    pub family: Family,
    /// Why, in words: the deciding line first.
    pub evidence: Vec<String>,
    /// What was found of each family.
    pub lines: BearingLines,
    /// Kurtosis of the waveform [-].
    pub kurtosis: f64,
}

/// Diagnoses a bearing of the shaft that turns at `rpm` from a waveform in any unit.
pub fn diagnose_bearing(
    plans: &mut Plans,
    values: &[f64],
    rate_hz: f64,
    rpm: f64,
    bearing: &Bearing,
) -> Result<BearingVerdict, BadBurst> {
    let lines = bearing_lines(plans, values, rate_hz, rpm, bearing)?;
    let ratio = |f: Family| lines.of(f).excess() / limit(f);
    let (fault, deciding) = name(&lines);
    let family = match fault {
        BearingFault::None => Family::ALL.into_iter().max_by(|a, b| ratio(*a).total_cmp(&ratio(*b))),
        _ => deciding.first().copied(),
    };
    let family = family.unwrap_or(Family::Outer);
    let mut evidence: Vec<String> = deciding.iter().map(|f| words(lines.of(*f), lines.rpm)).collect();
    if evidence.is_empty() {
        evidence.push(format!("no family of lines passes its limit; {}", words(lines.of(family), lines.rpm)));
    }
    Ok(BearingVerdict { fault, ratio: ratio(family), family, evidence, kurtosis: kurtosis(values), lines })
}

/// The excess at which a family counts [-].
pub fn limit(family: Family) -> f64 {
    match family {
        Family::Cage => CAGE_EXCESS,
        _ => COMB_EXCESS,
    }
}

/// The fault, and the families that say so, the deciding one first.
fn name(lines: &BearingLines) -> (BearingFault, Vec<Family>) {
    let passes = |f: &Family| lines.of(*f).excess() > limit(*f);
    let strongest = |a: &Family, b: &Family| lines.of(*a).excess().total_cmp(&lines.of(*b).excess());
    let mut races: Vec<Family> = [Family::Outer, Family::Inner].into_iter().filter(passes).collect();
    races.sort_by(|a, b| strongest(b, a));
    let mut elements: Vec<Family> = [Family::Ball, Family::Cage].into_iter().filter(passes).collect();
    elements.sort_by(|a, b| strongest(b, a));
    let race = |f: Family| if f == Family::Outer { BearingFault::Outer } else { BearingFault::Inner };
    let balls_lead =
        |r: Family| passes(&Family::Ball) && lines.of(Family::Ball).excess() > lines.of(r).excess();
    // Lines of one race that lie near those of the other lift it a little: three times BPFO and twice BPFI, say.
    let alike = matches!(races[..], [a, b] if lines.of(b).excess() > ALIKE * lines.of(a).excess());
    match races.first().copied() {
        Some(r) if balls_lead(r) => (BearingFault::Ball, vec![Family::Ball]),
        Some(r) if lines.of(r).depth >= DEEP => (race(r), vec![r]),
        // Shallow: one race by itself is a race; both alike, or one with the elements' lines, is an element.
        Some(r) if !alike && elements.is_empty() => (race(r), vec![r]),
        Some(_) => (BearingFault::Ball, [elements, races].concat()),
        None if !elements.is_empty() => (BearingFault::Ball, elements),
        None => (BearingFault::None, vec![]),
    }
}

/// A family's lines as a technician reads them.
fn words(f: &FamilyScore, rpm: f64) -> String {
    let (order, ratio) = f.lines.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0.0, 0.0));
    let first = f.lines.first().map_or(0.0, |l| l.0);
    format!(
        "{} at {first:.3} orders ({:.1} Hz): its lines stand {:.1} times over the floor against a limit of {:.1}, the \
         strongest, at {order:.3} orders, {ratio:.0} times, in {:.0} to {:.0} Hz; modulation {:.0} %",
        f.family.line(),
        first * rpm / 60.0,
        libm::exp(f.score),
        libm::exp(f.chance + limit(f.family)),
        f.band_hz[0],
        f.band_hz[1],
        100.0 * f.depth
    )
}

#[cfg(test)]
mod tests;
