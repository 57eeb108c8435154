//! Outcomes as JUnit XML, which every CI reads.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::run::Outcome;

/// One suite, one case a scenario. It names no time and no machine: the same run gives the same bytes.
pub fn report(outcomes: &[Outcome]) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("aegis scenarios");
    for o in outcomes {
        let mut status = TestCaseStatus::success();
        if !o.passed {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let unmet = o.verdicts.iter().filter(|v| !v.met);
            let lines: Vec<String> = unmet.map(|v| format!("{}: {}", v.asked, v.seen)).collect();
            status.set_message(lines.join("; "));
            status.set_description(format!(
                "{}\ncargo aegis run {} --seed {}",
                lines.join("\n"),
                o.scenario.display(),
                o.seed
            ));
        }
        let mut case = TestCase::new(o.title.clone(), status);
        case.set_classname(o.scenario.display().to_string());
        suite.add_test_case(case);
    }
    let mut report = Report::new("aegis");
    report.add_test_suite(suite);
    report.to_string()
}
