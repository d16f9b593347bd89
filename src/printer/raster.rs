//! Card faces as the printer wants them: turned upright, one bit per dot, compressed line by line.
//!
//! Programming Guide A5013, section 4 (compression of the K and O panels). The turn is the one of the open driver
//! `Printer-EVOLIS` (`pnmflip -rotate270`, which is 90° clockwise): line *n* of the raster is column *n* of the
//! landscape picture, read from its bottom edge upwards.

use serde::{Deserialize, Serialize};

use crate::base::Bitmap;

/// Width of a landscape card face, in dots of 1/300 inch.
pub const FACE_WIDTH: u32 = 1016;
/// Height of a landscape card face, in dots of 1/300 inch.
pub const FACE_HEIGHT: u32 = 648;
/// Bytes in a row of a face.
const FACE_STRIDE: usize = FACE_WIDTH as usize / 8;
/// Bands of eight rows in a face.
const FACE_BANDS: usize = FACE_HEIGHT as usize / 8;
/// A compressed line says its length in one byte, and 0xFF already means a line full of ink.
const LINE_BYTES_MAX: u16 = 254;
/// No card printer has a longer path per card at 300 dpi.
const LINES_MAX: u16 = 4_096;

/// How many dots a printer's memory holds for one panel.
///
/// The guide lists 84,624 bytes (656 × 1032 dots) while its own formula and the printers in the field take 82,296 (648
/// × 1016), so the size belongs to the model.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "RawSize")]
pub struct RasterSize {
    lines: u16,
    line_bytes: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSize {
    lines: u16,
    line_bytes: u16,
}

impl TryFrom<RawSize> for RasterSize {
    type Error = &'static str;

    fn try_from(raw: RawSize) -> Result<Self, Self::Error> {
        Self::new(raw.lines, raw.line_bytes)
            .ok_or("a raster must hold a face of 1016 lines of 81 bytes, up to 4096 of 254")
    }
}

impl RasterSize {
    /// 1016 lines of 81 bytes: 82,296 bytes.
    pub const EXACT: Self = Self {
        lines: 1016,
        line_bytes: 81,
    };
    /// 1032 lines of 82 bytes: 84,624 bytes.
    pub const PADDED: Self = Self {
        lines: 1032,
        line_bytes: 82,
    };

    /// A size, or nothing if a card face does not fit into it or it is absurd.
    #[must_use]
    pub fn new(lines: u16, line_bytes: u16) -> Option<Self> {
        let fits = u32::from(lines) >= FACE_WIDTH && u32::from(line_bytes) * 8 >= FACE_HEIGHT;
        (fits && lines <= LINES_MAX && line_bytes <= LINE_BYTES_MAX).then_some(Self { lines, line_bytes })
    }

    /// Lines along the card.
    #[must_use]
    pub fn lines(self) -> usize {
        usize::from(self.lines)
    }

    /// Bytes across the card.
    #[must_use]
    pub fn line_bytes(self) -> usize {
        usize::from(self.line_bytes)
    }

    /// Bytes of an uncompressed panel.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.lines() * self.line_bytes()
    }

    /// Bytes of a compressed panel at worst: one more per line.
    #[must_use]
    pub fn compressed_bytes_max(self) -> usize {
        self.lines() * (self.line_bytes() + 1)
    }
}

/// Turns a landscape face into a raster, or nothing if the picture is not 1016 × 648 dots.
#[must_use]
pub fn from_face(face: &Bitmap, size: RasterSize) -> Option<Vec<u8>> {
    if (face.width(), face.height()) != (FACE_WIDTH, FACE_HEIGHT) {
        return None;
    }
    let mut raster = vec![0; size.bytes()];
    // Across the card, the first band comes last.
    for (rows, across) in face
        .rows()
        .chunks_exact(8 * FACE_STRIDE)
        .zip((0..FACE_BANDS).rev())
    {
        for column in 0..FACE_STRIDE {
            // Turning a block clockwise is to read its rows upwards and transpose.
            let mut block = 0_u64;
            for row in rows.chunks_exact(FACE_STRIDE) {
                block = block >> 8 | u64::from(row[column]) << 56;
            }
            if block != 0 {
                let lines = raster.chunks_exact_mut(size.line_bytes()).skip(column * 8);
                for (line, byte) in lines.zip(transpose(block).to_be_bytes()) {
                    line[across] = byte;
                }
            }
        }
    }
    Some(raster)
}

