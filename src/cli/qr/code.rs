//! A QR code as a square of dark and light modules.

use fast_qr::{ECL, QRBuilder, QRCode};

/// Width of the light border that a reader needs, in modules (ISO/IEC 18004, 6.3.8).
const QUIET_ZONE: usize = 4;

/// How much of a code may be unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Correction {
    /// 7 %, for the smallest code: on a screen nothing gets scratched.
    Low,
    /// 15 %, for paper.
    Medium,
}

/// A QR code with its quiet zone.
pub(super) struct Code(QRCode);

impl Code {
    /// The code that says `text`, of at most 2 kB.
    pub(super) fn new(text: &str, correction: Correction) -> Self {
        let level = match correction {
            Correction::Low => ECL::L,
            Correction::Medium => ECL::M,
        };
        Self(QRBuilder::new(text).ecl(level).build().expect("the text of a label fits into any code"))
    }

    /// Its width and height in modules, quiet zone included.
    pub(super) fn size(&self) -> usize {
        self.0.size + 2 * QUIET_ZONE
    }

    /// Whether a module is dark; none is outside.
    pub(super) fn is_dark(&self, column: usize, row: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.0.size);
        match (inside(column), inside(row)) {
            (Some(column), Some(row)) => self.0[row][column].value(),
            (Some(_) | None, Some(_) | None) => false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rqrr::PreparedImage;

    /// What a reader that knows nothing of ours reads in a square picture whose pixels are these modules, dark ones
    /// `true`, each drawn large.
    pub(in super::super) fn decoded(size: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        const SCALE: usize = 6;
        let shade = |x: usize, y: usize| if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 };
        let mut picture = PreparedImage::prepare_from_greyscale(size * SCALE, size * SCALE, shade);
        let grids = picture.detect_grids();
        let [grid] = grids.as_slice() else { panic!("{} codes", grids.len()) };
        grid.decode().unwrap().1
    }
}
