//! A report as one HTML page that opens offline: verdicts, a table, and plots over time, in light and in dark.

mod plot;

use super::{
    Operation, Report, Second,
    hints::{hints, times},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plot::{Axis, Band, Line, Plot};
use thingfleet_schema::load;

/// Colours by their names in the page, so that the plots follow the reader's scheme.
const STYLE: &str = include_str!("html/style.css");

/// The whole page.
pub fn page(report: &Report) -> String {
    let verdict = if report.is_good() { "good" } else { "not good" };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (report.fleet) ": load" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (report.fleet) " " span class=(verdict.replace(' ', "-")) { (verdict) } }
                p { (report.description) }
                p class="facts" {
                    (report.devices) " devices on " (report.domain) ", " (format!("{:.0}", report.lasted_s)) " s, seed "
                    (report.seed) ", " (report.shards.len()) @if report.shards.len() == 1 { " process" } @else { " processes" }
                    ", thingfleet " (report.generator.version)
                }
                (thresholds(report))
                @for hint in hints(report) { p class="hint" { (hint) } }
                (operations(report))
                (plots(report))
                (generator(report))
            }
        }
    }
    .into_string()
}

fn thresholds(report: &Report) -> Markup {
    html! {
        @if !report.thresholds.is_empty() {
            h2 { "Thresholds" }
            table {
                @for threshold in &report.thresholds {
                    tr {
                        td class=(if threshold.held { "good" } else { "not-good" }) {
                            (if threshold.held { "held" } else { "missed" })
                        }
                        td { code { (threshold.text) } }
                        td { (threshold.measured()) }
                    }
                }
            }
        }
    }
}

fn operations(report: &Report) -> Markup {
    html! {
        h2 { "Operations" }
        p class="facts" { "Latencies in ms, from the moment at which each should have begun." }
        table class="numbers" {
            tr {
                th { "operation" } th { "sent" } th { "acknowledged" } th { "failed" } th { "in flight" }
                th { "p50" } th { "p90" } th { "p99" } th { "p99.9" } th { "max" }
            }
            @for (operation, ended) in known(report) {
                tr {
                    td title=(operation.describe()) { (operation.name()) }
                    td { (ended.sent) } td { (ended.acknowledged) }
                    td { (ended.failed.values().sum::<u64>()) } td { (ended.in_flight) }
                    @if let Some(latency) = ended.latency_ms {
                        @for number in [latency.p50, latency.p90, latency.p99, latency.p999, latency.max] {
                            td { (format!("{number:.1}")) }
                        }
                    }
                }
            }
        }
        @for (operation, ended) in known(report) {
            @for (kind, count) in &ended.failed {
                p class="facts" { (operation.name()) " failed " (times(*count)) ": " code { (kind) } }
            }
        }
    }
}

fn plots(report: &Report) -> Markup {
    let bands: Vec<_> = report
        .phases
        .iter()
        .map(|phase| Band { name: phase.name.clone(), from: phase.from_s, to: phase.to_s })
        .collect();
    let line = |name: &str, value: &dyn Fn(&Second) -> Option<f64>| Line {
        name: name.to_owned(),
        points: report
            .seconds
            .iter()
            .filter_map(|second| Some((f64::from(second.at) + 0.5, value(second)?)))
            .collect(),
    };
    let plot = |title: &str, axis: Axis, lines: Vec<Line>| Plot {
        title: title.to_owned(),
        axis,
        lines,
        bands: bands.clone(),
    };
    let of = |name: &'static str| {
        move |second: &Second| {
            Some(second.operations.get(name).map_or(0.0, |slice| slice.acknowledged as f64))
        }
    };
    let names: Vec<_> = known(report).map(|(operation, _)| operation.name()).collect();
    let throughput = ["join", "publish", "event", "actuate"].into_iter().filter(|name| names.contains(name));
    let failures = |second: &Second| {
        Some(second.operations.values().flat_map(|slice| slice.failed.values()).sum::<u64>() as f64)
    };
    let summaries = |name: &'static str, title: &str| {
        let percentile = |which: fn(super::Summary) -> f64| {
            move |second: &Second| second.operations.get(name)?.summary().map(which)
        };
        let lines = vec![
            line("p50", &percentile(|one| one.p50)),
            line("p99", &percentile(|one| one.p99)),
            line("max", &percentile(|one| one.max)),
        ];
        plot(title, Axis::Millis, lines)
    };
    let mut plots = vec![
        plot("Operations a second", Axis::Count, throughput.map(|name| line(name, &of(name))).collect()),
        plot(
            "Devices",
            Axis::Count,
            vec![
                line("online", &|second| Some(second.online as f64)),
                line("expected", &|second| Some(second.expected as f64)),
            ],
        ),
    ];
    for (name, title) in [
        ("publish", "Publish: value due to acknowledged"),
        ("event", "Event: value due to observer"),
        ("actuate", "Actuation: due to reported"),
        ("join", "Join: due to online"),
        ("return", "Return: cut off to online"),
    ] {
        if names.contains(&name) {
            plots.push(summaries(name, title));
        }
    }
    plots.push(plot("Failures a second", Axis::Count, vec![line("failed", &failures)]));
    plots.push(plot(
        "The generator: the latest it was",
        Axis::Millis,
        vec![line("late", &|second| Some(second.own.late_ms))],
    ));
    plots.push(plot(
        "The generator: cores used",
        Axis::Count,
        vec![line("cores", &|second| Some(second.own.cpu))],
    ));
    plots.push(plot(
        "The generator: memory in MiB",
        Axis::Count,
        vec![line("resident", &|second| Some(second.own.memory as f64 / f64::from(1 << 20)))],
    ));
    html! {
        h2 { "Over time" }
        div class="plots" { @for plot in plots { (plot.draw()) } }
    }
}

fn generator(report: &Report) -> Markup {
    let generator = &report.generator;
    html! {
        h2 { "The generator" }
        p {
            @if generator.saturated {
                span class="not-good" { "saturated" } ": the latencies say more about it than about the server. "
            }
            (format!("{:.2}", generator.late_share * 100.0)) " % of what it did was more than " (generator.limit_ms)
            " ms late. It took " (format!("{:.1}", generator.cpu_s)) " s of processor time on " (generator.cores)
            " cores, and " (generator.peak_memory >> 20) " MiB at most."
        }
    }
}

/// The operations of a report in their order.
fn known(report: &Report) -> impl Iterator<Item = (load::Operation, &Operation)> {
    load::Operation::ALL
        .into_iter()
        .filter_map(|operation| Some((operation, report.operations.get(operation.name())?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::{example, long_example};

    #[test]
    fn a_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_given() {
        let mut report = long_example(1, 1.0);
        report.description = "<script>alert(1)</script>".to_owned();
        let page = page(&report);
        assert!(!page.contains("<script") && page.contains("&lt;script"));
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.matches("<svg").count() >= 5);
    }

    #[test]
    fn verdicts_are_words_and_not_colours_alone() {
        let page = page(&example("1/1", 90_000));
        assert!(page.contains(">missed<") && page.contains(">not good<"));
    }
}
