//! Each source and modifier does what its words in `definition.rs` say.

use crate::bench::{Bench, channel, definition, float, lag, switch, while_holds};
use std::time::Duration;
use thingfleet_device::{
    definition::{ChannelId, DailyPoint, Kind, MarkovState, Operand, Range, Source},
    value::Value,
};

fn of(base: Source) -> Bench {
    Bench::new(definition(vec![float("x", 0.0, base)]))
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9 * right.abs().max(1.0)
}

#[test]
fn a_lag_covers_its_share_of_the_distance_whatever_the_tick() {
    for tick in [1, 5, 60, 300] {
        let mut bench = of(lag(100.0, 300));
        bench.definition.tick = Duration::from_secs(tick);
        bench = Bench::new(bench.definition);
        bench.run_to(300);
        assert!(close(bench.number(0), 100.0 * (1.0 - (-1.0f64).exp())), "tick {tick}");
    }
}

#[test]
fn a_case_takes_over_from_the_present_value_and_gives_it_back() {
    let power = switch("power");
    let water = while_holds(
        float("water", 20.0, lag(20.0, 1000)),
        "power",
        std::slice::from_ref(&power),
        lag(100.0, 60),
    );
    let mut bench = Bench::new(definition(vec![power, water]));
    bench.run_to(10);
    assert_eq!(bench.number(1), 20.0);
    bench.set(0, &Value::Boolean(true));
    bench.run_to(70);
    let hot = bench.number(1);
    assert!(close(hot, 100.0 - 80.0 * (-1.0f64).exp()));
    bench.set(0, &Value::Boolean(false));
    bench.tick();
    assert!(bench.number(1) < hot && bench.number(1) > hot - 0.1);
}

#[test]
fn a_ramp_starts_anew_with_its_case() {
    let power = switch("power");
    let ramp = Source::Ramp { from: 10.0, to: 20.0, over: Duration::from_secs(10), repeat: false };
    let x = while_holds(float("x", 0.0, Source::Hold), "power", std::slice::from_ref(&power), ramp);
    let mut bench = Bench::new(definition(vec![power, x]));
    for _ in 0..2 {
        bench.set(0, &Value::Boolean(true));
        assert_eq!(bench.numbers(1, 3), [10.0, 11.0, 12.0]);
        bench.set(0, &Value::Boolean(false));
        assert_eq!(bench.numbers(1, 2), [12.0, 12.0]);
    }
}

