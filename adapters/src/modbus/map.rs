//! A device made of point values: what a server serves of one machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aegis_models::profile::ModbusTable;
use aegis_models::{Frame, PointIx, Quality, Sample};
use tokio_modbus::ExceptionCode;

use super::binding::{Binding, Place, is_bits};
use super::identity::Identity;
use super::server::Device;
use crate::limits::MODBUS_QUEUED_WRITES;
use crate::served::Served;

/// The tables of one machine over the values of its points.
///
/// - Input registers stand a second time among the holding registers, at the same addresses, for masters that read
///   only those; there they cannot be written (exception 02). Where the profile has a holding register of its own,
///   that one stands.
/// - A write is checked for address, type and range (exceptions 02 and 03), takes effect for the next read at once,
///   and waits in a queue for the machine's owner, in order. A request that writes several points writes all or none.
/// - A write of half a 32-bit value is refused with exception 03, as drives do whose parameters are 32 bits wide:
///   the value between two halves would be a set-point that nobody meant.
/// - A point without a value is NaN where it is a float; any other type cannot say so, and reading it is exception 04.
#[derive(Clone, Debug)]
pub struct RegisterMap {
    binding: Arc<Binding>,
    /// By the point's place in the profile; NaN for no value.
    values: Vec<f64>,
    /// What lies at each address: a place, and which of its registers.
    cells: BTreeMap<(ModbusTable, u16), Cell>,
    writes: VecDeque<(PointIx, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    place: Place,
    part: u16,
    writable: bool,
}

impl RegisterMap {
    /// A machine none of whose points has a value yet.
    pub fn new(binding: Arc<Binding>) -> RegisterMap {
        let mut cells = BTreeMap::new();
        for place in binding.places() {
            for part in 0..place.width() {
                let cell = Cell { place: *place, part, writable: place.writable };
                cells.insert((place.table, place.address + part), cell);
            }
        }
        for place in binding.places().iter().filter(|p| p.table == ModbusTable::Input) {
            for part in 0..place.width() {
                let mirror = Cell { place: *place, part, writable: false };
                cells.entry((ModbusTable::Holding, place.address + part)).or_insert(mirror);
            }
        }
        RegisterMap { values: vec![f64::NAN; binding.points()], binding, cells, writes: VecDeque::new() }
    }

    /// Shows the machine's values, one for each point of the profile in its order and unit; NaN for none.
    /// Writes that the owner has not taken yet stay visible over them.
    pub fn publish(&mut self, values: &[f64]) {
        assert_eq!(values.len(), self.values.len(), "an image has a value for each point of the profile");
        self.values.copy_from_slice(values);
        self.show_writes();
    }

    /// Shows some points' values; bad quality is no value. Writes that the owner has not taken yet stay visible.
    pub fn publish_samples(&mut self, samples: &[Sample]) {
        for s in samples {
            let value = if s.quality == Quality::Bad { f64::NAN } else { s.value };
            self.values[usize::from(s.point.0)] = value;
        }
        self.show_writes();
    }

    fn show_writes(&mut self) {
        for (point, value) in &self.writes {
            self.values[usize::from(point.0)] = *value;
        }
    }

    /// What clients wrote since the last call, in order, all of it in the points' ranges [the point's unit].
    pub fn take_writes(&mut self) -> Vec<(PointIx, f64)> {
        self.writes.drain(..).collect()
    }

    /// The cells from `first` on, without a gap.
    fn cells(&self, table: ModbusTable, first: u16, count: usize) -> Result<Vec<Cell>, ExceptionCode> {
        let last = u32::from(first) + count as u32 - 1;
        let last = u16::try_from(last).map_err(|_| ExceptionCode::IllegalDataAddress)?;
        let cells: Vec<Cell> =
            self.cells.range((table, first)..=(table, last)).map(|(_, cell)| *cell).collect();
        if cells.len() == count { Ok(cells) } else { Err(ExceptionCode::IllegalDataAddress) }
    }

    fn word(&self, cell: &Cell) -> Result<u16, ExceptionCode> {
        let value = self.values[usize::from(cell.place.point.0)];
        let words = self.binding.pack(cell.place.data, value).ok_or(ExceptionCode::ServerDeviceFailure)?;
        Ok(words[usize::from(cell.part)])
    }

    fn write(&mut self, table: ModbusTable, first: u16, words: &[u16]) -> Result<(), ExceptionCode> {
        let cells = self.cells(table, first, words.len())?;
        if cells.iter().any(|c| !c.writable) {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let mut accepted = Vec::new();
        let mut at = 0;
        while let Some(cell) = cells.get(at) {
            let len = usize::from(cell.place.width());
            let Some(own) = words.get(at..at + len).filter(|_| cell.part == 0) else {
                return Err(ExceptionCode::IllegalDataValue);
            };
            let value = self.binding.unpack(cell.place.data, own);
            // NaN lies in no range.
            if !cell.place.accepts(value) {
                return Err(ExceptionCode::IllegalDataValue);
            }
            accepted.push((cell.place.point, value));
            at += len;
        }
        if self.writes.len() + accepted.len() > MODBUS_QUEUED_WRITES {
            return Err(ExceptionCode::ServerDeviceBusy);
        }
        self.writes.extend(accepted);
        self.show_writes();
        Ok(())
    }
}

impl Device for RegisterMap {
    fn read_bits(&self, table: ModbusTable, first: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
        assert!(is_bits(table));
        self.cells(table, first, count.into())?.iter().map(|c| Ok(self.word(c)? != 0)).collect()
    }

    fn read_registers(&self, table: ModbusTable, first: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        assert!(!is_bits(table));
        self.cells(table, first, count.into())?.iter().map(|c| self.word(c)).collect()
    }

    fn write_bits(&mut self, first: u16, bits: &[bool]) -> Result<(), ExceptionCode> {
        let words: Vec<u16> = bits.iter().copied().map(u16::from).collect();
        self.write(ModbusTable::Coil, first, &words)
    }

    fn write_registers(&mut self, first: u16, words: &[u16]) -> Result<(), ExceptionCode> {
        self.write(ModbusTable::Holding, first, words)
    }

    fn identity(&self) -> &Identity {
        self.binding.identity()
    }
}

impl Served for Arc<Mutex<RegisterMap>> {
    fn publish(&self, frame: &Frame) {
        // A map whose holder panicked still holds whole values: writes are all or nothing.
        self.lock().unwrap_or_else(PoisonError::into_inner).publish_samples(&frame.samples);
    }

    fn take_writes(&self) -> Vec<(PointIx, f64)> {
        self.lock().unwrap_or_else(PoisonError::into_inner).take_writes()
    }
}
