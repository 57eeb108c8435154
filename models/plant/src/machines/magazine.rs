//! The magazine of a tool of the assembly line: strips one after another, then the next magazine.

use crate::supply::{Job, Quality, Supply};

/// Below this share of its voltage a tool trips [-]; SEMI F47-0706 asks that it ride through half of it for 0.2 s.
const TRIP_MAINS: f64 = 0.5;
/// It is started again by hand in this time [s].
const RESTART_S: f64 = 180.0;

/// What there is to do in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Duty {
    /// A lot that the tool has not had before: its recipe is loaded, and work begins with the next step.
    Begin(Job),
    /// Strips of a lot.
    Work,
    /// Its magazine leaves, or the next one comes.
    Exchange,
    /// No lot lies there, or what is done cannot leave, or nobody lets it work.
    Standby,
    /// The mains failed and it stands.
    Down,
}

/// The lot in work, and what became of its strips.
pub(super) struct Magazine {
    /// Time in which a magazine is exchanged [s] -- parameter.
    takes_s: f64,
    job: Option<Job>,
    last: Option<u32>,
    done: u32,
    weak: f64,
    exchange_s: f64,
    down_s: f64,
}

impl Magazine {
    /// No lot yet, on a tool that exchanges a magazine in this time [s].
    pub fn new(takes_s: f64) -> Magazine {
        Magazine { takes_s, job: None, last: None, done: 0, weak: 0.0, exchange_s: 0.0, down_s: 0.0 }
    }

    /// What there is to do in a step of that length.
    pub fn duty(&mut self, dt_s: f64, supply: &Supply, enabled: bool) -> Duty {
        if supply.mains < TRIP_MAINS {
            self.down_s = RESTART_S;
        }
        if self.down_s > 0.0 {
            self.down_s -= dt_s;
            return Duty::Down;
        }
        if self.exchange_s > 0.0 {
            self.exchange_s -= dt_s;
            return Duty::Exchange;
        }
        let lies = |job: &Job| supply.job.is_some_and(|s| s.lot == job.lot);
        if !enabled {
            return Duty::Standby;
        }
        if self.job.as_ref().is_some_and(lies) {
            return Duty::Work;
        }
        self.job = supply.job.filter(|job| job.pieces > 0 && !supply.blocked);
        (self.done, self.weak) = (0, 0.0);
        match self.job {
            None => Duty::Standby,
            Some(job) if self.last == Some(job.lot) => Duty::Work,
            Some(job) => {
                self.last = Some(job.lot);
                Duty::Begin(job)
            }
        }
    }

    /// What earlier steps have made of the lot in work.
    pub fn incoming(&self) -> Quality {
        self.job.map_or(Quality::default(), |job| job.quality)
    }

    /// A strip is done, with this share of weak joints. After the last one: what the lot now is.
    pub fn strip_done(&mut self, weak: f64) -> Option<Quality> {
        let job = self.job?;
        self.done += 1;
        self.weak += weak;
        if self.done < job.pieces {
            return None;
        }
        let added = self.weak / f64::from(self.done);
        (self.job, self.exchange_s) = (None, self.takes_s);
        Some(Quality { weak_joints: (job.quality.weak_joints + added).min(1.0), ..job.quality })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(lot: u32) -> Option<Job> {
        Some(Job { lot, recipe: 2, pieces: 2, quality: Quality { weak_joints: 0.1, ..Quality::default() } })
    }

    #[test]
    fn a_lot_is_done_once_and_the_next_waits_until_it_can_leave() {
        let mut supply = Supply { job: job(7), ..Supply::default() };
        let mut magazine = Magazine::new(10.0);
        assert_eq!(magazine.duty(0.1, &supply, false), Duty::Standby, "nobody lets it");
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Begin(job(7).unwrap()));
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Work);
        assert_eq!(magazine.strip_done(0.0), None);
        let done = magazine.strip_done(0.2).expect("its last strip");
        assert!((done.weak_joints - 0.2).abs() < 1e-12, "{done:?}");
        assert_eq!(magazine.strip_done(0.0), None, "nothing lies there");
        supply.blocked = true;
        let rest = |magazine: &mut Magazine, supply: &Supply| {
            (0..200).map(|_| magazine.duty(0.1, supply, true)).last().expect("200 steps")
        };
        assert_eq!(rest(&mut magazine, &supply), Duty::Standby);
        supply.blocked = false;
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Work, "the same lot again is work without end");
        supply.job = None;
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Standby);
        supply.job = job(8);
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Begin(job(8).unwrap()));
    }

    #[test]
    fn a_deep_sag_stops_it_for_minutes_and_a_shallow_one_does_not() {
        let mut supply = Supply { mains: 0.7, ..Supply::default() };
        let mut magazine = Magazine::new(10.0);
        magazine.duty(0.1, &supply, true);
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Work);
        supply.mains = 0.4;
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Down);
        supply.mains = 1.0;
        let down = (0..10_000).take_while(|_| magazine.duty(0.1, &supply, true) == Duty::Down).count();
        assert!((1_790..=1_800).contains(&down), "{down} steps");
        assert_eq!(magazine.duty(0.1, &supply, true), Duty::Work, "with the strip that lay there");
    }
}
