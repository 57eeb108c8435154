//! What the shaft's own lines say: unbalance, misalignment, looseness (ISO 13373-1:2002, annex B).

use aegis_models::physics::vibration::Zones;
use aegis_models::signal::{BadBurst, OrderSpectrum, Plans};

/// A line counts when it stands this many times over the floor around it, in amplitude.
const LINE: f64 = 4.0;
/// Of what the whole machine shakes, one line is the cause when it carries this share of the RMS.
const LEADS: f64 = 0.8;
/// Misalignment: twice, or three times, a turn at least this share of once a turn.
const MISALIGNED: f64 = 0.5;
/// Looseness: so many of the harmonics 3 to 10, and so many of the halves 0.5 to 5.5.
const LOOSE_HARMONICS: usize = 5;
const LOOSE_HALVES: usize = 3;

/// What is wrong with a shaft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShaftFault {
    /// Its mass is not centred.
    Unbalance,
    /// It does not lie in one line with the next.
    Misalignment,
    /// Something it runs in or stands on is loose.
    Looseness,
}

impl ShaftFault {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            ShaftFault::Unbalance => "unbalance",
            ShaftFault::Misalignment => "misalignment",
            ShaftFault::Looseness => "looseness",
        }
    }
}

/// One of a shaft's faults, with its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct ShaftFinding {
    /// What.
    pub fault: ShaftFault,
    /// Why, in words.
    pub why: String,
}

/// What is wrong with a shaft that turns at `rpm`, from acceleration [m/s2]. It is judged from zone B of `zones` on: below,
/// a machine that shakes once a turn is one that turns.
pub fn shaft_faults(
    plans: &mut Plans,
    values_m_s2: &[f64],
    rate_hz: f64,
    rpm: f64,
    zones: &Zones,
) -> Result<Vec<ShaftFinding>, BadBurst> {
    let spectrum = OrderSpectrum::new(plans, values_m_s2, rate_hz, rpm)?;
    let overall = spectrum.overall_mm_s;
    let least = zones.boundaries_mm_s[0];
    if overall < least {
        return Ok(vec![]);
    }
    let speed = |order: f64| spectrum.line(order).0;
    let stands = |order: f64| spectrum.line(order).1 >= LINE;
    let halves: Vec<f64> = (0..6).map(|k| f64::from(k) + 0.5).filter(|o| stands(*o)).collect();
    let harmonics: Vec<f64> = (3..=10).map(f64::from).filter(|o| stands(*o)).collect();
    let (one, two, three) = (speed(1.0), speed(2.0), speed(3.0));
    let (fault, why) = if halves.len() >= LOOSE_HALVES && harmonics.len() >= LOOSE_HARMONICS {
        let why = format!("lines at {} and at {} orders", list(&halves), list(&harmonics));
        (ShaftFault::Looseness, why)
    } else if stands(1.0)
        && (stands(2.0) && two >= MISALIGNED * one || stands(3.0) && three >= MISALIGNED * one)
    {
        let why = format!(
            "once a turn {one:.2} mm/s, twice {two:.2}, three times {three:.2}; a limit of {:.0} % of once a turn",
            100.0 * MISALIGNED
        );
        (ShaftFault::Misalignment, why)
    } else if stands(1.0) && one >= LEADS * overall {
        let why = format!("once a turn {one:.2} of {overall:.2} mm/s; a limit of {:.0} %", 100.0 * LEADS);
        (ShaftFault::Unbalance, why)
    } else {
        return Ok(vec![]);
    };
    let why = format!("{why}; overall {overall:.2} mm/s against {least} mm/s, where zone B begins");
    Ok(vec![ShaftFinding { fault, why }])
}

fn list(orders: &[f64]) -> String {
    orders.iter().map(|o| o.to_string()).collect::<Vec<_>>().join(", ")
}
