//! The plasma's light behind its window: the endpoint's channel and the nitrogen line.

use aegis_models::physics::plasma_etch::emission_share;

/// Counts of the endpoint's channel at the nominal point on film and, as a share of it, when it is gone; its fall [s].
const FILM_COUNTS: f64 = 1_700.0;
const CLEARED: f64 = 0.6;
const FALL_S: f64 = 2.0;
/// Counts of the nitrogen line without air, and for each sccm of it.
const NITROGEN_COUNTS: f64 = 40.0;
const NITROGEN_PER_SCCM: f64 = 30.0;
/// Light that the window loses in an hour of plasma [1/h].
const WINDOW_PER_HOUR: f64 = 0.001;
/// Behind a window that loses this share nothing is seen [-].
const BLIND: f64 = 0.8;

/// Light and window of a chamber.
pub(super) struct Light {
    /// Brightness of this chamber over nominal [-] -- parameter.
    bright: f64,
    /// The endpoint's channel over that of film [-], and its mean on film, as a sum and a count -- state.
    glow: f64,
    plateau: (f64, f64),
    /// Share of the light that the window loses besides -- fault.
    pub(super) clouded: f64,
}

impl Light {
    /// That of a chamber so bright over nominal [-].
    pub(super) fn new(bright: f64) -> Light {
        Light { bright, glow: 1.0, plateau: (0.0, 0.0), clouded: 0.0 }
    }

    /// Another wafer, with its film.
    pub(super) fn begin(&mut self) {
        (self.glow, self.plateau) = (1.0, (0.0, 0.0));
    }

    /// Follows the film: it is there, or gone.
    pub(super) fn follow(&mut self, film: bool, dt_s: f64) {
        let lit = if film { 1.0 } else { CLEARED };
        self.glow += (lit - self.glow) * (dt_s / (FALL_S + dt_s));
    }

    /// Whether the endpoint is seen, in the fall of the light.
    pub(super) fn fallen(&self) -> bool {
        self.glow < 0.5 * (1.0 + CLEARED) && self.clouded < BLIND
    }

    /// Counts of the endpoint's channel, at that power over nominal [-] and so many hours since the window was cleaned.
    pub(super) fn endpoint(&self, delivered: f64, rf_hours: f64) -> f64 {
        FILM_COUNTS * self.bright * emission_share(delivered) * self.glow * self.window(rf_hours)
    }

    /// Counts of the nitrogen line, with that much air [sccm].
    pub(super) fn nitrogen(&self, air: f64, delivered: f64, rf_hours: f64) -> f64 {
        (NITROGEN_COUNTS + NITROGEN_PER_SCCM * air) * (emission_share(delivered) * self.window(rf_hours))
    }

    /// Takes a value of the endpoint's channel into the mean on film.
    pub(super) fn on_film(&mut self, counts: f64) {
        self.plateau = (self.plateau.0 + counts, self.plateau.1 + 1.0);
    }

    /// That mean; NaN for a wafer without one.
    pub(super) fn plateau(&self) -> f64 {
        let (sum, count) = self.plateau;
        if count > 0.0 { sum / count } else { f64::NAN }
    }

    /// Share of the light that the window passes [-].
    fn window(&self, rf_hours: f64) -> f64 {
        (1.0 - self.clouded) * (1.0 - WINDOW_PER_HOUR * rf_hours)
    }
}
