//! One file per kind of machine, and the registry that names them.

mod ahu;
mod cnc;
mod etcher;
mod ffu;
mod lathe;
mod lithography;
mod lot;
#[cfg(test)]
mod rig;
mod spindle;
mod wire_bonder;

use crate::Kind;

/// The kinds the twin can simulate.
pub const KINDS: &[Kind] =
    &[ahu::KIND, cnc::KIND, etcher::KIND, ffu::KIND, lathe::KIND, lithography::KIND, wire_bonder::KIND];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name)
}

/// What a kind says of a fault it does not have.
fn unknown(fault: &crate::ProcessFault, known: &[crate::FaultSpec]) -> crate::UnknownFault {
    crate::UnknownFault { name: fault.name.clone(), known: known.iter().map(|f| f.name).collect() }
}
