//! Facts that hold for every definition, however odd its numbers.

use crate::bench::{Bench, definition, float, lag, seconds};
use proptest::{collection::vec, option, prelude::*};
use std::time::Duration;
use thingfleet_device::{
    definition::{
        Behaviour, Channel, ChannelId, ChoiceOption, DailyPoint, Definition, Kind, MarkovState, Operand,
        Range, Source,
    },
    model::{Model, ModelEvent},
    time::{Instant, UnixMillis},
    value::Value,
};

/// Everyday numbers mostly, and every other finite one sometimes.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e4..1e4, 1 => any::<f64>().prop_filter("numbers are finite", |x| x.is_finite())]
}

fn positive() -> impl Strategy<Value = f64> {
    number().prop_map(|x| x.abs().max(f64::MIN_POSITIVE))
}

fn range() -> impl Strategy<Value = Range> {
    (number(), number())
        .prop_filter("ranges are not empty", |(a, b)| a != b)
        .prop_map(|(a, b)| Range { min: a.min(b), max: a.max(b) })
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => 1u64..10_000_000_000, 1 => 1..u64::MAX].prop_map(Duration::from_micros)
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![number().prop_map(Operand::Number), (0u16..2).prop_map(|id| Operand::Channel(ChannelId(id)))]
}

fn daily() -> impl Strategy<Value = Source> {
    vec((0u32..86_400, number()), 1..5).prop_map(|mut points| {
        points.sort_by_key(|(second, _)| *second);
        points.dedup_by_key(|(second, _)| *second);
        Source::Daily(points.into_iter().map(|(second, value)| DailyPoint { second, value }).collect())
    })
}

fn markov() -> impl Strategy<Value = Source> {
    let state = (number(), span(), any::<bool>(), vec((0u16..3, positive()), 1..4));
    vec(state, 3).prop_map(|states| {
        let state = |(value, mean, fixed, next)| MarkovState { value, mean, fixed, next };
        Source::Markov(states.into_iter().map(state).collect())
    })
}

fn replay() -> impl Strategy<Value = Source> {
    (vec((span(), number()), 1..6), any::<bool>(), any::<bool>()).prop_map(
        |(mut samples, interpolate, repeat)| {
            samples.sort_by_key(|(at, _)| *at);
            Source::Replay { samples, interpolate, repeat }
        },
    )
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        Just(Source::Hold),
        operand().prop_map(Source::Constant),
        (operand(), span()).prop_map(|(toward, over)| Source::Lag { toward, over }),
        (number(), number(), span(), any::<bool>()).prop_map(|(from, to, over, repeat)| Source::Ramp {
            from,
            to,
            over,
            repeat
        }),
        (number(), number(), span(), span()).prop_map(|(mean, amplitude, period, phase)| Source::Sine {
            mean,
            amplitude,
            period,
            phase
        }),
        daily(),
        positive().prop_map(|step| Source::RandomWalk { step }),
        (operand(), positive(), span()).prop_map(|(mean, deviation, over)| Source::OrnsteinUhlenbeck {
            mean,
            deviation,
            over
        }),
        (number(), number(), span(), 0.01..0.99).prop_map(|(low, high, period, duty)| Source::Square {
            low,
            high,
            period,
            duty
        }),
        markov(),
        operand().prop_map(|per_hour| Source::Counter { per_hour }),
        (0u16..2, span(), number()).prop_map(|(of, per, scale)| Source::Integral {
            of: ChannelId(of),
            per,
            scale
        }),
        replay(),
    ]
}

fn kind() -> impl Strategy<Value = (Kind, Value)> {
    let options = ["a", "b", "c"].map(|name| ChoiceOption { name: name.into(), label: name.into() });
    prop_oneof![
        Just((Kind::Float, Value::Float(0.0))),
        Just((Kind::Integer, Value::Integer(0))),
        Just((Kind::Boolean, Value::Boolean(false))),
        Just((Kind::Choice(options.to_vec()), Value::Choice(0))),
    ]
}

prop_compose! {
    fn channel()(
        (kind, starts) in kind(),
        base in source(),
        range in option::of(range()),
        precision in option::of(0u8..20),
        noise in option::of(positive()),
        rate_limit in option::of(positive()),
        quantise in option::of(positive()),
        clamp in option::of(range()),
    ) -> Channel {
        let behaviour = Behaviour { base, cases: Vec::new(), noise, rate_limit, quantise, clamp };
        let range = range.filter(|_| kind == Kind::Float);
        let starts = range.map_or(starts, |range| Value::Float(range.min));
        Channel { kind, starts, range, precision, behaviour, ..float("x", 0.0, Source::Hold) }
    }
}

