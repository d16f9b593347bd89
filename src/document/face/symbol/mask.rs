//! The mask that makes a symbol easiest to read (ISO/IEC 18004, section 7.8), found on whole rows at a time.
//!
//! The `qrcode` crate looks at single modules, which takes longer than everything else on a card. The format
//! information is left out of the judgement, because it differs from mask to mask: 30 modules of thousands.

use qrcode::canvas::{Canvas, MaskPattern, Module};

/// Modules of a symbol by rows, and the same by columns.
pub(super) struct Modules {
    /// Bit `x` of row `y`: dark.
    pub(super) dark: Vec<u128>,
    /// Bit `x` of row `y`: data, which masks change.
    data: Vec<u128>,
    dark_columns: Vec<u128>,
    data_columns: Vec<u128>,
}

type Condition = fn(usize, usize) -> bool;

/// Table 10 of the standard: column and row to whether the module is inverted.
const MASKS: [(MaskPattern, Condition); 8] = [
    (MaskPattern::Checkerboard, |x, y| (x + y) % 2 == 0),
    (MaskPattern::HorizontalLines, |_, y| y % 2 == 0),
    (MaskPattern::VerticalLines, |x, _| x % 3 == 0),
    (MaskPattern::DiagonalLines, |x, y| (x + y) % 3 == 0),
    (MaskPattern::LargeCheckerboard, |x, y| (y / 2 + x / 3) % 2 == 0),
    (MaskPattern::Fields, |x, y| x * y % 2 + x * y % 3 == 0),
    (MaskPattern::Diamonds, |x, y| (x * y % 2 + x * y % 3) % 2 == 0),
    (MaskPattern::Meadow, |x, y| ((x + y) % 2 + x * y % 3) % 2 == 0),
];

/// Every mask repeats after so many rows and columns.
const PERIOD: usize = 12;

/// The mask with the lowest penalty.
pub(super) fn best(modules: &Modules) -> MaskPattern {
    MASKS
        .iter()
        .min_by_key(|(_, condition)| {
            let rows = masked(&modules.dark, &modules.data, condition);
            let columns = masked(&modules.dark_columns, &modules.data_columns, |x, y| {
                condition(y, x)
            });
            lines(&rows) + lines(&columns) + blocks(&rows) + balance(&rows)
        })
        .map_or(MaskPattern::Checkerboard, |(mask, _)| *mask)
}

impl Modules {
    pub(super) fn of(canvas: &Canvas, width: i16) -> Self {
        let side = usize::try_from(width).unwrap_or(0);
        let mut modules = Self {
            dark: vec![0; side],
            data: vec![0; side],
            dark_columns: vec![0; side],
            data_columns: vec![0; side],
        };
        for (row, y) in (0..width).enumerate() {
            for (column, x) in (0..width).enumerate() {
                let module = canvas.get(x, y);
                let (dark, data) = (
                    u128::from(module.is_dark()),
                    u128::from(matches!(module, Module::Unmasked(_))),
                );
                modules.dark[row] |= dark << column;
                modules.data[row] |= data << column;
                modules.dark_columns[column] |= dark << row;
                modules.data_columns[column] |= data << row;
            }
        }
        modules
    }
}

fn masked(dark: &[u128], data: &[u128], condition: impl Fn(usize, usize) -> bool) -> Vec<u128> {
    let mut pattern = [0_u128; PERIOD];
    for (y, row) in pattern.iter_mut().enumerate() {
        let period = (0..PERIOD)
            .filter(|x| condition(*x, y))
            .fold(0_u128, |bits, x| bits | 1 << x);
        *row = (0..128)
            .step_by(PERIOD)
            .fold(0, |bits, shift| bits | period << shift);
    }
    dark.iter()
        .zip(data)
        .zip(pattern.iter().cycle())
        .map(|((dark, data), mask)| dark ^ data & mask)
        .collect()
}

