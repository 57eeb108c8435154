//! The lines of a shaft and the figures of a waveform as a whole.

use super::fft::{Complex, Plans};
use super::{BadBurst, check, envelope, floor, quantile, smooth_length};

/// Kurtosis: the fourth moment over the square of the second; 3 for Gaussian noise, more where shocks stand out, 1.5 for
/// a sine. NaN without a spread.
pub fn kurtosis(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (m2, m4) = values.iter().fold((0.0, 0.0), |(m2, m4), x| {
        let d = (x - mean) * (x - mean);
        (m2 + d, m4 + d * d)
    });
    n * m4 / (m2 * m2)
}

/// What a vibration node makes of a waveform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features {
    /// Velocity, RMS, 10 to 1,000 Hz (ISO 20816-1) [mm/s].
    pub velocity_rms_mm_s: f64,
    /// Acceleration above 500 Hz, RMS of its envelope without the mean [m/s2].
    pub envelope_rms_m_s2: f64,
    /// The highest over the RMS [-].
    pub crest: f64,
    /// See [`kurtosis`] [-].
    pub kurtosis: f64,
}

/// Velocity amplitudes [mm/s, peak] of a waveform [m/s2], and the width of a bin [Hz].
fn velocities(plans: &mut Plans, values_m_s2: &[f64], rate_hz: f64) -> (Vec<f64>, f64) {
    let n = smooth_length(values_m_s2.len());
    let mean = values_m_s2[..n].iter().sum::<f64>() / n as f64;
    let windowed: Vec<f64> = values_m_s2.iter().zip(plans.window(n)).map(|(x, w)| (x - mean) * w).collect();
    let bin_hz = rate_hz / n as f64;
    let spectrum = plans.real(n).forward(&windowed);
    // Hann's window halves an amplitude. Below 2 Hz an accelerometer says nothing that could be integrated.
    let amplitude = spectrum.iter().enumerate().map(|(k, c)| {
        let omega = 2.0 * std::f64::consts::PI * k as f64 * bin_hz;
        if k as f64 * bin_hz < 2.0 { 0.0 } else { 4.0 / n as f64 * c.power().sqrt() / omega * 1_000.0 }
    });
    (amplitude.collect(), bin_hz)
}

/// RMS over a band of amplitudes that Hann's window spread over 1.5 bins [their unit].
fn band_rms(amplitude: &[f64], bin_hz: f64, from_hz: f64, to_hz: f64) -> f64 {
    let from = (from_hz / bin_hz).ceil() as usize;
    let to = ((to_hz / bin_hz) as usize + 1).min(amplitude.len());
    (amplitude[from.min(to)..to].iter().map(|a| a * a).sum::<f64>() / 2.0 / 1.5).sqrt()
}

/// The figures of a waveform [m/s2].
pub fn features(plans: &mut Plans, values_m_s2: &[f64], rate_hz: f64) -> Result<Features, BadBurst> {
    // A fifth of a second and no speed: six turns at 1,800 rpm.
    check(values_m_s2, rate_hz, 1_800.0, 6)?;
    let (amplitude, bin_hz) = velocities(plans, values_m_s2, rate_hz);
    let e = envelope::envelope(plans, values_m_s2, rate_hz, 500.0, 0.48 * rate_hz);
    let mean = e.iter().sum::<f64>() / e.len() as f64;
    let whole = values_m_s2.iter().sum::<f64>() / values_m_s2.len() as f64;
    let rms = (values_m_s2.iter().map(|x| (x - whole) * (x - whole)).sum::<f64>() / values_m_s2.len() as f64)
        .sqrt();
    let peak = values_m_s2.iter().map(|x| (x - whole).abs()).fold(0.0, f64::max);
    Ok(Features {
        velocity_rms_mm_s: band_rms(&amplitude, bin_hz, 10.0, 1_000.0),
        envelope_rms_m_s2: (e.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / e.len() as f64).sqrt(),
        crest: peak / rms,
        kurtosis: kurtosis(values_m_s2),
    })
}

/// The velocity spectrum over turns of the shaft.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderSpectrum {
    amplitude: Vec<f64>,
    floor: Vec<f64>,
    /// Orders that a bin is wide.
    per_bin: f64,
    /// Velocity, RMS, 10 to 1,000 Hz [mm/s].
    pub overall_mm_s: f64,
}

impl OrderSpectrum {
    /// Of a waveform [m/s2] of a shaft that turns at `rpm`.
    pub fn new(
        plans: &mut Plans,
        values_m_s2: &[f64],
        rate_hz: f64,
        rpm: f64,
    ) -> Result<OrderSpectrum, BadBurst> {
        check(values_m_s2, rate_hz, rpm, super::bearing::FEWEST_TURNS)?;
        let (amplitude, bin_hz) = velocities(plans, values_m_s2, rate_hz);
        let per_bin = bin_hz * 60.0 / rpm;
        let power: Vec<f64> = amplitude.iter().map(|a| a * a).collect();
        // Within two orders: velocity falls with frequency, and a floor must follow.
        let floor = floor(&power, (2.0 / per_bin) as usize).iter().map(|f| f.sqrt()).collect();
        let overall_mm_s = band_rms(&amplitude, bin_hz, 10.0, 1_000.0);
        Ok(OrderSpectrum { amplitude, floor, per_bin, overall_mm_s })
    }

    /// Velocity of a line [mm/s RMS], and its amplitude over the floor there [-]; the highest within half a per cent, or
    /// a bin, of `order`. Zero beyond the spectrum.
    pub fn line(&self, order: f64) -> (f64, f64) {
        let reach = (0.005 * order).max(self.per_bin);
        let from = ((order - reach) / self.per_bin).round().max(0.0) as usize;
        let to = (((order + reach) / self.per_bin).round() as usize + 1).min(self.amplitude.len());
        (from..to)
            .map(|k| (self.amplitude[k], k))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or((0.0, 0.0), |(a, k)| (a / std::f64::consts::SQRT_2, a / self.floor[k]))
    }
}

