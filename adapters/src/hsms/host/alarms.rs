//! The equipment's alarms, as a host has heard of them.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_models::Time;

use crate::limits::{HSMS_ALARM_TEXT, HSMS_ALARMS};

/// How long a cleared alarm is still told: one that comes and goes is told once, and not each time.
const HOLD: Duration = Duration::from_secs(60);
/// So many are told by their text.
const TOLD: usize = 4;

/// The alarms that are set, and those that were lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms(BTreeMap<u32, Alarm>);

#[derive(Clone, Debug)]
struct Alarm {
    /// ALTX.
    text: String,
    /// Since when it is cleared; none while it is set.
    cleared: Option<Time>,
}

impl Alarms {
    /// S5F1: an alarm is set or cleared.
    pub fn take(&mut self, now: Time, alid: u32, set: bool, text: &str) {
        self.0.retain(|_, a| a.told(now));
        if !set {
            if let Some(alarm) = self.0.get_mut(&alid) {
                alarm.cleared.get_or_insert(now);
            }
        } else if self.0.contains_key(&alid) || self.0.len() < HSMS_ALARMS {
            let text = text.chars().take(HSMS_ALARM_TEXT).collect();
            self.0.insert(alid, Alarm { text, cleared: None });
        }
    }

    /// What is to be told of them, if anything.
    pub fn words(&self, now: Time) -> Option<String> {
        let told: Vec<_> = self.0.iter().filter(|(_, a)| a.told(now)).collect();
        let words = told.iter().take(TOLD).map(|(alid, a)| format!("alarm {alid}: {}", a.text));
        let more = told.len().checked_sub(TOLD).filter(|n| *n > 0).map(|n| format!("and {n} alarms more"));
        let words: Vec<_> = words.chain(more).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl Alarm {
    fn told(&self, now: Time) -> bool {
        self.cleared.is_none_or(|at| now < at.after(HOLD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_told_while_it_is_set_and_a_minute_longer() {
        let (mut alarms, at) = (Alarms::default(), Time::from_secs);
        assert_eq!(alarms.words(at(0)), None);
        for n in 0..10 {
            alarms.take(at(2 * n), 1, true, "Non-stick on pad");
            assert_eq!(alarms.words(at(2 * n)).as_deref(), Some("alarm 1: Non-stick on pad"));
            alarms.take(at(2 * n + 1), 1, false, "");
        }
        assert!(alarms.words(at(78)).is_some());
        assert_eq!(alarms.words(at(79)), None);
        for alid in 0..2_000 {
            alarms.take(at(100), alid, true, "x");
        }
        assert!(alarms.words(at(100)).is_some_and(|w| w.ends_with("alarm 3: x, and 252 alarms more")));
    }
}
