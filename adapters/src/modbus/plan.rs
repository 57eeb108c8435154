//! Which requests fetch a profile's points: few, and never over an address that the profile does not know.

use std::collections::{BTreeMap, BTreeSet};

use aegis_models::profile::ModbusTable;
use aegis_models::{PointIx, Span};

use super::binding::{Place, is_bits};
use super::codec::{MAX_READ_BITS, MAX_READ_REGISTERS};
use crate::limits::MODBUS_GAP;

/// The reads that fetch all points of one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How often they are sampled.
    pub period: Span,
    /// The reads, by table and address.
    pub blocks: Vec<Block>,
}

/// One read of neighbouring points.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The table.
    pub table: ModbusTable,
    /// The first register or bit.
    pub first: u16,
    /// How many of them.
    pub count: u16,
    /// The points that it fetches, by address.
    pub places: Vec<Place>,
}

impl Block {
    /// The read of one point alone.
    pub(super) fn of(place: Place) -> Block {
        Block { table: place.table, first: place.address, count: place.width(), places: vec![place] }
    }

    /// Takes `next` in, when one request can hold both and all addresses between them are known.
    fn extend(&mut self, next: &Place, known: &BTreeSet<(ModbusTable, u32)>) -> bool {
        if next.table != self.table {
            return false;
        }
        let most = if is_bits(self.table) { MAX_READ_BITS } else { MAX_READ_REGISTERS };
        let end = u32::from(self.first) + u32::from(self.count);
        let start = u32::from(next.address);
        let count = start + u32::from(next.width()) - u32::from(self.first);
        let bridged = (end..start).len() <= usize::from(MODBUS_GAP)
            && (end..start).all(|a| known.contains(&(self.table, a)));
        if count > u32::from(most) || !bridged {
            return false;
        }
        self.count = count as u16;
        self.places.push(*next);
        true
    }
}

/// Plans the reads of `places`. An address between two points is bridged only when it belongs to a point of another
/// period: equipment answers a read over an address it has not with exception 02.
pub(super) fn plan(places: &[Place], period: impl Fn(PointIx) -> Span) -> Vec<Group> {
    let mut known = BTreeSet::new();
    for p in places {
        known.extend((0..p.width()).map(|i| (p.table, u32::from(p.address) + u32::from(i))));
    }
    let mut by_period: BTreeMap<Span, Vec<Place>> = BTreeMap::new();
    for p in places {
        by_period.entry(period(p.point)).or_default().push(*p);
    }
    let group = |(period, mut places): (Span, Vec<Place>)| {
        places.sort_by_key(|p| (p.table, p.address));
        let mut blocks: Vec<Block> = Vec::new();
        for place in &places {
            let joined = blocks.last_mut().is_some_and(|block| block.extend(place, &known));
            if !joined {
                blocks.push(Block::of(*place));
            }
        }
        Group { period, blocks }
    };
    by_period.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use aegis_models::profile::DataType;

    use super::*;

    fn place(ix: u16, table: ModbusTable, address: u16) -> Place {
        let data = if is_bits(table) { DataType::Bool } else { DataType::F32 };
        Place { point: PointIx(ix), table, address, data, writable: false, range: [0.0, 1.0] }
    }

    fn spans(groups: &[Group]) -> Vec<Vec<(ModbusTable, u16, u16)>> {
        groups.iter().map(|g| g.blocks.iter().map(|b| (b.table, b.first, b.count)).collect()).collect()
    }

    #[test]
    fn neighbours_share_a_read_and_unknown_addresses_part_them() {
        use ModbusTable::{Coil, Holding, Input};
        let places = [(Input, 0), (Input, 2), (Input, 6), (Holding, 8), (Coil, 0), (Coil, 1)]
            .map(|(t, a)| place(0, t, a));
        assert_eq!(
            spans(&plan(&places, |_| Span::secs(1))),
            [[(Coil, 0, 2), (Input, 0, 4), (Input, 6, 2), (Holding, 8, 2)]]
        );
    }

    #[test]
    fn a_point_of_another_period_may_be_bridged() {
        let places: Vec<_> = (0..3).map(|i| place(i, ModbusTable::Input, 2 * i)).collect();
        let groups = plan(&places, |ix| Span::secs(if ix.0 == 1 { 60 } else { 1 }));
        assert_eq!(spans(&groups), [[(ModbusTable::Input, 0, 6)], [(ModbusTable::Input, 2, 2)]]);
        assert_eq!(groups[0].blocks[0].places.len(), 2);
    }

    #[test]
    fn a_read_keeps_to_what_one_request_holds() {
        let places: Vec<_> = (0..100).map(|i| place(i, ModbusTable::Holding, 2 * i)).collect();
        let counts = [[(ModbusTable::Holding, 0, 124), (ModbusTable::Holding, 124, 76)]];
        assert_eq!(spans(&plan(&places, |_| Span::secs(1))), counts);
    }
}