/// Turns a raster back into a landscape face; margins beyond the face are dropped. Nothing if the length is wrong.
#[must_use]
pub fn to_face(raster: &[u8], size: RasterSize) -> Option<Bitmap> {
    if raster.len() != size.bytes() {
        return None;
    }
    let mut rows = vec![0; FACE_BANDS * 8 * FACE_STRIDE];
    for (rows, across) in rows.chunks_exact_mut(8 * FACE_STRIDE).zip((0..FACE_BANDS).rev()) {
        for column in 0..FACE_STRIDE {
            let mut block = 0_u64;
            let lines = raster.chunks_exact(size.line_bytes()).skip(column * 8);
            for line in lines.take(8) {
                block = block << 8 | u64::from(line[across]);
            }
            if block != 0 {
                for (row, byte) in rows
                    .chunks_exact_mut(FACE_STRIDE)
                    .zip(transpose(block).to_le_bytes())
                {
                    row[column] = byte;
                }
            }
        }
    }
    Bitmap::from_rows(FACE_WIDTH, FACE_HEIGHT, rows)
}

/// Compresses a K or O panel: per line 0x00 if blank, 0xFF if full, else the length without trailing blanks and that
/// many bytes.
#[must_use]
pub fn compress(raster: &[u8], size: RasterSize) -> Vec<u8> {
    let mut packed = Vec::with_capacity(raster.len() / 4);
    // Whole lines are compared at once: most of a card is blank.
    let (blank, full) = (vec![0; size.line_bytes()], vec![0xFF; size.line_bytes()]);
    for line in raster.chunks_exact(size.line_bytes()) {
        if line == blank {
            packed.push(0);
        } else if line == full {
            packed.push(0xFF);
        } else {
            let used = line
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |last| last + 1);
            packed.push(u8::try_from(used).unwrap_or(u8::MAX));
            packed.extend_from_slice(&line[..used]);
        }
    }
    packed
}

/// Undoes [`compress`]; nothing unless exactly all lines are there.
#[must_use]
pub fn decompress(mut packed: &[u8], size: RasterSize) -> Option<Vec<u8>> {
    let mut raster = Vec::with_capacity(size.bytes());
    for _ in 0..size.lines() {
        let (&head, rest) = packed.split_first()?;
        packed = rest;
        let end = raster.len() + size.line_bytes();
        if head == 0xFF {
            raster.resize(end, 0xFF);
        } else {
            let used = usize::from(head);
            if used > size.line_bytes() {
                return None;
            }
            let (dots, rest) = packed.split_at_checked(used)?;
            raster.extend_from_slice(dots);
            raster.resize(end, 0);
            packed = rest;
        }
    }
    packed.is_empty().then_some(raster)
}

