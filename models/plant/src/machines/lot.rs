//! How lot tools take their work: the pieces of a lot one after another, then its carrier goes.

use crate::{Job, Quality, Supply};

/// A lot on the tool.
#[derive(Default)]
pub(super) struct Lot {
    number: u32,
    left: u32,
    pieces: u32,
    /// Time until the next carrier is open [s].
    rest_s: f64,
    /// What its pieces have got here so far, summed over them.
    added: Quality,
}

impl Lot {
    /// A lot of which so many pieces are left, for a tool that a run finds at work.
    pub(super) fn begun(job: Job, left: u32) -> Lot {
        Lot { number: job.lot, left, pieces: left, ..Lot::default() }
    }

    /// The job of the next piece; none while there is no work or the last lot cannot leave.
    pub(super) fn next(&mut self, supply: &Supply, dt_s: f64) -> Option<Job> {
        self.rest_s = (self.rest_s - dt_s).max(0.0);
        let job = supply.job.filter(|_| self.rest_s == 0.0)?;
        if self.left == 0 || job.lot != self.number {
            if supply.blocked {
                return None;
            }
            let pieces = job.pieces.max(1);
            *self = Lot { number: job.lot, left: pieces, pieces, ..Lot::default() };
        }
        Some(job)
    }

    /// A piece is done, with what it got here. After the last one the lot as it now is, and its carrier is changed in
    /// `change_s`.
    pub(super) fn done(&mut self, incoming: Quality, got: Quality, change_s: f64) -> Option<Quality> {
        self.added = sum(self.added, got, 1.0);
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return None;
        }
        self.rest_s = change_s;
        Some(sum(incoming, self.added, 1.0 / f64::from(self.pieces.max(1))))
    }
}

fn sum(a: Quality, b: Quality, share: f64) -> Quality {
    Quality {
        defects_per_wafer: a.defects_per_wafer + share * b.defects_per_wafer,
        overlay_nm: a.overlay_nm + share * b.overlay_nm,
        cd_nm: a.cd_nm + share * b.cd_nm,
        thickness_pct: a.thickness_pct + share * b.thickness_pct,
        chipping_um: a.chipping_um + share * b.chipping_um,
        weak_joints: a.weak_joints + share * b.weak_joints,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lot_is_finished_once_and_the_next_waits_for_its_carrier() {
        let mut supply = Supply::default();
        supply.job = supply.job.map(|j| Job { pieces: 2, ..j });
        let mut lot = Lot::default();
        let got = Quality { cd_nm: 2.0, ..Quality::default() };
        let incoming = Quality { cd_nm: 1.0, ..Quality::default() };
        assert!(lot.next(&supply, 0.1).is_some());
        assert_eq!(lot.done(incoming, got, 1.0), None);
        assert!(lot.next(&supply, 0.1).is_some());
        let finished = lot.done(incoming, Quality::default(), 1.0).expect("the last of two");
        assert_eq!(finished.cd_nm, 2.0, "what came and the mean of what was added");
        assert_eq!(lot.next(&supply, 0.5), None, "its carrier is changed");
        supply.blocked = true;
        assert_eq!(lot.next(&supply, 0.6), None, "a lot that cannot leave keeps the next out");
        supply.blocked = false;
        assert!(lot.next(&supply, 0.1).is_some(), "the same lot again is work again");
        supply.job = None;
        assert_eq!(lot.next(&supply, 0.1), None);
    }
}
