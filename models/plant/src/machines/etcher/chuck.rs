//! The wafer on its chuck: heat from the plasma, helium behind the wafer, water behind the chuck.

use aegis_models::physics::helium_gap::helium_w_per_m2_k;
use aegis_models::physics::thermal::{convection_factor, lumped_after};

use crate::Supply;

/// Wafer of 200 mm: area [m2], heat capacity [J/K], share of all power that heats it, accommodation of its back.
const WAFER_M2: f64 = 0.0314;
const WAFER_J_PER_K: f64 = 37.0;
const WAFER_HEAT: f64 = 0.42;
const ACCOMMODATION: f64 = 0.15;
/// Helium: pressure [Torr], flow past a sound seal [sccm], and the pressure that a flow beyond it costs [1/-].
const HELIUM_TORR: f64 = 10.0;
const HELIUM_SCCM: f64 = 2.0;
const HELIUM_DROOP: f64 = 0.07;
/// Chuck: heat capacity [J/K], conductance at nominal flow [W/K], flow [l/min], what the loop's exchanger adds [K].
const CHUCK_J_PER_K: f64 = 4_000.0;
const CHUCK_W_PER_K: f64 = 60.0;
pub(super) const CHUCK_L_PER_MIN: f64 = 8.0;
const EXCHANGER_K: f64 = 2.0;

/// A chuck with a wafer on it.
pub(super) struct Chuck {
    /// Wafer, its highest since it was loaded, chuck [degC] -- state.
    pub(super) wafer_c: f64,
    pub(super) hottest_c: f64,
    pub(super) chuck_c: f64,
    /// Conductance of the loop for the flow that it was worked out for [-, -].
    convection: (f64, f64),
    /// Faults: helium past the seal beyond a sound one's [-], share of the water that is lost.
    pub(super) helium: f64,
    pub(super) cooling: f64,
}

impl Chuck {
    /// One that has stood with its water running.
    pub(super) fn rested() -> Chuck {
        let (wafer_c, hottest_c, chuck_c) = (25.0, 25.0, 22.5);
        Chuck { wafer_c, hottest_c, chuck_c, convection: (1.0, 1.0), helium: 0.0, cooling: 0.0 }
    }

    /// Helium's pressure and flow [Torr, sccm], which is there while the plasma burns.
    pub(super) fn helium(&self, plasma: bool) -> (f64, f64) {
        if !plasma {
            return (0.0, 0.0);
        }
        let torr = HELIUM_TORR / (1.0 + HELIUM_DROOP * self.helium);
        (torr, HELIUM_SCCM * (1.0 + self.helium) * torr / HELIUM_TORR)
    }

    /// Wafer, chuck and water, under the power of a plasma while one burns [W].
    pub(super) fn heat(&mut self, plasma_w: Option<f64>, supply: &Supply, dt_s: f64) {
        let heat = plasma_w.map_or(0.0, |power| WAFER_HEAT * power);
        let (torr, _) = self.helium(plasma_w.is_some());
        let through = WAFER_M2 * helium_w_per_m2_k(torr.max(0.5), ACCOMMODATION);
        self.wafer_c = lumped_after(self.wafer_c, heat, through, self.chuck_c, WAFER_J_PER_K, dt_s);
        if plasma_w.is_some() {
            self.hottest_c = self.hottest_c.max(self.wafer_c);
        }
        let flow = supply.process_water.flow * (1.0 - self.cooling);
        if self.convection.0 != flow {
            self.convection = (flow, convection_factor(flow));
        }
        let ua = CHUCK_W_PER_K * self.convection.1;
        let into = through * (self.wafer_c - self.chuck_c);
        let water = supply.process_water.temp_c + EXCHANGER_K;
        self.chuck_c = lumped_after(self.chuck_c, into, ua, water, CHUCK_J_PER_K, dt_s);
    }
}
