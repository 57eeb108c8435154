//! Machines of one kind judge each other: what shows on one alone is its own, what shows on most comes from what they
//! share.

use crate::diagnose::Diagnosis;

use super::Agent;

/// Fewer peers than this judge nobody.
const FEWEST: usize = 3;
/// No surer than this of a machine's own fault when most of its peers show the same: less than any policy acts on.
const SHARED: f64 = 0.55;

impl Agent {
    /// Says of each threat whether the machine's peers show it too.
    pub(super) fn ask_peers(&self, i: usize, found: &mut [Diagnosis]) {
        let kind = &self.plans[i].profile.kind;
        let peers: Vec<usize> =
            (0..self.plans.len()).filter(|p| *p != i && self.plans[*p].profile.kind == *kind).collect();
        for d in found.iter_mut().filter(|d| d.threat.over.is_none()) {
            // The loudest of its channels that is judged.
            let claims = d.channels.iter().filter_map(|c| {
                let claim = self.machines[i].monitor.channels[*c].claim.as_ref()?;
                Some((*c, claim.peak, claim.direction))
            });
            let Some((channel, _, way)) = claims.max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            let (mut judging, mut same) = (0, 0);
            for p in &peers {
                let Some(c) = self.machines[*p].monitor.channels.get(channel) else { continue };
                judging += usize::from(c.judges());
                same += usize::from(c.claim.as_ref().is_some_and(|claim| claim.direction == way));
            }
            if judging < FEWEST {
                continue;
            }
            let name = &self.plans[i].channels[channel].id;
            let evidence = if 2 * same > judging {
                d.threat.confidence = d.threat.confidence.min(SHARED);
                format!("{same} of its {judging} peers show {name} {way} as well: look at what they share")
            } else {
                format!(
                    "{} of its {judging} peers have {name} as learned: it is this one's own",
                    judging - same
                )
            };
            d.threat.evidence.push(evidence);
            d.threat.evidence.truncate(aegis_models::limits::EVIDENCE_PER_THREAT);
        }
    }
}
