//! How long parts still last, told when it first shows and each time half of it is gone.

use aegis_models::event::Body;

use super::Agent;
use crate::diagnose::Diagnosis;
use crate::life::Remaining;

impl Agent {
    /// Once a second for each machine: the trends of what wears there.
    pub(super) fn follow_lives(&mut self, i: usize) {
        for k in 0..self.plans[i].lives.len() {
            let (channel, end) = (self.plans[i].lives[k].0, self.plans[i].lives[k].1);
            let m = &mut self.machines[i];
            let Some(x) = m.monitor.smooth[channel] else { continue };
            if !m.lives[k].trend.push(self.now, x, end) {
                continue;
            }
            let life = &mut m.lives[k];
            // A new part begins anew; one that rests goes on later.
            if life.trend.is_new() {
                life.told_s = None;
            }
            let less = |r: &Remaining| life.told_s.is_none_or(|told| r.likely_s < told / 2.0);
            if let Some(r) = life.trend.remaining(self.now, end).filter(|r| r.worth_telling() && less(r)) {
                life.told_s = Some(r.likely_s);
                self.tell_life(i, k, x, r);
            }
        }
    }

    fn tell_life(&mut self, i: usize, k: usize, value: f64, left: Remaining) {
        let spec = &self.plans[i].profile.lives[k];
        self.emit(Body::Life {
            machine: self.machines[i].name.clone(),
            part: spec.part.clone(),
            channel: spec.channel.clone(),
            value,
            end: spec.end,
            remaining_s: left.likely_s,
            low_s: left.low_s,
            high_s: left.high_s,
            text: left.words(),
        });
    }

    /// A threat to a part says how long it still lasts.
    pub(super) fn add_lives(&self, i: usize, found: &mut [Diagnosis]) {
        for (k, (channel, end)) in self.plans[i].lives.iter().enumerate() {
            for d in found.iter_mut().filter(|d| d.channels.contains(channel)) {
                if let Some(left) = self.machines[i].lives[k].trend.remaining(self.now, *end) {
                    let part = &self.plans[i].profile.lives[k].part;
                    d.threat.evidence.push(format!("{part}: {}", left.words()));
                    d.threat.evidence.truncate(aegis_models::limits::EVIDENCE_PER_THREAT);
                }
            }
        }
    }
}
