//! A QR code (ISO/IEC 18004) as few rectangles.

use qrcode::{Color, EcLevel, QrCode};

use crate::audit::fault;
use crate::base::Fault;

/// Light modules around the symbol that a scanner needs (ISO/IEC 18004, section 5.3.8).
const QUIET: u16 = 4;

/// A symbol as horizontal runs of dark modules, quiet zone included in the coordinates.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Symbol {
    /// Modules along a side, quiet zone included.
    pub(super) side: u16,
    pub(super) runs: Vec<Run>,
}

/// Dark modules side by side.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Run {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) length: u16,
}

/// The symbol for a text, with 15 % of it repairable: boxes get scratched.
pub(super) fn symbol(text: &str) -> Result<Symbol, Fault> {
    let failed = || Fault::new(&fault::PAPER_FAILED, "square code");
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| failed())?;
    let width = u16::try_from(code.width()).map_err(|_| failed())?;
    let colors = code.to_colors();
    let mut runs = Vec::new();
    for (row, y) in colors.chunks_exact(usize::from(width)).zip(QUIET..) {
        let mut x = QUIET;
        for modules in row.chunk_by(|one, next| one == next) {
            let length = u16::try_from(modules.len()).map_err(|_| failed())?;
            if modules.first() == Some(&Color::Dark) {
                runs.push(Run { x, y, length });
            }
            x += length;
        }
    }
    Ok(Symbol {
        side: width + 2 * QUIET,
        runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a scanner sees of the rectangles, `scale` dots to a module.
    fn scan(symbol: &Symbol, scale: usize) -> String {
        let side = usize::from(symbol.side) * scale;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            let (x, y) = (x / scale, y / scale);
            let dark = symbol.runs.iter().any(|run| {
                usize::from(run.y) == y && (run.x..run.x + run.length).contains(&u16::try_from(x).unwrap())
            });
            if dark { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_scanner_reads_the_label_off_the_rectangles() {
        let text = format!(
            "CW1.HN1-000123.200.{}.{}",
            "a-Z_".repeat(10) + "abc",
            "x".repeat(86)
        );
        assert_eq!(scan(&symbol(&text).unwrap(), 3), text);
    }

    #[test]
    fn a_text_that_does_not_fit_is_a_fault() {
        assert_eq!(symbol(&"x".repeat(3_000)).unwrap_err().code.id, "AUDIT-015");
    }
}
