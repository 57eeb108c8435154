//! What plants are run with: controllers, actuators, and what wanders by itself.

use aegis_models::{Command, PointIx, Profile, Rng};

use crate::{Refusal, Step};

/// A controller whose sum stops where its output does.
#[derive(Clone, Copy)]
pub(super) struct Pi {
    /// [% of output for a unit of error].
    pub gain: f64,
    /// Reset time [s].
    pub reset_s: f64,
    /// What the past asks for [%] -- state.
    pub sum: f64,
}

impl Pi {
    /// The output for that error, 0 to 100 %.
    pub fn output(&mut self, error: f64, dt_s: f64) -> f64 {
        let wanted = self.gain * error + self.sum;
        let output = wanted.clamp(0.0, 100.0);
        if output == wanted {
            self.sum += self.gain * error * dt_s / self.reset_s;
        }
        output
    }
}

/// A valve, damper or vane: where it is [%], how long its full travel takes [s], and what share of its way it loses.
#[derive(Clone, Copy)]
pub(super) struct Actuator {
    /// [%] -- state.
    pub position: f64,
    /// Time for its full travel [s] -- parameter.
    pub travel_s: f64,
    /// Share of what it is told that it does not go -- fault.
    pub lost: f64,
}

impl Actuator {
    /// Goes towards where it is told to be, as fast as it can.
    pub fn step(&mut self, wanted: f64, dt_s: f64) {
        let wanted = wanted * (1.0 - self.lost);
        let travel = 100.0 * dt_s / self.travel_s;
        self.position += (wanted - self.position).clamp(-travel, travel);
    }
}

/// A quantity that wanders about nought: an Ornstein-Uhlenbeck process.
#[derive(Clone, Copy)]
pub(super) struct Wander {
    /// Where it is [its unit] -- state.
    pub x: f64,
    /// Its standard deviation [its unit] -- parameter.
    pub sigma: f64,
    /// How long it remembers [s] -- parameter.
    pub tau_s: f64,
}

impl Wander {
    /// One that begins at nought.
    pub fn new(sigma: f64, tau_s: f64) -> Wander {
        Wander { x: 0.0, sigma, tau_s }
    }

    /// Draws one number, whatever happens.
    pub fn step(&mut self, rng: &mut Rng, dt_s: f64) -> f64 {
        let share = dt_s / self.tau_s;
        self.x += -self.x * share + self.sigma * (2.0 * share).sqrt() * rng.normal();
        self.x
    }
}

/// Harm that is done once something has gone on long enough.
#[derive(Clone, Copy, Default)]
pub(super) struct Strain {
    /// How long, or how much, so far -- state.
    pub sum: f64,
}

impl Strain {
    /// Adds to it; true in the one step that reaches the limit.
    pub fn reaches(&mut self, more: f64, limit: f64) -> bool {
        let before = self.sum;
        self.sum += more;
        before < limit && self.sum >= limit
    }
}

/// Steps of a tenth of a second gathered to whole seconds, for plants that are slow against both.
#[derive(Clone, Copy, Default)]
pub(super) struct Second {
    gathered_s: f64,
}

impl Second {
    /// Whether another second is full with this step.
    pub fn full(&mut self, dt_s: f64) -> bool {
        self.gathered_s += dt_s;
        let full = self.gathered_s > 0.999;
        if full {
            self.gathered_s -= 1.0;
        }
        full
    }
}

/// Declares a kind's points by their names in its profile.
macro_rules! points {
    ($kind:literal: $($name:ident),* $(,)?) => {
        struct Points {
            $($name: aegis_models::PointIx,)*
        }

        impl Points {
            fn of(profile: &aegis_models::Profile) -> Points {
                let p = |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile {} has a point {id}", $kind));
                Points { $($name: p(stringify!($name)),)* }
            }
        }
    };
}
pub(super) use points;

/// Takes a set-point into its place, or says what it may be.
pub(super) fn take(c: &Command, place: &mut f64, [low, high]: [f64; 2]) -> Result<(), Refusal> {
    if !(low..=high).contains(&c.value) {
        return Err(Refusal::OutOfRange { point: c.point.clone(), value: c.value, low, high });
    }
    *place = c.value;
    Ok(())
}

/// Turns a switch on or off.
pub(super) fn switch(c: &Command, place: &mut bool) -> Result<(), Refusal> {
    *place = c.value != 0.0;
    Ok(())
}

/// What is said of a command to a point that takes none.
pub(super) fn refuse(c: &Command) -> Result<(), Refusal> {
    Err(Refusal::NotWritable(c.point.clone()))
}

/// The places of points that the profile must have, in the order of their names.
pub(super) fn places<const N: usize>(profile: &Profile, names: [&str; N]) -> [PointIx; N] {
    let place =
        |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile {} has a point {id}", profile.kind));
    names.map(place)
}

/// Sets points to values, in their order.
pub(super) fn show<const N: usize>(cx: &mut Step<'_>, points: [PointIx; N], values: [f64; N]) {
    points.into_iter().zip(values).for_each(|(point, value)| cx.image.set(point, value));
}
