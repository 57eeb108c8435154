//! Recordings as equipment writes them, good and bad.

use aegis_adapters::csv::{Clock, Options, Recording, parse, read, read_channels};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn recording(text: &str) -> Recording {
    parse("pump.csv", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// The message of the error that `text` must make.
fn refusal(text: &str) -> String {
    parse("pump.csv", text.as_bytes(), &Options::default()).expect_err(text).to_string()
}

#[test]
fn a_recording_is_its_channels_over_time() {
    let r = recording(
        "datetime;Current;Volume Flow RateRMS;fixed;empty\n\
         2020-02-08 13:30:47;2.5;122.6;1;\n\
         2020-02-08 13:30:49;;121.0;1;\n\
         2020-02-08 13:30:49;2.25;NaN;1;\n",
    );
    assert_eq!(r.columns, ["Current", "Volume Flow RateRMS"]);
    assert_eq!(r.rows, [[Some(2.5), Some(122.6)], [None, Some(121.0)], [Some(2.25), None]]);
    assert_eq!(r.seconds, [0.0, 2.0, 2.0]);
    assert_eq!(r.clock, Clock::Column("datetime".into()));
}

#[test]
fn an_unnamed_first_column_is_an_index_and_dots_make_a_time() {
    let r =
        recording(",Datetime,Bearing 1\n0,2004.02.12.10.32.39,0.0583\r\n1,2004.02.12.10.42.39,5.9e-2\r\n");
    assert_eq!((r.columns.len(), r.seconds), (1, vec![0.0, 600.0]));
}

#[test]
fn without_a_usable_clock_the_row_number_is_the_clock() {
    let none = recording("accel_g\n1.5\n-0.5\n0.25\n");
    assert_eq!((none.seconds, none.clock), (vec![0.0, 1.0, 2.0], Clock::Rows { why: None }));

    let seconds = recording("Time,T1\n10.5,1\n11.25,2\n");
    assert_eq!((seconds.columns, seconds.seconds), (vec!["T1".to_owned()], vec![0.0, 0.75]));

    let restarts = recording("run,Time,T1\n0,11.9,1\n0,13.0,2\n1,11.9,3\n");
    assert_eq!((restarts.columns.len(), restarts.seconds), (2, vec![0.0, 1.0, 2.0]));
    let Clock::Rows { why: Some(why) } = restarts.clock else { panic!("{:?}", restarts.clock) };
    assert_eq!(why, "column \"Time\" runs backwards in line 4");

    let broken = recording("timestamp,T1\n2020-02-08,1\nsoon,2\n");
    let Clock::Rows { why: Some(why) } = broken.clock else { panic!("{:?}", broken.clock) };
    assert_eq!(why, "column \"timestamp\" holds \"soon\" in line 3, which is no time");
}

#[test]
fn the_delimiter_is_given_or_found() {
    for text in ["a,b\n1,2\n3,4\n", "a;b\n1;2\n3;4\n", "a\tb\n1\t2\n3\t4\n", "\u{feff}a,b\n1 , 2\n\n3,4"] {
        assert_eq!(recording(text).rows, [[Some(1.0), Some(2.0)], [Some(3.0), Some(4.0)]], "{text:?}");
        assert_eq!(recording(text).columns, ["a", "b"], "{text:?}");
    }
    let bar = Options { delimiter: Some('|'), ..Options::default() };
    assert_eq!(parse("x", b"a|b\n1|2\n3|4\n", &bar).unwrap().columns, ["a", "b"]);
    let wide = Options { delimiter: Some('\u{2192}'), ..Options::default() };
    assert!(parse("x", b"a\n1\n", &wide).unwrap_err().to_string().starts_with("delimiter '\u{2192}':"));
}

#[test]
fn ignored_columns_are_neither_channel_nor_clock_and_may_hold_anything() {
    let options = Options { delimiter: None, ignore: vec!["Time".into(), "mode".into(), "absent".into()] };
    let r = parse("x", b"Time,mode,T1\n5,auto,1\n9,manual,2\n", &options).unwrap();
    assert_eq!((r.columns, r.seconds), (vec!["T1".to_owned()], vec![0.0, 1.0]));
}

#[test]
fn an_error_names_the_place_and_what_would_be_right() {
    assert_eq!(
        refusal("a,mode\n1,2\n2,auto\n"),
        "pump.csv:3: column \"mode\": \"auto\"; a number with a decimal point would be right, or --ignore the column"
    );
    assert!(refusal("a;b\n1,5;2\n").starts_with("pump.csv:2: column \"a\": \"1,5\""));
    assert_eq!(refusal("a,b\n1,2\n1\n"), "pump.csv:3: 1 cells; 2, as in the header, would be right");
    assert!(refusal("").starts_with("pump.csv:1: nothing; a header"));
    assert!(refusal("1.5,2\n3,4\n").starts_with("pump.csv:1: numbers, such as \"1.5\""));
    assert!(refusal("a,b,a\n1,2,3\n").starts_with("pump.csv:1: two columns are named \"a\""));
    let missing = read("/no/such/file.csv", &Options::default()).unwrap_err();
    assert_eq!(missing.to_string(), "/no/such/file.csv");
    let why = std::error::Error::source(&missing).map(ToString::to_string).unwrap_or_default();
    assert!(why.starts_with("No such file"), "{why}");
}

#[test]
fn names_in_another_encoding_and_a_delimiter_at_the_end_are_read() {
    let r = parse("x", b"T [\xb0C],b,\n1,2,\n3,4,\n", &Options::default()).unwrap();
    assert_eq!(r.columns, ["T [\u{fffd}C]", "b"]);
}

#[test]
fn channels_asked_for_by_name_are_kept_though_they_stand_still() {
    let file = std::env::temp_dir().join(format!("aegis-baseline-{}.csv", std::process::id()));
    std::fs::write(&file, "a,valve,b\n1,50,3\n2,50,4\n").unwrap();
    let asked = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        read_channels(&file, &Options::default(), &names)
    };
    let found = asked(&["valve", "a"]);
    let missing = asked(&["a", "c"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(found.unwrap().rows, [[Some(50.0), Some(1.0)], [Some(50.0), Some(2.0)]]);
    let missing = missing.unwrap_err().to_string();
    assert!(missing.ends_with("no column is named \"c\"; there are a, valve, b"), "{missing}");
}

/// Tables that mostly read, tables with one cell that may be anything, and noise.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![8 => "-?[0-9]{1,3}(\\.[0-9]{1,2})?", 1 => Just(String::new()), 1 => Just("nan".to_owned())];
    let row = prop::collection::vec(cell, 3);
    let clock = prop::sample::select(vec!["datetime", "Time", "a"]);
    let separator = prop::sample::select(vec![",", ";", "\t"]);
    let table = (clock, separator, prop::collection::vec(row, 0..6), prop::bool::weighted(0.8));
    let table = table.prop_map(|(clock, separator, rows, dated)| {
        let mut lines = vec![[clock, "b", "c"].join(separator)];
        for (i, mut row) in rows.into_iter().enumerate() {
            if clock != "a" && dated {
                row[0] = format!("2020-02-08 13:30:{:02}", 10 + i);
            }
            lines.push(row.join(separator));
        }
        lines.join("\n").into_bytes()
    });
    let changed =
        (table.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut text, at, byte)| {
            let at = at.index(text.len());
            text[at] = byte;
            text
        });
    prop_oneof![2 => table, 2 => changed, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// A property over files that are all refused proves nothing: these reach tables, clocks of both kinds and errors.
#[test]
fn the_generated_files_reach_tables_clocks_and_errors() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let [mut tables, mut clocked, mut numbered, mut refused] = [0; 4];
    for _ in 0..1000 {
        let file = files().new_tree(&mut runner).unwrap().current();
        match parse("any", &file, &Options::default()) {
            Ok(r) => {
                tables += u32::from(r.rows.len() > 1 && !r.columns.is_empty());
                clocked += u32::from(r.rows.len() > 1 && matches!(r.clock, Clock::Column(_)));
                numbered += u32::from(r.rows.len() > 1 && matches!(r.clock, Clock::Rows { .. }));
            }
            Err(_) => refused += 1,
        }
    }
    let reached = [tables, clocked, numbered, refused];
    assert!(reached.iter().all(|n| *n >= 100), "of 1,000 files: {reached:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 5_000 } else { 200_000 }))]

    /// Whatever a file holds is a recording or an error: never a panic, and never a table with holes.
    #[test]
    fn any_bytes_are_a_recording_or_an_error(bytes in files()) {
        if let Ok(r) = parse("any", &bytes, &Options::default()) {
            prop_assert_eq!(r.rows.len(), r.seconds.len());
            prop_assert!(r.rows.iter().all(|row| row.len() == r.columns.len()));
            prop_assert!(r.seconds.windows(2).all(|w| w[0] <= w[1]));
        }
    }
}
