//! Reflow of solder joints: the board's way through an oven, the height at which a joint stands, and what it holds.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Liquidus of SAC305 [degC] (Sn96.5Ag3.0Cu0.5; IPC J-STD-006).
pub const LIQUIDUS_C: f64 = 217.0;

/// A belt through three heated zones and a cooled one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oven {
    /// Zones in the order of the way [degC]: preheat, soak, reflow, cooling.
    pub zones_c: [f64; 4],
    /// Length of each [m].
    pub zone_m: f64,
    /// Speed of the belt [mm/s].
    pub speed_mm_per_s: f64,
    /// Time constant of the board in the zones' gas [s].
    pub board_s: f64,
    /// Temperature of the board as it goes in [degC].
    pub start_c: f64,
}

impl Oven {
    /// Highest temperature of the board [degC], and its time above `liquidus_c` [s]: in each zone it nears the gas as
    /// `exp(-t / tau)`.
    pub fn profile(&self, liquidus_c: f64) -> (f64, f64) {
        let stay = 1_000.0 * self.zone_m / self.speed_mm_per_s.max(0.1);
        let left = libm::exp(-stay / self.board_s);
        let (mut board, mut peak, mut above) = (self.start_c, self.start_c, 0.0);
        for gas in self.zones_c {
            let end = gas + (board - gas) * left;
            above += match (board > liquidus_c, end > liquidus_c) {
                (true, true) => stay,
                (false, false) => 0.0,
                (rises, _) => {
                    let crossing = self.board_s * libm::log((board - gas) / (liquidus_c - gas));
                    if rises { crossing } else { stay - crossing }
                }
            };
            (board, peak) = (end, peak.max(end));
        }
        (peak, above)
    }
}

/// Volume of a joint of that height between two pads of one radius [um3]: a truncated sphere.
pub fn joint_um3(height_um: f64, pad_um: f64) -> f64 {
    std::f64::consts::PI * height_um * (6.0 * pad_um * pad_um + height_um * height_um) / 6.0
}

/// Height at which a ball of that diameter stands once it has wetted two pads of that radius [um], without load.
pub fn standoff_um(ball_um: f64, pad_um: f64) -> f64 {
    let volume = std::f64::consts::PI * ball_um * ball_um * ball_um / 6.0;
    // Newton's steps from above: the volume rises ever faster with the height.
    (0..8).fold(ball_um, |h, _| {
        let slope = std::f64::consts::PI * (2.0 * pad_um * pad_um + h * h) / 2.0;
        h - (joint_um3(h, pad_um) - volume) / slope
    })
}

/// Share of a pad that solder wets under a flux layer of that height [-]: an oxide is reduced the better the more flux.
pub fn wetted(flux_um: f64, full_um: f64) -> f64 {
    1.0 - libm::exp(-flux_um.max(0.0) / full_um)
}

/// The law of time above liquidus says nothing of boards whose peak is nearer to it than this [K].
const CLEAR_K: f64 = 12.0;

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Measured time above liquidus less that of zones and belt [s].
    Law {
        name: "reflow_time",
        inputs: &["above_s", "zone1_c", "zone2_c", "zone3_c", "cool_c", "speed_mm_per_s", "start_c"],
        params: &["zone_m", "board_s"],
        eval: |q, p| {
            let oven = Oven {
                zones_c: [q[1], q[2], q[3], q[4]],
                zone_m: p[0],
                speed_mm_per_s: q[5],
                board_s: p[1],
                start_c: q[6],
            };
            // A peak at the liquidus makes any time of a kelvin.
            let (peak, above) = oven.profile(LIQUIDUS_C);
            (q[5] > 0.5 && peak > LIQUIDUS_C + CLEAR_K).then(|| q[0] - above)
        },
    },
    // Bump shear over what flux and time above liquidus account for [-]: intermetallics grow and embrittle.
    Law {
        name: "bump_shear",
        inputs: &["shear_gf", "flux_um", "above_s"],
        params: &["full_gf", "full_um", "nominal_s", "per_s"],
        eval: |q, p| {
            let expected = p[0] * wetted(q[1], p[1]) * (1.0 - p[3] * (q[2] - p[2]));
            (expected > 0.1 * p[0]).then(|| q[0] / expected)
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "reflow",
    equation: "T = Tg + (T0 - Tg) exp(-t / tau) in each zone; V = pi h (6 r^2 + h^2) / 6 between equal pads",
    valid: "a thin board in gas of even temperature; joints that gravity and load do not flatten",
    source: "Incropera and DeWitt, 5.1; Heinrich et al., J. Electron. Packag. 112 (1990); IPC J-STD-006, J-STD-020",
    checks: &[
        Check {
            what: "a ball of 300 um on pads of 250 um (it shrinks by a third)",
            unit: "um",
            from: "Intel FPGA support, BGA ball height after reflow",
            published: 200.0,
            ours: || standoff_um(300.0, 125.0),
            within: 0.02,
        },
        Check {
            what: "time above 217 degC in 150, 200, 250, 40 degC, 75 s each, tau 18 s",
            unit: "s",
            from: "by hand",
            published: 70.24,
            ours: || NOMINAL.profile(LIQUIDUS_C).1,
            within: 1e-3,
        },
    ],
};

const NOMINAL: Oven = Oven {
    zones_c: [150.0, 200.0, 250.0, 40.0],
    zone_m: 0.75,
    speed_mm_per_s: 10.0,
    board_s: 18.0,
    start_c: 25.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_keeps_inside_the_standard() {
        let (peak, above) = NOMINAL.profile(LIQUIDUS_C);
        // J-STD-020, table 5-2: 60 to 150 s above 217 degC.
        assert!((60.0..150.0).contains(&above) && (240.0..250.0).contains(&peak), "{above} s, {peak} degC");
        let cold = Oven { zones_c: [150.0, 200.0, 210.0, 40.0], ..NOMINAL };
        assert_eq!(cold.profile(LIQUIDUS_C).1, 0.0);
        let slow = Oven { speed_mm_per_s: 8.0, ..NOMINAL };
        assert!(slow.profile(LIQUIDUS_C).1 > above + 15.0);
    }

    #[test]
    fn less_wetted_pads_stand_higher() {
        let h = standoff_um(100.0, 40.0);
        assert!((h - 69.38).abs() < 0.01, "{h}");
        assert!((joint_um3(h, 40.0) / (std::f64::consts::PI * 1e6 / 6.0) - 1.0).abs() < 1e-9);
        assert!(standoff_um(100.0, 36.0) > h);
        assert!((wetted(30.0, 10.0) - 0.950).abs() < 0.001);
    }
}
