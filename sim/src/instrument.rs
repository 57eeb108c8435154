//! What the instruments of one machine make of the truth: noise, faults, and the type the device holds.

use aegis_models::profile::{Profile, Role};
use aegis_models::{PointIx, Quality, Rng, Sample};

use crate::fault::SensorFault;

/// The instruments of one machine.
pub struct Instruments {
    rng: Rng,
    noise: bool,
    /// What each point shows, as the wire would carry it.
    pub readings: Vec<Sample>,
    faults: Vec<Active>,
}

/// An instrument fault at work.
struct Active {
    plan: usize,
    point: PointIx,
    kind: SensorFault,
    size: f64,
    held: Option<f64>,
}

impl Instruments {
    /// Instruments with their own stream; without noise they only quantise.
    pub fn new(profile: &Profile, rng: Rng, noise: bool) -> Instruments {
        let none = |i| Sample { point: PointIx(i as u16), value: 0.0, quality: Quality::Bad };
        Instruments {
            rng,
            noise,
            readings: (0..profile.points.len()).map(none).collect(),
            faults: Vec::new(),
        }
    }

    /// Sets the present size of the fault that stands at `plan`; none ends it.
    pub fn set_fault(&mut self, plan: usize, point: PointIx, kind: SensorFault, size: Option<f64>) {
        let at = self.faults.iter().position(|f| f.plan == plan);
        match (at, size) {
            (Some(at), Some(size)) => self.faults[at].size = size,
            (None, Some(size)) => self.faults.push(Active { plan, point, kind, size, held: None }),
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
            match f.kind {
                SensorFault::Bias | SensorFault::Drift => value += f.size,
                SensorFault::Stuck => value = *f.held.get_or_insert(value),
                SensorFault::Dropout => quality = Quality::Bad,
            }
        }
        // An instrument cannot show what lies beyond its range: it stands at the end of it.
        let value = if value.is_finite() { value.clamp(spec.range[0], spec.range[1]) } else { value };
        let sample = Sample { point, value: spec.data.quantise(value), quality };
        self.readings[usize::from(point.0)] = sample;
        sample
    }
}
