//! One-bit pictures: what a monochrome card printer puts on a card.

/// A one-bit picture, rows from the top, most significant bit leftmost, a set bit is ink.
#[derive(Clone, Eq, PartialEq)]
pub struct Bitmap {
    width: u32,
    height: u32,
    stride: usize,
    bits: Vec<u8>,
}

impl Bitmap {
    /// An empty picture of this size in dots.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let stride = width.div_ceil(8) as usize;
        Self {
            width,
            height,
            stride,
            bits: vec![0; stride * height as usize],
        }
    }

    /// A picture from packed rows of `width.div_ceil(8)` bytes, or nothing if the length is wrong.
    #[must_use]
    pub fn from_rows(width: u32, height: u32, bits: Vec<u8>) -> Option<Self> {
        let stride = width.div_ceil(8) as usize;
        (bits.len() == stride * height as usize).then_some(Self {
            width,
            height,
            stride,
            bits,
        })
    }

    /// Makes a dot ink; outside the picture nothing happens.
    pub fn set(&mut self, x: u32, y: u32) {
        if x < self.width && y < self.height {
            self.bits[y as usize * self.stride + (x / 8) as usize] |= 0x80 >> (x % 8);
        }
    }

    /// Makes a rectangle ink, clipped to the picture.
    pub fn fill(&mut self, x: u32, y: u32, width: u32, height: u32) {
        let right = x.saturating_add(width).min(self.width);
        if x >= right {
            return;
        }
        // Whole bytes at a time; the first and the last may be cut.
        let (first, last) = ((x / 8) as usize, ((right - 1) / 8) as usize);
        let (head, tail) = (0xFF_u8 >> (x % 8), 0xFF_u8 << (7 - (right - 1) % 8));
        for row in y..y.saturating_add(height).min(self.height) {
            let start = row as usize * self.stride;
            let bytes = &mut self.bits[start + first..=start + last];
            match bytes {
                [only] => *only |= head & tail,
                [one, middle @ .., other] => {
                    *one |= head;
                    middle.fill(0xFF);
                    *other |= tail;
                }
                [] => {}
            }
        }
    }

    /// Adds the ink of another picture of the same size.
    pub fn overlay(&mut self, other: &Self) {
        debug_assert_eq!((self.width, self.height), (other.width, other.height));
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
    }

    /// Is this dot ink? Outside the picture it is not.
    #[must_use]
    pub fn get(&self, x: u32, y: u32) -> bool {
        x < self.width
            && y < self.height
            && self.bits[y as usize * self.stride + (x / 8) as usize] & (0x80 >> (x % 8)) != 0
    }

    /// Width in dots.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in dots.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes per row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, packed.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.bits
    }

    /// Dots that are ink.
    #[must_use]
    pub fn ink(&self) -> u64 {
        self.bits.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }
}

impl std::fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Bitmap({}×{}, {} dots of ink)",
            self.width,
            self.height,
            self.ink()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_is_all_its_dots_and_no_others() {
        for (x, y, width, height) in [
            (0, 0, 30, 3),
            (3, 1, 2, 1),
            (7, 0, 2, 2),
            (8, 0, 8, 1),
            (5, 1, 19, 9),
            (29, 0, 9, 1),
            (30, 0, 5, 5),
            (4, 1, 0, 2),
        ] {
            let mut picture = Bitmap::new(30, 3);
            picture.fill(x, y, width, height);
            for (row, column) in (0..3).flat_map(|row| (0..30).map(move |column| (row, column))) {
                let inside = (x..x + width).contains(&column) && (y..y + height).contains(&row);
                assert_eq!(
                    picture.get(column, row),
                    inside,
                    "{x} {y} {width} {height}: {column} {row}"
                );
            }
        }
    }

    #[test]
    fn dots_stay_where_they_are_put() {
        let mut picture = Bitmap::new(10, 3);
        picture.set(9, 2);
        picture.set(10, 2);
        picture.fill(0, 0, 2, 1);
        assert!(picture.get(9, 2) && picture.get(1, 0) && !picture.get(2, 0) && !picture.get(10, 2));
        assert_eq!((picture.stride(), picture.ink()), (2, 3));
        assert_eq!(Bitmap::from_rows(10, 3, picture.rows().to_vec()), Some(picture));
    }
}