#[test]
fn a_ramp_holds_at_its_end_or_starts_again() {
    let ramp =
        |repeat| of(Source::Ramp { from: 0.0, to: 4.0, over: Duration::from_secs(4), repeat }).numbers(0, 7);
    assert_eq!(ramp(false), [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
    assert_eq!(ramp(true), [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0]);
}

#[test]
fn a_sine_starts_rising_and_its_phase_shifts_it_left() {
    let sine = |phase| {
        let (period, phase) = (Duration::from_secs(8), Duration::from_secs(phase));
        of(Source::Sine { mean: 5.0, amplitude: 2.0, period, phase }).numbers(0, 9)
    };
    let wave = sine(0);
    assert_eq!((wave[0], wave[2], wave[8]), (5.0, 7.0, 5.0));
    assert_eq!(sine(2)[..7], wave[2..]);
}

#[test]
fn a_square_is_high_for_its_share_of_the_period() {
    let period = Duration::from_secs(5);
    let numbers = of(Source::Square { low: -1.0, high: 1.0, period, duty: 0.4 }).numbers(0, 10);
    assert_eq!(numbers, [1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0]);
}

#[test]
fn a_daily_curve_goes_around_midnight() {
    let point = |hour: u32, value| DailyPoint { second: hour * 3600, value };
    let mut bench = of(Source::Daily(vec![point(6, 0.0), point(18, 12.0)]));
    let mut at = |hour: u64| bench.run_to(hour * 3600).number(0);
    assert_eq!([0, 6, 7, 18, 21, 24, 30].map(&mut at), [6.0, 0.0, 1.0, 12.0, 9.0, 6.0, 0.0]);
}

#[test]
fn a_replay_holds_or_joins_its_samples_and_starts_again_after_a_mean_distance() {
    let samples =
        || [(0, 1.0), (2, 3.0), (4, 1.0)].map(|(at, value)| (Duration::from_secs(at), value)).to_vec();
    let replay =
        |interpolate, repeat| of(Source::Replay { samples: samples(), interpolate, repeat }).numbers(0, 8);
    assert_eq!(replay(true, false), [1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(replay(false, false), [1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(replay(true, true), [1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 1.0, 2.0]);
}

#[test]
fn counters_and_integrals_grow_with_time() {
    let counter = float("count", 5.0, Source::Counter { per_hour: Operand::Channel(ChannelId(1)) });
    let power = float("power", 1800.0, Source::Hold);
    let integral = Source::Integral { of: ChannelId(1), per: Duration::from_hours(1), scale: 0.001 };
    let mut bench = Bench::new(definition(vec![counter, power, float("energy", 1.0, integral)]));
    bench.run_to(7200);
    assert!(close(bench.number(0), 3605.0) && close(bench.number(2), 4.6));
}

#[test]
fn an_ornstein_uhlenbeck_process_keeps_its_mean_and_deviation_whatever_the_tick() {
    for tick in [1, 60, 1000] {
        let over = Duration::from_mins(1);
        let mut definition = definition(vec![float(
            "x",
            20.0,
            Source::OrnsteinUhlenbeck { mean: Operand::Number(20.0), deviation: 3.0, over },
        )]);
        definition.tick = Duration::from_secs(tick);
        let numbers = Bench::new(definition).numbers(0, 60_000);
        let mean = numbers.iter().sum::<f64>() / 60_000.0;
        let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 60_000.0).sqrt();
        // With a tick of a second there are only 500 independent samples.
        assert!(
            (mean - 20.0).abs() < 0.5 && (deviation - 3.0).abs() < 0.3,
            "tick {tick}: {mean} {deviation}"
        );
    }
}

#[test]
fn a_random_walk_spreads_with_the_square_root_of_time() {
    let walks = (0..400).map(|index| {
        let mut bench =
            Bench::new(definition(vec![float(&format!("x{index}"), 0.0, Source::RandomWalk { step: 2.0 })]));
        bench.definition.tick = Duration::from_secs(10);
        Bench::new(bench.definition).run_to(1000).number(0)
    });
    let variance = walks.map(|x| x * x).sum::<f64>() / 400.0;
    assert!((variance / 4000.0 - 1.0).abs() < 0.25, "{variance}");
}

#[test]
fn a_markov_chain_dwells_as_long_as_its_states_say() {
    let state =
        |value, seconds, fixed, next| MarkovState { value, mean: Duration::from_secs(seconds), fixed, next };
    let states = vec![
        state(0.0, 100, false, vec![(1, 1.0)]),
        state(1.0, 50, true, vec![(0, 1.0), (2, 1.0)]),
        state(2.0, 50, false, vec![(0, 1.0)]),
    ];
    let numbers = of(Source::Markov(states)).numbers(0, 200_000);
    let share = |value| numbers.iter().filter(|x| **x == value).count() as f64 / 200_000.0;
    // A round is 100 s of state 0, 50 s of state 1 and every other time 50 s of state 2.
    assert!((share(0.0) - 100.0 / 175.0).abs() < 0.03, "{}", share(0.0));
    assert!((share(1.0) - 50.0 / 175.0).abs() < 0.03, "{}", share(1.0));
}

#[test]
fn a_markov_chain_starts_in_the_state_of_the_start_value() {
    let state = |value, next| MarkovState {
        value,
        mean: Duration::from_hours(1),
        fixed: true,
        next: vec![(next, 1.0)],
    };
    let states = vec![state(0.0, 1), state(1.0, 0)];
    let mut bench = Bench::new(definition(vec![float("x", 1.0, Source::Markov(states))]));
    bench.tick();
    assert_eq!(bench.number(0), 1.0);
}

#[test]
fn noise_does_not_feed_back() {
    let mut noisy = float("x", 10.0, lag(10.0, 100));
    noisy.behaviour.noise = Some(1.0);
    let numbers = Bench::new(definition(vec![noisy])).numbers(0, 20_000);
    let mean = numbers.iter().sum::<f64>() / 20_000.0;
    let together = numbers.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>() / 20_000.0;
    assert!((mean - 10.0).abs() < 0.05 && together.abs() < 0.05, "{mean} {together}");
}

#[test]
fn a_rate_limit_bounds_each_step() {
    let mut slow = float("x", 0.0, Source::Constant(Operand::Number(1.0)));
    slow.behaviour.rate_limit = Some(0.25);
    assert_eq!(Bench::new(definition(vec![slow])).numbers(0, 6), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
}

#[test]
fn quantised_values_stay_inside_the_clamp() {
    let mut channel =
        float("x", 0.0, Source::Ramp { from: 0.0, to: 10.0, over: Duration::from_secs(10), repeat: false });
    channel.behaviour.quantise = Some(3.0);
    channel.behaviour.clamp = Some(Range { min: 1.0, max: 8.0 });
    let numbers = Bench::new(definition(vec![channel])).numbers(0, 11);
    assert_eq!(numbers, [3.0, 3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0]);
}

#[test]
fn a_walk_does_not_wander_off_behind_its_clamp() {
    let mut walk = float("x", 50.0, Source::RandomWalk { step: 5.0 });
    walk.behaviour.clamp = Some(Range { min: 40.0, max: 60.0 });
    let numbers = Bench::new(definition(vec![walk])).numbers(0, 10_000);
    let at_the_edge = numbers.iter().filter(|x| **x == 40.0 || **x == 60.0).count();
    assert!(numbers.iter().all(|x| (40.0..=60.0).contains(x)));
    assert!(at_the_edge > 100 && at_the_edge < 5_000, "{at_the_edge}");
}

#[test]
fn an_injected_reading_is_where_the_behaviour_goes_on() {
    let mut bench = of(lag(0.0, 100));
    bench.run_to(10);
    assert!(bench.set(0, &Value::Float(50.0)));
    assert!(!bench.set(0, &Value::Float(50.0)));
    assert!(!bench.set(0, &Value::Text("hot".into())));
    bench.tick();
    assert!(close(bench.number(0), 50.0 * (-0.01f64).exp()));
}

#[test]
fn operands_see_this_tick_of_earlier_channels_and_the_last_of_later_ones() {
    let ramp = || Source::Ramp { from: 0.0, to: 10.0, over: Duration::from_secs(10), repeat: false };
    let copy = |of| Source::Constant(Operand::Channel(ChannelId(of)));
    let mut bench = Bench::new(definition(vec![
        float("before", 0.0, copy(1)),
        float("ramp", 0.0, ramp()),
        float("after", 0.0, copy(1)),
    ]));
    bench.run_to(5);
    assert_eq!([0, 1, 2].map(|channel| bench.number(channel)), [4.0, 5.0, 5.0]);
}

#[test]
fn one_more_channel_leaves_the_others_alone() {
    let walk = || float("walk", 0.0, Source::RandomWalk { step: 1.0 });
    let other = channel("other", Kind::Integer, Value::Integer(0), Source::RandomWalk { step: 9.0 });
    let alone = Bench::new(definition(vec![walk()])).numbers(0, 100);
    assert_eq!(Bench::new(definition(vec![other, walk()])).numbers(1, 100), alone);
}
