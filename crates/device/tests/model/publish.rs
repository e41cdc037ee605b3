//! What a publish policy promises, for every policy and every course of a value.

use crate::bench::seconds;
use proptest::{collection::vec, option, prelude::*};
use std::time::Duration;
use thingfleet_device::{
    definition::PublishPolicy,
    publish::{PublishState, Reason},
    value::Value,
};

/// What is sent of a value that is this at each second.
fn sent(policy: &PublishPolicy, course: &[f64]) -> Vec<(u64, f64, Reason)> {
    let mut state = PublishState::new();
    let at_second = |(second, value): (u64, &f64)| {
        let reason = state.due(policy, seconds(second), &Value::Float(*value))?;
        Some((second, *value, reason))
    };
    (0..).zip(course).filter_map(at_second).collect()
}

fn policy(every: Option<u64>, change: Option<f64>, gap: u64, heartbeat: Option<u64>) -> PublishPolicy {
    let span = Duration::from_secs;
    PublishPolicy { every: every.map(span), change, gap: span(gap), heartbeat: heartbeat.map(span) }
}

fn times(sent: &[(u64, f64, Reason)]) -> Vec<u64> {
    sent.iter().map(|(second, ..)| *second).collect()
}

prop_compose! {
    fn any_policy()(
        every in option::of(1u64..20),
        change in option::of(0.0..3.0),
        gap in 0u64..20,
        heartbeat in option::of(1u64..40),
    ) -> PublishPolicy {
        policy(every, change, gap, heartbeat)
    }
}

fn course() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![Just(0.0), Just(0.5), -5.0..5.0], 1..200)
}

proptest! {
    #[test]
    fn nothing_is_sent_within_the_gap(policy in any_policy(), course in course()) {
        for pair in times(&sent(&policy, &course)).windows(2) {
            prop_assert!(pair[1] - pair[0] >= policy.gap.as_secs());
        }
    }

    #[test]
    fn silence_never_outlasts_the_heartbeat(policy in any_policy(), course in course(), heartbeat in 1u64..40) {
        let policy = PublishPolicy { heartbeat: Some(Duration::from_secs(heartbeat)), ..policy };
        let most = heartbeat.max(policy.gap.as_secs());
        let mut times = times(&sent(&policy, &course));
        times.push(course.len() as u64);
        for pair in times.windows(2) {
            prop_assert!(pair[1] - pair[0] <= most);
        }
    }

    #[test]
    fn a_change_is_sent_only_from_the_band_on(policy in any_policy(), course in course(), band in 0.0..3.0) {
        let policy = PublishPolicy { change: Some(band), ..policy };
        for pair in sent(&policy, &course).windows(2) {
            let (_, before, _) = pair[0];
            let (_, value, reason) = pair[1];
            let differs = value != before && (value - before).abs() >= band;
            prop_assert!(reason == Reason::Heartbeat || differs);
        }
    }

    #[test]
    fn a_watcher_is_never_further_behind_than_the_band(course in course(), band in 0.1..3.0) {
        let sent = sent(&policy(None, Some(band), 0, None), &course);
        for (second, value) in (0..).zip(&course) {
            let (_, seen, _) = sent.iter().rev().find(|(at, ..)| *at <= second).expect("the first value is sent");
            prop_assert!((seen - value).abs() < band);
        }
    }

    #[test]
    fn a_period_is_kept_from_the_first_value_on(every in 1u64..20, course in course()) {
        let expected: Vec<u64> = (0..course.len() as u64).step_by(usize::try_from(every).expect("small")).collect();
        prop_assert_eq!(times(&sent(&policy(Some(every), None, 0, None), &course)), expected);
    }
}

#[test]
fn a_period_is_not_shifted_by_a_late_look() {
    let policy = policy(Some(10), None, 0, None);
    let mut state = PublishState::new();
    let due: Vec<u64> = [0, 9, 13, 19, 20, 47, 49, 50]
        .into_iter()
        .filter(|second| state.due(&policy, seconds(*second), &Value::Boolean(true)).is_some())
        .collect();
    assert_eq!(due, [0, 13, 20, 47, 50]);
}

#[test]
fn a_change_within_the_gap_is_sent_when_the_gap_ends() {
    let policy = policy(None, Some(0.0), 5, None);
    assert_eq!(times(&sent(&policy, &[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])), [0, 5]);
}

#[test]
fn a_change_that_is_undone_within_the_gap_is_not_sent() {
    let policy = policy(None, Some(0.0), 3, None);
    assert_eq!(times(&sent(&policy, &[0.0, 1.0, 0.0, 0.0, 0.0])), [0]);
}

#[test]
fn a_value_that_was_reported_otherwise_is_not_sent_again() {
    let policy = policy(None, Some(0.0), 0, None);
    let mut state = PublishState::new();
    assert_eq!(state.due(&policy, seconds(0), &Value::Boolean(false)), Some(Reason::First));
    state.sent(&policy, seconds(1), &Value::Boolean(true));
    assert_eq!(state.due(&policy, seconds(1), &Value::Boolean(true)), None);
    assert_eq!(state.due(&policy, seconds(2), &Value::Boolean(false)), Some(Reason::Change));
}
