//! A QR code: found by its three finder patterns, sampled module by module, decoded by rqrr.

use rqrr::{Grid, SimpleGrid};

use crate::base::Bitmap;

/// Finder patterns further away than this from each other in size do not belong together, in per cent.
const SIZE_SLACK_PERCENT: u32 = 25;
/// Patterns looked at in combination; print that looks like more of them is not a card.
const FINDERS_MAX: usize = 24;

/// Reads the first QR code that decodes as text.
pub(super) fn read(face: &Bitmap) -> Option<String> {
    let finders = finders(face);
    for (index, one) in finders.iter().enumerate() {
        for (second, two) in finders.iter().enumerate().skip(index + 1) {
            for three in finders.iter().skip(second + 1) {
                if similar(one.size, two.size)
                    && similar(two.size, three.size)
                    && let Some(corners) = Corners::of([*one, *two, *three])
                    && let Some(text) = decode(face, &corners)
                {
                    return Some(text);
                }
            }
        }
    }
    None
}

/// The middle of a finder pattern, in half dots, and the width of its seven modules in dots.
#[derive(Clone, Copy, Debug)]
struct Finder {
    x2: u32,
    y2: u32,
    size: u32,
}

impl Finder {
    /// Where this one is, seen from another, in half dots.
    fn from(self, other: Self) -> (i64, i64) {
        (
            i64::from(self.x2) - i64::from(other.x2),
            i64::from(self.y2) - i64::from(other.y2),
        )
    }
}

/// Every place where dark and light alternate as 1:1:3:1:1 both across and down (ISO/IEC 18004, section 6.3.3).
fn finders(face: &Bitmap) -> Vec<Finder> {
    let mut finders: Vec<Finder> = Vec::new();
    let mut edges = Vec::new();
    for y in (0..face.height()).step_by(2) {
        edges_of(face, y, &mut edges);
        // Edges alternate from light to dark and back; every second one starts a dark run.
        for run in edges.windows(6).step_by(2) {
            let lengths = [1, 2, 3, 4, 5].map(|index| run[index] - run[index - 1]);
            if !proportioned(lengths) {
                continue;
            }
            let (x2, size) = (run[2] + run[3], run[5] - run[0]);
            if finders
                .iter()
                .any(|finder| finder.x2.abs_diff(x2) < size && finder.y2.abs_diff(2 * y) < size)
            {
                continue;
            }
            if let Some(y2) = middle_down(face, x2 / 2, y, size) {
                finders.push(Finder { x2, y2, size });
                if finders.len() == FINDERS_MAX {
                    return finders;
                }
            }
        }
    }
    finders
}

/// The columns where the colour changes, starting from light.
fn edges_of(face: &Bitmap, y: u32, edges: &mut Vec<u32>) {
    edges.clear();
    let start = y as usize * face.stride();
    let row = face.rows().get(start..start + face.stride()).unwrap_or_default();
    let mut before = 0;
    for (index, byte) in (0_u32..).zip(row) {
        let mut changes = byte ^ (byte >> 1 | before << 7);
        before = byte & 1;
        while changes != 0 {
            let bit = changes.leading_zeros();
            edges.push(index * 8 + bit);
            changes &= !(0x80 >> bit);
        }
    }
    if before == 1 {
        edges.push(face.width());
    }
}

/// Are these 1:1:3:1:1, each within half a module?
fn proportioned(lengths: [u32; 5]) -> bool {
    let size: u32 = lengths.iter().sum();
    // In fourteenths of the whole every half module is a whole number.
    let near = |length: u32, modules: u32| (14 * length).abs_diff(2 * modules * size) <= size;
    size >= 14
        && lengths
            .iter()
            .zip([1, 1, 3, 1, 1])
            .all(|(length, modules)| near(*length, modules))
}

