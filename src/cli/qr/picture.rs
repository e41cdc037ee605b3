//! A QR code as a picture: PNG for screens, SVG for paper.

use super::code::Code;
use std::{fmt::Write as _, io};

/// Pixels of a module, in a row and in a column.
const SCALE: usize = 8;

/// The code as a PNG of black and white pixels.
pub(super) fn png(code: &Code, out: impl io::Write) -> io::Result<()> {
    let side = code.size() * SCALE;
    let pixels = u32::try_from(side).expect("the largest code has 185 modules");
    let mut encoder = png::Encoder::new(out, pixels, pixels);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut rows = Vec::with_capacity(side * side.div_ceil(8));
    for y in 0..side {
        for first in (0..side).step_by(8) {
            let light = |bit: usize| first + bit < side && !code.is_dark((first + bit) / SCALE, y / SCALE);
            rows.push((0..8).fold(0, |byte: u8, bit| byte << 1 | u8::from(light(bit))));
        }
    }
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&rows).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}

/// The code as an SVG of its own, or inside another with `place` among its attributes.
pub(super) fn svg(code: &Code, place: &str) -> String {
    let size = code.size();
    let mut path = String::new();
    for row in 0..size {
        let mut column = 0;
        while column < size {
            let run = (column..size).take_while(|column| code.is_dark(*column, row)).count();
            if run > 0 {
                write!(path, "M{column} {row}h{run}v1h-{run}z").expect("text takes everything");
            }
            column += run.max(1);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\"{place}>\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}h-{size}z\"/><path d=\"{path}\"/></svg>"
    )
}
