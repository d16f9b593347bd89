//! The rehearsal mark: large letters across the face in a light tint that leaves everything under them legible.

use super::layout::{Blank, Side, Style};
use super::typeface::{Glyph, Size, Typefaces};
use super::units::{Area, DOTS_PER_INCH, FACE_HEIGHT_DOTS, FACE_WIDTH_DOTS, dots, whole};
use crate::base::Bitmap;

/// What every rehearsal face says.
const TEXT: &str = "MẪU / SPECIMEN";

/// Adds the mark to a face, sparing what machines must read and the chip's contacts, where ink does not hold.
pub(super) fn draw(picture: &mut Bitmap, typefaces: &Typefaces, side: &Side) {
    let mark = &side.specimen;
    let size = Size::points(mark.size);
    let length = typefaces.width(Style::Bold, TEXT).unwrap_or(0.0) * size.dots_per_em();
    let (sin, cos) = mark.angle.to_radians().sin_cos();
    let per_mm = DOTS_PER_INCH / 25.4;
    // The middle of the text, at half the height of its capitals, comes to lie on the given point.
    let half_capital = 0.357 * size.dots_per_em();
    let x = mark.x * per_mm - length / 2.0 * cos + half_capital * sin;
    let y = mark.y * per_mm + length / 2.0 * sin + half_capital * cos;
    let mut letters = Bitmap::new(FACE_WIDTH_DOTS, FACE_HEIGHT_DOTS);
    for outlined in typefaces.slope(Style::Bold, size, TEXT, mark.angle) {
        Glyph::of(&outlined).draw(&mut letters, whole(x.round()), whole(y.round()));
    }
    let spared = spared(side);
    for y in 0..FACE_HEIGHT_DOTS {
        for x in 0..FACE_WIDTH_DOTS {
            // One dot in five, knight's moves apart: an even tint.
            let tint = (x + 2 * y) % 5 == 0;
            if tint && letters.get(x, y) && !spared.iter().any(|area| area.holds(x, y)) {
                picture.set(x, y);
            }
        }
    }
}

fn spared(side: &Side) -> Vec<Area> {
    /// Clear of the machine-readable zone on every side, in millimetres.
    const CLEAR_MM: f32 = 1.0;
    let qr = side.qr.iter().map(|qr| qr.area().grown(qr.quiet_dots()));
    let mrz = side
        .mrz
        .iter()
        .map(|mrz| mrz.place().area().grown(dots(CLEAR_MM)));
    let fingers = side.finger.iter().map(|finger| finger.place().area());
    let chip = side
        .preprinted
        .iter()
        .filter(|one| one.what == Blank::Chip)
        .map(|one| one.place().area());
    qr.chain(mrz).chain(fingers).chain(chip).collect()
}
