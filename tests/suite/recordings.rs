//! `aegis detect` over recordings that are made here: the project's tests need nobody else's data.

use std::fmt::Write;

use aegis_models::Seed;

use crate::support::{aegis, stdout_of};

/// A pump at 1 Hz: an hour, the last ten minutes with a valve half closed.
fn pump(fault: bool) -> String {
    let mut rng = Seed(9).stream("pump");
    let mut text = "datetime;flow;pressure;serial\n".to_owned();
    let mut swing = 0.0;
    for s in 0..3_600 {
        swing = 0.95 * swing + 0.3 * rng.normal();
        let closed = f64::from(fault && s >= 3_000);
        let (flow, pressure) = (32.0 + swing - 6.0 * closed, 2.0 + 0.02 * rng.normal() + 0.3 * closed);
        let (m, s) = (s / 60, s % 60);
        writeln!(text, "2026-01-01 10:{m:02}:{s:02};{flow:.4};{pressure:.5};7").expect("a string grows");
    }
    text
}

fn rows(args: &[&str]) -> Vec<(bool, bool, String)> {
    let text = stdout_of(&aegis(args));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,alarm,event,shift,channel,why"));
    let cells = |l: &str| l.split(',').map(str::to_owned).collect::<Vec<_>>();
    lines.map(cells).map(|c| (c[1] == "1", c[2] == "1", c[4].clone())).collect()
}

#[test]
fn a_fault_in_a_recording_is_one_incident_and_health_is_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("faulty.csv"), pump(true)).expect("written");
    std::fs::write(path("healthy.csv"), pump(false)).expect("written");
    for args in [
        vec!["detect", "--csv", &path("faulty.csv"), "--baseline-rows", "600"],
        vec!["detect", "--csv", &path("faulty.csv"), "--baseline", &path("healthy.csv"), "--delimiter", ";"],
        vec!["detect", "--csv", &path("faulty.csv"), "--ignore", "serial"],
    ] {
        let rows = rows(&args);
        assert_eq!(rows.len(), 3_600);
        assert!(rows[..3_000].iter().all(|r| !r.0 && !r.1), "a false alarm: {args:?}");
        assert!(rows[3_010..].iter().filter(|r| r.0).count() > 585, "the fault is missed: {args:?}");
        assert_eq!(rows.iter().filter(|r| r.1).count(), 1, "one fault is one incident: {args:?}");
        assert!(["flow", "pressure"].contains(&rows[3_300].2.as_str()));
    }
    assert!(rows(&["detect", "--csv", &path("healthy.csv"), "--baseline-rows", "600"]).iter().all(|r| !r.0));
}

#[test]
fn a_bad_recording_is_exit_2_with_file_and_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("torn.csv");
    std::fs::write(&file, "a,b\n1,2\n1\n").expect("written");
    let output = aegis(&["detect", "--csv", &file.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("torn.csv:3"));
    assert_eq!(aegis(&["detect", "--csv", "no-such-file.csv"]).status.code(), Some(2));
}
