//! The typefaces that go with the program, so that a card looks the same on every machine (licences: `fonts/LICENSES`).

/// Noto Sans Regular: Latin with every Vietnamese letter.
pub static SANS: &[u8] = include_bytes!("fonts/NotoSans-Regular.ttf");
/// Noto Sans Bold: the same letters.
pub static SANS_BOLD: &[u8] = include_bytes!("fonts/NotoSans-Bold.ttf");
/// OCR-B (ISO 1073-2), for machine-readable zones.
pub static OCR_B: &[u8] = include_bytes!("fonts/OCRB.otf");
