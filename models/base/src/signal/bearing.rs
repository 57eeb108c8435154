//! How much a waveform shows of each family of lines that a rolling bearing can have.
//!
//! A defect on a race or an element shocks the bearing's neighbourhood each time it is rolled over; what rings is known
//! to nobody beforehand, so many bands are looked at. In each, prewhitened, the squared envelope's spectrum is held
//! against combs of lines:
//!
//! ```text
//! outer   1 2 3 4 x BPFO                   n FTF
//! inner   1 2 3 4 x BPFI                   n (1 - FTF)
//! ball    1 2 x 2 BSF, each also +- FTF    the ball comes through the load zone with the cage
//! cage    1 2 3 4 6 7 8 x FTF              one element differs from the others
//! ```
//!
//! The cage slips by up to two per cent, which moves each comb as a whole. A comb's score is the mean of the logarithms of
//! its lines over the noise floor, at the slip and in the band where that is most. What the same search finds by chance,
//! or of lines that belong to other things, is measured in the waveform itself: with combs of the same make at places
//! where no line of the bearing lies. Orders of the shaft count for nobody.

use super::envelope::{EnvelopeSpectrum, band_bins, envelope_spectrum, prewhitened};
use super::fft::Plans;
use super::order::{hann_power, refined_rpm};
use super::{BadBurst, check, quantile, smooth_length};
use crate::physics::bearing::{Bearing, Lines};

/// The fewest turns in which the cage's lines can be told from the shaft's.
pub const FEWEST_TURNS: u32 = 12;
/// The turns that are analysed as a whole: over more, slip smears a line over many bins.
const SEGMENT_TURNS: f64 = 300.0;
/// How far a cage may run from its kinematic speed, either way [-].
const SLIP: f64 = 0.02;
/// Below this frequency shafts, mounts and mains are louder than bearings [Hz].
const LOWEST_HZ: f64 = 500.0;
/// Beyond this hardly any accelerometer is true [Hz].
const HIGHEST_HZ: f64 = 20_000.0;
/// The narrowest band [Hz].
const NARROWEST_HZ: f64 = 1_000.0;

/// A family of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Of the outer race.
    Outer,
    /// Of the inner race.
    Inner,
    /// Of a rolling element.
    Ball,
    /// Of the cage, or of one element that differs from the others.
    Cage,
}

impl Family {
    /// All there are.
    pub const ALL: [Family; 4] = [Family::Outer, Family::Inner, Family::Ball, Family::Cage];

    /// Its first line's name.
    pub fn line(self) -> &'static str {
        match self {
            Family::Outer => "BPFO",
            Family::Inner => "BPFI",
            Family::Ball => "2 BSF",
            Family::Cage => "FTF",
        }
    }

    /// The order of its first line at no slip.
    fn first(self, lines: &Lines) -> f64 {
        match self {
            Family::Outer => lines.bpfo,
            Family::Inner => lines.bpfi,
            Family::Ball => 2.0 * lines.bsf,
            Family::Cage => lines.ftf,
        }
    }

    /// How much the first line moves with the cage's slip: a cage that lags brings the inner race more elements a turn.
    fn slips(self, lines: &Lines) -> f64 {
        match self {
            Family::Inner => -lines.ftf / (1.0 - lines.ftf),
            _ => 1.0,
        }
    }

    /// The orders of its lines, when the first is at `first` and the cage at `ftf`.
    fn orders(self, first: f64, ftf: f64) -> ([f64; 7], usize) {
        match self {
            Family::Outer | Family::Inner => {
                ([first, 2.0 * first, 3.0 * first, 4.0 * first, 0.0, 0.0, 0.0], 4)
            }
            Family::Ball => {
                ([first, 2.0 * first, first - ftf, first + ftf, 2.0 * first - ftf, 2.0 * first + ftf, 0.0], 6)
            }
            // Five turns of a cage are two of the shaft, near enough.
            Family::Cage => ([1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0].map(|k| k * first), 7),
        }
    }
}

/// What was found of one family.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyScore {
    /// Which.
    pub family: Family,
    /// Mean logarithm of its lines' power over the noise floor [-].
    pub score: f64,
    /// What the same search finds where no line of the bearing lies, at the median [-].
    pub chance: f64,
    /// How deeply its strongest line modulates the band's power [-]; 0 to about 2.
    pub depth: f64,
    /// Its lines, by order and power over the floor.
    pub lines: Vec<(f64, f64)>,
    /// The band in which it shows most [Hz].
    pub band_hz: [f64; 2],
}

impl FamilyScore {
    /// How far the score stands above chance, in logarithms of power: 0 is chance.
    pub fn excess(&self) -> f64 {
        self.score - self.chance
    }
}