/// Powers of a spectrum as if its waveform had been weighted by Hann's window, which is a sum of neighbours here.
pub(super) fn hann_power(spectrum: &[Complex]) -> Vec<f64> {
    let at = |i: usize| spectrum.get(i).copied().unwrap_or_default();
    let one = |i: usize| {
        let (a, b, c) = (at(i.abs_diff(1)), at(i), at(i + 1));
        let (re, im) = (0.5 * b.re - 0.25 * (a.re + c.re), 0.5 * b.im - 0.25 * (a.im + c.im));
        Complex { re, im }.power()
    };
    (0..spectrum.len()).map(one).collect()
}

/// The speed nearest to `rpm`, within 1.5 %, whose multiples stand out most in a spectrum of that many bins a hertz; `rpm`
/// itself unless another is clearly better. A nameplate or a set-point is not a measured speed.
pub(super) fn refined_rpm(power: &[f64], bin_hz: f64, rpm: f64) -> f64 {
    const HARMONICS: u32 = 6;
    let shaft_hz = rpm / 60.0;
    // Where the sixth harmonic moves by less than a bin in half a per cent, there is nothing to tell.
    if 0.005 * f64::from(HARMONICS) * shaft_hz < bin_hz {
        return rpm;
    }
    let mut room = Vec::new();
    let reach = (shaft_hz / bin_hz) as usize;
    let floors: Vec<f64> = (1..=HARMONICS)
        .map(|k| {
            let middle = (f64::from(k) * shaft_hz / bin_hz) as usize;
            room.clear();
            room.extend_from_slice(&power[middle.saturating_sub(reach)..(middle + reach).min(power.len())]);
            quantile(&mut room, 0.5).max(f64::MIN_POSITIVE)
        })
        .collect();
    let score = |hz: f64| {
        let line = |k: u32| {
            let middle = (f64::from(k) * hz / bin_hz).round() as usize;
            let around = power.get(middle.saturating_sub(1)..(middle + 2).min(power.len())).unwrap_or(&[]);
            let ratio = around.iter().copied().fold(0.0, f64::max) / floors[k as usize - 1];
            libm::log(ratio.max(1.0))
        };
        (1..=HARMONICS).map(line).sum::<f64>() / f64::from(HARMONICS)
    };
    let steps = (-60..=60).map(|s| 1.0 + 0.000_25 * f64::from(s));
    let (best, at) =
        steps.map(|s| (score(s * shaft_hz), s)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 1.0));
    if best > score(shaft_hz) + 1.0 { at * rpm } else { rpm }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn wave(rate: f64, n: usize, lines: &[(f64, f64)], noise: f64) -> Vec<f64> {
        let mut rng = Seed(9).stream("order");
        let tone = |t: f64| {
            lines.iter().map(|(hz, a)| a * libm::sin(2.0 * std::f64::consts::PI * hz * t)).sum::<f64>()
        };
        (0..n).map(|i| tone(i as f64 / rate) + noise * rng.normal()).collect()
    }

    #[test]
    fn kurtosis_of_noise_of_a_sine_and_of_shocks() {
        let noise = wave(12_000.0, 100_000, &[], 1.0);
        assert!((kurtosis(&noise) - 3.0).abs() < 0.1);
        assert!((kurtosis(&wave(12_000.0, 12_000, &[(100.0, 1.0)], 0.0)) - 1.5).abs() < 1e-6);
        let shocks: Vec<f64> =
            noise.iter().enumerate().map(|(i, x)| if i % 500 == 0 { 20.0 } else { *x }).collect();
        assert!(kurtosis(&shocks) > 50.0);
    }

    /// By hand: 1 m/s2 of amplitude at 100 Hz is 1000 / (2 pi 100) = 1.5915 mm/s, 1.1254 mm/s RMS.
    #[test]
    fn acceleration_becomes_velocity() {
        let x = wave(25_600.0, 25_600, &[(100.0, 1.0), (3_000.0, 5.0)], 0.01);
        let f = features(&mut Plans::default(), &x, 25_600.0).unwrap();
        assert!((f.velocity_rms_mm_s - 1.1254).abs() < 0.003, "{f:?}");
        let o = OrderSpectrum::new(&mut Plans::default(), &x, 25_600.0, 3_000.0).unwrap();
        assert!((o.line(2.0).0 - 1.1254).abs() < 0.003 && o.line(2.0).1 > 100.0, "{:?}", o.line(2.0));
        assert!(o.line(1.0).0 < 0.01 && (o.overall_mm_s - 1.1254).abs() < 0.003);
        // A steady tone has no envelope to speak of.
        assert!(f.envelope_rms_m_s2 < 0.05, "{f:?}");
    }

    #[test]
    fn the_speed_is_found_by_its_harmonics() {
        let hz = 1_784.0 / 60.0;
        let x =
            wave(12_000.0, 60_000, &[(hz, 0.1), (2.0 * hz, 0.1), (3.0 * hz, 0.05), (4.0 * hz, 0.05)], 0.1);
        let mut plans = Plans::default();
        let power = hann_power(&plans.real(60_000).forward(&x));
        assert!((refined_rpm(&power, 0.2, 1_797.0) - 1_784.0).abs() < 3.0);
        let noise = wave(12_000.0, 60_000, &[], 0.1);
        let power = hann_power(&plans.real(60_000).forward(&noise));
        assert_eq!(refined_rpm(&power, 0.2, 1_797.0), 1_797.0, "noise tells no speed");
    }
}
