//! Results: an aligned table for people, JSON for programs.

use serde_json::{Value, json};
use std::fmt;

/// All results of a run.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Section>);

/// The results of one benchmark.
#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    rows: Vec<Row>,
    remarks: Vec<String>,
}

#[derive(Debug)]
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    /// What it is compared with, and the quotient.
    ratio: Option<(&'static str, f64)>,
    /// The bound, and whether it is on the ratio rather than on the value.
    target: Option<(f64, bool)>,
}

impl Report {
    /// Begins the results of a benchmark.
    pub(crate) fn section(&mut self, title: impl Into<String>) -> &mut Section {
        self.0.push(Section { title: title.into(), rows: Vec::new(), remarks: Vec::new() });
        self.0.last_mut().expect("one was pushed")
    }

    /// Everything, for programs.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "what": row.what, "value": row.value, "unit": row.unit,
                "ratio": row.ratio.map(|(_, ratio)| ratio), "to": row.ratio.map(|(to, _)| to),
                "target": row.target.map(|(most, _)| most), "met": row.is_met(),
            })
        };
        self.0
            .iter()
            .map(|section| {
                let rows: Vec<_> = section.rows.iter().map(row).collect();
                json!({ "title": section.title, "rows": rows, "remarks": section.remarks })
            })
            .collect()
    }
}

impl Section {
    /// A figure that stands for itself.
    pub(crate) fn row(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { what: what.into(), value, unit, ratio: None, target: None });
    }

    /// A figure that may be `most` at the most.
    pub(crate) fn bounded(&mut self, what: impl Into<String>, value: f64, unit: &'static str, most: f64) {
        self.rows.push(Row { what: what.into(), value, unit, ratio: None, target: Some((most, false)) });
    }

    /// A figure beside the one it is compared with, which may be so many times as large if there is a target.
    pub(crate) fn compared(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        (to, other): (&'static str, f64),
        target: Option<f64>,
    ) {
        let target = target.map(|most| (most, true));
        self.rows.push(Row { what: what.into(), value, unit, ratio: Some((to, value / other)), target });
    }

    /// A sentence below the table.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}

impl Row {
    fn is_met(&self) -> Option<bool> {
        let (most, on_ratio) = self.target?;
        let judged = if on_ratio { self.ratio?.1 } else { self.value };
        Some(judged <= most)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().flat_map(|section| &section.rows).map(|row| row.what.len()).max();
        let width = width.unwrap_or_default();
        for section in &self.0 {
            writeln!(f, "{}", section.title)?;
            for row in &section.rows {
                write!(f, "  {:width$} {:>12.*} {:14}", row.what, digits(row.value), row.value, row.unit)?;
                if let Some((to, ratio)) = row.ratio {
                    write!(f, " {:<26}", format!("{ratio:.2} x {to}"))?;
                } else if row.target.is_some() {
                    write!(f, " {:<26}", "")?;
                }
                if let (Some((most, on_ratio)), Some(is_met)) = (row.target, row.is_met()) {
                    let times = if on_ratio { " x" } else { "" };
                    write!(f, " target {most}{times}: {}", if is_met { "met" } else { "MISSED" })?;
                }
                writeln!(f)?;
            }
            for remark in &section.remarks {
                writeln!(f, "  - {remark}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Decimals that make three to five figures.
fn digits(value: f64) -> usize {
    match value.abs() {
        large if large >= 1000.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_on_what_it_is_set_for() {
        let mut report = Report::default();
        let section = report.section("memory");
        section.compared("ours", 30.0, "KiB", ("bound", 10.0), Some(3.0));
        section.compared("worse", 31.0, "KiB", ("bound", 10.0), Some(3.0));
        section.bounded("time", 61.0, "s", 60.0);
        section.row("bound", 10.0, "KiB");
        let met: Vec<_> = section.rows.iter().map(Row::is_met).collect();
        assert_eq!(met, [Some(true), Some(false), Some(false), None]);
        let text = report.to_string();
        assert!(text.contains("3.00 x bound") && text.contains("target 3 x: met"), "{text}");
    }
}
