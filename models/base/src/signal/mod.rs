//! What is made of a waveform: spectra, envelopes and the lines of a rolling bearing in them. Pure and deterministic:
//! scalar arithmetic, with tabulated twiddles over `libm`.

pub mod bearing;
pub mod envelope;
pub mod fft;
pub mod order;

pub use bearing::{BearingLines, Family, FamilyScore, bearing_lines};
pub use fft::{Complex, Plans, smooth_length};
pub use order::{Features, OrderSpectrum, features, kurtosis};

/// A waveform cannot be analysed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadBurst {
    /// A rate that is none.
    #[error("a rate of {0} Hz; 100 Hz to 10 MHz would be right")]
    Rate(f64),
    /// A speed that is none.
    #[error("a speed of {0} rpm; 1 to 200,000 rpm would be right")]
    Speed(f64),
    /// Too few samples for the turns that lines need.
    #[error("{found} samples; at least {needed} ({turns} turns of the shaft) would be right")]
    TooShort {
        /// Samples there are.
        found: usize,
        /// Samples there should be.
        needed: usize,
        /// The turns of the shaft that those take.
        turns: u32,
    },
    /// More samples than are taken.
    #[error("{0} samples; at most {most} would be right", most = crate::limits::BURST_SAMPLES)]
    TooLong(usize),
    /// A sample that is no number.
    #[error("sample {0} is no finite number")]
    NotFinite(usize),
    /// Nothing moves.
    #[error("all samples are the same: the sensor is dead or not connected")]
    Flat,
    /// The rate leaves no room for a band in which a bearing rings.
    #[error(
        "a rate of {rate_hz} Hz is too low for these lines at {rpm} rpm; at least {needed_hz:.0} Hz would be right"
    )]
    Slow {
        /// The rate there is [Hz].
        rate_hz: f64,
        /// The shaft's speed [rpm].
        rpm: f64,
        /// The lowest rate that would do [Hz].
        needed_hz: f64,
    },
    /// A bearing that cannot be.
    #[error(
        "a bearing of {elements} elements of {element_mm} mm on {pitch_mm} mm cannot be: 3 to 200 elements, smaller than the pitch, would be right"
    )]
    Bearing {
        /// Rolling elements.
        elements: u32,
        /// Their diameter [mm].
        element_mm: f64,
        /// Pitch diameter [mm].
        pitch_mm: f64,
    },
}

/// Rate, speed and samples as they must be.
pub(crate) fn check(values: &[f64], rate_hz: f64, rpm: f64, turns: u32) -> Result<(), BadBurst> {
    if !(100.0..=1e7).contains(&rate_hz) {
        return Err(BadBurst::Rate(rate_hz));
    }
    if !(1.0..=200_000.0).contains(&rpm) {
        return Err(BadBurst::Speed(rpm));
    }
    if values.len() > crate::limits::BURST_SAMPLES {
        return Err(BadBurst::TooLong(values.len()));
    }
    let needed = (f64::from(turns) * 60.0 / rpm * rate_hz).ceil() as usize;
    if values.len() < needed {
        return Err(BadBurst::TooShort { found: values.len(), needed, turns });
    }
    if let Some(at) = values.iter().position(|x| !x.is_finite()) {
        return Err(BadBurst::NotFinite(at));
    }
    if values.iter().all(|x| *x == values[0]) {
        return Err(BadBurst::Flat);
    }
    Ok(())
}

/// Hann's window over `n` samples, periodic: `(1 - cos(2 pi i / n)) / 2`.
pub fn hann(n: usize) -> Vec<f64> {
    (0..n).map(|i| 0.5 - 0.5 * libm::cos(2.0 * std::f64::consts::PI * i as f64 / n as f64)).collect()
}

/// A value that a share of `values` lies below; they are reordered. Zero without values.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * share) as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

/// The noise floor under the lines of a power spectrum: medians over blocks of `block` bins, joined by straight lines. A
/// block's median hardly feels a line that is narrow against it. The power of noise in one bin is exponential, with its
/// median at ln 2 of its mean; the mean is given.
pub fn floor(power: &[f64], block: usize) -> Vec<f64> {
    let block = block.clamp(4, power.len().max(4));
    let mut room = Vec::with_capacity(2 * block);
    // Blocks overlap by half, so that a step is followed within half a block.
    let step = block / 2;
    let knots: Vec<f64> = (0..power.len().div_ceil(step).max(1))
        .map(|k| {
            let middle = k * step + step / 2;
            let (from, to) =
                (middle.saturating_sub(block / 2), (middle + block.div_ceil(2)).min(power.len()));
            room.clear();
            room.extend_from_slice(&power[from.min(to)..to]);
            quantile(&mut room, 0.5) / std::f64::consts::LN_2
        })
        .collect();
    (0..power.len())
        .map(|i| {
            let at = (i as f64 - (step / 2) as f64) / step as f64;
            let k = (at.max(0.0) as usize).min(knots.len() - 1);
            let next = knots[(k + 1).min(knots.len() - 1)];
            let part = (at - k as f64).clamp(0.0, 1.0);
            (knots[k] + part * (next - knots[k])).max(f64::MIN_POSITIVE)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn the_floor_is_the_mean_of_noise_and_ignores_lines() {
        let mut rng = Seed(2).stream("floor");
        let mut power: Vec<f64> = (0..20_000)
            .map(|i| {
                let mean = if i < 10_000 { 1.0 } else { 9.0 };
                0.5 * mean * {
                    let (a, b) = (rng.normal(), rng.normal());
                    a * a + b * b
                }
            })
            .collect();
        for i in (50..20_000).step_by(60) {
            power[i] = 1e6;
        }
        let floor = floor(&power, 200);
        let mean = |r: std::ops::Range<usize>| floor[r.clone()].iter().sum::<f64>() / r.len() as f64;
        assert!((mean(200..9_800) - 1.0).abs() < 0.06, "{}", mean(200..9_800));
        assert!((mean(10_200..19_800) / 9.0 - 1.0).abs() < 0.06, "{}", mean(10_200..19_800));
    }

    #[test]
    fn what_cannot_be_analysed_is_told() {
        let x = vec![0.0; 1_000];
        let told = |x: &[f64], rate, rpm| check(x, rate, rpm, 10).unwrap_err().to_string();
        assert!(told(&x, 0.0, 1_000.0).contains("100 Hz to 10 MHz"));
        assert!(told(&x, 1_000.0, f64::NAN).contains("1 to 200,000 rpm"));
        assert!(told(&x, 12_000.0, 600.0).contains("at least 12000 (10 turns"));
        assert!(told(&x, 1_000.0, 6_000.0).contains("all samples are the same"));
        let mut y = x.clone();
        y[7] = f64::NAN;
        assert!(told(&y, 1_000.0, 6_000.0).contains("sample 7"));
    }
}
