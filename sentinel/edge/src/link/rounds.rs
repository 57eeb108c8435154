//! When a machine is asked for what.

use std::time::Duration;

use aegis_models::Time;
use tokio::time::sleep_until;

use crate::clock::Clock;

/// Faster than a hundred rounds a second [wall time] no device is asked.
const FASTEST: Duration = Duration::from_millis(10);

/// The rounds of reading of one connection: whole multiples of the points' periods on the agent's clock, so that the
/// readings of many machines stand side by side.
pub struct Rounds {
    clock: Clock,
    /// The shortest period [agent's time].
    tick: Duration,
    /// For each group of points: its period in ticks, and the tick from which it is due.
    groups: Vec<(u64, u64)>,
    /// The tick of the next round.
    next: u64,
}

impl Rounds {
    /// Rounds for groups of points with those periods.
    pub fn new(periods: impl Iterator<Item = Duration> + Clone, clock: Clock) -> Rounds {
        let fastest = periods.clone().min().unwrap_or(Duration::from_secs(1)).max(Duration::from_nanos(1));
        let tick = fastest.max(FASTEST.mul_f64(clock.rate()));
        let every = |p: Duration| (p.as_nanos() / tick.as_nanos()).max(1) as u64;
        let next = ticks(clock.now(), tick) + 1;
        let first = |every: u64| (every, next.next_multiple_of(every));
        Rounds { clock, tick, groups: periods.map(|p| first(every(p))).collect(), next }
    }

    /// Waits for the next round. It may be given up and called again.
    pub async fn wait(&self) {
        let at = Time { ns: self.tick.as_nanos() as u64 * self.next };
        sleep_until(self.clock.instant(at)).await;
    }

    /// Begins a round: its time, and the groups that are due. A group is first asked at a multiple of its own period. Rounds that a slow device made us miss are not made up
    /// for, and do not put off the groups of longer periods.
    pub fn begin(&mut self) -> (Time, Vec<usize>) {
        let now = self.clock.now();
        // A timer may be a hair early where fractions of its clock were rounded.
        let n = ticks(now, self.tick).max(self.next);
        self.next = n + 1;
        let mut due = Vec::new();
        for (i, (every, next)) in self.groups.iter_mut().enumerate().filter(|(_, (_, next))| n >= *next) {
            *next = (n / *every + 1) * *every;
            due.push(i);
        }
        (now, due)
    }
}

fn ticks(now: Time, tick: Duration) -> u64 {
    now.ns / tick.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn groups_are_asked_at_whole_multiples_of_their_periods() {
        let clock = Clock::start(Time { ns: 1_230_000_000 }, 1.0);
        let periods = [Duration::from_millis(100), Duration::from_secs(1)];
        let mut rounds = Rounds::new(periods.into_iter(), clock);
        let mut asked = Vec::new();
        for _ in 0..20 {
            rounds.wait().await;
            let (time, due) = rounds.begin();
            asked.push((time.ns / 1_000_000, due.len()));
        }
        assert_eq!(asked[0], (1_300, 1));
        let slow: Vec<u64> = asked.iter().filter(|(_, n)| *n == 2).map(|(at, _)| *at).collect();
        assert_eq!(slow, [2_000, 3_000]);
        assert!(asked.windows(2).all(|w| w[1].0 - w[0].0 == 100));
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_that_were_missed_are_left_out_and_put_nothing_off() {
        let clock = Clock::start(Time::ZERO, 1.0);
        let periods = [Duration::from_millis(100), Duration::from_secs(1)];
        let mut rounds = Rounds::new(periods.into_iter(), clock);
        rounds.wait().await;
        assert_eq!(rounds.begin().1, [0]);
        tokio::time::sleep(Duration::from_millis(1_230)).await;
        rounds.wait().await;
        assert_eq!(rounds.begin().1, [0, 1], "the slow group is late, not lost");
        rounds.wait().await;
        assert_eq!(rounds.begin(), (Time { ns: 1_400_000_000 }, vec![0]));
    }
}
