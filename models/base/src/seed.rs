//! One seed, named streams: a new machine shifts nobody else's numbers.

use rand_core::{Rng as _, SeedableRng, TryRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The one number from which a whole run follows. Printed with every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The random stream of that name: `"machine/FFU-07/noise"`. Streams of different names are independent.
    pub fn stream(self, label: &str) -> Rng {
        // FNV-1a over the label, then the seed; SplitMix64 inside `seed_from_u64` spreads it over the state.
        let hash = label
            .bytes()
            .chain(self.0.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        Rng { core: Xoshiro256PlusPlus::seed_from_u64(hash), spare: None }
    }
}

/// A stream of random numbers that is the same on every machine.
///
/// Only exact arithmetic and the `libm` crate stand between the bits and the result: `rand_distr` takes the
/// platform's `libm` once feature unification turns on `num-traits/std`, so normal variates are sampled here and
/// held against it in a test. It implements `rand`'s traits, so that distributions with exact arithmetic serve too.
#[derive(Clone, Debug)]
pub struct Rng {
    core: Xoshiro256PlusPlus,
    spare: Option<f64>,
}

impl Rng {
    /// Uniform in [0, 1), from the upper 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.core.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Log-uniform in [`low`, `high`), both above nought: as many draws in each decade.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(self.between(libm::log(low), libm::log(high)))
    }

    /// Standard normal, by Marsaglia's polar method (Marsaglia and Bray 1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let k = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(v * k);
                return u * k;
            }
        }
    }

    /// True with probability `p`, which is clamped to [0, 1].
    pub fn chance(&mut self, p: f64) -> bool {
        // Bernoulli compares 64 bits with a 64-bit threshold: exact on every platform.
        let coin = rand_distr::Bernoulli::new(p.clamp(0.0, 1.0)).expect("p lies in [0, 1]");
        rand_distr::Distribution::sample(&coin, self)
    }
}

impl TryRng for Rng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.core.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.core.next_u64())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        self.core.fill_bytes(dst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds the bits: whoever changes the generator or its arithmetic changes every recording.
    #[test]
    fn a_million_draws_have_this_digest() {
        let mut rng = Seed(42).stream("digest");
        let digest = (0..1_000_000).fold(0_u64, |h, i| {
            let bits = match i % 3 {
                0 => rng.uniform().to_bits(),
                1 => rng.normal().to_bits(),
                _ => u64::from(rng.chance(0.3)),
            };
            (h ^ bits).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(7)
        });
        assert_eq!(format!("{digest:016x}"), "11cf3a06b51698a6");
    }

    #[test]
    fn each_decade_of_a_log_uniform_draw_has_its_share() {
        let mut rng = Seed(1).stream("decades");
        let low = (0..10_000).map(|_| rng.log_between(0.1, 10.0)).filter(|x| *x < 1.0).count();
        assert!((4_800..5_200).contains(&low), "{low}");
    }

    #[test]
    fn normal_variates_agree_with_rand_distr() {
        const N: usize = 1_000_000;
        let mut ours: Vec<f64> = {
            let mut rng = Seed(1).stream("ours");
            (0..N).map(|_| rng.normal()).collect()
        };
        let mut oracle: Vec<f64> = {
            let mut rng = Seed(1).stream("oracle");
            (0..N).map(|_| rand_distr::Distribution::sample(&rand_distr::StandardNormal, &mut rng)).collect()
        };
        ours.sort_by(f64::total_cmp);
        oracle.sort_by(f64::total_cmp);
        for q in [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999] {
            let i = (q * N as f64) as usize;
            // Five standard errors of the difference of two quantiles at the widest (q = 0.001) are 0.066.
            assert!((ours[i] - oracle[i]).abs() < 0.07, "quantile {q}: {} against {}", ours[i], oracle[i]);
        }
    }

    #[test]
    fn streams_are_independent_of_each_other() {
        let (mut a, mut b) = (Seed(7).stream("machine/FFU-01/noise"), Seed(7).stream("machine/FFU-02/noise"));
        let correlation: f64 = (0..10_000).map(|_| a.normal() * b.normal()).sum::<f64>() / 10_000.0;
        assert!(correlation.abs() < 0.05, "{correlation}");
    }
}
