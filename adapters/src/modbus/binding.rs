//! Points and addresses: where each point of a profile lies on a device, and how its value becomes registers.

use std::collections::BTreeSet;

use aegis_models::profile::{Access, ByteOrder, DataType, ModbusLayout, ModbusTable, PointSpec, WordOrder};
use aegis_models::{PointIx, Profile, Quality, Sample};

use super::identity::Identity;
use super::plan::{self, Group};

/// Why a profile cannot be bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// Nothing to read or write.
    #[error("profile {0}: no point has a Modbus address")]
    Empty(String),
    /// An address that cannot be.
    #[error("profile {kind}: point {point}: {problem}")]
    Misplaced {
        /// The profile.
        kind: String,
        /// The point.
        point: String,
        /// What is wrong with its address.
        problem: &'static str,
    },
}

/// Where one point lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The point.
    pub point: PointIx,
    /// Its table.
    pub table: ModbusTable,
    /// Its first register or bit, counted from 0.
    pub address: u16,
    /// How its value is held.
    pub data: DataType,
    /// Whether it can be written.
    pub writable: bool,
    /// The values that a write may carry [the point's unit].
    pub range: [f64; 2],
}

impl Place {
    fn of(point: PointIx, spec: &PointSpec) -> Option<Place> {
        let at = spec.modbus?;
        Some(Place {
            point,
            table: at.table,
            address: at.address,
            data: spec.data,
            writable: spec.access == Access::Write,
            range: spec.range,
        })
    }

    /// Registers or bits that it takes.
    pub fn width(&self) -> u16 {
        self.data.registers()
    }

    /// Whether a write of `value` lies in the range, whose ends count as the device holds them.
    pub fn accepts(&self, value: f64) -> bool {
        let [low, high] = self.range.map(|end| self.data.quantise(end));
        (low..=high).contains(&value)
    }

    fn problem(&self, taken: &mut BTreeSet<(ModbusTable, u16)>) -> Option<&'static str> {
        if is_bits(self.table) != (self.data == DataType::Bool) {
            return Some("a bool belongs to a coil or discrete input, any other type to registers");
        }
        if self.writable && matches!(self.table, ModbusTable::Discrete | ModbusTable::Input) {
            return Some("a point that can be written belongs to a coil or holding register");
        }
        for i in 0..self.width() {
            match self.address.checked_add(i) {
                None => return Some("its last register lies beyond 65535"),
                Some(a) if !taken.insert((self.table, a)) => return Some("another point lies there too"),
                Some(_) => {}
            }
        }
        None
    }
}

/// Whether a table holds bits, not registers.
pub(super) fn is_bits(table: ModbusTable) -> bool {
    matches!(table, ModbusTable::Coil | ModbusTable::Discrete)
}

/// A profile's points on a Modbus device, and the reads that fetch them. The same for server and client.
#[derive(Clone, Debug)]
pub struct Binding {
    order: ModbusLayout,
    identity: Identity,
    points: usize,
    places: Vec<Place>,
    groups: Vec<Group>,
}

impl Binding {
    /// Binds every point that has a Modbus address.
    pub fn new(profile: &Profile) -> Result<Binding, BadBinding> {
        let places: Vec<Place> =
            (0..).map(PointIx).zip(&profile.points).filter_map(|(ix, p)| Place::of(ix, p)).collect();
        if places.is_empty() {
            return Err(BadBinding::Empty(profile.kind.clone()));
        }
        let mut taken = BTreeSet::new();
        for place in &places {
            if let Some(problem) = place.problem(&mut taken) {
                let point = profile.point(place.point).id.clone();
                return Err(BadBinding::Misplaced { kind: profile.kind.clone(), point, problem });
            }
        }
        let groups = plan::plan(&places, |ix| profile.point(ix).period);
        let identity = Identity::of(profile);
        Ok(Binding { order: profile.modbus, identity, points: profile.points.len(), places, groups })
    }

    /// Points of the profile, bound or not: as many values has an image of the machine.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Who a device of the profile says it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the bound points lie, in the profile's order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Where a point lies; none when it has no address.
    pub fn place(&self, point: PointIx) -> Option<&Place> {
        self.places.binary_search_by_key(&point, |p| p.point).ok().map(|i| &self.places[i])
    }

    /// The reads that fetch all points, one group for each period, the shortest first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A value as registers, of which the first [`Place::width`] count. No value is NaN, which only a float can carry:
    /// none for the other types.
    pub fn pack(&self, data: DataType, value: f64) -> Option<[u16; 2]> {
        if value.is_nan() && data != DataType::F32 {
            return None;
        }
        let value = data.quantise(value);
        Some(match data {
            DataType::F32 => self.halves((value as f32).to_bits()),
            DataType::U32 => self.halves(value as u32),
            DataType::I16 => [self.register(value as i16 as u16), 0],
            DataType::U16 => [self.register(value as u16), 0],
            DataType::Bool => [value as u16, 0],
        })
    }

