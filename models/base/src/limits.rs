//! Bounds that hold everywhere: whatever comes from a file or a wire is checked against these before it is kept.

/// Points of one profile.
pub const POINTS_PER_PROFILE: usize = 512;
/// Fields of one record.
pub const FIELDS_PER_RECORD: usize = 64;
/// Machines of one site.
pub const MACHINES_PER_SITE: usize = 20_000;
/// Bytes of one TOML file a user may write.
pub const FILE_BYTES: u64 = 4 << 20;
/// Incidents that one machine may have open at once; another opens when one of them has ended.
pub const OPEN_INCIDENTS_PER_MACHINE: usize = 16;
/// Open incidents that are held against each other for a common root; further ones stand alone.
pub const INCIDENTS_CORRELATED: usize = 4_096;
/// Evidence lines that a threat keeps; the strongest stay.
pub const EVIDENCE_PER_THREAT: usize = 12;
/// Events that an agent holds for a shell that does not drain it; the agent stops acting beyond.
pub const OUTPUTS_PER_AGENT: usize = 100_000;
/// Vehicles on one rail.
pub const VEHICLES_PER_RAIL: usize = 256;
/// Samples of one waveform.
pub const BURST_SAMPLES: usize = 1 << 22;
