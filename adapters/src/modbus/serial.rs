//! Serial ports: how one is set, and opening it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use tokio_serial::{DataBits, Parity, SerialPortBuilderExt, SerialStream, StopBits};

use super::rtu;

/// How a serial port is set: `19200 8E1`, which is what a Modbus device comes with (SL 2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialSettings {
    baud: u32,
    data: DataBits,
    parity: Parity,
    stop: StopBits,
}

impl Default for SerialSettings {
    fn default() -> SerialSettings {
        SerialSettings { baud: 19_200, data: DataBits::Eight, parity: Parity::Even, stop: StopBits::One }
    }
}

/// Settings that no port has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}: baud rate, data bits, parity and stop bits would be right, as 19200 8E1")]
pub struct BadSettings(String);

impl FromStr for SerialSettings {
    type Err = BadSettings;

    fn from_str(text: &str) -> Result<SerialSettings, BadSettings> {
        let bad = || BadSettings(text.to_owned());
        let (baud, form) = text.trim().split_once(' ').ok_or_else(bad)?;
        let baud = baud.parse().ok().filter(|b| (50..=4_000_000).contains(b)).ok_or_else(bad)?;
        let [data, parity, stop] = form.trim().as_bytes() else { return Err(bad()) };
        Ok(SerialSettings {
            baud,
            // An RTU frame's characters have eight bits (SL 2.5.1); seven are for the ASCII mode.
            data: if *data == b'8' { DataBits::Eight } else { return Err(bad()) },
            parity: match parity {
                b'N' => Parity::None,
                b'E' => Parity::Even,
                b'O' => Parity::Odd,
                _ => return Err(bad()),
            },
            stop: match stop {
                b'1' => StopBits::One,
                b'2' => StopBits::Two,
                _ => return Err(bad()),
            },
        })
    }
}

impl fmt::Display for SerialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        let stop = if self.stop == StopBits::One { 1 } else { 2 };
        write!(f, "{} 8{parity}{stop}", self.baud)
    }
}

impl SerialSettings {
    /// The least silence between two frames.
    pub fn silence(&self) -> Duration {
        rtu::silence(self.baud)
    }

    /// Opens the port at `path`: `/dev/ttyUSB0`, `COM3`.
    pub fn open(&self, path: &str) -> io::Result<SerialStream> {
        let port =
            tokio_serial::new(path, self.baud).data_bits(self.data).parity(self.parity).stop_bits(self.stop);
        Ok(port.open_native_async()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        assert_eq!("19200 8E1".parse(), Ok(SerialSettings::default()));
        for text in ["9600 8N1", "115200 8O2", "19200 8E1"] {
            assert_eq!(text.parse::<SerialSettings>().unwrap().to_string(), text);
        }
        for bad in ["", "19200", "fast 8E1", "19200 7E1", "19200 8X1", "19200 8E3", "19200 8E", "0 8N1"] {
            assert!(bad.parse::<SerialSettings>().is_err(), "{bad}");
        }
    }
}
