//! The two matches between generators and plasma, which tell what the plasma is like.

use aegis_models::physics::rf_match::LNetwork;

/// Forward power at the nominal point [W]; pressure there [mTorr].
const NOMINAL_W: f64 = 350.0;
const NOMINAL_MTORR: f64 = 12.0;
/// Plasma behind the matches: coil and bias at the nominal point [ohm]; the matches follow in [s]. Resistance rises with
/// pressure and falls with the density that the coil makes, as both load capacitors of the LAM 9600 show.
const COIL_OHM: f64 = 2.0;
const BIAS_OHM: f64 = 4.0;
const MATCH_TAU_S: f64 = 0.8;
/// Capacitors: full scale of the load capacitor [S] and of the tune reactance [ohm].
const LOAD_SCALE_S: f64 = 0.2;
const TUNE_SCALE_OHM: f64 = 20.0;

/// The matches of coil and bias.
pub(super) struct Matches {
    /// Resistance of this chamber's coil over nominal [-] -- parameter.
    coil: f64,
    coil_match: LNetwork,
    bias_match: LNetwork,
    /// Power that the coil's match sends back [W] -- state.
    pub(super) reflected: f64,
    /// How far its series reactance is off [-] -- fault.
    pub(super) mismatch: f64,
}

impl Matches {
    /// Those of a chamber whose coil is so much over nominal [-].
    pub(super) fn new(coil: f64) -> Matches {
        Matches {
            coil,
            coil_match: LNetwork::matching(COIL_OHM * coil),
            bias_match: LNetwork::matching(BIAS_OHM),
            reflected: 0.0,
            mismatch: 0.0,
        }
    }

    /// They follow the plasma of that forward power [W] and pressure [mTorr].
    pub(super) fn follow(&mut self, forward: f64, pressure: f64, dt_s: f64) {
        let (power, dense) = (forward / NOMINAL_W, pressure / NOMINAL_MTORR);
        let r = COIL_OHM * self.coil * (1.0 + 0.08 * (dense - 1.0) - 0.1 * (power - 1.0));
        let bias_r = BIAS_OHM * (1.0 + 0.08 * (dense - 1.0) - 0.1 * (power - 1.0));
        let mut coil = LNetwork::matching(r);
        coil.series_ohm *= 1.0 + self.mismatch;
        let share = dt_s / (MATCH_TAU_S + dt_s);
        self.coil_match = toward(self.coil_match, coil, share);
        self.bias_match = toward(self.bias_match, LNetwork::matching(bias_r), share);
        // A sound match leaves a watt; its null is not perfect.
        self.reflected = 1.0 + forward * self.coil_match.reflected_share(r);
    }

    /// What of a forward power [W] reaches the plasma, over nominal [-].
    pub(super) fn delivered(&self, forward: f64) -> f64 {
        (forward - self.reflected).max(0.0) / NOMINAL_W
    }

    /// Load and tune of the coil's match, and of the bias's [%].
    pub(super) fn shown(&self) -> [f64; 4] {
        let load = |m: &LNetwork| 100.0 * m.shunt_s / LOAD_SCALE_S;
        let tune = |m: &LNetwork| 100.0 * m.series_ohm / TUNE_SCALE_OHM;
        let (coil, bias) = (&self.coil_match, &self.bias_match);
        [load(coil), tune(coil), load(bias), tune(bias)]
    }
}

/// A network on its way to another.
fn toward(from: LNetwork, to: LNetwork, share: f64) -> LNetwork {
    LNetwork {
        shunt_s: from.shunt_s + share * (to.shunt_s - from.shunt_s),
        series_ohm: from.series_ohm + share * (to.series_ohm - from.series_ohm),
    }
}
