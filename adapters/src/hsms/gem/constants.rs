//! Equipment constants: S2F13, S2F15, S2F29; and the clock by S2F17 and S2F31.

use std::collections::BTreeMap;

use aegis_models::profile::{DataType, GemClass};
use aegis_models::{PointIx, Time};

use super::super::Item;
use super::catalog::{self, Origin};
use super::control::ControlState;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::{self, CONSTANTS, Own, OwnEvent};
use super::read::{self, Id, Illegal};

/// The values of the equipment's own constants, and what hosts last wrote to the machine's.
#[derive(Clone, Debug)]
pub(super) struct Constants {
    values: Vec<f64>,
    /// What the host wrote to a point and the machine has not yet shown.
    written: BTreeMap<PointIx, f64>,
}

/// EAC (E5).
const ACCEPTED: u8 = 0;
const NO_SUCH_CONSTANT: u8 = 1;
const CANNOT_NOW: u8 = 2;
const OUT_OF_RANGE: u8 = 3;

impl Constants {
    pub fn new() -> Constants {
        Constants { values: CONSTANTS.iter().map(|c| c.default).collect(), written: BTreeMap::new() }
    }

    pub fn get(&self, constant: usize) -> f64 {
        self.values[constant]
    }

    pub fn flag(&self, constant: usize) -> bool {
        self.values[constant] != 0.0
    }

    /// Sets an own constant; false when it cannot have that value.
    pub fn set(&mut self, constant: usize, value: f64) -> bool {
        let c = &CONSTANTS[constant];
        let fits = acceptable(c.data, c.range, value);
        if fits {
            self.values[constant] = value;
        }
        fits
    }

    /// The host wrote that to a point: its change to it is not the operator's.
    pub fn wrote(&mut self, point: PointIx, value: f64) {
        self.written.insert(point, value);
    }

    /// Whether the point's new value is what the host wrote.
    pub fn expected(&mut self, point: PointIx, value: f64) -> bool {
        let expected = self.written.get(&point).is_some_and(|w| *w == value);
        if expected {
            self.written.remove(&point);
        }
        expected
    }
}

/// Whether a constant may have the value: in range, and whole where it is held as a whole number.
fn acceptable(data: DataType, [low, high]: [f64; 2], value: f64) -> bool {
    (low..=high).contains(&value) && (data == DataType::F32 || value.fract() == 0.0)
}

impl Equipment {
    /// S2F13: values of constants, an empty list for each that is none.
    pub(super) fn s2f13(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        self.values_of(GemClass::Constant, body)
    }

    /// S2F15: new values; all of them or, with a code that says why, none.
    pub(super) fn s2f15(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let mut wanted = Vec::new();
        for row in read::list(body.ok_or(Illegal)?)? {
            let [ecid, value] = read::fields(row)?;
            wanted.push((read::id(ecid)?, value));
        }
        Ok(Answer::code(self.change_constants(&wanted)))
    }

    fn change_constants(&mut self, wanted: &[(Id, &Item)]) -> u8 {
        let (mut own, mut points) = (Vec::new(), Vec::new());
        for (ecid, item) in wanted {
            let Some((_, constant)) = self.catalog.get(GemClass::Constant, ecid) else {
                return NO_SUCH_CONSTANT;
            };
            let Ok(value) = read::number(item) else { return OUT_OF_RANGE };
            if !acceptable(constant.data, constant.range, value) {
                return OUT_OF_RANGE;
            }
            match constant.origin {
                Origin::Point(ix) => points.push((ix, constant.data.quantise(value))),
                Origin::Own(Own::Constant(i)) => own.push((i, value)),
                Origin::Own(_) => return NO_SUCH_CONSTANT,
            }
        }
        // The operator alone changes the machine while the equipment is local (E30, control).
        if !points.is_empty() && self.control.state != ControlState::Remote {
            return CANNOT_NOW;
        }
        if !self.write(&points) {
            return CANNOT_NOW;
        }
        for (point, value) in points {
            self.constants.wrote(point, value);
        }
        for (constant, value) in own {
            self.set_own_constant(constant, value);
        }
        ACCEPTED
    }

    fn set_own_constant(&mut self, constant: usize, value: f64) -> bool {
        let set = self.constants.set(constant, value);
        self.changed();
        if set && constant == own::ENABLE_SPOOLING && value == 0.0 {
            self.purge();
        }
        set
    }

    /// The operator changes one of the equipment's own constants; false when there is none such, or not with that value.
    pub fn operator_constant(&mut self, now: Time, name: &str, value: f64) -> bool {
        self.advance(now);
        let Some(i) = CONSTANTS.iter().position(|c| c.name == name) else { return false };
        let set = self.set_own_constant(i, value);
        if set {
            self.happened.ecid_changed = CONSTANTS[i].ecid;
            self.fire_own(OwnEvent::OperatorConstantChange);
            self.pump();
        }
        set
    }

    /// S2F29: names, ranges, defaults and units of constants, all empty for each that is none.
    pub(super) fn s2f29(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let row = |ecid: &Id| {
            let empty = || Item::text("");
            let rest = match self.catalog.get(GemClass::Constant, ecid) {
                Some((_, c)) => {
                    let value = |v| catalog::item(c.data, v);
                    let [low, high] = c.range;
                    [Item::text(&c.name), value(low), value(high), value(c.default), Item::text(&c.unit)]
                }
                None => [empty(), empty(), empty(), empty(), empty()],
            };
            let mut row = vec![ecid.item()];
            row.extend(rest);
            Item::List(row)
        };
        Ok(Answer::rows(self.asked(GemClass::Constant, body)?.iter().map(row)))
    }

    /// S2F17: what time it is.
    pub(super) fn s2f17(&self) -> Answer {
        Answer::Body(Item::text(&self.time_text()))
    }

    /// S2F31: what time it is to be. TIACK 1: not done.
    pub(super) fn s2f31(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let text = read::text(body.ok_or(Illegal)?)?;
        let done = self.clock.set(self.now, &text);
        Ok(Answer::code(u8::from(!done)))
    }
}
