use aegis_models::event::Source;
use aegis_models::{Severity, Threat};

use super::*;

const SITE: &str = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n\
    [[coupling]]\ncarries='process_water'\nfrom=['CHL']\nto=['E1','E2']\n\
    [[coupling]]\ncarries='air'\nfrom=['AHU']\nto=['b']\n\
    [[coupling]]\ncarries='chilled_water'\nfrom=['CHL']\nto=['AHU']\n";

fn correlator() -> Correlator {
    let machines = ["CHL", "E1", "E2", "E3", "AHU"]
        .map(|n| format!("[[machine]]\nname='{n}'\nkind='cnc'\nbay='b'\n"))
        .concat();
    Correlator::new(&Site::parse(&format!("{SITE}{machines}")).expect("the site is valid"))
}

fn incident(machine: &str, kind: ThreatKind, over: Option<Carrier>, second: u64) -> Incident {
    Incident {
        id: format!("fab/{machine}/1"),
        machine: machine.to_owned(),
        threat: Threat {
            kind,
            cause: "cause".to_owned(),
            severity: Severity::Medium,
            confidence: 0.9,
            evidence: vec!["because".to_owned()],
            over,
        },
        state: IncidentState::Open,
        first_seen: Time::from_secs(second),
        last_seen: Time::from_secs(second),
        count: 1,
        peak: Severity::Medium,
        revision: 0,
    }
}

fn observe(c: &mut Correlator, incident: Incident) -> Vec<Verdict> {
    let body = match incident.state {
        IncidentState::Resolved => Body::IncidentResolved { incident },
        _ => Body::IncidentOpened { incident },
    };
    c.observe(&Event { time: Time::ZERO, source: Source::Sentinel, seq: 1, body });
    std::iter::from_fn(|| c.poll()).collect()
}

fn raised(verdicts: &[Verdict]) -> Vec<(u16, bool)> {
    let raise = |v: &Verdict| match v {
        Verdict::Raise { machine, cascade } => Some((machine.0, cascade.is_some())),
        Verdict::Tell(_) => None,
    };
    verdicts.iter().filter_map(raise).collect()
}

const WATER: Option<Carrier> = Some(Carrier::ProcessWater);

#[test]
fn what_a_machine_suffers_goes_to_the_one_that_feeds_it() {
    let mut c = correlator();
    assert!(observe(&mut c, incident("CHL", ThreatKind::EquipmentDegradation, None, 100)).is_empty());
    let told = observe(&mut c, incident("E1", ThreatKind::CoolantFailure, WATER, 160));
    assert_eq!(raised(&told), [(0, true), (1, true)]);
    let told = observe(&mut c, incident("E2", ThreatKind::CoolantFailure, WATER, 170));
    assert_eq!(raised(&told), [(2, true)]);
    let [only] = c.cascades() else { panic!("one cascade: {:?}", c.cascades()) };
    assert_eq!((only.root.as_str(), only.effects.len(), only.revision), ("CHL", 2, 1));
    assert!(only.evidence[0].contains("EquipmentDegradation on CHL"));
    // It is over when its effects are.
    for machine in ["E1", "E2"] {
        let mut ended = incident(machine, ThreatKind::CoolantFailure, WATER, 160);
        ended.state = IncidentState::Resolved;
        observe(&mut c, ended);
    }
    assert!(c.cascades().is_empty() && c.raised.is_empty());
}

#[test]
fn a_chain_ends_at_its_beginning() {
    let mut c = correlator();
    observe(&mut c, incident("E3", ThreatKind::ThermalDrift, Some(Carrier::Air), 400));
    observe(&mut c, incident("AHU", ThreatKind::CoolantFailure, Some(Carrier::ChilledWater), 300));
    observe(&mut c, incident("CHL", ThreatKind::EquipmentDegradation, None, 200));
    let [only] = c.cascades() else { panic!("one cascade: {:?}", c.cascades()) };
    let members: Vec<_> = only.effects.iter().map(|e| e.machine.as_str()).collect();
    assert_eq!((only.root.as_str(), members), ("CHL", vec!["AHU", "E3"]));
}

#[test]
fn machines_that_suffer_together_point_to_what_they_share() {
    let mut c = correlator();
    assert!(
        observe(&mut c, incident("E1", ThreatKind::CoolantFailure, WATER, 100)).is_empty(),
        "one is none"
    );
    let told = observe(&mut c, incident("E2", ThreatKind::CoolantFailure, WATER, 150));
    assert_eq!(raised(&told), [(0, true), (1, true), (2, true)]);
    assert_eq!((c.cascades()[0].root.as_str(), c.cascades()[0].cause.clone()), ("CHL", None));
    // The chiller's own incident comes late and takes its place at the root.
    let told = observe(&mut c, incident("CHL", ThreatKind::EquipmentDegradation, None, 900));
    assert!(matches!(&told[..], [Verdict::Tell(Body::Cascade { cascade })] if cascade.cause.is_some()));
}

#[test]
fn decoys_are_left_alone() {
    let mut c = correlator();
    // Its own fault at the same time, a line that is cut, an instrument that lies, and a supply that nobody shares.
    observe(&mut c, incident("E1", ThreatKind::BearingFailure, None, 100));
    observe(&mut c, incident("CHL", ThreatKind::SensorFault, None, 100));
    observe(&mut c, incident("E2", ThreatKind::CoolantFailure, WATER, 110));
    observe(&mut c, incident("E3", ThreatKind::CoolantFailure, WATER, 110));
    assert!(c.cascades().is_empty(), "{:?}", c.cascades());
}

#[test]
fn the_mains_strike_many_at_once() {
    let mut c = correlator();
    let mains = Some(Carrier::Mains);
    for (machine, second) in [("E1", 100), ("AHU", 101)] {
        assert!(observe(&mut c, incident(machine, ThreatKind::FacilityIntegrity, mains, second)).is_empty());
    }
    observe(&mut c, incident("E3", ThreatKind::FacilityIntegrity, mains, 103));
    assert_eq!(c.cascades()[0].root, "mains");
}
