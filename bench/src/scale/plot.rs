//! The picture of docs/PERFORMANCE.md: what a device costs beside how many there are.

use super::fleet::Cost;
use crate::Failure;
use std::{fmt::Write, path::Path};

const WIDTH: f64 = 820.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 100.0;
const PANEL: f64 = 110.0;
const GAP: f64 = 34.0;
const TOP: f64 = 20.0;

/// Legible on white and on black, as the pictures of the catalogue are.
const STYLE: &str = "text { font: 11px system-ui, sans-serif; fill: #74808c } \
    .name { font-size: 12px; font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle } \
    .grid { stroke: #8b96a3; stroke-opacity: .28; fill: none } \
    .line { stroke: #3a86f0; fill: none; stroke-width: 1.6; stroke-linejoin: round } .point { fill: #3a86f0 } \
    .target { stroke: #d97a17; stroke-width: 1.4; stroke-dasharray: 4 3; fill: none }";

struct Panel {
    name: &'static str,
    unit: &'static str,
    target: f64,
    values: Vec<f64>,
}

/// Writes the picture into the documentation.
pub(super) fn write(costs: &[(u32, Cost, Cost)]) -> Result<(), Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img/scale.svg");
    std::fs::write(&path, picture(costs)?)?;
    eprintln!("scale: wrote {}", path.display());
    Ok(())
}

fn picture(costs: &[(u32, Cost, Cost)]) -> Result<String, std::fmt::Error> {
    let panel = |name, unit, target, value: fn(&(u32, Cost, Cost)) -> f64| Panel {
        name,
        unit,
        target,
        values: costs.iter().map(value).collect(),
    };
    let panels = [
        panel("memory a device", "KiB", super::MOST_MEMORY, |cost| cost.2.memory),
        panel("processor time a sign-on", "µs", super::MOST_SIGN_ON, |cost| cost.1.sign_on),
        panel("processor time a publish", "µs", super::MOST_PUBLISH, |cost| cost.2.publish),
    ];
    let height = TOP + panels.len() as f64 * (PANEL + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\">\n<title>What a device costs in fleets of 100 to 10,000</title>\n<style>{STYLE}</style>\n"
    );
    for (row, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, TOP + row as f64 * (PANEL + GAP), costs)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

impl Panel {
    fn draw(&self, svg: &mut String, top: f64, costs: &[(u32, Cost, Cost)]) -> std::fmt::Result {
        let most = self.values.iter().copied().fold(self.target, f64::max) * 1.1;
        let sizes = costs.iter().map(|cost| f64::from(cost.0).log10());
        let (first, last) =
            sizes.clone().fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        let x = |size: f64| LEFT + (WIDTH - LEFT - RIGHT) * (size - first) / (last - first);
        let y = |value: f64| top + PANEL * (1.0 - value / most);
        let (bottom, end) = (top + PANEL, WIDTH - RIGHT);
        writeln!(
            svg,
            "<text class=\"name end\" x=\"{}\" y=\"{}\">{}</text>",
            LEFT - 14.0,
            top + 14.0,
            self.name
        )?;
        writeln!(svg, "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>", LEFT - 14.0, top + 30.0, self.unit)?;
        writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {top}V{bottom}H{end}\"/>")?;
        let target = y(self.target);
        writeln!(svg, "<path class=\"target\" d=\"M{LEFT} {target:.1}H{end}\"/>")?;
        writeln!(svg, "<text x=\"{}\" y=\"{:.1}\">at most {}</text>", end + 5.0, target + 4.0, self.target)?;
        let points: Vec<(f64, f64)> =
            sizes.zip(&self.values).map(|(size, value)| (x(size), y(*value))).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        writeln!(svg, "<path class=\"line\" d=\"M{}\"/>", line.join("L"))?;
        for ((x, y), (value, cost)) in points.iter().zip(self.values.iter().zip(costs)) {
            writeln!(svg, "<circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>")?;
            let shown = if *value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
            writeln!(svg, "<text class=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{shown}</text>", y + 15.0)?;
            writeln!(svg, "<text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>", bottom + 14.0, cost.0)?;
        }
        Ok(())
    }
}
