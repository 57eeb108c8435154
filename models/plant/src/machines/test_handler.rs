//! A test handler: packages soaked at 85 degC, picked, pressed into a socket of eight sites, tested and binned.
//!
//! ```text
//!   strip of 64 --> [ soak zone T ] --> pick (vacuum) --> [ socket: force F, film ] --> bins
//!                                         index time        R = R(F) + film            open / function / good
//! ```

use aegis_models::physics::contact::probe_mohm;
use aegis_models::{Command, PointIx, Record, ThreatKind, Time};

use super::control::{places, show};
use super::strip_tool::StripTool;
use super::zone::{Around, Block, Zone};
use crate::supply::{Quality, Supply};
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "test_handler", faults: FAULTS, build: |s| Box::new(TestHandler::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "socket_worn",
        doc: "the socket's springs relax before their time: less force on the leads, and more resistance as that accounts for",
        unit: "share of the contact force that is lost",
        typical: 0.3,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "contact_contaminated",
        doc: "tin oxide and resin lie on the probes: resistance rises beyond what force and touchdowns account for",
        unit: "mohm of added film",
        typical: 20.0,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "soak_heater_failing",
        doc: "elements of the soak chamber's heater fail: its duty rises, then its temperature falls",
        unit: "share of the heater that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "pick_vacuum_leak",
        doc: "a hose or cup leaks: packages are lost on their way and jam the handler",
        unit: "share of the suction that is lost",
        typical: 0.25,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "index_slow",
        doc: "the pick arm's guide runs dry: it takes longer, and its drive more current",
        unit: "share of added index time",
        typical: 0.25,
        threats: &[ThreatKind::ThroughputDegradation],
    },
    FaultSpec {
        name: "incoming_bad",
        doc: "the lot's packages are bad before they come: they fail their function while contacts are as learned",
        unit: "share of the packages that is bad beyond the usual",
        typical: 0.12,
        threats: &[ThreatKind::QualityDefect],
    },
];

/// What a recipe sets: soak [degC], contact force of a lead [N], test time [s].
const SETTINGS: [(&str, f64, f64); 3] =
    [("soak_set", 30.0, 150.0), ("force_set", 0.1, 0.6), ("test_time_set", 0.5, 20.0)];
const QFN_5X5: [f64; 3] = [85.0, 0.25, 3.4];
const BGA_9X9: [f64; 3] = [85.0, 0.3, 4.4];

/// Sites of the socket, and packages of a strip.
const SITES: u32 = 8;
const UNITS: u32 = 64;
/// Index [s]; an operator clears a jam in this time [s].
const INDEX_S: f64 = 1.1;
const JAM_S: f64 = 20.0;
/// Film of a clean probe [mohm] and what a touchdown adds [mohm]; touchdowns until probes are cleaned, and how long that
/// takes [s].
const FILM_MOHM: f64 = 12.0;
const FILM_PER_TOUCH: f64 = 0.002;
const CLEAN_TOUCHES: f64 = 2_000.0;
const CLEAN_S: f64 = 120.0;
/// Touchdowns of a socket's life, how long its change takes [s], and what of its force the life takes [-].
const SOCKET_TOUCHES: f64 = 100_000.0;
const SOCKET_S: f64 = 900.0;
const PLANNED_FORCE: f64 = 0.004;
/// Share of good packages that fail their function, or seem open, at sound contacts [-].
const FUNCTION_FAILS: f64 = 0.015;
const OPEN_FAILS: f64 = 0.003;
/// Resistance from which good packages begin to seem open, and for one in one [mohm].
const OPEN_FROM_MOHM: f64 = 24.0;
const OPEN_SPAN_MOHM: f64 = 120.0;
/// Share of the packages that a jam takes [-], and how it grows with lost suction [-].
const JAMS: f64 = 5.0e-5;
const JAMS_PER_LOSS: f64 = 0.4;
/// Suction at a sound cup [kPa]; current of a sound drive [A].
const VACUUM_KPA: f64 = 70.0;
const ARM_A: f64 = 2.4;
/// The soak chamber, and the heat of the packages in it [W].
const SOAK: Block = Block { capacity_j_per_k: 5_000.0, conductance_w_per_k: 4.0, heater_w: 460.0 };
const PACKAGES_W: f64 = 2.5;
/// Packages fail their function beyond this distance from the soak temperature [K], and so many for each more [1/K].
const SOAK_SLACK_K: f64 = 2.0;
const FAILS_PER_K: f64 = 0.01;
/// One sigma: resistance, force, index time, current [-], vacuum [kPa].
const SPREAD_MOHM: f64 = 0.04;
const SPREAD_FORCE: f64 = 0.01;
const SPREAD_INDEX: f64 = 0.01;
const SPREAD_ARM: f64 = 0.015;
const SPREAD_KPA: f64 = 0.4;
/// Good packages of so many strips were thrown away: the lot must be tested again.
const RETEST_STRIPS: f64 = 4.0;
/// Throughput looks back about this far [s].
const THROUGHPUT_TAU_S: f64 = 600.0;

