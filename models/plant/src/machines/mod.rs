//! One file per kind of machine, and the registry that names them.

mod ahu;
mod chemical_delivery;
mod chiller;
mod cnc;
mod control;
mod ffu;
#[cfg(test)]
mod rig;
mod scrubber;
mod upw;
mod wire_bonder;

use crate::Kind;

/// The kinds the twin can simulate.
pub const KINDS: &[Kind] = &[ahu::KIND, chemical_delivery::KIND, chiller::KIND, cnc::KIND, ffu::KIND, scrubber::KIND, upw::KIND, wire_bonder::KIND];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name)
}

/// What a kind says of a fault it does not have.
fn unknown(fault: &crate::ProcessFault, known: &[crate::FaultSpec]) -> crate::UnknownFault {
    crate::UnknownFault { name: fault.name.clone(), known: known.iter().map(|f| f.name).collect() }
}
