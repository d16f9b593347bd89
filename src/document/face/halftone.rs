//! Grey pictures turned into dots: scaled to their box, stretched to full contrast, diffused.

use std::cell::Cell;

use super::units::Area;
use crate::base::Bitmap;

/// Smaller pictures cannot be recognized; and with `PARTS` parts a pixel, the largest box's dots are never narrower
/// than one part.
const SIDE_MIN: usize = 64;

/// An 8-bit grey picture, rows from the top, 0 is black.
#[derive(Clone)]
pub(super) struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Grey {
    /// A picture from its pixels, or nothing if their number does not match or it is too small to be printed.
    pub(super) fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let large = width >= SIDE_MIN && height >= SIDE_MIN;
        (large && width.checked_mul(height) == Some(pixels.len())).then_some(Self {
            width,
            height,
            pixels,
        })
    }
}

/// Fills an area with a picture: cut to the area's proportions around its middle, scaled, and diffused to dots.
pub(super) fn draw(picture: &mut Bitmap, grey: &Grey, area: Area) {
    let (width, height) = (area.w as usize, area.h as usize);
    if width == 0 || height == 0 {
        return;
    }
    let scaled = scale(grey, width, height);
    let tones = stretch(&scaled);
    // Dots go into a layer of their own, packed: forty thousand single `set`s would cost more than all the rest.
    let stride = picture.stride();
    let mut bits = vec![0_u8; picture.rows().len()];
    let (left, top) = (area.x as usize, area.y as usize);
    let mut rows = bits.chunks_exact_mut(stride).skip(top);
    // Dots before the first are blank, so that whole bytes can be packed.
    let blank = left % 8;
    let mut dots = vec![0_u8; (blank + width).next_multiple_of(8)];
    diffuse(&scaled, width, &tones, |row| {
        let Some(bytes) = rows.next().and_then(|bytes| bytes.get_mut(left / 8..)) else {
            return;
        };
        dots[blank..blank + width].copy_from_slice(row);
        for (byte, eight) in bytes.iter_mut().zip(dots.chunks_exact(8)) {
            *byte = eight.iter().fold(0, |packed, dot| packed << 1 | dot);
        }
    });
    if let Some(layer) = Bitmap::from_rows(picture.width(), picture.height(), bits) {
        picture.overlay(&layer);
    }
}

/// Source edges of a target pixel are counted in this many parts of a source pixel.
const PARTS: usize = 16;

/// Averages the source area under every target pixel, so that no source pixel is lost and none counts twice.
///
/// This is where composing a card spends its time, hence plain loops without divisions. Sums wrap on purpose: only
/// differences of them are used, and the light on one target pixel is at most 255 × (4096 × 16)² / target, far below
/// 2³² for any box of more than a few dots.
#[expect(
    clippy::cast_possible_truncation,
    reason = "areas of at most (4096 × 16)² parts; averages end as bytes"
)]
fn scale(grey: &Grey, width: usize, height: usize) -> Vec<u8> {
    // The widest cut of the target's proportions that lies within the source.
    let (cut_width, cut_height) = if grey.width * height > grey.height * width {
        ((grey.height * width / height).max(1), grey.height)
    } else {
        (grey.width, (grey.width * height / width).max(1))
    };
    let (left, top) = ((grey.width - cut_width) / 2, (grey.height - cut_height) / 2);
    let across = edges(cut_width, width);
    let down = edges(cut_height, height);
    let narrowest = cut_width * PARTS / width;

    let mut scaled = Vec::with_capacity(width * height);
    // One target row: the weighted sums of its source columns, then their running totals from the left.
    let mut sums: Vec<u32> = vec![0; cut_width + 1];
    let mut totals: Vec<u32> = vec![0; cut_width + 1];
    for (from, to) in down.iter().zip(&down[1..]) {
        sums.fill(0);
        for row in from / PARTS..to.div_ceil(PARTS) {
            // At most 16, so that weighted pixels fit 16 bits, of which processors multiply many at a time.
            let weight = (to.min(&((row + 1) * PARTS)) - from.max(&(row * PARTS))) as u16;
            let start = (top + row) * grey.width + left;
            for (sum, pixel) in sums.iter_mut().zip(&grey.pixels[start..start + cut_width]) {
                *sum = sum.wrapping_add(u32::from(u16::from(*pixel).wrapping_mul(weight)));
            }
        }
        let mut total = 0_u32;
        for (sum, place) in sums.iter().zip(&mut totals[1..]) {
            total = total.wrapping_add(*sum);
            *place = total;
        }
        // Target pixels of a row are of two widths, one part apart: two reciprocals instead of many divisions. Rounded
        // up, so that white stays white.
        let reciprocals =
            [narrowest, narrowest + 1].map(|wide| (1_u64 << 32) / (((to - from) * wide) as u64).max(1) + 1);
        let mut start = 0;
        let mut light_before = 0_u32;
        for edge in &across[1..] {
            // The light up to an edge is the running total plus the part of the pixel the edge runs through.
            let (pixel, part) = (edge / PARTS, (edge % PARTS) as u32);
            let light = totals[pixel]
                .wrapping_mul(PARTS as u32)
                .wrapping_add(sums[pixel].wrapping_mul(part));
            let reciprocal = if edge - start == narrowest {
                reciprocals[0]
            } else {
                reciprocals[1]
            };
            scaled.push((u64::from(light.wrapping_sub(light_before)).wrapping_mul(reciprocal) >> 32) as u8);
            (start, light_before) = (*edge, light);
        }
    }
    scaled
}

/// The edges of `target` equal stretches of `length` source pixels, in parts of a source pixel.
fn edges(length: usize, target: usize) -> Vec<usize> {
    (0..=target)
        .map(|index| index * length * PARTS / target)
        .collect()
}

