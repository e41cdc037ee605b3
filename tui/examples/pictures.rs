//! Draws the screens of the dashboard as SVG: `cargo run -p thingfleet-tui --example pictures -- docs/img/dashboard`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{OPTIONS, Stage};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use std::{env, fmt::Write as _, fs, io, path::Path};

// Measures in pixels and colours, as in scripts/terminal.py.
const CELL: f64 = 8.4;
const LINE: f64 = 19.0;
const SIZE: f64 = 14.0;
const PAD: f64 = 18.0;
const PAPER: &str = "#161b22";
const INK: &str = "#d7dee6";

type Steps = fn(&mut Stage);

/// The pictures, and what leads to them.
const SCREENS: [(&str, Steps); 8] = [
    ("fleet", |_| {}),
    ("map", |stage| {
        stage.keys("m");
    }),
    ("device", |stage| {
        stage.open_kettle();
        stage.go_wrong();
    }),
    ("traffic", |stage| {
        stage.keys("t");
        stage.exchange();
    }),
    ("log", |stage| {
        stage.keys("4");
    }),
    ("faults", |stage| {
        stage.keys("xjjj");
    }),
    ("code", Stage::open_code),
    ("load", Stage::open_load),
];

fn main() -> io::Result<()> {
    let Some(directory) = env::args().nth(1) else {
        return Err(io::Error::other("usage: pictures DIRECTORY"));
    };
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    for (name, steps) in SCREENS {
        let mut stage = Stage::new(100, 30, OPTIONS);
        stage.draw();
        steps(&mut stage);
        fs::write(directory.join(format!("{name}.svg")), svg(&stage.buffer()))?;
    }
    Ok(())
}

/// A picture of a screen: one text element for each run of cells that look the same.
fn svg(buffer: &Buffer) -> String {
    let (columns, lines) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * CELL + 2.0 * PAD, lines * LINE + 2.0 * PAD);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0} {height:.0}' width='{width:.0}' \
         font-family='ui-monospace,DejaVu Sans Mono,monospace' font-size='{SIZE}'>\n\
         <rect width='100%' height='100%' rx='8' fill='{PAPER}'/>\n"
    );
    for (row, cells) in buffer.content.chunks(usize::from(buffer.area.width)).enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|a, b| look(a) == look(b)) {
            let (x, y) = (PAD + column as f64 * CELL, PAD + row as f64 * LINE);
            column += run.len();
            draw_run(&mut svg, run, x, y);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_run(svg: &mut String, run: &[Cell], x: f64, y: f64) {
    let Some(first) = run.first() else { return };
    let (ink, paper, modifier) = look(first);
    let width = run.len() as f64 * CELL;
    if paper != PAPER {
        write!(svg, "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{LINE}' fill='{paper}'/>")
            .expect("text");
    }
    let text: String = run.iter().map(Cell::symbol).collect();
    if text.trim().is_empty() {
        return;
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let weight = if modifier.contains(Modifier::BOLD) { " font-weight='bold'" } else { "" };
    let faint = if modifier.contains(Modifier::DIM) { " opacity='0.6'" } else { "" };
    let under = if modifier.contains(Modifier::UNDERLINED) { " text-decoration='underline'" } else { "" };
    let base = y + LINE - 5.0;
    writeln!(
        svg,
        "<text x='{x:.1}' y='{base:.1}' fill='{ink}' textLength='{width:.1}' xml:space='preserve'{weight}{faint}{under}>{text}</text>"
    )
    .expect("a text takes everything");
}

/// Ink, paper and modifiers of a cell.
fn look(cell: &Cell) -> (&'static str, &'static str, Modifier) {
    let (ink, paper) = (colour(cell.fg, INK), colour(cell.bg, PAPER));
    let modifier = cell.modifier.difference(Modifier::REVERSED);
    if cell.modifier.contains(Modifier::REVERSED) { (paper, ink, modifier) } else { (ink, paper, modifier) }
}

fn colour(colour: Color, plain: &'static str) -> &'static str {
    match colour {
        Color::Black => "#0d1117",
        Color::Red => "#ff7b72",
        Color::Green => "#56d364",
        Color::Yellow => "#e3b341",
        Color::Blue => "#6cb6ff",
        Color::Magenta => "#d2a8ff",
        Color::Cyan => "#56d4dd",
        Color::White => "#f0f3f6",
        _ => plain,
    }
}