/// The channel's name decides its randomness.
fn two(first: Channel, second: Channel, tick: Duration) -> Definition {
    let mut definition = definition(vec![first, Channel { name: "y".into(), ..second }]);
    definition.tick = tick;
    definition
}

/// The channel, and another one for operands to read.
fn beside(channel: Channel) -> Definition {
    two(channel, float("y", 3.5, Source::Hold), Duration::from_secs(1))
}

proptest! {
    #[test]
    fn values_are_finite_and_in_their_range(first in channel(), second in channel(), tick in span()) {
        let mut bench = Bench::new(two(first, second, tick));
        for _ in 0..200 {
            bench.tick();
            for (id, channel) in bench.definition.channels() {
                let number = bench.model.value(id).as_f64();
                prop_assert!(number.is_finite());
                if let Some(range) = channel.range {
                    prop_assert!((range.min..=range.max).contains(&number), "{number}");
                }
            }
        }
    }

    #[test]
    fn values_are_in_their_clamp(mut channel in channel(), clamp in range()) {
        (channel.kind, channel.starts, channel.range, channel.precision) =
            (Kind::Float, Value::Float(0.0), None, None);
        channel.behaviour.clamp = Some(clamp);
        for number in Bench::new(beside(channel)).numbers(0, 100) {
            prop_assert!((clamp.min..=clamp.max).contains(&number), "{number}");
        }
    }

    #[test]
    fn how_often_a_model_is_advanced_makes_no_difference(
        first in channel(),
        second in channel(),
        mut stops in vec(0u64..100_000_000, 0..40),
    ) {
        let definition = two(first, second, Duration::from_millis(700));
        let run = |stops: &[u64]| {
            let mut model = Model::new(&definition, "bench-1", 7, UnixMillis(0));
            let mut events: Vec<(Instant, ModelEvent)> = Vec::new();
            for stop in stops {
                model.advance(&definition, Instant::from_micros(*stop), &mut |at, event| events.push((at, event)));
            }
            let values = [0, 1].map(|id| model.value(ChannelId(id)).clone());
            (events, values, model.next_tick())
        };
        stops.push(100_000_000);
        prop_assert_eq!(run(&stops), run(&[100_000_000]));
    }

    #[test]
    fn a_lag_approaches_and_never_overshoots(
        start in -1e6..1e6,
        toward in -1e6..1e6,
        over in 1u64..100_000,
        tick in span(),
    ) {
        let mut definition = definition(vec![float("x", start, lag(toward, over))]);
        definition.tick = tick;
        let numbers = Bench::new(definition).numbers(0, 50);
        for pair in numbers.windows(2) {
            prop_assert!((toward - pair[1]).abs() <= (toward - pair[0]).abs());
            prop_assert!((toward - pair[1]) * (toward - start) >= -1e-3, "{pair:?}");
        }
    }

    #[test]
    fn a_rate_limited_channel_never_jumps(mut channel in channel(), rate in 0.01f64..100.0) {
        let behaviour = &mut channel.behaviour;
        behaviour.rate_limit = Some(rate);
        (behaviour.quantise, behaviour.clamp) = (None, None);
        (channel.kind, channel.starts, channel.range, channel.precision) =
            (Kind::Float, Value::Float(0.0), None, None);
        for pair in Bench::new(beside(channel)).numbers(0, 100).windows(2) {
            prop_assert!((pair[1] - pair[0]).abs() <= rate * (1.0 + 1e-9) + 1e-9, "{pair:?}");
        }
    }

    #[test]
    fn setting_any_value_keeps_the_model_sound(channel in channel(), inject in number()) {
        let mut bench = Bench::new(beside(channel));
        bench.run_to(5);
        for value in [Value::Float(inject), Value::Float(f64::NAN), Value::Integer(i64::MIN), Value::Choice(u16::MAX)] {
            bench.set(0, &value);
            prop_assert!(bench.number(0).is_finite());
            bench.tick();
            prop_assert!(bench.number(0).is_finite());
        }
        prop_assert!(bench.model.next_tick() > seconds(5));
    }
}