/// What it shows besides the common points, in the order of [`TestHandler::show`].
const SHOWN: [&str; 4] = ["soak_temp", "soak_limit_temp", "soak_duty", "throughput"];

struct TestHandler {
    tool: StripTool<3>,
    shown: [PointIx; SHOWN.len()],
    touch_record: u16,
    strip_record: u16,
    /// Resistance of this socket over the usual [-] -- parameter.
    socket: f64,
    soak: Zone,
    /// Touchdowns of the socket, and since its cleaning -- state.
    touches: f64,
    since_clean: f64,
    /// Time until the next touchdown [s], packages left in the strip -- state.
    wait_s: f64,
    left: u32,
    /// Packages of the strip that seemed open, and that failed their function -- state.
    open: u32,
    failed: u32,
    /// Packages an hour -- state, smoothed.
    throughput: f64,
    recent: f64,
    retest: bool,
    /// Faults.
    worn: f64,
    film: f64,
    heater: f64,
    leak: f64,
    slow: f64,
    bad: f64,
}

/// Share of a lot's packages that fail because of what earlier steps left in them [-].
fn incoming_fails(q: &Quality) -> f64 {
    // A wafer of 600 dies with a killer defect more loses one of them; errors of the line cost beyond their slack.
    let defects = q.defects_per_wafer / 600.0;
    let overlay = 0.02 * (q.overlay_nm.abs() - 4.0).max(0.0);
    let cd = 0.02 * (q.cd_nm.abs() - 3.0).max(0.0);
    let film = 0.02 * (q.thickness_pct.abs() - 3.0).max(0.0);
    let chips = 0.005 * (q.chipping_um - 5.0).max(0.0);
    (defects + overlay + cd + film + chips + q.weak_joints).clamp(0.0, 1.0)
}

impl TestHandler {
    fn new(setup: Setup<'_>) -> TestHandler {
        let (profile, rng) = (setup.profile, setup.rng);
        let record = |id| profile.record_ix(id).unwrap_or_else(|| panic!("test_handler has a record {id}"));
        let air_c = Supply::default().air.temp_c;
        TestHandler {
            tool: StripTool::new(profile, SETTINGS, &[QFN_5X5, BGA_9X9]),
            shown: places(profile, SHOWN),
            touch_record: record("touch"),
            strip_record: record("strip"),
            socket: rng.between(0.95, 1.05),
            soak: Zone::new(SOAK, QFN_5X5[0], air_c),
            touches: (rng.uniform() * SOCKET_TOUCHES).floor(),
            since_clean: (rng.uniform() * CLEAN_TOUCHES).floor(),
            wait_s: rng.between(0.0, INDEX_S),
            left: UNITS,
            open: 0,
            failed: 0,
            throughput: 3_600.0 * f64::from(SITES) / (INDEX_S + QFN_5X5[2]),
            recent: 0.0,
            retest: false,
            worn: 0.0,
            film: 0.0,
            heater: 0.0,
            leak: 0.0,
            slow: 0.0,
            bad: 0.0,
        }
    }

