//! Where everything is, for whoever draws it.

use super::ground::walker;
use super::vehicle::Task;
use super::{Place, Transport};

/// What can be seen of the transport at one moment. Places are those of [`aegis_models::site::Rail::place`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransportView {
    /// Every vehicle, in its order on the rail.
    pub vehicles: Vec<VehicleView>,
    /// Who walks on the floor.
    pub walkers: Vec<WalkerView>,
    /// The port whose light curtain is broken, by its place in the site's list.
    pub curtain: Option<usize>,
    /// Where the building is from its place [m].
    pub shift_m: [f64; 2],
    /// Everything is told to stop.
    pub stopped: bool,
    /// Carriers that wait for a vehicle.
    pub waiting: usize,
}

/// One vehicle.
#[derive(Clone, Debug, PartialEq)]
pub struct VehicleView {
    /// Its place on the rail [m].
    pub at_m: f64,
    /// Its place over the floor [m, m].
    pub place: [f64; 2],
    /// Its speed [m/s].
    pub speed_m_per_s: f64,
    /// The lot whose carrier it has.
    pub lot: Option<u32>,
    /// Where the carrier hangs below it, along and across the rail and down [m]; none while it is drawn up.
    pub hangs: Option<[f64; 3]>,
    /// It waits for a crew.
    pub down: bool,
}

/// Somebody, or a cart, on the floor.
#[derive(Clone, Debug, PartialEq)]
pub struct WalkerView {
    /// Who.
    pub who: String,
    /// A cart rather than a person.
    pub cart: bool,
    /// Where [m, m].
    pub place: [f64; 2],
}

impl Transport {
    /// Where everything is now.
    pub fn view(&self) -> TransportView {
        let vehicles = self.vehicles.iter().map(|v| VehicleView {
            at_m: v.at_m,
            place: self.rail.place(v.at_m),
            speed_m_per_s: v.speed,
            lot: v.carries(),
            hangs: match &v.task {
                Task::Lift(_, hoist) | Task::Lower(_, hoist) => Some(hoist.carrier()),
                _ => None,
            },
            down: matches!(v.task, Task::Down(..)),
        });
        let walks = self.floor.iter().flat_map(|f| &f.walks);
        let mut walkers: Vec<WalkerView> = walks
            .filter_map(|w| {
                let place = walker(w, self.now_s)?;
                Some(WalkerView { who: w.who.clone(), cart: w.cart, place })
            })
            .collect();
        let curtain = self.intrusions.now.map(|i| i.port);
        if let Some(port) = curtain {
            let place = self.rail.place(self.place_m(Place::Port(port)));
            walkers.push(WalkerView { who: "intruder".to_owned(), cart: false, place });
        }
        TransportView {
            vehicles: vehicles.collect(),
            walkers,
            curtain,
            shift_m: self.earth.shift_m,
            stopped: self.stands(),
            waiting: self.waiting.len(),
        }
    }
}
