//! A heated zone of a tool: a block of metal, a heater, and the controller that holds it.
//!
//! ```text
//!   set --( - )--> [ PI ] --> duty --> heater P U^2 --> [ C, T ] --G--> air or water
//!            \________________thermocouple_______________/
//! ```

use aegis_models::physics::thermal::lumped_after;

/// The controller works once a second [s].
const PERIOD_S: f64 = 1.0;
/// Duty for a kelvin of error [1/K], and the time in which the integral does the same [s].
const GAIN_PER_K: f64 = 0.05;
const INTEGRAL_S: f64 = 300.0;

/// What a zone is built of.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Heat capacity [J/K].
    pub capacity_j_per_k: f64,
    /// Conductance to what surrounds it [W/K].
    pub conductance_w_per_k: f64,
    /// Heater at full duty and nominal mains [W].
    pub heater_w: f64,
}

/// What acts on a zone now.
#[derive(Clone, Copy)]
pub(super) struct Around {
    /// Set-point [degC].
    pub set_c: f64,
    /// What surrounds it [degC].
    pub around_c: f64,
    /// Conductance over nominal [-].
    pub exchange: f64,
    /// Mains over nominal [-].
    pub mains: f64,
    /// Share of the heater that is lost [-].
    pub lost: f64,
    /// Heat that the work takes [W].
    pub work_w: f64,
}

/// A zone under control.
pub(super) struct Zone {
    block: Block,
    /// Temperature [degC] -- state.
    pub temp_c: f64,
    /// Duty [-] -- state.
    pub duty: f64,
    integral: f64,
    since_s: f64,
}

impl Zone {
    /// A zone that stands at its set-point.
    pub fn new(block: Block, set_c: f64, around_c: f64) -> Zone {
        let duty = block.conductance_w_per_k * (set_c - around_c) / block.heater_w;
        Zone { block, temp_c: set_c, duty, integral: duty, since_s: 0.0 }
    }

    /// One step; the zone itself moves once a second.
    pub fn advance(&mut self, dt_s: f64, around: Around) {
        self.since_s += dt_s;
        if self.since_s < PERIOD_S - 1e-9 {
            return;
        }
        let dt_s = std::mem::take(&mut self.since_s);
        let error = around.set_c - self.temp_c;
        // It knows when there is work, and does not wait for the temperature to fall.
        let known = around.work_w / self.block.heater_w;
        let wanted = self.integral + known + GAIN_PER_K * error;
        self.duty = wanted.clamp(0.0, 1.0);
        if self.duty == wanted {
            self.integral += GAIN_PER_K * error * dt_s / INTEGRAL_S;
        }
        let heat = self.duty * self.block.heater_w * around.mains * around.mains * (1.0 - around.lost);
        let conductance = self.block.conductance_w_per_k * around.exchange;
        let capacity = self.block.capacity_j_per_k;
        let net = heat - around.work_w;
        self.temp_c = lumped_after(self.temp_c, net, conductance, around.around_c, capacity, dt_s);
    }

    /// Heat that leaves it for what surrounds it [W].
    pub fn loss_w(&self, around_c: f64) -> f64 {
        self.block.conductance_w_per_k * (self.temp_c - around_c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = Block { capacity_j_per_k: 8_000.0, conductance_w_per_k: 5.0, heater_w: 1_300.0 };
    const AROUND: Around =
        Around { set_c: 150.0, around_c: 22.0, exchange: 1.0, mains: 1.0, lost: 0.0, work_w: 0.0 };

    /// By hand: 128 K at 5 W/K are 640 W, 49.2 % of 1,300 W; with a third of the heater lost, 73.8 % holds it.
    #[test]
    fn a_weaker_heater_works_harder_and_holds_until_it_cannot() {
        let mut zone = Zone::new(BLOCK, 150.0, 22.0);
        let mut run = |around: Around| {
            (0..72_000).for_each(|_| zone.advance(0.1, around));
            (zone.temp_c, zone.duty)
        };
        let (temp, duty) = run(AROUND);
        assert!((temp - 150.0).abs() < 0.01 && (duty - 0.4923).abs() < 0.001, "{temp} {duty}");
        let (temp, duty) = run(Around { lost: 1.0 / 3.0, ..AROUND });
        assert!((temp - 150.0).abs() < 0.01 && (duty - 0.7385).abs() < 0.001, "{temp} {duty}");
        let (temp, duty) = run(Around { lost: 0.75, ..AROUND });
        assert!((temp - 87.0).abs() < 1.0 && duty == 1.0, "{temp} {duty}");
        let (temp, _) = run(AROUND);
        assert!((temp - 150.0).abs() < 0.5, "it comes back without winding up: {temp}");
    }
}
