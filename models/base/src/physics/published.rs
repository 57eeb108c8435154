//! Every law with its equation, where it holds, whence it is, and numbers from its source beside ours.
//!
//! The tests of each law hold more than stands here; this is what `aegis physics` shows a person who wants to know what
//! the twin is made of.

use super::{
    bearing, bond, chatter, clean_room, coil, cutting, fan, filter, moist_air, thermal, tool_life, vibration,
};

/// A law of physics as a person would look it up.
pub struct Sheet {
    /// The file of `physics/` that holds it.
    pub law: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Where it holds.
    pub valid: &'static str,
    /// Standard and clause, book, paper.
    pub source: &'static str,
    /// What it is held against.
    pub checks: &'static [Check],
}

/// One published number, and ours.
pub struct Check {
    /// What is computed, with its conditions.
    pub what: &'static str,
    /// [unit].
    pub unit: &'static str,
    /// Who says the number; `by hand` where it is worked out from the equation.
    pub from: &'static str,
    /// What they say.
    pub published: f64,
    /// What the law of this crate gives.
    pub ours: fn() -> f64,
    /// How far ours may lie from theirs, as a share of it: their rounding, or the law's own accuracy.
    pub within: f64,
}

impl Check {
    /// By how much ours is off, as a share of what is published.
    pub fn error(&self) -> f64 {
        (self.ours)() / self.published - 1.0
    }
}

const LATHE_MODE: chatter::Mode =
    chatter::Mode { stiffness_n_per_m: 2.0e7, damping: 0.03, frequency_hz: 600.0, kf_n_per_m2: 2.0e9 };
const UNIT_FAN: fan::Fan = fan::Fan { p0_pa: 300.0, a_pa_s2_per_m6: 1_716.0, n0_rpm: 1_400.0 };
const TRANSDUCER: bond::Transducer =
    bond::Transducer { r_ohm: 20.0, l_h: 58.7e-3, c_f: 30.0e-12, c0_f: 1.0e-9 };

