//! What the chamber's instruments are shown.

use super::{Deposition, LINE_KPA, SHARE, WALL_W_PER_K, WATER_L_PER_MIN, WATER_W_PER_K};
use crate::Step;

/// Its points, in the order of the values that a step shows.
pub(super) const POINTS: [&str; 34] = [
    "state",
    "e10_state",
    "recipe",
    "run_enable",
    "wafers",
    "temp_sp",
    "silane_sp",
    "carrier_sp",
    "pressure_sp",
    "zone_temp_1",
    "zone_temp_2",
    "zone_temp_3",
    "zone_power_1",
    "zone_power_2",
    "zone_power_3",
    "zone_duty_1",
    "zone_duty_2",
    "zone_duty_3",
    "wall_temp",
    "silane_flow",
    "carrier_flow",
    "pressure",
    "base_pressure",
    "throttle",
    "line_pressure",
    "cylinder",
    "water_in_temp",
    "water_out_temp",
    "water_flow",
    "exhaust_pressure",
    "mains_voltage",
    "film_rate",
    "wafer_temp",
    "since_clean",
];

impl Deposition {
    /// Leaves the true value of every point in the image.
    pub(super) fn show(&self, cx: &mut Step<'_>) {
        let supply = cx.supply;
        let [temp, silane, carrier, pressure] = self.set;
        let flow = WATER_L_PER_MIN * supply.process_water.flow;
        let carries = WATER_W_PER_K * flow.max(0.05 * WATER_L_PER_MIN);
        let in_c = supply.process_water.temp_c;
        let out_c = in_c + (self.wall_c - in_c) * WALL_W_PER_K / (WALL_W_PER_K + carries);
        let ([t1, t2, t3], [p1, p2, p3]) = (self.zone_c, self.power);
        let [d1, d2, d3] = self.duty.map(|d| 100.0 * d);
        let seen: f64 = self.wafer_c.iter().zip(SHARE).map(|(t, s)| t * s).sum();
        let values: [f64; POINTS.len()] = [
            f64::from(self.phase as u8),
            self.e10().number(),
            f64::from(self.recipe),
            f64::from(self.enabled),
            self.wafers,
            temp,
            silane,
            carrier,
            pressure,
            t1,
            t2,
            t3,
            p1,
            p2,
            p3,
            d1,
            d2,
            d3,
            self.wall_c,
            self.silane,
            self.carrier,
            self.pressure,
            // The fine gauge ends at 100 Pa.
            self.pressure.min(100.0),
            100.0 * self.throttle,
            LINE_KPA * (1.0 - self.depleted),
            self.cylinder_kg,
            in_c,
            out_c,
            flow,
            supply.exhaust_pa,
            230.0 * supply.mains,
            self.rate,
            seen,
            self.since_clean,
        ];
        for (point, value) in self.points.iter().zip(values) {
            cx.image.set(*point, value);
        }
    }
}