/// The table that spreads the tones between the darkest and the lightest hundredth over the whole range: a ribbon
/// knows black and the card's white, nothing between and nothing beyond. A flat picture keeps its tones.
fn stretch(pixels: &[u8]) -> [u8; 256] {
    const SPAN_MIN: usize = 48;
    let mut histogram = [0_usize; 256];
    // Every third pixel tells enough.
    for pixel in pixels.iter().step_by(3) {
        histogram[usize::from(*pixel)] += 1;
    }
    let hundredth = pixels.len() / 300;
    let mut seen = 0;
    let mut crosses = |number: &usize| {
        seen += number;
        seen > hundredth
    };
    let dark = histogram.iter().position(&mut crosses).unwrap_or(0);
    let mut seen = 0;
    let crosses = |number: &usize| {
        seen += number;
        seen > hundredth
    };
    let light = histogram.iter().rposition(crosses).unwrap_or(255);
    let (dark, span) = if light < dark + SPAN_MIN {
        (0, 255)
    } else {
        (dark, light - dark)
    };
    let mut table = [0_u8; 256];
    for (tone, stretched) in table.iter_mut().enumerate() {
        *stretched = u8::try_from(tone.saturating_sub(dark) * 255 / span).unwrap_or(u8::MAX);
    }
    table
}

/// Floyd and Steinberg's error diffusion, rows in alternating directions so that no worms run to one side. Each row of
/// dots, 1 for ink, is handed over as it is done.
fn diffuse(pixels: &[u8], width: usize, tones: &[u8; 256], mut done: impl FnMut(&[u8])) {
    // Errors carry four more bits. One row serves both as the errors that came from above and, behind the current
    // pixel, as those that go below; a cell of margin on each side takes what leaves the picture.
    let mut errors = vec![0_i32; width + 2];
    let errors = Cell::from_mut(errors.as_mut_slice()).as_slice_of_cells();
    let inner = &errors[1..=width];
    let mut dots = vec![0_u8; width];
    for (y, row) in pixels.chunks_exact(width).enumerate() {
        let mut carried = Carried::default();
        if y % 2 == 0 {
            let cells = inner.iter().zip(errors);
            for ((tone, dot), (here, behind)) in row.iter().zip(&mut dots).zip(cells) {
                *dot = carried.step(tones[usize::from(*tone)], here, behind);
            }
            errors[width].set(carried.behind_below);
        } else {
            let cells = inner.iter().zip(&errors[2..]).rev();
            for ((tone, dot), (here, behind)) in row.iter().zip(&mut dots).rev().zip(cells) {
                *dot = carried.step(tones[usize::from(*tone)], here, behind);
            }
            errors[1].set(carried.behind_below);
        }
        done(&dots);
    }
}

/// Errors on their way from pixel to pixel within one row.
#[derive(Default)]
struct Carried {
    /// To the next pixel of this row.
    ahead: i32,
    /// To the pixel below the one just done: what has come together so far.
    behind_below: i32,
    /// To the pixel below the next one.
    below: i32,
}

impl Carried {
    /// One pixel: 1 if it becomes ink. Without branches, since nobody can foresee them.
    fn step(&mut self, tone: u8, here: &Cell<i32>, behind: &Cell<i32>) -> u8 {
        let wanted = i32::from(tone) * 16 + here.get() + self.ahead;
        let white = i32::from(wanted >= 128 * 16);
        let error = wanted - white * 255 * 16;
        let (ahead, behind_below, below) = ((error * 7) >> 4, (error * 3) >> 4, (error * 5) >> 4);
        behind.set(self.behind_below + behind_below);
        self.behind_below = self.below + below;
        self.below = error - ahead - behind_below - below;
        self.ahead = ahead;
        u8::from(white == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inked(tone: u8) -> u64 {
        let mut picture = Bitmap::new(100, 100);
        let grey = Grey::new(64, 64, vec![tone; 64 * 64]).unwrap();
        draw(
            &mut picture,
            &grey,
            Area {
                x: 0,
                y: 0,
                w: 100,
                h: 100,
            },
        );
        picture.ink()
    }

    #[test]
    fn ink_is_as_dense_as_the_tone_is_dark() {
        assert_eq!((inked(0), inked(255)), (10_000, 0));
        for tone in [32_u8, 64, 128, 200] {
            let wanted = 10_000.0 * (1.0 - f64::from(tone) / 255.0);
            let got = f64::from(u32::try_from(inked(tone)).unwrap());
            assert!(
                (got - wanted).abs() < 100.0,
                "tone {tone}: {got} dots, wanted {wanted}"
            );
        }
    }

    #[test]
    fn a_picture_is_scaled_without_losing_its_edges() {
        // Left half black, right half white, at sizes that do not divide each other.
        for (width, target) in [(301_usize, 236_usize), (100, 236), (1201, 17), (64, 1016)] {
            let row: Vec<u8> = (0..width).map(|x| if x * 2 < width { 0 } else { 255 }).collect();
            let grey = Grey::new(width, width, row.repeat(width)).unwrap();
            let scaled = scale(&grey, target, target);
            assert_eq!(scaled.len(), target * target);
            assert!(scaled[0] == 0 && scaled[target - 1] == 255, "{width} to {target}");
            assert!(scaled[..target].is_sorted());
        }
    }

    #[test]
    fn flat_contrast_is_stretched_and_flat_pictures_are_left_alone() {
        let dull: Vec<u8> = (0..1000)
            .map(|index| 100 + u8::try_from(index / 10).unwrap())
            .collect();
        let table = stretch(&dull);
        assert!(table[100] == 0 && table[199] == 255 && table[150] > 100 && table[150] < 155);
        assert_eq!(stretch(&[90, 91, 92])[91], 91);
    }
}
