//! Moments of another clock, on ours.

use std::time::Duration;

use aegis_models::Time;

use crate::clock::Clock;

/// What is older than this when it comes [wall time] was not held back by a line: the other clock was set.
const LATEST: Duration = Duration::from_secs(10);
/// A clock's lead over ours is looked for anew this often [wall time]: long against what a line holds back, short
/// against what two clocks drift apart.
const WINDOW: Duration = Duration::from_secs(300);

/// Turns the moments of one other clock into ours: two clocks need not agree, only run alike. What comes at once tells by
/// how much the other is ahead, and what a line held back seems to come from a clock that is less so: the largest lead
/// of the last minutes is the true one.
#[derive(Debug)]
pub struct Moments {
    clock: Clock,
    /// The largest lead [ns] of this window and of the one before.
    ahead: Option<[i128; 2]>,
    /// When this window began.
    began: Time,
    /// The newest of its moments so far [ns since 1970].
    newest: u64,
    last: Time,
}

impl Moments {
    /// Of a clock that nothing is known of.
    pub fn new(clock: Clock) -> Moments {
        Moments { clock, ahead: None, began: Time::ZERO, newest: 0, last: Time::ZERO }
    }

    /// The newest of its moments that is known, just now. One that was known before tells nothing.
    pub fn came(&mut self, unix_ns: u64) {
        if unix_ns == self.newest && self.ahead.is_some() {
            return;
        }
        self.newest = unix_ns;
        let now = self.clock.now();
        let rate = self.clock.rate();
        let ahead = i128::from(unix_ns) - i128::from(now.ns);
        let [before, present] = self.ahead.unwrap_or([ahead; 2]);
        let late = (before.max(present) - ahead) as f64;
        self.ahead = Some(if late > LATEST.as_nanos() as f64 * rate {
            // A clock that was set, or a twin at a pace: it begins again.
            self.began = now;
            [ahead; 2]
        } else if now.since(self.began) > WINDOW.mul_f64(rate) {
            self.began = now;
            [present, ahead]
        } else {
            [before, present.max(ahead)]
        });
    }

    /// When a moment of the other clock was, on ours: never in the future, and never before what came before.
    pub fn of(&mut self, unix_ns: u64) -> Time {
        let ahead = self.ahead.map_or(0, |[before, present]| before.max(present));
        let ours = u64::try_from(i128::from(unix_ns) - ahead).unwrap_or(0);
        self.last = Time { ns: ours }.min(self.clock.now()).max(self.last);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const THEIRS: u64 = 1_700_000_000_000_000_000;

    fn ms(n: u64) -> u64 {
        THEIRS + n * 1_000_000
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_line_held_back_keeps_its_own_time() {
        let clock = Clock::start(Time::from_secs(100), 1.0);
        let mut moments = Moments::new(clock);
        moments.came(ms(0));
        assert_eq!(moments.of(ms(0)), Time::from_secs(100));
        sleep(Duration::from_secs(3)).await;
        // A burst: the newest came at once, the others had waited.
        moments.came(ms(3_000));
        let times: Vec<u64> = (1..=30).map(|n| moments.of(ms(100 * n)).ns / 1_000_000).collect();
        assert_eq!(times, (1..=30).map(|n| 100_000 + 100 * n).collect::<Vec<_>>());
        // All of it late by half a second.
        sleep(Duration::from_millis(1_500)).await;
        moments.came(ms(4_000));
        assert_eq!(moments.of(ms(4_000)), Time::from_millis(104_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_moment_that_was_late_is_mended_by_a_prompt_one() {
        let clock = Clock::start(Time::ZERO, 1.0);
        let mut moments = Moments::new(clock);
        sleep(Duration::from_secs(5)).await;
        moments.came(ms(4_000));
        assert_eq!(moments.of(ms(4_000)), Time::from_secs(5));
        sleep(Duration::from_secs(5)).await;
        moments.came(ms(10_000));
        assert_eq!(moments.of(ms(10_000)), Time::from_secs(10));
        assert_eq!(moments.of(ms(9_000)), Time::from_secs(10), "nothing comes before what came before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_and_one_that_drifts_are_followed() {
        let clock = Clock::start(Time::ZERO, 1.0);
        let mut moments = Moments::new(clock);
        moments.came(ms(0));
        advance(Duration::from_secs(60)).await;
        moments.came(THEIRS - 3_600_000_000_000);
        assert_eq!(moments.of(THEIRS - 3_600_000_000_000), Time::from_secs(60));
        // It loses a millisecond a second.
        for n in 1..=3_600 {
            advance(Duration::from_secs(1)).await;
            moments.came(THEIRS - 3_600_000_000_000 + n * 999_000_000);
        }
        let late = Time::from_secs(3_660).since(moments.of(THEIRS - 3_600_000_000_000 + 3_600 * 999_000_000));
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
}
