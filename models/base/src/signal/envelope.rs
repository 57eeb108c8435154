//! Envelopes of bands of a prewhitened waveform, and their spectra (Randall and Antoni, *Rolling element bearing
//! diagnostics, a tutorial*, Mech. Syst. Signal Process. 25, 2011).
//!
//! A slice of the one-sided spectrum, moved to zero, is the analytic signal of that band: band-pass, Hilbert transform
//! and decimation in one, at the cost of a transform as long as the slice.

use super::fft::{Complex, Plans, smooth_length};
use super::floor;

/// A bin stands out this many times over its neighbourhood's RMS at most: what is a tone (shaft, gear, mains, another
/// machine) beats with its like in an envelope, and is cut down; a resonance that shocks ring is not, since it is broad.
const TONE: f64 = 2.0;

/// The one-sided spectrum of a waveform of even, smooth length, with every neighbourhood at the same level and tones cut
/// down: a band that rings faintly says as much as a loud one. `block` bins make a neighbourhood.
pub fn prewhitened(plans: &mut Plans, values: &[f64], block: usize) -> Vec<Complex> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let centred: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let mut spectrum = plans.real(values.len()).forward(&centred);
    let power: Vec<f64> = spectrum.iter().map(|c| c.power()).collect();
    for ((bin, power), floor) in spectrum.iter_mut().zip(&power).zip(floor(&power, block)) {
        let size = (power / floor).sqrt();
        *bin = bin.scaled(size.min(TONE) / (size * floor.sqrt()).max(f64::MIN_POSITIVE));
    }
    spectrum
}

/// The spectrum of a band's squared envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvelopeSpectrum {
    /// Power in each bin over the noise floor there [-].
    pub ratio: Vec<f64>,
    /// How deeply each bin's line modulates the band's power: twice its amplitude over the mean [-], 0 to about 2.
    pub depth: Vec<f64>,
}

/// Bins 0 to `bins` of the squared envelope's spectrum of `count` bins from `from`, in bins as wide as those of
/// `spectrum`. `block` bins make a neighbourhood of its noise floor.
pub fn envelope_spectrum(
    plans: &mut Plans,
    spectrum: &[Complex],
    from: usize,
    count: usize,
    bins: usize,
    block: usize,
) -> EnvelopeSpectrum {
    let squared = squared_envelope(plans, spectrum, from, count);
    let n = squared.len();
    let mean = squared.iter().sum::<f64>() / n as f64;
    let windowed: Vec<f64> = squared.iter().zip(plans.window(n)).map(|(e, w)| (e - mean) * w).collect();
    let mut power: Vec<f64> = plans.real(n).forward(&windowed).iter().map(|c| c.power()).collect();
    power.truncate(bins);
    let floor = floor(&power, block);
    // Hann's window halves an amplitude; a line of depth d has the amplitude d/2 of the mean in one bin.
    let whole = 0.25 * mean * n as f64;
    let depth = power.iter().zip(&floor).map(|(p, f)| (p - f).max(0.0).sqrt() / whole).collect();
    let ratio = power.iter().zip(&floor).map(|(p, f)| p / f).collect();
    EnvelopeSpectrum { ratio, depth }
}

/// The squared envelope of `count` bins of a one-sided spectrum, at twice the slice's rate: a square is twice as broad.
fn squared_envelope(plans: &mut Plans, spectrum: &[Complex], from: usize, count: usize) -> Vec<f64> {
    let n = smooth_length(2 * count);
    let slice = &spectrum[from.min(spectrum.len())..(from + n / 2).min(spectrum.len())];
    // Conjugated, since the size of an inverse transform is that of a forward one of the conjugate.
    let mut z: Vec<Complex> = slice.iter().map(|c| Complex { re: c.re, im: -c.im }).collect();
    z.resize(n, Complex::default());
    plans.complex(n).forward(&mut z, &mut Vec::new());
    z.iter().map(|c| c.power()).collect()
}

/// The bins that a band of `count` bins really takes.
pub fn band_bins(count: usize) -> usize {
    smooth_length(2 * count) / 2
}

/// The envelope of a band of a waveform, in its unit, at twice the band's width as rate: the RMS of what rings there is
/// that of the envelope over the square root of two. `from_hz` and `to_hz` are bounded by what the rate can tell.
pub fn envelope(plans: &mut Plans, values: &[f64], rate_hz: f64, from_hz: f64, to_hz: f64) -> Vec<f64> {
    let n = smooth_length(values.len());
    if n == 0 {
        return vec![];
    }
    let bin_hz = rate_hz / n as f64;
    let spectrum = plans.real(n).forward(&values[..n]);
    let from = ((from_hz / bin_hz).ceil() as usize).clamp(1, n / 2);
    let count = ((to_hz / bin_hz) as usize).min(n / 2).saturating_sub(from).max(2);
    let squared = squared_envelope(plans, &spectrum, from, count);
    squared.iter().map(|e| 2.0 * e.sqrt() / n as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    /// A carrier of 3 kHz whose amplitude swings by half at 40 Hz, in noise.
    #[test]
    fn a_modulated_carrier_shows_its_envelope_and_depth() {
        let (rate, n) = (12_000.0, 12_000);
        let mut rng = Seed(4).stream("envelope");
        let turn = |hz: f64, i: usize| libm::sin(2.0 * std::f64::consts::PI * hz * i as f64 / rate);
        let x: Vec<f64> = (0..n).map(|i| (1.0 + 0.5 * turn(40.0, i)) * turn(3_000.0, i) * 2.0).collect();
        let mut plans = Plans::default();
        let e = envelope(&mut plans, &x, rate, 2_500.0, 3_500.0);
        let (low, high) = e.iter().fold((f64::MAX, 0.0_f64), |(l, h), x| (l.min(*x), h.max(*x)));
        assert!((low - 1.0).abs() < 0.02 && (high - 3.0).abs() < 0.02, "{low} to {high}");
        // Noise whose strength swings by half: a random carrier, as shocks in a resonance are.
        let x: Vec<f64> = (0..n).map(|i| (1.0 + 0.5 * turn(40.0, i)).sqrt() * rng.normal()).collect();
        let white = prewhitened(&mut plans, &x, 60);
        let s = envelope_spectrum(&mut plans, &white, 1_000, 4_000, 500, 60);
        assert!(s.ratio[40] > 20.0, "{}", s.ratio[40]);
        assert!((s.depth[40] - 0.5).abs() < 0.15, "{}", s.depth[40]);
        let rest = s.ratio.iter().enumerate().filter(|(i, _)| *i > 2 && !(38..=42).contains(i));
        assert!(rest.map(|(_, r)| *r).fold(0.0, f64::max) < 15.0);
    }

    #[test]
    fn a_tone_is_cut_down_and_noise_is_made_level() {
        let n = 10_000;
        let mut rng = Seed(6).stream("white");
        let mut last = 0.0;
        let x: Vec<f64> = (0..n)
            .map(|i| {
                last = 0.95 * last + rng.normal();
                last + 50.0 * libm::sin(2.0 * std::f64::consts::PI * 0.1 * f64::from(i))
            })
            .collect();
        let white = prewhitened(&mut Plans::default(), &x, 60);
        assert!(white[1_000].power().sqrt() <= TONE + 1e-9);
        let power = |r: std::ops::Range<usize>| white[r].iter().map(|c| c.power()).sum::<f64>() / 900.0;
        let (low, high) = (power(50..950), power(4_000..4_900));
        assert!((low / high - 1.0).abs() < 0.15, "{low} against {high}");
    }
}
