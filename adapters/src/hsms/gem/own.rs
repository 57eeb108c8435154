//! The variables, constants and events that every GEM equipment has of itself (E30, required data items).
//!
//! Their identifiers lie below those of profiles ([`aegis_models::profile::GEM_FIRST_ID`]).

use aegis_models::profile::{DataType, GemClass};

/// A variable of the equipment itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Own {
    Clock,
    ControlState,
    ProcessState,
    PreviousProcessState,
    EventsEnabled,
    AlarmsEnabled,
    AlarmsSet,
    PpExecName,
    Model,
    Software,
    SpoolCountActual,
    SpoolCountTotal,
    SpoolFullTime,
    SpoolStartTime,
    PpFormat,
    AlarmId,
    EcidChanged,
    PpChangeName,
    PpChangeStatus,
    PpError,
    OperatorCommand,
    EventLimit,
    LimitVariable,
    TransitionType,
    CommandName,
    /// A constant, by its place in [`CONSTANTS`].
    Constant(usize),
}

/// Number, class, name and unit of each.
pub(super) const VARIABLES: &[(u32, GemClass, &str, &str, Own)] = &[
    (1, GemClass::Status, "Clock", "", Own::Clock),
    (2, GemClass::Status, "ControlState", "", Own::ControlState),
    (3, GemClass::Status, "ProcessState", "", Own::ProcessState),
    (4, GemClass::Status, "PreviousProcessState", "", Own::PreviousProcessState),
    (5, GemClass::Status, "EventsEnabled", "", Own::EventsEnabled),
    (6, GemClass::Status, "AlarmsEnabled", "", Own::AlarmsEnabled),
    (7, GemClass::Status, "AlarmsSet", "", Own::AlarmsSet),
    (8, GemClass::Status, "PPExecName", "", Own::PpExecName),
    (9, GemClass::Status, "MDLN", "", Own::Model),
    (10, GemClass::Status, "SOFTREV", "", Own::Software),
    (11, GemClass::Status, "SpoolCountActual", "", Own::SpoolCountActual),
    (12, GemClass::Status, "SpoolCountTotal", "", Own::SpoolCountTotal),
    (13, GemClass::Status, "SpoolFullTime", "", Own::SpoolFullTime),
    (14, GemClass::Status, "SpoolStartTime", "", Own::SpoolStartTime),
    (15, GemClass::Status, "PPFormat", "", Own::PpFormat),
    (40, GemClass::Data, "AlarmID", "", Own::AlarmId),
    (41, GemClass::Data, "ECIDChanged", "", Own::EcidChanged),
    (42, GemClass::Data, "PPChangeName", "", Own::PpChangeName),
    (43, GemClass::Data, "PPChangeStatus", "", Own::PpChangeStatus),
    (44, GemClass::Data, "PPError", "", Own::PpError),
    (45, GemClass::Data, "OperatorCommand", "", Own::OperatorCommand),
    (46, GemClass::Data, "EventLimit", "", Own::EventLimit),
    (47, GemClass::Data, "LimitVariable", "", Own::LimitVariable),
    (48, GemClass::Data, "TransitionType", "", Own::TransitionType),
    (49, GemClass::Data, "CommandName", "", Own::CommandName),
];

/// A constant of the equipment itself.
pub(super) struct OwnConstant {
    pub ecid: u32,
    pub name: &'static str,
    pub unit: &'static str,
    pub data: DataType,
    pub range: [f64; 2],
    pub default: f64,
}

const fn constant(
    ecid: u32,
    name: &'static str,
    unit: &'static str,
    data: DataType,
    range: [f64; 2],
    default: f64,
) -> OwnConstant {
    OwnConstant { ecid, name, unit, data, range, default }
}

