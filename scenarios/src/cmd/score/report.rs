//! The figures, each beside its aim, and the confusion table by threat.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::mix::Species;
use crate::score::{NOTHING, Score};

/// What has been found.
#[derive(Default, Serialize)]
pub struct Report {
    /// Over scenario files.
    pub library: Option<Score>,
    /// Over random mixes of faults that can be seen.
    pub mixes: Option<Score>,
    /// Over random mixes of faults that can hardly be seen.
    pub small: Option<Score>,
    /// Faults of a size that none of the sizes tried made visible.
    pub unseen: Vec<Species>,
    /// Over days without a fault.
    pub nominal: Vec<Nominal>,
}

/// Days without a fault on one seed.
#[derive(Serialize)]
pub struct Nominal {
    /// The seed.
    pub seed: u64,
    /// How many days.
    pub days: u32,
    /// Incidents.
    pub alarms: u32,
    /// Each of them.
    pub flaws: Vec<String>,
}

/// A figure beside its aim.
#[derive(Serialize)]
pub struct Figure {
    /// Over what.
    pub over: String,
    /// Which figure.
    pub what: &'static str,
    /// How it stands; none when nothing could be counted.
    pub value: Option<f64>,
    /// What is asked.
    pub aim: f64,
    /// Whether the aim is the least (true) or the most (false) that is asked.
    pub at_least: bool,
}

/// Alarms on thirty days that are too few to matter (a hundredth of what EEMUA 191 would allow).
const ALARMS_IN_30_DAYS: f64 = 4.0;

impl Figure {
    fn new(over: &str, what: &'static str, value: Option<f64>, aim: f64, at_least: bool) -> Figure {
        Figure { over: over.to_owned(), what, value, aim, at_least }
    }

    /// Whether it is met; what could not be counted is.
    pub fn met(&self) -> bool {
        self.value.is_none_or(|v| if self.at_least { v >= self.aim } else { v <= self.aim })
    }
}

/// The report with its figures, as JSON tells it.
#[derive(Serialize)]
pub struct WithFigures<'a> {
    met: bool,
    figures: Vec<Figure>,
    #[serde(flatten)]
    report: &'a Report,
}

impl Report {
    /// Every figure that is asked for. Small faults are reported apart and ask for nothing.
    pub fn figures(&self) -> Vec<Figure> {
        let mut all = Vec::new();
        for (over, score) in [("library", &self.library), ("mixes", &self.mixes)] {
            if let Some(s) = score {
                all.extend(figures(over, s));
            }
        }
        for n in &self.nominal {
            let alarms = f64::from(n.alarms) * 30.0 / f64::from(n.days);
            let over = format!("{} days, seed {}", n.days, n.seed);
            all.push(Figure::new(&over, "alarms in 30 days", Some(alarms), ALARMS_IN_30_DAYS, false));
        }
        all
    }

    /// Whether every figure is met.
    pub fn met(&self) -> bool {
        self.figures().iter().all(Figure::met)
    }

    /// For JSON.
    pub fn with_figures(&self) -> WithFigures<'_> {
        WithFigures { met: self.met(), figures: self.figures(), report: self }
    }

    /// For people.
    pub fn words(&self) -> String {
        let mut text = String::new();
        for (title, score) in [
            ("Library", &self.library),
            ("Random mixes", &self.mixes),
            ("Random mixes of faults below the observable", &self.small),
        ] {
            if let Some(s) = score {
                text += &section(title, s);
            }
        }
        for n in &self.nominal {
            n.flaws.iter().for_each(|f| text += &format!("  seed {}: {f}\n", n.seed));
        }
        for s in &self.unseen {
            text += &format!("never seen at any size tried: {} {}\n", s.kind, s.fault);
        }
        for f in self.figures() {
            let (style, word) = match f.met() {
                true => (anstyle::AnsiColor::Green.on_default(), "ok  "),
                false => (anstyle::AnsiColor::Red.on_default().bold(), "FAIL"),
            };
            let value = f.value.map_or("-".to_owned(), |v| format!("{v:.3}"));
            let way = if f.at_least { "at least" } else { "at most" };
            text += &format!(
                "{style}{word}{style:#}  {:<24} {:<34} {value:>8}  {way} {}\n",
                f.over, f.what, f.aim
            );
        }
        text
    }
}