/// Mirrors a block of 8 × 8 bits, its first row in the highest byte, along its main diagonal (H. Warren, *Hacker's
/// Delight*, section 7-3).
fn transpose(mut bits: u64) -> u64 {
    for (mask, shift) in [
        (0x00AA_00AA_00AA_00AA, 7),
        (0x0000_CCCC_0000_CCCC, 14),
        (0x0000_0000_F0F0_F0F0, 28),
    ] {
        let swap = (bits ^ (bits >> shift)) & mask;
        bits ^= swap ^ (swap << shift);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, dot by dot.
    fn turned(face: &Bitmap, size: RasterSize) -> Vec<u8> {
        let mut raster = vec![0; size.bytes()];
        for x in 0..FACE_WIDTH {
            for y in (0..FACE_HEIGHT).filter(|&y| face.get(x, y)) {
                let across = FACE_HEIGHT - 1 - y;
                raster[x as usize * size.line_bytes() + across as usize / 8] |= 0x80 >> (across % 8);
            }
        }
        raster
    }

    #[test]
    fn corners_go_where_the_turn_puts_them() {
        let mut face = Bitmap::new(FACE_WIDTH, FACE_HEIGHT);
        face.set(0, 647); // bottom left: first dot of the first line
        face.set(0, 0); // top left: last dot of the first line
        face.set(1015, 640); // last line, eighth dot
        let raster = from_face(&face, RasterSize::EXACT).unwrap();
        assert_eq!(raster.len(), 82_296);
        assert_eq!((raster[0], raster[80], raster[1015 * 81]), (0x80, 0x01, 0x01));
        assert_eq!(raster.iter().map(|byte| byte.count_ones()).sum::<u32>(), 3);
        assert_eq!(from_face(&Bitmap::new(648, 1016), RasterSize::EXACT), None);
    }

    #[test]
    fn the_documented_sizes() {
        assert_eq!(RasterSize::EXACT.bytes(), 82_296);
        assert_eq!(RasterSize::PADDED.bytes(), 84_624);
        assert_eq!(RasterSize::new(1015, 81), None);
        assert_eq!(RasterSize::new(1016, 255), None);
        assert!(toml::from_str::<RasterSize>("lines = 1016\nline_bytes = 80").is_err());
        assert_eq!(
            toml::from_str("lines = 1032\nline_bytes = 82"),
            Ok(RasterSize::PADDED)
        );
    }

    #[test]
    fn compression_by_hand() {
        let mut raster = vec![0; RasterSize::EXACT.bytes()];
        raster[81..162].fill(0xFF);
        raster[162] = 0x12;
        raster[164] = 0x34;
        let packed = compress(&raster, RasterSize::EXACT);
        assert_eq!(packed[..6], [0, 0xFF, 3, 0x12, 0, 0x34]);
        assert_eq!(packed.len(), 1016 + 3);
        assert_eq!(decompress(&packed, RasterSize::EXACT), Some(raster));
    }

    #[test]
    fn broken_compression_is_refused() {
        let blank = vec![0; 1016];
        assert!(decompress(&blank, RasterSize::EXACT).is_some());
        assert_eq!(decompress(&blank[1..], RasterSize::EXACT), None);
        assert_eq!(
            decompress(&[blank.clone(), vec![0]].concat(), RasterSize::EXACT),
            None
        );
        let mut long = blank;
        long[0] = 82;
        assert_eq!(decompress(&long, RasterSize::EXACT), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn faces_survive_the_way_to_the_printer(
            seed in any::<u64>(), density in 0u32..9, padded in any::<bool>(),
        ) {
            let size = if padded { RasterSize::PADDED } else { RasterSize::EXACT };
            let mut state = seed | 1;
            let rows = (0..127 * 648).map(|row| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let [byte, chance, ..] = state.to_be_bytes();
                match (row / 127) % 3 {
                    0 => 0xFF,
                    1 if u32::from(chance % 8) < density => byte,
                    _ => 0,
                }
            }).collect();
            let face = Bitmap::from_rows(FACE_WIDTH, FACE_HEIGHT, rows).unwrap();
            let raster = from_face(&face, size).unwrap();
            prop_assert_eq!(&raster, &turned(&face, size));
            let packed = compress(&raster, size);
            prop_assert!(packed.len() <= size.compressed_bytes_max());
            let unpacked = decompress(&packed, size);
            prop_assert_eq!(unpacked.as_ref(), Some(&raster));
            prop_assert_eq!(to_face(&raster, size), Some(face));
        }

        #[test]
        fn decompression_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            if let Some(raster) = decompress(&bytes, RasterSize::EXACT) {
                prop_assert_eq!(raster.len(), RasterSize::EXACT.bytes());
            }
        }
    }
}
