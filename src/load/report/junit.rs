//! A report as `JUnit` XML, which every CI shows: a test for each threshold, and one for the generator itself.

use super::Report;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The report as `JUnit` XML.
///
/// # Errors
/// What the writer says of text that XML cannot carry.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(format!("thingfleet load {}", report.fleet));
    suite.set_time(Duration::from_secs_f64(report.lasted_s.clamp(0.0, 1e9)));
    let generator = &report.generator;
    let late = format!(
        "{:.2} % of what it did was more than {} ms late",
        generator.late_share * 100.0,
        generator.limit_ms
    );
    suite.add_test_case(case("the generator keeps its schedule", !generator.saturated, &late));
    for threshold in &report.thresholds {
        let measured = format!("measured: {}", threshold.measured());
        suite.add_test_case(case(&threshold.text, threshold.held, &measured));
    }
    let mut junit = quick_junit::Report::new("thingfleet");
    junit.add_test_suite(suite);
    junit.to_string()
}

fn case(name: &str, is_good: bool, what: &str) -> TestCase {
    let mut status = if is_good {
        TestCaseStatus::success()
    } else {
        TestCaseStatus::non_success(NonSuccessKind::Failure)
    };
    if !is_good {
        status.set_message(what);
    }
    let mut case = TestCase::new(name, status);
    case.set_classname("thingfleet.load");
    case.set_system_out(what);
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::example;

    #[test]
    fn a_threshold_that_was_missed_is_a_failure() {
        let xml = junit(&example("1/1", 90_000)).unwrap();
        assert!(xml.contains("failures=\"1\""), "{xml}");
        assert!(
            xml.contains("publish.p99 &lt; 50ms") && xml.contains("<failure message=\"measured: 90"),
            "{xml}"
        );
    }
}