/// What was found of all families.
#[derive(Clone, Debug, PartialEq)]
pub struct BearingLines {
    /// The shaft's speed by its own lines, or the one that was given [rpm].
    pub rpm: f64,
    /// In the order of [`Family::ALL`].
    pub families: [FamilyScore; 4],
}

impl BearingLines {
    /// What was found of one family.
    pub fn of(&self, family: Family) -> &FamilyScore {
        &self.families[family as usize]
    }
}

/// A band's logarithmic spectrum, with the shaft's orders taken out as NaN.
struct Band {
    from_hz: f64,
    to_hz: f64,
    /// Logarithm of the power over the floor, the largest of three bins [-].
    log: Vec<f64>,
    depth: Vec<f64>,
}

/// Looks for a bearing's lines in a waveform of any unit.
pub fn bearing_lines(
    plans: &mut Plans,
    values: &[f64],
    rate_hz: f64,
    rpm: f64,
    bearing: &Bearing,
) -> Result<BearingLines, BadBurst> {
    check(values, rate_hz, rpm, FEWEST_TURNS)?;
    if !(3..=200).contains(&bearing.elements)
        || !(bearing.element_mm > 0.0 && bearing.element_mm < bearing.pitch_mm)
    {
        let Bearing { elements, element_mm, pitch_mm, .. } = *bearing;
        return Err(BadBurst::Bearing { elements, element_mm, pitch_mm });
    }
    let lines = bearing.lines();
    let most_orders = 4.0 * lines.bpfi.max(lines.bsf) * (1.0 + SLIP) + 1.0;
    let width_hz = NARROWEST_HZ.max(1.02 * most_orders * rpm / 60.0);
    let top_hz = (0.48 * rate_hz).min(HIGHEST_HZ);
    if LOWEST_HZ + width_hz > top_hz {
        let needed_hz = (LOWEST_HZ + width_hz) / 0.48;
        return Err(BadBurst::Slow { rate_hz, rpm, needed_hz });
    }
    let segment = (SEGMENT_TURNS * 60.0 / rpm * rate_hz) as usize;
    let n = smooth_length(values.len().min(segment));
    let bin_hz = rate_hz / n as f64;
    let power = hann_power(&plans.real(n).forward(&values[..n]));
    let rpm = refined_rpm(&power, bin_hz, rpm);
    let per_bin = bin_hz * 60.0 / rpm;
    let bands = bands(plans, values, n, bin_hz, [LOWEST_HZ, top_hz, width_hz], per_bin, most_orders);
    let families = Family::ALL.map(|family| score(family, &lines, &bands, per_bin));
    Ok(BearingLines { rpm, families })
}

/// Bands of one, two and four widths, each beginning half a width after the one before.
fn bands(
    plans: &mut Plans,
    values: &[f64],
    n: usize,
    bin_hz: f64,
    [lowest_hz, top_hz, width_hz]: [f64; 3],
    per_bin: f64,
    most_orders: f64,
) -> Vec<Band> {
    let segments: Vec<&[f64]> = values.chunks_exact(n).collect();
    let block = (2.0 / per_bin) as usize;
    let whites: Vec<_> = segments.iter().map(|s| prewhitened(plans, s, block)).collect();
    let bins = (most_orders / per_bin) as usize + 2;
    let mut bands = Vec::new();
    for times in [1.0, 2.0, 4.0] {
        let count = band_bins((times * width_hz / bin_hz) as usize);
        let mut from = (lowest_hz / bin_hz) as usize;
        while (from + count) as f64 * bin_hz <= top_hz {
            let spectra = whites.iter().map(|w| envelope_spectrum(plans, w, from, count, bins, block / 2));
            let mean = spectra.reduce(|mut a, b| {
                a.ratio.iter_mut().zip(&b.ratio).for_each(|(a, b)| *a += b);
                a.depth.iter_mut().zip(&b.depth).for_each(|(a, b)| *a += b);
                a
            });
            let mean = mean.expect("there is a segment");
            bands.push(Band::new(
                &mean,
                whites.len() as f64,
                from as f64 * bin_hz,
                (from + count) as f64 * bin_hz,
                per_bin,
            ));
            from += count / 2;
        }
    }
    bands
}

