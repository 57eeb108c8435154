//! How long a wearing part still lasts: the trend of a channel towards the value at which its part is due.
//!
//! The slope is Theil and Sen's (the median of the slopes between all pairs), its interval is that of Kendall's
//! statistic (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed., 9.2 and 9.3): a few wild values
//! move neither. A trend that could be chance says nothing.

use std::time::Duration;

use aegis_models::Time;
use serde::{Deserialize, Serialize};

/// Values that a trend keeps; when there are more, neighbours are merged and each stands for twice the time.
const KEPT: usize = 48;
/// The estimate is made from so many of the latest: wear that gathers speed is not judged by its slow youth.
const LATEST: usize = 24;
/// The fewest values that make an estimate.
const FEWEST: usize = 12;
/// The first values stand for this long.
const FIRST_WIDTH: Duration = Duration::from_secs(60);
/// Kendall's statistic beyond which a trend is no chance: one in 1,000, two-sided.
const SIGNIFICANT: f64 = 3.29;
/// Half-width of the interval, in standard deviations of Kendall's statistic: 90 %.
const INTERVAL: f64 = 1.645;
/// Standard error of a median over the median deviation and the root of the count: 1.2533 x 1.4826.
const MEDIAN_ERROR: f64 = 1.858;
/// An interval whose end is more than so many times its beginning tells nothing that people could plan by.
const WIDEST: f64 = 3.0;
/// What ends sooner than this is told by what it does [s]: a value of the trend stands for a minute at least.
const SOON_S: f64 = 300.0;
/// A part has been renewed when its channel has gone back by this share of the way it had come.
const RENEWED: f64 = 0.7;

/// The trend of one channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Means, with the middle of the span that each stands for.
    values: Vec<(Time, f64)>,
    width: Duration,
    begun: Option<Time>,
    sum: f64,
    count: u32,
}

/// How long a part still lasts [s], from its trend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Most likely.
    pub likely_s: f64,
    /// The least, at 90 % for the interval.
    pub low_s: f64,
    /// The most; none when the trend might as well end.
    pub high_s: Option<f64>,
}

impl Trend {
    /// Takes the channel's present value. True when an estimate may have changed.
    pub fn push(&mut self, now: Time, x: f64, end: f64) -> bool {
        let begun = *self.begun.get_or_insert(now);
        self.width = self.width.max(FIRST_WIDTH);
        self.sum += x;
        self.count += 1;
        if now.since(begun) < self.width {
            return false;
        }
        let mean = self.sum / f64::from(self.count);
        (self.begun, self.sum, self.count) = (None, 0.0, 0);
        if self.was_renewed(mean, end) {
            self.values.clear();
            self.width = FIRST_WIDTH;
        }
        self.values.push((begun.after(now.since(begun) / 2), mean));
        if self.values.len() >= KEPT {
            let merged = self.values.chunks(2).map(|pair| {
                let (first, last) = (pair[0], pair[pair.len() - 1]);
                (first.0.after(last.0.since(first.0) / 2), (first.1 + last.1) / 2.0)
            });
            self.values = merged.collect();
            self.width *= 2;
        }
        true
    }

    /// Whether the channel has gone back towards where it began.
    fn was_renewed(&self, mean: f64, end: f64) -> bool {
        let (Some((_, first)), Some((_, last))) = (self.values.first(), self.values.last()) else {
            return false;
        };
        let (come, back) = (last - first, last - mean);
        // Only a good part of the way to the end is a way at all.
        come * (end - first) > 0.0 && come.abs() > 0.1 * (end - first).abs() && back / come > RENEWED
    }

    /// Whether the part is new, or was not watched before: nothing can be said of it yet.
    pub fn is_new(&self) -> bool {
        self.values.len() < FEWEST
    }