/// The middle of the pattern through this dot, looking down, in half dots, if it has the same proportions and size
/// there.
fn middle_down(face: &Bitmap, x: u32, y: u32, size: u32) -> Option<u32> {
    // Run lengths from a dot upwards (or downwards) through dark, light, dark.
    let walk = |step: i32| {
        let mut lengths = [0_u32; 3];
        let mut at = y;
        for (length, dark) in lengths.iter_mut().zip([true, false, true]) {
            while at < face.height() && face.get(x, at) == dark && *length <= size {
                *length += 1;
                at = at.checked_add_signed(step)?;
            }
        }
        Some(lengths)
    };
    let (up, down) = (walk(-1)?, walk(1)?);
    let middle = (up[0] + down[0]).checked_sub(1)?;
    let lengths = [up[2], up[1], middle, down[1], down[2]];
    let height: u32 = lengths.iter().sum();
    (proportioned(lengths) && similar(height, size)).then(|| 2 * y + 1 + down[0] - up[0])
}

fn similar(one: u32, other: u32) -> bool {
    one.abs_diff(other) * 100 <= SIZE_SLACK_PERCENT * one.max(other)
}

/// Three finder patterns at three corners of a square: the one at the right angle, the one to its right as the symbol
/// is read, the one below it.
#[derive(Clone, Copy, Debug)]
struct Corners {
    upper_left: Finder,
    upper_right: Finder,
    lower_left: Finder,
    /// Modules per side.
    modules: i32,
}

impl Corners {
    /// Which pattern is which, if they stand as the patterns of a symbol do.
    fn of(finders: [Finder; 3]) -> Option<Self> {
        let [a, b, c] = finders;
        [(a, b, c), (b, c, a), (c, a, b)]
            .into_iter()
            .find_map(|(corner, one, other)| {
                let (u, v) = (one.from(corner), other.from(corner));
                let (long, wide) = (u.0 * u.0 + u.1 * u.1, v.0 * v.0 + v.1 * v.1);
                let (dot, cross) = (u.0 * v.0 + u.1 * v.1, u.0 * v.1 - u.1 * v.0);
                // A right angle within three degrees, legs within ten per cent of each other.
                if dot.abs() * 20 > cross.abs() || long.abs_diff(wide) * 5 > long.max(wide).unsigned_abs() {
                    return None;
                }
                // Rows grow downwards, so the turn from right to down is positive.
                let (right, below) = if cross > 0 { (one, other) } else { (other, one) };
                let sizes = corner.size + one.size + other.size;
                let legs = long.isqrt() + wide.isqrt();
                // legs / 4 dots of seven modules less, sizes / 21 dots a module; a symbol has 17 + 4 × version modules.
                let between = (legs * 21 + 2 * i64::from(sizes)) / (4 * i64::from(sizes));
                let version = (between + 7 - 17 + 2) / 4;
                (1..=40).contains(&version).then_some(Self {
                    upper_left: corner,
                    upper_right: right,
                    lower_left: below,
                    modules: i32::try_from(17 + 4 * version).ok()?,
                })
            })
    }

    /// Is the middle of this module dark?
    fn dark(&self, face: &Bitmap, x: usize, y: usize) -> bool {
        // Middles of the patterns are those of modules 3 and `modules - 4`.
        let place = |module: usize| i64::try_from(module).unwrap_or(0) - 3;
        let span = i64::from(self.modules) - 7;
        let (right, down) = (
            self.upper_right.from(self.upper_left),
            self.lower_left.from(self.upper_left),
        );
        // In half dots, as the middles are.
        let column =
            i64::from(self.upper_left.x2) + (right.0 * place(x) + down.0 * place(y)).div_euclid(span);
        let row = i64::from(self.upper_left.y2) + (right.1 * place(x) + down.1 * place(y)).div_euclid(span);
        match (u32::try_from(column / 2), u32::try_from(row / 2)) {
            (Ok(column), Ok(row)) => face.get(column, row),
            _ => false,
        }
    }
}

fn decode(face: &Bitmap, corners: &Corners) -> Option<String> {
    let side = usize::try_from(corners.modules).ok()?;
    let grid = SimpleGrid::from_func(side, |x, y| corners.dark(face, x, y));
    Grid::new(grid).decode().ok().map(|(_, text)| text)
}
