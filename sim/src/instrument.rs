//! What the instruments of one machine make of the truth: noise, faults, and the type the device holds.

use std::time::Duration;

use aegis_models::profile::{Profile, Role};
use aegis_models::{PointIx, Quality, Rng, Sample, Seed, Time};

use crate::fault::{SPIKES, SensorFault};

/// The instruments of one machine.
pub struct Instruments {
    rng: Rng,
    /// Which readings a spiking instrument spoils: each such fault draws from its own copy.
    spikes: Rng,
    noise: bool,
    /// What each point shows, as the wire would carry it.
    pub readings: Vec<Sample>,
    /// How far the stamps of its values lie ahead of the moment at which they held [s].
    pub clock_ahead_s: f64,
    faults: Vec<Active>,
}

/// An instrument fault at work.
struct Active {
    plan: usize,
    point: PointIx,
    kind: SensorFault,
    size: f64,
    held: Option<f64>,
    spikes: Rng,
}

impl Active {
    /// What the instrument makes of a value, and how far it can then be trusted.
    fn spoil(&mut self, value: f64, quality: &mut Quality) -> f64 {
        match self.kind {
            SensorFault::Bias | SensorFault::Drift => value + self.size,
            SensorFault::Stuck => *self.held.get_or_insert(value),
            SensorFault::Spike if self.spikes.chance(SPIKES) => value + self.size,
            SensorFault::Quantisation if self.size > 0.0 => (value / self.size).round() * self.size,
            SensorFault::Spike | SensorFault::Quantisation => value,
            SensorFault::Dropout => {
                *quality = Quality::Bad;
                value
            }
        }
    }
}

impl Instruments {
    /// Instruments with their own stream; without noise they only quantise.
    pub fn new(profile: &Profile, rng: Rng, noise: bool) -> Instruments {
        // A stream of its own that costs the noise no draw.
        let spikes = Seed(rng.clone().uniform().to_bits()).stream("spikes");
        let none = |i| Sample { point: PointIx(i as u16), value: 0.0, quality: Quality::Bad };
        Instruments {
            rng,
            spikes,
            noise,
            readings: (0..profile.points.len()).map(none).collect(),
            clock_ahead_s: 0.0,
            faults: Vec::new(),
        }
    }

    /// The stamp that values of that moment bear.
    pub fn stamp(&self, time: Time) -> Time {
        let off = Duration::from_secs_f64(self.clock_ahead_s.abs());
        if self.clock_ahead_s < 0.0 {
            Time { ns: time.ns.saturating_sub(off.as_nanos() as u64) }
        } else {
            time.after(off)
        }
    }

    /// Sets the present size of the fault that stands at `plan`; none ends it.
    pub fn set_fault(&mut self, plan: usize, point: PointIx, kind: SensorFault, size: Option<f64>) {
        let at = self.faults.iter().position(|f| f.plan == plan);
        match (at, size) {
            (Some(at), Some(size)) => self.faults[at].size = size,
            (None, Some(size)) => {
                let spikes = self.spikes.clone();
                self.faults.push(Active { plan, point, kind, size, held: None, spikes });
            }
            (Some(at), None) => {
                self.faults.remove(at);
            }
            (None, None) => {}
        }
    }

    /// Reads one point whose true value is `truth`.
    pub fn read(&mut self, profile: &Profile, point: PointIx, truth: f64) -> Sample {
        let spec = profile.point(point);
        // Every instrument draws at every reading, whatever its state: a fault of one shifts nobody's numbers.
        let error = if spec.accuracy > 0.0 { spec.accuracy * self.rng.normal() } else { 0.0 };
        let mut value = if self.noise && spec.role == Role::Measurement { truth + error } else { truth };
        let mut quality = Quality::Good;
        for f in self.faults.iter_mut().filter(|f| f.point == point) {
            value = f.spoil(value, &mut quality);
        }
        // An instrument cannot show what lies beyond its range: it stands at the end of it.
        let value = if value.is_finite() { value.clamp(spec.range[0], spec.range[1]) } else { value };
        let sample = Sample { point, value: spec.data.quantise(value), quality };
        self.readings[usize::from(point.0)] = sample;
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hundred readings of a flow that stands at 1,000 m3/h, with a fault or without.
    fn readings(fault: Option<(SensorFault, f64)>) -> Vec<Sample> {
        let profile = Profile::built_in("ffu").unwrap();
        let (point, other) = (profile.point_ix("airflow").unwrap(), profile.point_ix("vibration").unwrap());
        let mut all = Instruments::new(&profile, Seed(7).stream("noise"), true);
        if let Some((kind, size)) = fault {
            all.set_fault(0, point, kind, Some(size));
        }
        (0..200).flat_map(|_| [all.read(&profile, point, 1_000.0), all.read(&profile, other, 0.8)]).collect()
    }

    #[test]
    fn each_fault_spoils_its_own_point_and_no_other() {
        let sound = readings(None);
        let moved = |kind, size| -> Vec<f64> {
            let faulty = readings(Some((kind, size)));
            let pairs = faulty.iter().zip(&sound);
            assert!(pairs.clone().filter(|(f, _)| f.point != sound[0].point).all(|(f, s)| f == s));
            pairs.filter(|(f, _)| f.point == sound[0].point).map(|(f, s)| f.value - s.value).collect()
        };
        let near = |x: f64, y: f64| (x - y).abs() < 1e-3;
        assert!(moved(SensorFault::Bias, 20.0).iter().all(|d| near(*d, 20.0)));
        let spikes = moved(SensorFault::Spike, 50.0);
        let count = spikes.iter().filter(|d| near(**d, 50.0)).count();
        assert!((3..30).contains(&count), "{count} of 200");
        assert!(spikes.iter().all(|d| near(*d, 50.0) || *d == 0.0));
        let coarse = readings(Some((SensorFault::Quantisation, 25.0)));
        assert!(coarse.iter().step_by(2).all(|s| s.value % 25.0 == 0.0));
        let stuck = readings(Some((SensorFault::Stuck, 0.0)));
        assert!(stuck.iter().step_by(2).all(|s| s.value == stuck[0].value));
        let silent = readings(Some((SensorFault::Dropout, 0.0)));
        assert!(silent.iter().step_by(2).all(|s| s.quality == Quality::Bad));
    }

    #[test]
    fn a_clock_that_runs_off_moves_stamps_either_way_and_never_before_the_beginning() {
        let profile = Profile::built_in("ffu").unwrap();
        let mut all = Instruments::new(&profile, Seed(7).stream("noise"), true);
        let mut at = |ahead_s, s| {
            all.clock_ahead_s = ahead_s;
            all.stamp(Time::from_secs(s)).secs_f64()
        };
        assert_eq!([at(0.0, 9), at(2.5, 9), at(-2.5, 9), at(-60.0, 9)], [9.0, 11.5, 6.5, 0.0]);
    }
}
