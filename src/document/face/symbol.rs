//! QR codes in whole printer dots (ISO/IEC 18004).

use qrcode::bits::Bits;
use qrcode::canvas::Canvas;
use qrcode::{EcLevel, Version, ec};

use super::fault::QR_TOO_LONG;
use super::layout::{QR_QUIET_MODULES, QrAttempt, QrLevel, QrPlace};
use crate::base::{Bitmap, Fault};

mod mask;

use mask::Modules;

/// A row of modules fits 128 bits up to this version; larger symbols have no place on a card.
const VERSION_MAX: i16 = 27;

/// Draws a text in byte mode as UTF-8, the way readers of Vietnamese cards expect it: without an ECI header.
///
/// # Errors
/// `QR_TOO_LONG` if no attempt of the place leaves modules large enough.
pub(super) fn draw(picture: &mut Bitmap, place: &QrPlace, text: &str) -> Result<(), Fault> {
    let area = place.area();
    let symbol = place.attempts.iter().find_map(|attempt| {
        let (version, modules) = smallest(text.len(), attempt, area.w)?;
        Some((encode(text, version, level(attempt.level))?, modules))
    });
    let (rows, modules) = symbol.ok_or_else(|| Fault::new(&QR_TOO_LONG, format!("{} bytes", text.len())))?;
    // The symbol and its quiet zone grow together: neither may outgrow its share.
    let dots = (area.w / modules).min((area.w + 2 * place.quiet_dots()) / (modules + 2 * QR_QUIET_MODULES));
    let margin = (area.w - modules * dots) / 2;
    for (y, row) in (0..modules).zip(rows) {
        for x in (0..modules).filter(|x| row >> x & 1 == 1) {
            picture.fill(area.x + margin + x * dots, area.y + margin + y * dots, dots, dots);
        }
    }
    Ok(())
}

/// The smallest version that holds so many bytes and its modules per side, if those are large enough in the box.
fn smallest(bytes: usize, attempt: &QrAttempt, side: u32) -> Option<(Version, u32)> {
    (1..=VERSION_MAX).find_map(|number| {
        let version = Version::Normal(number);
        let modules = u32::try_from(version.width()).ok()?;
        let length_bits = if number < 10 { 8 } else { 16 };
        let room = Bits::new(version).max_len(level(attempt.level)).ok()?;
        (4 + length_bits + 8 * bytes <= room && modules * attempt.dots <= side).then_some((version, modules))
    })
}

/// The symbol's rows, bit `x` of row `y` for a dark module.
fn encode(text: &str, version: Version, level: EcLevel) -> Option<Vec<u128>> {
    let mut bits = Bits::new(version);
    bits.push_byte_data(text.as_bytes()).ok()?;
    bits.push_terminator(level).ok()?;
    let (data, correction) = ec::construct_codewords(&bits.into_bytes(), version, level).ok()?;
    let mut canvas = Canvas::new(version, level);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &correction);
    let best = mask::best(&Modules::of(&canvas, version.width()));
    canvas.apply_mask(best);
    Some(Modules::of(&canvas, version.width()).dark)
}

fn level(level: QrLevel) -> EcLevel {
    match level {
        QrLevel::L => EcLevel::L,
        QrLevel::M => EcLevel::M,
        QrLevel::Q => EcLevel::Q,
        QrLevel::H => EcLevel::H,
    }
}
