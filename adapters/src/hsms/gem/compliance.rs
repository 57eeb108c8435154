//! The GEM compliance statement (E30), as data: what the equipment has, and the test that backs each row.

/// A row of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The requirement or capability.
    pub name: &'static str,
    /// Whether E30 asks it of every equipment.
    pub kind: Kind,
    /// Whether the equipment has it.
    pub implemented: bool,
    /// Whether it does all that E30 asks of it.
    pub compliant: bool,
    /// The messages it takes and sends.
    pub messages: &'static str,
    /// The test function that proves it.
    pub test: &'static str,
    /// What is missing, or done in a way of its own; empty where there is nothing to say.
    pub remark: &'static str,
}

/// The two halves of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every GEM equipment has it.
    Fundamental,
    /// An equipment may have it.
    Additional,
}

/// The statement: eight fundamental rows and fifteen additional ones.
pub fn statement() -> &'static [Row] {
    ROWS
}

/// A row that does all that E30 asks.
const fn row(
    kind: Kind,
    name: &'static str,
    messages: &'static str,
    test: &'static str,
    remark: &'static str,
) -> Row {
    Row { name, kind, implemented: true, compliant: true, messages, test, remark }
}

/// A row that is there and does not do all of it: the remark says what is missing.
const fn partly(
    kind: Kind,
    name: &'static str,
    messages: &'static str,
    test: &'static str,
    remark: &'static str,
) -> Row {
    Row { compliant: false, ..row(kind, name, messages, test, remark) }
}

use Kind::{Additional, Fundamental};

const ROWS: &[Row] = &[
    row(Fundamental, "State models", "S1F13 S1F15 S1F17", "gem_state_models", ""),
    row(
        Fundamental,
        "Equipment processing states",
        "S6F11 S1F3",
        "gem_processing_states",
        "SETUP lasts from PP-SELECT to the machine's word that it has the recipe",
    ),
    row(Fundamental, "Host-initiated S1F13/F14 scenario", "S1F13", "gem_host_initiated_establish", ""),
    row(Fundamental, "Event notification", "S6F11", "gem_event_notification", ""),
    row(Fundamental, "On-line identification", "S1F1 S2F25", "gem_online_identification", ""),
    row(
        Fundamental,
        "Error messages",
        "S9F1 S9F3 S9F5 S9F7 S9F9 S9F11 S9F13",
        "gem_error_messages",
        "a reply that would be too long is SxF0; after a Reject.req there is no S9F9",
    ),
    partly(
        Fundamental,
        "Documentation",
        "S1F11 S1F21 S1F23 S2F29 S5F5",
        "gem_documentation",
        "the equipment lists its identifiers and the profile describes them; E30's manual is not written",
    ),
    row(Fundamental, "Control (operator-initiated)", "S1F1 S6F11", "gem_control_operator_initiated", ""),
    row(Additional, "Establish communications", "S1F13", "gem_establish_communications", ""),
    row(
        Additional,
        "Dynamic event report configuration",
        "S2F33 S2F35 S2F37 S2F39 S6F15 S6F17 S6F19 S6F21",
        "gem_dynamic_event_reports",
        "a host's own definition takes the place of a report that the profile brought",
    ),
    row(Additional, "Variable data collection", "S1F21 S6F19 S6F21", "gem_variable_data_collection", ""),
    row(Additional, "Trace data collection", "S2F23 S6F1", "gem_trace_data_collection", ""),
    row(Additional, "Status data collection", "S1F3 S1F11", "gem_status_data_collection", ""),
    row(Additional, "Alarm management", "S5F1 S5F3 S5F5 S5F7", "gem_alarm_management", ""),
    row(
        Additional,
        "Remote control",
        "S2F21 S2F41 S2F49",
        "gem_remote_control",
        "S2F49 takes no lists as parameters",
    ),
    row(Additional, "Equipment constants", "S2F13 S2F15 S2F29", "gem_equipment_constants", ""),
    row(
        Additional,
        "Process recipe management",
        "S7F1 S7F3 S7F5 S7F17 S7F19",
        "gem_process_recipes",
        "unformatted; a body that cannot run is ACKC7 5; S7F7 to F16 (material matrix) are none of E30: S9F5",
    ),
    partly(
        Additional,
        "Material movement",
        "S6F11",
        "gem_material_movement",
        "received and removed are both told when a unit is finished: the machine has no port to watch",
    ),
    row(
        Additional,
        "Equipment terminal services",
        "S10F1 S10F3 S10F5 S10F9",
        "gem_terminal_services",
        "one terminal; several blocks are taken, so that S10F7 is never sent",
    ),
    row(Additional, "Clock", "S2F17 S2F31", "gem_clock", ""),
    row(Additional, "Limits monitoring", "S2F45 S2F47 S6F11", "gem_limits_monitoring", ""),
    row(
        Additional,
        "Spooling",
        "S2F43 S6F23",
        "gem_spooling",
        "through a restart with a state folder; what was spooled in the last quarter of a second a crash may lose",
    ),
    row(Additional, "Control (host-initiated)", "S1F15 S1F17", "gem_control_host_initiated", ""),
];
