//! One file per kind of machine, and the registry that names them.

mod ahu;
mod chemical_delivery;
mod chiller;
mod cmp;
mod cnc;
mod control;
mod deposition;
mod dicing_saw;
mod die_attach;
mod etcher;
mod ffu;
mod flip_chip;
mod inspection;
mod lathe;
mod lithography;
mod lot;
mod magazine;
mod mold;
mod recipes;
#[cfg(test)]
mod rig;
mod scrubber;
mod spindle;
mod strip_tool;
mod test_handler;
mod upw;
mod wire_bonder;
mod zone;

use crate::Kind;

/// The kinds the twin can simulate.
pub const KINDS: &[Kind] = &[
    ahu::KIND,
    chemical_delivery::KIND,
    chiller::KIND,
    cmp::KIND,
    cnc::KIND,
    deposition::KIND,
    dicing_saw::KIND,
    die_attach::KIND,
    etcher::KIND,
    ffu::KIND,
    flip_chip::KIND,
    inspection::KIND,
    lathe::KIND,
    lithography::KIND,
    mold::KIND,
    scrubber::KIND,
    test_handler::KIND,
    upw::KIND,
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
