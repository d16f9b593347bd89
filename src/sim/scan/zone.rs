//! Optical character recognition of a TD1 machine-readable zone: three lines of thirty OCR-B characters.

use std::sync::LazyLock;

use fontdue::{Font, FontSettings};

use crate::base::{Bitmap, font};

/// Every character of a zone (Doc 9303-3, section 4.3).
const LETTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<";
/// The scanner's resolution, which is the printer's.
const DOTS_PER_MM: f32 = 300.0 / 25.4;
/// The zone is the lowest 23.3 mm of the card (Doc 9303-5, figure 6), looked for with one millimetre to spare.
const ZONE_DOTS: u32 = 287;
/// Ten characters an inch.
const CELL: u32 = 30;
const COLUMNS: u32 = 30;
/// From line to line, 4.1 mm give or take 0.6.
const PITCH: std::ops::RangeInclusive<u32> = 41..=56;
/// Height of a line's ink: from `<` alone to a capital with some spread.
const LINE_HEIGHT: std::ops::RangeInclusive<u32> = 14..=34;
/// A row of dots belongs to a line from so many dots on; less is dirt.
const ROW_INK_MIN: u32 = 3;
/// Height of a capital of OCR-B size 1 (ISO 1073-2).
const CAPITAL_DOTS: f32 = 2.4 * DOTS_PER_MM;
/// A character is refused if more than this share of its dots and its template's dots differ.
const DIFFERENCE_MAX: f32 = 0.16;
/// A character is refused if another template differs by less than this much more.
const MARGIN_MIN: f32 = 0.03;

/// Reads the zone, or nothing if a single character is in doubt.
pub(super) fn read(face: &Bitmap) -> Option<[String; 3]> {
    let lines = lines(face)?;
    let left = left_edge(face, &lines)?;
    let read = |line: Band| {
        (0..COLUMNS)
            .map(|column| recognize(&Shape::of(face, left + column * CELL, line)?))
            .collect::<Option<String>>()
    };
    Some([read(lines[0])?, read(lines[1])?, read(lines[2])?])
}

/// Rows of dots from the first to the one after the last.
#[derive(Clone, Copy, Debug)]
struct Band {
    top: u32,
    bottom: u32,
}

/// The three lowest bands of ink that are as high as lines and as far apart.
fn lines(face: &Bitmap) -> Option<[Band; 3]> {
    let first = face.height().saturating_sub(ZONE_DOTS);
    let mut bands: Vec<Band> = Vec::new();
    for row in first..face.height() {
        let ink: u32 = row_of(face, row).iter().map(|byte| byte.count_ones()).sum();
        if ink < ROW_INK_MIN {
            continue;
        }
        match bands.last_mut() {
            Some(band) if band.bottom == row => band.bottom = row + 1,
            _ => bands.push(Band {
                top: row,
                bottom: row + 1,
            }),
        }
    }
    bands.retain(|band| LINE_HEIGHT.contains(&(band.bottom - band.top)));
    let lines: [Band; 3] = bands.get(bands.len().checked_sub(3)?..)?.try_into().ok()?;
    lines
        .windows(2)
        .all(|pair| PITCH.contains(&((pair[1].top + pair[1].bottom - pair[0].top - pair[0].bottom) / 2)))
        .then_some(lines)
}

/// The left edge of the first character's cell: characters stand a fixed pitch apart, so the columns between them
/// are empty.
fn left_edge(face: &Bitmap, lines: &[Band; 3]) -> Option<u32> {
    let mut columns = vec![0_u32; face.width() as usize];
    for line in lines {
        for row in line.top..line.bottom {
            for (eight, byte) in columns
                .chunks_mut(8)
                .zip(row_of(face, row))
                .filter(|(_, byte)| **byte != 0)
            {
                for (bit, ink) in eight.iter_mut().enumerate() {
                    *ink += u32::from(byte >> (7 - bit) & 1);
                }
            }
        }
    }
    let inked = |ink: &u32| *ink > 0;
    let first = columns.iter().position(inked)?;
    let last = columns.iter().rposition(inked)?;

    // How much ink falls on each column of the cell, over all cells; the gap is the longest empty stretch.
    let mut phases = [0_u32; CELL as usize];
    for (index, ink) in columns.iter().enumerate() {
        phases[index % phases.len()] += ink;
    }
    let (start, length) = longest_empty(&phases)?;
    let boundary = (start + length / 2) % phases.len();
    let left = first.checked_sub((first + phases.len() - boundary) % phases.len())?;
    (last < left + (CELL * COLUMNS) as usize).then_some(u32::try_from(left).ok()?)
}

/// The longest run of zeros on a circle: where it starts and how long it is; fewer than two are no gap.
fn longest_empty(phases: &[u32]) -> Option<(usize, usize)> {
    (0..phases.len())
        .map(|start| {
            let ring = phases.iter().cycle().skip(start).take(phases.len());
            (start, ring.take_while(|ink| **ink == 0).count())
        })
        .max_by_key(|(start, length)| (*length, std::cmp::Reverse(*start)))
        .filter(|(_, length)| *length >= 2)
}