impl Band {
    fn new(sum: &EnvelopeSpectrum, segments: f64, from_hz: f64, to_hz: f64, per_bin: f64) -> Band {
        let mut ratio: Vec<f64> = sum.ratio.iter().map(|r| r / segments).collect();
        let depth = sum.depth.iter().map(|d| d / segments).collect();
        // What belongs to the shaft belongs to nobody: not as far as Hann's window spreads it, nor by a bad speed.
        let reach = ((0.012 / per_bin) as usize + 1).max(2);
        let shaft = |i: usize| ((i as f64 * per_bin).round() / per_bin).round() as usize;
        let masked = |i: usize| i.abs_diff(shaft(i)) <= reach;
        for (i, r) in ratio.iter_mut().enumerate() {
            if masked(i) {
                *r = 1.0;
            }
        }
        let log = (0..ratio.len()).map(|i| {
            let around = &ratio[i.saturating_sub(1)..(i + 2).min(ratio.len())];
            if masked(i) { f64::NAN } else { libm::log(around.iter().copied().fold(1.0, f64::max)) }
        });
        Band { from_hz, to_hz, log: log.collect(), depth }
    }

    /// The mean over a comb's lines that are not the shaft's; nothing where half of them are.
    fn mean(&self, orders: &[f64], per_bin: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for order in orders {
            let log = self.log.get((order / per_bin).round() as usize).copied().unwrap_or(f64::NAN);
            if log.is_finite() {
                sum += log;
                count += 1;
            }
        }
        if 2 * count > orders.len() { sum / f64::from(count as u32) } else { 0.0 }
    }
}

/// The best band and slip for a comb whose first line is at `first` without slip: score, band, slip.
fn search(family: Family, lines: &Lines, first: f64, bands: &[Band], per_bin: f64) -> (f64, usize, f64) {
    let highest = family.orders(first, lines.ftf).0.into_iter().fold(0.0, f64::max);
    let slips = family.slips(lines);
    // Half a bin at the highest line.
    let steps = (2.0 * SLIP * slips.abs() * highest / per_bin).ceil().clamp(4.0, 160.0) as i32;
    let mut best = (0.0, 0, 1.0);
    for s in -steps..=steps {
        let slip = SLIP * f64::from(s) / f64::from(steps);
        let (orders, n) = family.orders(first * (1.0 + slips * slip), lines.ftf * (1.0 + slip));
        for (b, band) in bands.iter().enumerate() {
            let mean = band.mean(&orders[..n], per_bin);
            if mean > best.0 {
                best = (mean, b, slip);
            }
        }
    }
    best
}

fn score(family: Family, lines: &Lines, bands: &[Band], per_bin: f64) -> FamilyScore {
    let first = family.first(lines);
    let (score, b, slip) = search(family, lines, first, bands, per_bin);
    let mut chances: Vec<f64> =
        decoys(family, lines).iter().map(|d| search(family, lines, *d, bands, per_bin).0).collect();
    let band = &bands[b];
    let (orders, n) = family.orders(first * (1.0 + family.slips(lines) * slip), lines.ftf * (1.0 + slip));
    let at = |order: f64| (order / per_bin).round() as usize;
    let lines = orders[..n].iter().map(|o| {
        let log = band.log.get(at(*o)).copied().unwrap_or(f64::NAN);
        (*o, if log.is_finite() { libm::exp(log) } else { 1.0 })
    });
    let deep = |o: &f64| {
        let around = band.depth.get(at(*o).saturating_sub(1)..at(*o) + 2).unwrap_or(&[]);
        if band.log.get(at(*o)).is_some_and(|l| l.is_finite()) {
            around.iter().copied().fold(0.0, f64::max)
        } else {
            0.0
        }
    };
    FamilyScore {
        family,
        score,
        chance: quantile(&mut chances, 0.5),
        depth: orders[..n].iter().map(deep).fold(0.0, f64::max),
        lines: lines.collect(),
        band_hz: [band.from_hz, band.to_hz],
    }
}

/// First lines of combs where no line of the bearing and none of the shaft lies.
fn decoys(family: Family, lines: &Lines) -> Vec<f64> {
    const DECOYS: usize = 24;
    let (from, to) = match family {
        Family::Cage => (0.75 * lines.ftf, 1.2 * lines.ftf),
        _ => (0.64 * lines.bpfo, 1.27 * lines.bpfi),
    };
    let clear = |order: &f64| match family {
        Family::Cage => (order / lines.ftf - 1.0).abs() > 2.0 * SLIP,
        _ => {
            let near = |l: f64| (order / l - 1.0).abs() < 1.75 * SLIP;
            let whole = (order - order.round()).abs() < 0.06;
            !whole && ![lines.bpfo, lines.bpfi, 2.0 * lines.bsf].into_iter().any(near)
        }
    };
    // Not evenly: an even grid could fall in step with something.
    let place = |i: usize| from + (to - from) * ((i as f64 * 0.618_033_988_749_895).fract());
    (1..).map(place).take(4 * DECOYS).filter(clear).take(DECOYS).collect()
}

#[cfg(test)]
mod tests;