fn figures(over: &str, s: &Score) -> Vec<Figure> {
    vec![
        Figure::new(over, "recall", s.recall(), 0.98, true),
        Figure::new(over, "precision", s.precision(), 0.98, true),
        Figure::new(over, "right diagnosis", s.diagnosis(), 0.95, true),
        Figure::new(over, "zone as the policy on the truth", s.zones(), 1.0, true),
        Figure::new(over, "writes in RED", Some(f64::from(s.writes_in_red)), 0.0, false),
        Figure::new(over, "median latency over time to harm", s.median_haste(), 0.25, false),
    ]
}

fn section(title: &str, s: &Score) -> String {
    let latency = s.median_latency_s().map_or("-".to_owned(), |l| format!("{l:.0} s"));
    let mut text = format!(
        "{title}\n  faults {}: named right {}, named wrong {}, missed {} | incidents {}: effects {}, false {} | \
         zones right {} of {} | median latency {latency} | damage {}, avoided {}\n",
        s.faults,
        s.detected,
        s.misnamed,
        s.missed,
        s.incidents,
        s.effects,
        s.false_alarms,
        s.zones_right,
        s.zones_right + s.zones_wrong,
        s.damage,
        s.damage_avoided
    );
    for (layer, [faults, found, right]) in &s.layers {
        text += &format!("  {layer:?}: {found} of {faults} found, {right} named right\n").to_lowercase();
    }
    s.flaws.iter().for_each(|f| text += &format!("    {f}\n"));
    text + &confusion(&s.confusion) + "\n"
}

/// Truth in rows, what was named in columns.
fn confusion(table: &BTreeMap<String, BTreeMap<String, u32>>) -> String {
    if table.is_empty() {
        return String::new();
    }
    let mut columns: BTreeSet<&str> = table.values().flat_map(|r| r.keys().map(String::as_str)).collect();
    let missed = columns.remove(NOTHING);
    let columns: Vec<&str> = columns.into_iter().chain(missed.then_some(NOTHING)).collect();
    let mut text = format!("  {:<24}", "truth \\ named");
    columns.iter().for_each(|c| text += &format!(" {:>width$}", c, width = c.len().max(5)));
    text.push('\n');
    for (truth, row) in table {
        text += &format!("  {truth:<24}");
        for c in &columns {
            let n = row.get(*c).map_or(".".to_owned(), u32::to_string);
            text += &format!(" {n:>width$}", width = c.len().max(5));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(missed: u32, alarms: u32) -> Report {
        let row = BTreeMap::from([("ToolWear".to_owned(), 99), (NOTHING.to_owned(), missed)]);
        let mixes = Score {
            faults: 99 + missed,
            detected: 99,
            missed,
            incidents: 99,
            hastes: vec![0.1; 99],
            confusion: BTreeMap::from([("ToolWear".to_owned(), row)]),
            ..Score::default()
        };
        let nominal = vec![Nominal { seed: 5, days: 15, alarms, flaws: vec![] }];
        Report { mixes: Some(mixes), nominal, ..Report::default() }
    }

    #[test]
    fn a_figure_that_is_not_met_fails_the_report() {
        assert!(report(1, 2).met());
        assert!(!report(3, 2).met(), "recall");
        assert!(!report(1, 3).met(), "six alarms in thirty days");
        let mut hasty = report(1, 2);
        hasty.mixes.as_mut().unwrap().writes_in_red = 1;
        assert!(!hasty.met());
    }

    #[test]
    fn the_table_has_truth_in_rows_and_what_was_missed_last() {
        let text = report(1, 0).words();
        assert!(text.contains("truth \\ named            ToolWear (missed)"), "{text}");
        assert!(text.contains("  ToolWear                       99        1"), "{text}");
    }
}
