//! What a line of lots has made, as a table under a run's timeline.

use aegis_sim::lots::{Production, ToolMetrics};

/// The line in a sentence, and a row for each tool with the shares of its time by the states of SEMI E10.
pub fn table(made: &Production) -> String {
    let line = &made.line;
    let cycle = match line.cycle_time_s {
        0.0 => "none released and completed in the run".to_owned(),
        s => format!("{:.1} h from release to completion", s / 3_600.0),
    };
    let busiest = made.tools.iter().max_by(|a, b| share(a, a.e10_s[0]).total_cmp(&share(b, b.e10_s[0])));
    let mut text = format!(
        "lots: {:.1} a day, {cycle}, {:.1} under way, {} lost | {:.1} carriers an hour | busiest tool {}\n",
        24.0 * line.throughput_per_h,
        line.wip,
        line.lost,
        line.carried_per_h,
        busiest.map_or("-", |t| &t.machine)
    );
    text += &format!(
        "{:<10}{:>5}{:>12}{:>9}{:>9}{:>9}{:>7}{:>9}{:>7}\n",
        "tool", "lots", "productive", "starved", "blocked", "standby", "down", "planned", "OEE"
    );
    for t in &made.tools {
        let [productive, standby, engineering, planned, down, _] = t.e10_s;
        // Before its first lot nobody knows its pace.
        let oee = if t.lots > 0 { format!("{:.3}", t.oee.overall()) } else { "-".to_owned() };
        let percent = |s: f64| format!("{:.1} %", 100.0 * share(t, s));
        text += &format!(
            "{:<10}{:>5}{:>12}{:>9}{:>9}{:>9}{:>7}{:>9}{oee:>7}\n",
            t.machine,
            t.lots,
            percent(productive),
            percent(t.starved_s),
            percent(t.blocked_s),
            percent(standby + engineering - t.starved_s - t.blocked_s),
            percent(down),
            percent(planned)
        );
    }
    text
}

fn share(t: &ToolMetrics, s: f64) -> f64 {
    s / t.e10_s.iter().sum::<f64>().max(f64::MIN_POSITIVE)
}
