//! The chamber's gas: flow controllers, throttle, pump and pressure.

use aegis_models::physics::throttle::{Throttle, pressure_after};

use super::Program;

/// Throttle and pump, chamber [l], and what walls and wafer give off [sccm].
const THROTTLE: Throttle = Throttle { open_l_per_s: 880.0, exponent: 2.4 };
const VOLUME_L: f64 = 30.0;
const OUTGAS_SCCM: f64 = 0.7;
/// Flow controllers and pressure control [s].
const MFC_TAU_S: f64 = 1.0;
const THROTTLE_TAU_S: f64 = 1.5;

/// Gas in a chamber over its pump.
pub(super) struct Chamber {
    /// Flows as their controllers show them [sccm], pressure [mTorr], throttle [%] -- state.
    pub(super) bcl3: f64,
    pub(super) cl2: f64,
    pub(super) pressure: f64,
    pub(super) throttle_pct: f64,
    /// Faults: share of the chlorine that does not come, air that leaks in [sccm], share of the pump's speed lost.
    pub(super) mfc: f64,
    pub(super) leak: f64,
    pub(super) pump: f64,
}

impl Chamber {
    /// One that is pumped empty.
    pub(super) fn empty() -> Chamber {
        Chamber { bcl3: 0.0, cl2: 0.0, pressure: 0.01, throttle_pct: 100.0, mfc: 0.0, leak: 0.0, pump: 0.0 }
    }

    /// Chlorine that really comes [sccm].
    pub(super) fn chlorine(&self) -> f64 {
        self.cl2 * (1.0 - self.mfc)
    }

    /// Gas, throttle and pressure, by a program while one runs.
    pub(super) fn flow(&mut self, program: Option<Program>, dt_s: f64) {
        let share = dt_s / (MFC_TAU_S + dt_s);
        let told = program.map_or((0.0, 0.0), |p| (p.bcl3_sccm, p.cl2_sccm));
        self.bcl3 += share * (told.0 - self.bcl3);
        self.cl2 += share * (told.1 - self.cl2);
        self.throttle_pct = match program {
            // Open to the pump; what it reaches is what leaks and what the walls give off.
            None => 100.0,
            // The recipe's own opening, from where control begins.
            Some(_) if self.throttle_pct > 99.0 => 49.0,
            Some(p) => {
                let error = self.pressure / p.pressure_mtorr - 1.0;
                let pace = (dt_s / THROTTLE_TAU_S * error).clamp(-0.05, 0.05);
                (self.throttle_pct * (1.0 + pace)).clamp(5.0, 98.0)
            }
        };
        let all = self.bcl3 + self.chlorine() + self.leak + OUTGAS_SCCM;
        let speed = THROTTLE.speed_l_per_s(self.throttle_pct) * (1.0 - self.pump);
        self.pressure = pressure_after(self.pressure, all, speed, VOLUME_L, dt_s);
    }
}