/// A character's dots, cut to its ink: bit `x + 1` of row `y + 2`, so that there is room to shift.
#[derive(Debug)]
struct Shape {
    rows: [u64; SHAPE_ROWS],
    height: usize,
    width: u32,
    ink: u32,
}

/// Rows of a shape: the highest line, and two to spare on each side.
const SHAPE_ROWS: usize = *LINE_HEIGHT.end() as usize + 4;
/// Two characters of one kind differ in size by so many dots at most.
const SIZE_SLACK: usize = 2;
/// Shapes that differ more than this where they lie are not shifted to look closer.
const SHIFT_WORTH: f32 = 0.5;

impl Shape {
    fn of(face: &Bitmap, left: u32, line: Band) -> Option<Self> {
        let rows: Vec<u64> = (line.top..line.bottom)
            .map(|row| cell(row_of(face, row), left as usize))
            .collect();
        Self::cut(&rows)
    }

    fn cut(rows: &[u64]) -> Option<Self> {
        let top = rows.iter().position(|row| *row != 0)?;
        let bottom = rows.iter().rposition(|row| *row != 0)?;
        let all = rows.iter().fold(0, |all, row| all | row);
        let inked = rows.get(top..=bottom)?;
        let mut shape = Self {
            rows: [0; SHAPE_ROWS],
            height: inked.len(),
            width: 64 - all.leading_zeros() - all.trailing_zeros(),
            ink: inked.iter().map(|row| row.count_ones()).sum(),
        };
        for (place, row) in shape.rows.get_mut(2..inked.len() + 2)?.iter_mut().zip(inked) {
            *place = row >> all.trailing_zeros() << 1;
        }
        Some(shape)
    }

    /// The share of dots that differ, at the best of the places within one dot of each other; 1 if the sizes are far
    /// apart.
    fn difference(&self, other: &Self) -> f32 {
        let apart = self
            .height
            .abs_diff(other.height)
            .max(self.width.abs_diff(other.width) as usize);
        if apart > SIZE_SLACK {
            return 1.0;
        }
        let whole = self.ink + other.ink;
        let middle = share(self.differing(other, 1, 1), whole);
        if middle > SHIFT_WORTH {
            return middle;
        }
        let shifts = (0..3).flat_map(|down| (0..3).map(move |right| (down, right)));
        shifts
            .map(|(down, right)| share(self.differing(other, down, right), whole))
            .fold(middle, f32::min)
    }

    /// Dots that differ when the other shape is moved down and right by so many dots, less one.
    fn differing(&self, other: &Self, down: usize, right: u32) -> u32 {
        // The first two rows of both are empty, so no dot is left out.
        let mine = self.rows.iter().skip(1);
        let theirs = other.rows.iter().skip(2 - down);
        let rows = self.height.max(other.height) + 2;
        mine.zip(theirs)
            .take(rows)
            .map(|(mine, theirs)| (mine ^ theirs << right >> 1).count_ones())
            .sum()
    }
}

/// The dots of one cell's row, its leftmost in bit 0.
fn cell(row: &[u8], left: usize) -> u64 {
    let mut bytes = [0; 8];
    let found = row.get(left / 8..).unwrap_or_default();
    for (place, byte) in bytes.iter_mut().zip(found) {
        *place = byte.reverse_bits();
    }
    u64::from_le_bytes(bytes) >> (left % 8) & ((1 << CELL) - 1)
}

/// The character of the nearest template, if it is near and no other is nearly as near.
fn recognize(shape: &Shape) -> Option<char> {
    let mut best = (1.0_f32, ' ');
    let mut second = 1.0_f32;
    for (letter, template) in TEMPLATES.iter() {
        let difference = shape.difference(template);
        if difference < best.0 {
            (second, best) = (best.0, (difference, *letter));
        } else {
            second = second.min(difference);
        }
    }
    (best.0 <= DIFFERENCE_MAX && second - best.0 >= MARGIN_MIN).then_some(best.1)
}

/// OCR-B as fontdue draws it at the size of the print.
static TEMPLATES: LazyLock<Vec<(char, Shape)>> = LazyLock::new(|| {
    let Ok(ocr_b) = Font::from_bytes(font::OCR_B, FontSettings::default()) else {
        return Vec::new();
    };
    const PROBE: f32 = 1000.0;
    let size = CAPITAL_DOTS * PROBE / ocr_b.metrics('H', PROBE).bounds.height;
    LETTERS
        .chars()
        .filter_map(|letter| {
            let (metrics, coverage) = ocr_b.rasterize(letter, size);
            let rows = coverage
                .chunks_exact(metrics.width.max(1))
                .map(|row| {
                    (0..64)
                        .zip(row)
                        .filter(|(_, ink)| **ink > 127)
                        .fold(0, |bits, (x, _)| bits | 1 << x)
                })
                .collect::<Vec<u64>>();
            Some((letter, Shape::cut(&rows)?))
        })
        .collect()
});

fn row_of(face: &Bitmap, row: u32) -> &[u8] {
    let start = row as usize * face.stride();
    face.rows().get(start..start + face.stride()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred dots")]
fn share(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}
