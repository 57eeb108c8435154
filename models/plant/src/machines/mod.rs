//! One file per kind of machine, and the registry that names them.

mod ahu;
mod cmp;
mod cnc;
mod deposition;
mod dicing_saw;
mod ffu;
mod inspection;
mod lot;
#[cfg(test)]
mod rig;
mod wire_bonder;

use crate::Kind;

/// The kinds the twin can simulate.
pub const KINDS: &[Kind] = &[
    ahu::KIND,
    cmp::KIND,
    cnc::KIND,
    deposition::KIND,
    dicing_saw::KIND,
    ffu::KIND,
    inspection::KIND,
    wire_bonder::KIND,
];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name)
}

/// What a kind says of a fault it does not have.
fn unknown(fault: &crate::ProcessFault, known: &[crate::FaultSpec]) -> crate::UnknownFault {
    crate::UnknownFault { name: fault.name.clone(), known: known.iter().map(|f| f.name).collect() }
}