/// All of them, by name.
pub const SHEETS: &[Sheet] = &[
    Sheet {
        law: "bearing",
        equation: "BPFO = n/2 (1 - g), BPFI = n/2 (1 + g), BSF = D/2d (1 - g^2), FTF = (1 - g)/2, g = d/D cos a",
        valid: "rolling without slip, outer race at rest",
        source: "Harris and Kotzalas, Rolling Bearing Analysis, 5th ed., ch. 25",
        checks: &[
            Check {
                what: "outer race of a 6205",
                unit: "1/turn",
                from: "Case Western Reserve University, bearing data centre",
                published: 3.5848,
                ours: || bearing::SKF_6205.lines().bpfo,
                within: 1e-4,
            },
            Check {
                what: "inner race of a 6205",
                unit: "1/turn",
                from: "Case Western Reserve University, bearing data centre",
                published: 5.4152,
                ours: || bearing::SKF_6205.lines().bpfi,
                within: 1e-4,
            },
            Check {
                what: "ball of a 6205, twice a turn",
                unit: "1/turn",
                from: "Case Western Reserve University, bearing data centre",
                published: 4.7135,
                ours: || 2.0 * bearing::SKF_6205.lines().bsf,
                within: 1e-4,
            },
            Check {
                what: "cage of a 6205",
                unit: "1/turn",
                from: "Case Western Reserve University, bearing data centre",
                published: 0.398_28,
                ours: || bearing::SKF_6205.lines().ftf,
                within: 1e-4,
            },
        ],
    },
    Sheet {
        law: "bond",
        equation: "f = 1 / (2 pi sqrt(L C)), Z(f) = R at resonance (C0 beside); shear = 2.5 d^2 gf, d in mil",
        valid: "near series resonance; gold balls that bond well",
        source: "Butterworth and Van Dyke's circuit; MIL-STD-883, method 2011",
        checks: &[
            Check {
                what: "resonance of 58.7 mH and 30 pF",
                unit: "Hz",
                from: "by hand",
                published: 119_933.0,
                ours: || TRANSDUCER.resonance_hz(),
                within: 2e-4,
            },
            Check {
                what: "shear strength of a ball of 60 um",
                unit: "gf",
                from: "by hand",
                published: 13.95,
                ours: || bond::ball_shear_gf(60.0),
                within: 1e-3,
            },
            Check {
                what: "least pull of a gold wire of 25 um",
                unit: "gf",
                from: "MIL-STD-883, method 2011, table I",
                published: 3.0,
                ours: || bond::least_pull_gf(25.0).unwrap_or(f64::NAN),
                within: 0.0,
            },
        ],
    },
    Sheet {
        law: "chatter",
        equation: "b_lim = -1 / (2 Kf Re G), lowest 2 k z (1 + z) / Kf",
        valid: "one mode, orthogonal cutting, full engagement",
        source: "Tobias and Fishwick 1958; Altintas, Manufacturing Automation, 2nd ed., ch. 4",
        checks: &[Check {
            what: "lowest limit at k 2e7 N/m, z 0.03, Kf 2,000 MPa",
            unit: "mm",
            from: "by hand",
            published: 0.618,
            ours: || 1e3 * LATHE_MODE.lowest_limit_m(),
            within: 1e-3,
        }],
    },
    Sheet {
        law: "clean_room",
        equation: "C = 10^N (0.1 / D)^2.08; dC/dt = G/V - n (C - C_supply)",
        valid: "0.1 to 5 um; a well-mixed room",
        source: "ISO 14644-1:1999, 3.2, equation 1",
        checks: &[
            Check {
                what: "ISO 5 at 0.5 um",
                unit: "1/m3",
                from: "ISO 14644-1, table 1",
                published: 3_520.0,
                ours: || clean_room::class_limit_per_m3(5.0, 0.5),
                within: 0.002_4,
            },
            Check {
                what: "ISO 7 at 0.5 um",
                unit: "1/m3",
                from: "ISO 14644-1, table 1",
                published: 352_000.0,
                ours: || clean_room::class_limit_per_m3(7.0, 0.5),
                within: 0.002_4,
            },
        ],
    },
    Sheet {
        law: "coil",
        equation: "e = (1 - exp(-N (1 - c))) / (1 - c exp(-N (1 - c))), N = UA / Cmin, c = Cmin / Cmax",
        valid: "counterflow, four rows and more; N >= 0, 0 <= c <= 1",
        source: "Incropera and DeWitt, Fundamentals of Heat and Mass Transfer, 6th ed., 11.29a",
        checks: &[
            Check {
                what: "effectiveness at 3 transfer units, ratio 0.5",
                unit: "-",
                from: "Incropera, figure 11.11",
                published: 0.874,
                ours: || coil::effectiveness(3.0, 0.5),
                within: 0.002,
            },
            Check {
                what: "effectiveness at 3 transfer units, ratio 1",
                unit: "-",
                from: "Incropera, table 11.3",
                published: 0.75,
                ours: || coil::effectiveness(3.0, 1.0),
                within: 1e-9,
            },
        ],
    },
    Sheet {
        law: "cutting",
        equation: "kc = kc1.1 h^-m; P = ap f vc kc / (60e3 eta)",
        valid: "chips of 0.05 to 2.5 mm",
        source: "Kienzle and Victor 1957",
        checks: &[
            Check {
                what: "power of 3 mm, 0.2 mm, 120 m/min, 3,100 N/mm2, efficiency 0.8",
                unit: "kW",
                from: "Sandvik Coromant, worked example",
                published: 4.65,
                ours: || cutting::power_kw(3.0, 0.2, 120.0, 3_100.0, 0.8),
                within: 1e-3,
            },
            Check {
                what: "specific force of mild steel at 0.2 mm",
                unit: "N/mm2",
                from: "by hand",
                published: 3_035.6,
                ours: || cutting::MILD_STEEL.kc_n_per_mm2(0.2),
                within: 1e-3,
            },
        ],
    },
    Sheet {
        law: "fan",
        equation: "dP = p0 (n/n0)^2 - a Q^2; Q ~ n, dP ~ n^2, P ~ n^3",
        valid: "one housing, one density",
        source: "ASHRAE Handbook, HVAC Systems and Equipment, Fans",
        checks: &[
            Check {
                what: "flow of a unit of 1.2 x 0.6 m at 0.45 m/s",
                unit: "m3/h",
                from: "makers' data sheets of fan filter units",
                published: 1_166.0,
                ours: || 3_600.0 * UNIT_FAN.flow_m3_per_s(1_400.0, 370.0),
                within: 2e-3,
            },
            Check {
                what: "pressure at a tenth more speed, over that before",
                unit: "-",
                from: "affinity law",
                published: 1.21,
                ours: || UNIT_FAN.pressure_pa(1_540.0, 0.33) / UNIT_FAN.pressure_pa(1_400.0, 0.3),
                within: 1e-9,
            },
        ],
    },
    Sheet {
        law: "filter",
        equation: "Z = dP / Q",
        valid: "laminar flow through the medium (Darcy)",
        source: "IEST-RP-CC001; makers' data sheets",
        checks: &[Check {
            what: "clean HEPA filter of 1.2 x 0.6 m, 120 Pa at 0.45 m/s",
            unit: "Pa s/m3",
            from: "by hand",
            published: 370.37,
            ours: || filter::impedance_pa_s_per_m3(120.0, 0.45 * 0.72 * 3_600.0).unwrap_or(f64::NAN),
            within: 1e-4,
        }],
    },
    Sheet {
        law: "moist_air",
        equation: "es = 610.94 exp(17.625 t / (t + 243.04)); w = 0.621945 e / (p - e)",
        valid: "-40 to 50 degC over water, within 0.4 %",
        source: "Alduchov and Eskridge, J. Appl. Meteorology 35, 1996; ASHRAE Fundamentals 2017, ch. 1",
        checks: &[
            Check {
                what: "saturation at 20 degC",
                unit: "Pa",
                from: "ASHRAE Fundamentals, ch. 1, table 3",
                published: 2_338.8,
                ours: || moist_air::saturation_pa(20.0),
                within: 0.004,
            },
            Check {
                what: "water in saturated air at 20 degC",
                unit: "g/kg",
                from: "ASHRAE Fundamentals, ch. 1, table 2",
                published: 14.76,
                ours: || 1e3 * moist_air::saturated_kg_per_kg(20.0),
                // The table's air is real: its enhancement factor of 1.004 is left out here.
                within: 0.007,
            },
        ],
    },
    Sheet {
        law: "thermal",
        equation: "C dT/dt = Q - hA (T - Tf); dL = alpha L dT; h ~ V^0.8",
        valid: "one lumped mass; turbulent flow",
        source: "Incropera and DeWitt; Dittus and Boelter 1930",
        checks: &[
            Check {
                what: "growth of 0.3 m of steel by 20 K",
                unit: "um",
                from: "by hand",
                published: 72.0,
                ours: || thermal::growth_um(0.3, 20.0),
                within: 1e-9,
            },
            Check {
                what: "conductance at half the flow",
                unit: "-",
                from: "by hand",
                published: 0.574,
                ours: || thermal::convection_factor(0.5),
                within: 1e-3,
            },
        ],
    },
    Sheet {
        law: "tool_life",
        equation: "V T^n = C",
        valid: "carbide, n 0.20 to 0.30, until flank wear of 0.3 mm",
        source: "Taylor 1907; ISO 3685:1993, 7.1",
        checks: &[Check {
            what: "life at a fifth more speed, n 0.25",
            unit: "-",
            from: "by hand",
            published: 0.482,
            ours: || tool_life::life_at_speed(1.0, 1.2, 0.25),
            within: 1e-3,
        }],
    },
    Sheet {
        law: "vibration",
        equation: "v = pi f d / sqrt 2; zones A to D",
        valid: "harmonic motion; machines of 15 to 300 kW",
        source: "ISO 20816-3:2022, annex A",
        checks: &[Check {
            what: "0.1 mm from peak to peak at 25 Hz",
            unit: "mm/s",
            from: "by hand",
            published: 5.554,
            ours: || vibration::velocity_rms_mm_s(0.1, 25.0),
            within: 1e-4,
        }],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_the_published_numbers() {
        for sheet in SHEETS {
            assert!(!sheet.checks.is_empty(), "{} is held against nothing", sheet.law);
            for check in sheet.checks {
                let error = check.error();
                assert!(
                    error.abs() <= check.within,
                    "{}, {}: {} against {} {}",
                    sheet.law,
                    check.what,
                    (check.ours)(),
                    check.published,
                    check.unit
                );
            }
        }
    }
}