/// Five and more modules of one colour in a line, and what looks like a finder pattern beside four light modules.
fn lines(rows: &[u128]) -> u32 {
    let width = rows.len();
    let mut penalty = 0;
    for row in rows {
        let same = !(row ^ (row >> 1)) & ones(width - 1);
        // Bit x: modules x to x + 4 are of one colour.
        let five = same & same >> 1 & same >> 2 & same >> 3;
        let starts = (five & !(five << 1)).count_ones();
        penalty += five.count_ones() + 2 * starts;

        let finder = row & !(row >> 1) & row >> 2 & row >> 3 & row >> 4 & !(row >> 5) & row >> 6;
        let light = !row & !(row >> 1) & !(row >> 2) & !(row >> 3) & ones(width - 3);
        let found = (finder & light >> 7).count_ones() + (light & finder >> 4).count_ones();
        penalty += 40 * found;
    }
    penalty
}

/// Two by two modules of one colour.
fn blocks(rows: &[u128]) -> u32 {
    let blocks: u32 = rows
        .windows(2)
        .map(|pair| {
            let (upper, lower) = (pair[0], pair[1]);
            let same = !(upper ^ upper >> 1) & !(lower ^ lower >> 1) & !(upper ^ lower);
            (same & ones(rows.len() - 1)).count_ones()
        })
        .sum();
    3 * blocks
}

/// Ten for every five per cent that dark modules are away from half.
fn balance(rows: &[u128]) -> u32 {
    let dark: u32 = rows.iter().map(|row| row.count_ones()).sum();
    let all = u32::try_from(rows.len() * rows.len()).unwrap_or(u32::MAX).max(1);
    (20 * dark).abs_diff(10 * all) / all * 10
}

fn ones(number: usize) -> u128 {
    (1_u128 << number) - 1
}

#[cfg(test)]
mod tests {
    use qrcode::bits::Bits;
    use qrcode::{EcLevel, Version, ec};

    use super::*;

    fn canvas() -> Canvas {
        let mut bits = Bits::new(Version::Normal(8));
        bits.push_byte_data("Đỗ Văn Đạt|15042003|Nam".as_bytes()).unwrap();
        bits.push_terminator(EcLevel::M).unwrap();
        let (data, correction) =
            ec::construct_codewords(&bits.into_bytes(), Version::Normal(8), EcLevel::M).unwrap();
        let mut canvas = Canvas::new(Version::Normal(8), EcLevel::M);
        canvas.draw_all_functional_patterns();
        canvas.draw_data(&data, &correction);
        canvas
    }

    #[test]
    fn masks_are_those_of_the_encoder() {
        let canvas = canvas();
        let plain = Modules::of(&canvas, 49);
        for (mask, condition) in MASKS {
            let mut theirs = canvas.clone();
            theirs.apply_mask(mask);
            let theirs = Modules::of(&theirs, 49).dark;
            let ours = masked(&plain.dark, &plain.data, condition);
            for ((ours, theirs), data) in ours.iter().zip(&theirs).zip(&plain.data) {
                assert_eq!(ours & data, theirs & data, "{mask:?}");
            }
        }
    }

    #[test]
    fn penalties_are_those_of_the_standard() {
        // Runs of five and of six, 3 and 4; the twenty-one light modules beside them cost 19 a row.
        assert_eq!(
            lines(&[0b01_0101_1111, 0b0101_0111_1110, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            3 + 4 + 10 * 10
        );
        // 1011101 with four light modules after it, and before it.
        let finder = 0b111_1000_0101_1101;
        assert_eq!(lines(&[finder; 15]) % 40, 0);
        assert_eq!(lines(&[finder; 15]), 15 * 40);
        assert_eq!(blocks(&[0b11, 0b11]), 3);
        assert_eq!(blocks(&[0b01, 0b11]), 0);
        assert_eq!(balance(&[0b11, 0b00]), 0);
        assert_eq!(balance(&[0b11, 0b11]), 100);
    }
}
