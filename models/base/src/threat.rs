//! What can be wrong, how bad, and how far from a machine's hands the answer must stay.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::site::Carrier;

/// The kinds of threat that a diagnosis can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ThreatKind {
    /// Self-excited vibration of tool and workpiece.
    Chatter,
    /// A temperature, or what grows with it, leaves its learned place.
    ThermalDrift,
    /// A cutting edge, capillary or pad wears faster or further than planned.
    ToolWear,
    /// Heat that feeds itself.
    ThermalRunaway,
    /// Rolling-element damage.
    BearingFailure,
    /// A machine's coolant no longer carries its heat away.
    CoolantFailure,
    /// A filter is loaded to its end.
    FilterEndOfLife,
    /// A bay leaves its ISO 14644-1 class.
    IsoViolation,
    /// The building's service fails: airflow, a torn filter, a slipping drive.
    FacilityIntegrity,
    /// Dirt where there should be none.
    Contamination,
    /// A process chemical outside its containment.
    ChemicalLeak,
    /// The product is bad (a non-stick on pad).
    QualityDefect,
    /// Fewer good parts an hour than the tool should make.
    ThroughputDegradation,
    /// A machine's own mechanism or drive loses its health.
    EquipmentDegradation,
    /// An instrument lies; the process does not.
    SensorFault,
    /// Equipment no longer answers.
    CommunicationLoss,
    /// One root cause over several machines.
    Cascade,
    /// Something is wrong and no law names it.
    Anomaly,
}

impl ThreatKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [ThreatKind; 18] = [
        ThreatKind::Chatter,
        ThreatKind::ThermalDrift,
        ThreatKind::ToolWear,
        ThreatKind::ThermalRunaway,
        ThreatKind::BearingFailure,
        ThreatKind::CoolantFailure,
        ThreatKind::FilterEndOfLife,
        ThreatKind::IsoViolation,
        ThreatKind::FacilityIntegrity,
        ThreatKind::Contamination,
        ThreatKind::ChemicalLeak,
        ThreatKind::QualityDefect,
        ThreatKind::ThroughputDegradation,
        ThreatKind::EquipmentDegradation,
        ThreatKind::SensorFault,
        ThreatKind::CommunicationLoss,
        ThreatKind::Cascade,
        ThreatKind::Anomaly,
    ];
}

impl fmt::Display for ThreatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// How much harm is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// Worth knowing: plan for it.
    Low,
    /// Quality or life is being spent.
    Medium,
    /// Damage or scrap is near.
    High,
    /// Damage is happening.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// The Safety Circuit's three tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Zone {
    /// The sentinel acts by itself.
    Green,
    /// It proposes and waits for a signed approval.
    Yellow,
    /// It alerts and touches nothing.
    Red,
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Zone::Green => "GREEN",
            Zone::Yellow => "YELLOW",
            Zone::Red => "RED",
        })
    }
}

/// A diagnosed finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threat {
    /// What is wrong.
    pub kind: ThreatKind,
    /// The cause within the kind, as the profile names it: `filter-loading`. Incidents merge by machine and cause.
    pub cause: String,
    /// How bad.
    pub severity: Severity,
    /// How sure, in [0, 1].
    pub confidence: f64,
    /// Why, in words a technician accepts: law, value, limit, since when. Strongest first.
    pub evidence: Vec<String>,
    /// The supply that brings it to a machine which is sound in itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Carrier>,
}