    /// Registers as a value; NaN when they say that there is none.
    pub fn unpack(&self, data: DataType, words: &[u16]) -> f64 {
        assert_eq!(words.len(), usize::from(data.registers()), "callers cut by Place::width");
        match data {
            DataType::F32 => f64::from(f32::from_bits(self.whole(words))),
            DataType::U32 => f64::from(self.whole(words)),
            DataType::I16 => f64::from(self.register(words[0]) as i16),
            DataType::U16 => f64::from(self.register(words[0])),
            DataType::Bool => f64::from(u8::from(words[0] != 0)),
        }
    }

    fn halves(&self, bits: u32) -> [u16; 2] {
        let (high, low) = (self.register((bits >> 16) as u16), self.register(bits as u16));
        match self.order.word_order {
            WordOrder::HighFirst => [high, low],
            WordOrder::LowFirst => [low, high],
        }
    }

    /// A register as it travels, and back.
    fn register(&self, word: u16) -> u16 {
        match self.order.byte_order {
            ByteOrder::HighFirst => word,
            ByteOrder::LowFirst => word.swap_bytes(),
        }
    }

    fn whole(&self, words: &[u16]) -> u32 {
        let (high, low) = match self.order.word_order {
            WordOrder::HighFirst => (words[0], words[1]),
            WordOrder::LowFirst => (words[1], words[0]),
        };
        u32::from(self.register(high)) << 16 | u32::from(self.register(low))
    }
}

/// What a wire's value is worth: a device has no other word for "none" than a float that is no number.
pub(super) fn sample(point: PointIx, value: f64) -> Sample {
    let quality = if value.is_finite() { Quality::Good } else { Quality::Bad };
    Sample { point, value: if value.is_finite() { value } else { 0.0 }, quality }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(order: WordOrder) -> Binding {
        let mut profile = Profile::built_in("ffu").unwrap();
        profile.modbus.word_order = order;
        Binding::new(&profile).unwrap()
    }

    #[test]
    fn values_lie_in_registers_as_devices_hold_them() {
        let high = binding(WordOrder::HighFirst);
        // 1,400.0 is 0x44AF_0000 and 120.5 is 0x42F1_0000 in IEEE 754 single precision.
        assert_eq!(high.pack(DataType::F32, 1400.0), Some([0x44AF, 0x0000]));
        assert_eq!(high.pack(DataType::U32, 70_000.0), Some([1, 4_464]));
        assert_eq!(high.pack(DataType::I16, -2.0), Some([0xFFFE, 0]));
        let low = binding(WordOrder::LowFirst);
        assert_eq!(low.pack(DataType::F32, 120.5), Some([0x0000, 0x42F1]));
        for b in [high, low] {
            for (data, value) in [
                (DataType::F32, f64::from(0.1_f32)),
                (DataType::F32, f64::from(-1e30_f32)),
                (DataType::U32, 4_294_967_295.0),
                (DataType::U16, 65_535.0),
                (DataType::I16, -32_768.0),
                (DataType::Bool, 1.0),
            ] {
                let words = b.pack(data, value).unwrap();
                assert_eq!(b.unpack(data, &words[..usize::from(data.registers())]), value, "{data:?}");
            }
        }
    }

    #[test]
    fn no_value_travels_as_nan_and_comes_back_bad() {
        let b = binding(WordOrder::HighFirst);
        let words = b.pack(DataType::F32, f64::NAN).unwrap();
        assert_eq!(sample(PointIx(0), b.unpack(DataType::F32, &words)).quality, Quality::Bad);
        assert_eq!(sample(PointIx(0), f64::INFINITY).quality, Quality::Bad);
        assert_eq!(b.pack(DataType::U16, f64::NAN), None);
    }

    #[test]
    fn a_profile_that_cannot_lie_on_a_device_is_refused() {
        let ffu = Profile::built_in("ffu").unwrap();
        let mut none = ffu.clone();
        none.points.iter_mut().for_each(|p| p.modbus = None);
        assert_eq!(Binding::new(&none).unwrap_err(), BadBinding::Empty("ffu".into()));
        let mut beyond = ffu.clone();
        beyond.points[0].modbus.as_mut().unwrap().address = 65_535;
        assert!(Binding::new(&beyond).unwrap_err().to_string().contains("airflow: its last register"));
        let mut twice = ffu;
        twice.points[1].modbus = twice.points[0].modbus;
        assert!(Binding::new(&twice).unwrap_err().to_string().contains("filter_dp: another point"));
    }
}