    /// One touchdown of eight packages: its record, in the order of the profile's fields.
    fn touch(&mut self, cx: &mut Step<'_>) {
        let [soak_set, force_set, test_s] = self.tool.recipes.program;
        let mut spread = |sigma: f64| 1.0 + sigma * cx.rng.normal();
        let planned = 1.0 - PLANNED_FORCE * self.touches / SOCKET_TOUCHES;
        let force = force_set * (1.0 - self.worn) * planned * spread(SPREAD_FORCE);
        let film = FILM_MOHM + FILM_PER_TOUCH * self.since_clean + self.film;
        let resistance = self.socket * probe_mohm(force, film) * spread(SPREAD_MOHM);
        let index = INDEX_S * (1.0 + self.slow) * spread(SPREAD_INDEX);
        let arm = ARM_A * (1.0 + 0.8 * self.slow) * spread(SPREAD_ARM);
        let vacuum = VACUUM_KPA * (1.0 - self.leak) + SPREAD_KPA * cx.rng.normal();
        let opens = OPEN_FAILS + ((resistance - OPEN_FROM_MOHM) / OPEN_SPAN_MOHM).max(0.0);
        let off = ((self.soak.temp_c - soak_set).abs() - SOAK_SLACK_K).max(0.0);
        let fails = FUNCTION_FAILS + FAILS_PER_K * off + self.bad + incoming_fails(&self.tool.incoming());
        for _ in 0..SITES {
            let (open, bad) = (cx.rng.chance(opens.min(1.0)), cx.rng.chance(fails.min(1.0)));
            self.open += u32::from(open);
            self.failed += u32::from(bad && !open);
        }
        let shaken = 1.0 + 0.1 * (cx.supply.floor_um_per_s - 3.0).max(0.0);
        let risk = (JAMS * shaken + JAMS_PER_LOSS * self.leak) * f64::from(SITES);
        let jam = cx.rng.chance(risk.min(1.0));
        self.touches += 1.0;
        self.since_clean += 1.0;
        self.left -= SITES;
        self.wait_s += index + test_s + if jam { JAM_S } else { 0.0 };
        let values =
            vec![resistance, force, index, arm, vacuum, f64::from(jam), self.since_clean, self.touches];
        cx.image.records.push(Record { kind: self.touch_record, values });
    }

    /// A strip is binned.
    fn strip(&mut self, cx: &mut Step<'_>) {
        let share = |count: u32| f64::from(count) / f64::from(UNITS);
        let (open, failed) = (share(self.open), share(self.failed));
        let values = vec![100.0 * (1.0 - open - failed), 100.0 * open, 100.0 * failed];
        cx.image.records.push(Record { kind: self.strip_record, values });
        let off = ((self.soak.temp_c - self.tool.recipes.program[0]).abs() - SOAK_SLACK_K).max(0.0);
        self.recent = self.recent * 0.98 + open + (FAILS_PER_K * off).min(1.0);
        if self.recent > RETEST_STRIPS && !self.retest {
            self.retest = true;
            cx.image.harm.push(Harm { what: "good packages were thrown away: the lot must be tested again" });
        }
        (self.left, self.open, self.failed) = (UNITS, 0, 0);
        self.tool.strip_done(0.0, cx);
        if self.since_clean >= CLEAN_TOUCHES {
            self.since_clean = 0.0;
            self.tool.plan(CLEAN_S);
        }
        if self.touches >= SOCKET_TOUCHES {
            (self.touches, self.since_clean) = (0.0, 0.0);
            self.tool.plan(SOCKET_S);
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        self.tool.show(cx);
        let values = [self.soak.temp_c, self.soak.temp_c, 100.0 * self.soak.duty, self.throughput];
        show(cx, self.shown, values);
        cx.given.takes.air_w = 1_200.0 + self.soak.loss_w(cx.supply.air.temp_c);
        cx.given.floor_um_per_s = 1.5;
    }
}

impl Machine for TestHandler {
    fn step(&mut self, cx: &mut Step<'_>) {
        let works = self.tool.works(cx);
        let around = Around {
            set_c: self.tool.recipes.program[0],
            around_c: cx.supply.air.temp_c,
            exchange: 1.0,
            mains: cx.supply.mains,
            lost: self.heater,
            work_w: if works { PACKAGES_W } else { 0.0 },
        };
        self.soak.advance(cx.dt_s, around);
        let mut done = 0.0;
        if works {
            self.wait_s -= cx.dt_s;
            if self.wait_s <= 0.0 && self.left > 0 {
                self.touch(cx);
                done = f64::from(SITES);
            } else if self.wait_s <= 0.0 {
                self.strip(cx);
                self.wait_s += INDEX_S;
            }
        }
        let weight = cx.dt_s / THROUGHPUT_TAU_S;
        self.throughput += (3_600.0 * done / cx.dt_s - self.throughput) * weight;
        self.show(cx);
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        self.tool.command(c)
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "socket_worn" => self.worn = size.min(0.9),
            "contact_contaminated" => self.film = size,
            "soak_heater_failing" => self.heater = size.min(1.0),
            "pick_vacuum_leak" => self.leak = size.min(0.95),
            "index_slow" => self.slow = size,
            "incoming_bad" => self.bad = size.min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.worn, self.film, self.heater) = (0.0, 0.0, 0.0);
        (self.leak, self.slow, self.bad) = (0.0, 0.0, 0.0);
        (self.touches, self.since_clean, self.recent, self.retest) = (0.0, 0.0, 0.0, false);
    }
}
