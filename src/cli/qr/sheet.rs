//! The labels of a whole fleet on paper: HTML over any number of pages, or one SVG.

use super::{
    code::{Code, Correction},
    picture,
};
use std::fmt::Write as _;
use thingfleet::label::{Label, Whereabouts};

/// Labels beside each other.
const COLUMNS: usize = 3;
/// Width of a page, in millimetres (ISO 216, A4).
const PAGE: usize = 210;
/// Its margin.
const MARGIN: usize = 12;
/// Width and height of a label, and width of the code in it.
const CARD: (usize, usize) = (62, 87);
const CODE: usize = 52;
/// Distance between two lines of text, and between a card's edge and its text.
const LINE: usize = 5;
const INSET: usize = 5;

/// A page for a browser to print.
pub(super) fn html(fleet: &str, labels: &[Label]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\n\
         @page {{ size: A4; margin: {MARGIN}mm }}\n\
         body {{ margin: 0; font: 3.4mm/1.4 sans-serif; color: #000; background: #fff }}\n\
         main {{ display: grid; grid-template-columns: repeat({COLUMNS}, 1fr) }}\n\
         section {{ border: 0.2mm dashed #999; padding: {INSET}mm; break-inside: avoid; overflow-wrap: anywhere }}\n\
         svg, p.none {{ display: block; width: {CODE}mm; height: {CODE}mm; margin: 0 }}\n\
         h2 {{ font-size: 4.2mm; margin: 0 }}\n\
         p {{ margin: 0 }}\n</style>\n<main>\n",
        title = escaped(fleet),
    );
    for label in labels {
        page.push_str("<section>\n");
        match label.code() {
            Some(code) => page.push_str(&picture::svg(&Code::new(&code.to_string(), Correction::Medium), "")),
            None => page.extend(["<p class=\"none\">", NO_CODE, "</p>"]),
        }
        let [first, rest @ ..] = &lines(label);
        writeln!(page, "\n<h2>{}</h2>", escaped(first)).expect("text takes everything");
        for line in rest {
            writeln!(page, "<p>{}</p>", escaped(line)).expect("text takes everything");
        }
        page.push_str("</section>\n");
    }
    page.push_str("</main>\n</html>\n");
    page
}

/// One picture, as long as it has to be.
pub(super) fn svg(fleet: &str, labels: &[Label]) -> String {
    let height = labels.len().div_ceil(COLUMNS) * CARD.1 + 2 * MARGIN;
    let mut sheet = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{PAGE}mm\" height=\"{height}mm\" \
         viewBox=\"0 0 {PAGE} {height}\" font-family=\"sans-serif\" font-size=\"3.4\">\n\
         <title>{}</title>\n<path fill=\"#fff\" d=\"M0 0h{PAGE}v{height}h-{PAGE}z\"/>\n",
        escaped(fleet)
    );
    for (place, label) in labels.iter().enumerate() {
        let (left, top) = (MARGIN + place % COLUMNS * CARD.0, MARGIN + place / COLUMNS * CARD.1);
        let (width, height) = CARD;
        writeln!(
            sheet,
            "<path fill=\"none\" stroke=\"#999\" stroke-width=\"0.2\" stroke-dasharray=\"1\" \
             d=\"M{left} {top}h{width}v{height}h-{width}z\"/>"
        )
        .expect("text takes everything");
        let left = left + INSET;
        if let Some(code) = label.code() {
            let spot = format!(" x=\"{left}\" y=\"{}\" width=\"{CODE}\" height=\"{CODE}\"", top + INSET);
            let code = Code::new(&code.to_string(), Correction::Medium);
            writeln!(sheet, "{}", picture::svg(&code, &spot)).expect("text takes everything");
        } else {
            text(&mut sheet, (left, top + CODE / 2), "", NO_CODE);
        }
        for (number, line) in lines(label).iter().enumerate() {
            let weight = if number == 0 { " font-weight=\"bold\"" } else { "" };
            text(&mut sheet, (left, top + INSET + CODE + LINE * (number + 1)), weight, line);
        }
    }
    sheet.push_str("</svg>\n");
    sheet
}

const NO_CODE: &str = "no code yet: its address is not known";

/// What stands below the code.
fn lines(label: &Label) -> [String; 5] {
    let address = match label.address {
        Whereabouts::Own(address) | Whereabouts::LastSeen(address) => address.to_string(),
        Whereabouts::Unknown => "no address yet".to_owned(),
    };
    [
        label.title.clone(),
        format!("name {}", label.device),
        format!("serial {}", label.serial),
        address,
        format!("writes are {}", label.security),
    ]
}

fn text(sheet: &mut String, (left, baseline): (usize, usize), attributes: &str, line: &str) {
    // Long names are squeezed, not cut: they are what people look for.
    let room = CARD.0 - 2 * INSET;
    let squeezed = if line.chars().count() > 30 {
        format!(" textLength=\"{room}\" lengthAdjust=\"spacingAndGlyphs\"")
    } else {
        String::new()
    };
    writeln!(sheet, "<text x=\"{left}\" y=\"{baseline}\"{attributes}{squeezed}>{}</text>", escaped(line))
        .expect("text takes everything");
}

/// Text of a profile or a definition, for XML and HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
