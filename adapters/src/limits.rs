//! Bounds of everything that comes from a wire or a file.

use std::time::Duration;

/// Connections that one Modbus server serves at once; for one more, the one least in use is closed.
pub const MODBUS_CONNECTIONS: usize = 64;
/// How long a Modbus connection may stay without a complete request before it is closed.
pub const MODBUS_IDLE: Duration = Duration::from_secs(120);
/// How long a peer may take to accept a batch of replies before its connection is closed.
pub const MODBUS_WRITE: Duration = Duration::from_secs(10);
/// Bytes read from a Modbus connection at a time. Bounds the replies made of them: a request of 12 bytes has a reply
/// of at most 260, so that 1,024 bytes make at most 23 kB.
pub const MODBUS_READ_BYTES: usize = 1024;
/// How long a server rests when the system gives it no connection (out of file handles).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Accepted writes that wait for a device's owner; beyond, the device says that it is busy.
pub const MODBUS_QUEUED_WRITES: usize = 256;
/// Addresses between two points that one block read may bridge, all of them known to the device.
pub const MODBUS_GAP: u16 = 32;

/// Bytes of one recording.
pub const CSV_BYTES: u64 = 100 << 20;
/// Columns of one recording.
pub const CSV_COLUMNS: usize = 4096;
