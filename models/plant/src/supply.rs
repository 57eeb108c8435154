//! What machines get from the building and from each other, and what they give: the couplings of the fab.
//!
//! The twin carries it: what is given in one step is supplied in the next, along the site's declared graph and with its
//! delays. A machine that stands alone is supplied with [`Supply::default`], which is nominal, and has work without end.

/// What a machine gets in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supply {
    /// Air of the machine's bay.
    pub air: Air,
    /// Water for cooling coils [degC].
    pub chilled_water_c: f64,
    /// Process cooling water for chucks, spindles, lenses and moulds.
    pub process_water: ProcessWater,
    /// Suction in the exhaust duct, below the bay [Pa].
    pub exhaust_pa: f64,
    /// Ultrapure water.
    pub upw: Upw,
    /// Process chemicals at the tool's valve box, slurry and developer included [kPa].
    pub chemical_kpa: f64,
    /// Mains voltage over nominal [-]: 1 in health, below in a sag.
    pub mains: f64,
    /// Velocity of the floor under the machine, RMS in the worst third octave [um/s]: 3 is class VC-E.
    pub floor_um_per_s: f64,
    /// What all that are fed by this machine take of it in sum; nought for one that feeds nobody.
    pub load: Load,
    /// The work that lies at the machine; none when it is starved.
    pub job: Option<Job>,
    /// A finished lot cannot leave: the machine is blocked.
    pub blocked: bool,
}

/// The air of a bay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// Temperature [degC].
    pub temp_c: f64,
    /// Relative humidity [%].
    pub humidity_pct: f64,
    /// Overpressure against the corridor [Pa].
    pub overpressure_pa: f64,
    /// Particles >= 0.5 um where the lots stand [1/m3].
    pub particles_per_m3: f64,
    /// Particles >= 0.5 um in the air that enters the ceiling's filters [1/m3].
    pub make_up_particles_per_m3: f64,
    /// Solvent and acid vapour [ppm].
    pub vapour_ppm: f64,
}

/// Process cooling water.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessWater {
    /// Supply temperature [degC].
    pub temp_c: f64,
    /// Flow to be had over nominal [-].
    pub flow: f64,
}

/// Ultrapure water at the point of use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upw {
    /// Resistivity, compensated to 25 degC [Mohm cm].
    pub resistivity_mohm_cm: f64,
    /// Total organic carbon [ppb].
    pub toc_ppb: f64,
    /// Particles >= 50 nm [1/ml].
    pub particles_per_ml: f64,
    /// Loop pressure [kPa].
    pub pressure_kpa: f64,
}

/// What is taken of others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Heat into chilled or process water [W].
    pub water_w: f64,
    /// Heat into the bay's air [W].
    pub air_w: f64,
    /// Air drawn into the exhaust [m3/s].
    pub exhaust_m3_per_s: f64,
    /// Acid or solvent that goes with it, against what a tool gives off at nominal duty [-].
    pub fumes: f64,
    /// Ultrapure water [l/min].
    pub upw_l_per_min: f64,
    /// Chemicals [l/min].
    pub chemical_l_per_min: f64,
}

/// Work: the pieces of one lot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// The lot's number.
    pub lot: u32,
    /// The recipe that its route asks for at this step; 1 is every tool's first.
    pub recipe: u16,
    /// Pieces in it: wafers before dicing, strips after.
    pub pieces: u32,
    /// What earlier steps have made of it.
    pub quality: Quality,
}

/// What is wrong with a lot's pieces, as its earlier steps left it. All nought is perfect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Killer defects of a wafer, above those of a sound line [1/wafer].
    pub defects_per_wafer: f64,
    /// Overlay error beyond the nominal [nm].
    pub overlay_nm: f64,
    /// Line width error [nm].
    pub cd_nm: f64,
    /// Film thickness error [%].
    pub thickness_pct: f64,
    /// Chips at the edge beyond the nominal [um].
    pub chipping_um: f64,
    /// Share of joints (die, wire, bump, mould) that will fail at test, above those of a sound line [-].
    pub weak_joints: f64,
}

/// What a machine gives in a step. The twin clears it before each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Given {
    /// What it takes of those that feed it.
    pub takes: Load,
    /// What it makes of its bay's air: each part that it makes at all.
    pub air: GivenAir,
    /// Chilled water that it gives [degC].
    pub chilled_water_c: Option<f64>,
    /// Process water that it gives.
    pub process_water: Option<ProcessWater>,
    /// Suction that it keeps [Pa].
    pub exhaust_pa: Option<f64>,
    /// Ultrapure water that it gives.
    pub upw: Option<Upw>,
    /// Chemicals that it gives [kPa].
    pub chemical_kpa: Option<f64>,
    /// Velocity that it puts into the floor at its feet, RMS [um/s].
    pub floor_um_per_s: f64,
    /// The lot that it has finished in this step, as its pieces now are.
    pub finished: Option<Quality>,
    /// What it does, as SEMI E10 counts time.
    pub e10: E10,
}

/// The parts of a bay's air that a machine makes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GivenAir {
    /// Temperature [degC].
    pub temp_c: Option<f64>,
    /// Relative humidity [%].
    pub humidity_pct: Option<f64>,
    /// Overpressure [Pa].
    pub overpressure_pa: Option<f64>,
    /// Particles >= 0.5 um [1/m3].
    pub particles_per_m3: Option<f64>,
    /// Vapour that it lets out [ppm], added to that of others.
    pub vapour_ppm: f64,
}

/// The basic states of equipment (SEMI E10-0304, 5), as points show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum E10 {
    /// Productive: it works on a lot.
    #[default]
    Productive = 1,
    /// Standby: it could work and has nothing to work on, or cannot give away what it has done.
    Standby = 2,
    /// Engineering.
    Engineering = 3,
    /// Scheduled downtime: planned maintenance.
    ScheduledDown = 4,
    /// Unscheduled downtime: it failed.
    UnscheduledDown = 5,
    /// Not scheduled to be used.
    NonScheduled = 6,
}

impl E10 {
    /// The number that a point shows.
    pub fn number(self) -> f64 {
        f64::from(self as u8)
    }
}

impl Default for Supply {
    fn default() -> Supply {
        Supply {
            air: Air::default(),
            chilled_water_c: 7.0,
            process_water: ProcessWater { temp_c: 18.0, flow: 1.0 },
            exhaust_pa: 250.0,
            upw: Upw { resistivity_mohm_cm: 18.18, toc_ppb: 1.0, particles_per_ml: 1.0, pressure_kpa: 300.0 },
            chemical_kpa: 200.0,
            mains: 1.0,
            floor_um_per_s: 3.0,
            load: Load::default(),
            job: Some(Job { lot: 1, recipe: 1, pieces: 25, quality: Quality::default() }),
            blocked: false,
        }
    }
}

impl Default for Air {
    fn default() -> Air {
        Air {
            temp_c: 21.0,
            humidity_pct: 45.0,
            overpressure_pa: 20.0,
            particles_per_m3: 400.0,
            make_up_particles_per_m3: 3.0e6,
            vapour_ppm: 0.0,
        }
    }
}