/// All of them; the constants below are places in it.
pub(super) const CONSTANTS: &[OwnConstant] = &[
    constant(70, "EstablishCommunicationsTimeout", "s", DataType::U16, [1.0, 240.0], 10.0),
    // 0: no limit (E30, spooling).
    constant(71, "MaxSpoolTransmit", "", DataType::U32, [0.0, 100_000.0], 0.0),
    constant(72, "OverWriteSpool", "", DataType::Bool, [0.0, 1.0], 0.0),
    constant(73, "EnableSpooling", "", DataType::Bool, [0.0, 1.0], 1.0),
    // 0: 12 characters, 1: 16 characters, 2: ISO 8601 (E5, TIME).
    constant(74, "TimeFormat", "", DataType::U16, [0.0, 2.0], 1.0),
    // 1: off-line, 2: on-line.
    constant(75, "InitControlState", "", DataType::U16, [1.0, 2.0], 2.0),
    // 1: equipment off-line, 2: attempt on-line, 3: host off-line.
    constant(76, "OffLineSubstate", "", DataType::U16, [1.0, 3.0], 1.0),
    // Where a failed attempt to go on-line leads: 1: equipment off-line, 3: host off-line.
    constant(77, "OnLineFailed", "", DataType::U16, [1.0, 3.0], 1.0),
    // 4: local, 5: remote.
    constant(78, "OnLineSubstate", "", DataType::U16, [4.0, 5.0], 5.0),
    constant(79, "WBitS5", "", DataType::Bool, [0.0, 1.0], 1.0),
    constant(80, "WBitS6", "", DataType::Bool, [0.0, 1.0], 1.0),
    constant(81, "WBitS10", "", DataType::Bool, [0.0, 1.0], 1.0),
];

pub(super) const ESTABLISH_TIMEOUT: usize = 0;
pub(super) const MAX_SPOOL_TRANSMIT: usize = 1;
pub(super) const OVERWRITE_SPOOL: usize = 2;
pub(super) const ENABLE_SPOOLING: usize = 3;
pub(super) const TIME_FORMAT: usize = 4;
pub(super) const INIT_CONTROL_STATE: usize = 5;
pub(super) const OFFLINE_SUBSTATE: usize = 6;
pub(super) const ONLINE_FAILED: usize = 7;
pub(super) const ONLINE_SUBSTATE: usize = 8;
pub(super) const W_BIT_S5: usize = 9;
pub(super) const W_BIT_S6: usize = 10;
pub(super) const W_BIT_S10: usize = 11;

/// The collection events of the equipment itself, with the data values that go with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum OwnEvent {
    EquipmentOffline = 1,
    ControlStateLocal = 2,
    ControlStateRemote = 3,
    OperatorCommandIssued = 4,
    ProcessingStarted = 5,
    ProcessingCompleted = 6,
    ProcessingStopped = 7,
    ProcessingStateChange = 8,
    OperatorConstantChange = 9,
    ProcessProgramChange = 10,
    ProcessProgramSelected = 11,
    LimitTransition = 12,
    SpoolingActivated = 13,
    SpoolingDeactivated = 14,
    SpoolTransmitFailure = 15,
    MessageRecognition = 16,
    RemoteCommandFailed = 17,
}

/// Number, name and variables of each.
pub(super) const EVENTS: &[(u32, &str, &[u32])] = &[
    (1, "EquipmentOFFLINE", &[2]),
    (2, "ControlStateLOCAL", &[2]),
    (3, "ControlStateREMOTE", &[2]),
    (4, "OperatorCommandIssued", &[45]),
    (5, "ProcessingStarted", &[3, 4, 8]),
    (6, "ProcessingCompleted", &[3, 4, 8]),
    (7, "ProcessingStopped", &[3, 4, 8]),
    (8, "ProcessingStateChange", &[3, 4]),
    (9, "OperatorEquipmentConstantChange", &[41]),
    (10, "ProcessProgramChange", &[42, 43]),
    (11, "ProcessProgramSelected", &[8]),
    (12, "LimitTransition", &[46, 47, 48]),
    (13, "SpoolingActivated", &[14]),
    (14, "SpoolingDeactivated", &[11, 12]),
    (15, "SpoolTransmitFailure", &[11, 12]),
    (16, "MessageRecognition", &[]),
    (17, "RemoteCommandFailed", &[49]),
];