    /// How long from now until the channel reaches `end`, if it is on its way there.
    pub fn remaining(&self, now: Time, end: f64) -> Option<Remaining> {
        let latest = &self.values[self.values.len().saturating_sub(LATEST)..];
        let n = latest.len();
        if n < FEWEST {
            return None;
        }
        let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
        for (i, (t0, x0)) in latest.iter().enumerate() {
            for (t1, x1) in &latest[i + 1..] {
                slopes.push((x1 - x0) / t1.since(*t0).as_secs_f64());
            }
        }
        let sign = |s: f64| f64::from(i8::from(s > 0.0)) - f64::from(i8::from(s < 0.0));
        let kendall: f64 = slopes.iter().map(|s| sign(*s)).sum();
        let deviation = ((n * (n - 1) * (2 * n + 5)) as f64 / 18.0).sqrt();
        if kendall.abs() < SIGNIFICANT * deviation {
            return None;
        }
        slopes.sort_by(f64::total_cmp);
        let at = |rank: f64| slopes[(rank.max(0.0) as usize).min(slopes.len() - 1)];
        let (count, reach) = (slopes.len() as f64, INTERVAL * deviation);
        let slope = at(count / 2.0);
        let (low, high) = (at((count - reach) / 2.0), at((count + reach) / 2.0));
        // Where the channel stands now: the median of what each value says of it.
        let mut levels: Vec<f64> =
            latest.iter().map(|(t, x)| x + slope * now.since(*t).as_secs_f64()).collect();
        levels.sort_by(f64::total_cmp);
        let level = levels[n / 2];
        let left = end - level;
        if left * slope <= 0.0 {
            return None;
        }
        // How far the level itself may lie off: the standard error of a median, from the median deviation.
        let mut off: Vec<f64> = levels.iter().map(|l| (l - level).abs()).collect();
        off.sort_by(f64::total_cmp);
        let doubt = INTERVAL * MEDIAN_ERROR * off[n / 2] / (n as f64).sqrt() * left.signum();
        let (steep, shallow) = if slope > 0.0 { (high, low) } else { (low, high) };
        Some(Remaining {
            likely_s: left / slope,
            low_s: ((left - doubt) / steep).max(0.0),
            high_s: (left * shallow > 0.0).then(|| (left + doubt) / shallow),
        })
    }
}

impl Remaining {
    /// Whether people can plan by it: the interval is narrow, and what ends is not ending just now.
    pub fn worth_telling(&self) -> bool {
        self.likely_s >= SOON_S && self.high_s.is_some_and(|high| high <= WIDEST * self.low_s)
    }

    /// In words: `9 h left (7 h to 14 h)`.
    pub fn words(&self) -> String {
        let high = self.high_s.map_or("open".to_owned(), span);
        format!("{} left (90 %: {} to {high})", span(self.likely_s), span(self.low_s))
    }
}

/// A time in the unit that people plan in.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5_400.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use aegis_models::Seed;

    use super::*;

    /// A channel that climbs from 100 towards 200, a value a second, noise of 2.
    fn climb(seed: u64, per_hour: f64, hours: u64) -> Trend {
        let mut rng = Seed(seed).stream("life");
        let mut trend = Trend::default();
        for s in 0..3_600 * hours {
            let x = 100.0 + per_hour * s as f64 / 3_600.0 + 2.0 * rng.normal();
            trend.push(Time::from_secs(s), x, 200.0);
        }
        trend
    }

    fn hours(h: u64) -> Time {
        Time::from_secs(3_600 * h)
    }

    #[test]
    fn the_interval_holds_the_truth_nine_times_in_ten() {
        let mut inside = 0;
        for seed in 0..200 {
            let left = climb(seed, 10.0, 4).remaining(hours(4), 200.0).expect("it climbs");
            assert!((left.likely_s / 21_600.0 - 1.0).abs() < 0.1, "{left:?}");
            inside += u32::from(left.low_s <= 21_600.0 && left.high_s.is_some_and(|h| h >= 21_600.0));
        }
        assert!(inside >= 170, "{inside} of 200");
    }

    #[test]
    fn what_nobody_can_plan_by_is_not_told() {
        let left = |low_s, high_s| Remaining { likely_s: 7_200.0, low_s, high_s };
        assert!(left(6_000.0, Some(9_000.0)).worth_telling());
        assert!(!left(3_000.0, Some(9_900.0)).worth_telling(), "anything between one hour and three");
        assert!(!left(6_000.0, None).worth_telling(), "it might as well never end");
        assert!(!Remaining { likely_s: 200.0, ..left(190.0, Some(210.0)) }.worth_telling());
        assert!(Trend::default().is_new() && !climb(1, 10.0, 4).is_new());
    }

    #[test]
    fn what_stands_still_has_no_end() {
        let chance = (0..500).filter(|s| climb(*s, 0.0, 2).remaining(hours(2), 200.0).is_some()).count();
        assert!(chance <= 4, "{chance} of 500 by chance");
        assert_eq!(climb(1, -10.0, 4).remaining(hours(4), 200.0), None, "it goes the other way");
    }

    #[test]
    fn a_new_part_begins_anew_and_memory_is_bounded() {
        let mut trend = climb(3, 20.0, 4);
        for s in 14_400..14_400 + 1_200 {
            trend.push(Time::from_secs(s), 100.0, 200.0);
        }
        assert_eq!(trend.remaining(hours(5), 200.0), None);
        let long = climb(4, 0.01, 2_000);
        assert!(long.values.len() < KEPT && long.remaining(hours(2_000), 200.0).is_some());
    }

    #[test]
    fn it_is_told_in_the_unit_that_people_plan_in() {
        let left = Remaining { likely_s: 32_400.0, low_s: 3_000.0, high_s: None };
        assert_eq!(left.words(), "9.0 h left (90 %: 50 min to open)");
    }
}
