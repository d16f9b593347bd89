//! Drawn faces and fingerprints: no photograph of anybody, different for everybody, and fast to draw.

use std::sync::LazyLock;

use jpeg_encoder::{ColorType, Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::Dice;
use crate::dossier::record::Sex;

const WIDTH: i32 = 480;
const HEIGHT: i32 = 640;
/// Width of a fingerprint picture in pixels.
pub(super) const FINGER_WIDTH: u32 = 150;
/// Height of a fingerprint picture in pixels.
pub(super) const FINGER_HEIGHT: u32 = 200;
/// Quality that gives portraits of 14 to 18 kB.
const PORTRAIT_QUALITY: u8 = 76;
/// Quality that gives fingerprints below 6 kB.
const FINGER_QUALITY: u8 = 34;

/// What all portraits share: the camera's grain, one tile of it, and the quality of its JPEGs.
pub(super) struct Texture {
    grain: Vec<i8>,
    quality: u8,
}

/// Rows of grain before it repeats.
const TILE: usize = 256;
const ROW: usize = WIDTH as usize;

impl Texture {
    pub(super) fn new(dice: &mut Dice) -> Self {
        // The sum of two throws: small deviations are the more frequent ones.
        let grain =
            (0..TILE * ROW).map(|_| i8::try_from(dice.between(-2, 2) + dice.between(-2, 2)).unwrap_or(0));
        Self {
            grain: grain.collect(),
            quality: PORTRAIT_QUALITY,
        }
    }

    pub(super) fn set_quality(&mut self, quality: u8) {
        self.quality = quality;
    }

    /// One row of grain.
    fn row(&self, row: i32) -> &[i8] {
        let start = (row.unsigned_abs() as usize % TILE) * ROW;
        self.grain.get(start..start + ROW).unwrap_or(&self.grain)
    }
}

impl std::fmt::Debug for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texture")
    }
}

/// Luma and two chroma values.
type Colour = [i32; 3];

/// A picture under the brush: a plane each of luma and of two chroma values.
struct Canvas<'t> {
    planes: [Vec<u8>; 3],
    texture: &'t Texture,
}

/// An ellipse, all in pixels.
#[derive(Clone, Copy)]
struct Oval {
    x: i32,
    y: i32,
    across: i32,
    down: i32,
}

impl<'t> Canvas<'t> {
    fn new(texture: &'t Texture) -> Self {
        Self {
            planes: [0; 3].map(|shade| vec![shade; index(HEIGHT, 0)]),
            texture,
        }
    }

    /// A wall, a little darker at the bottom, out of focus and so without grain.
    fn backdrop(&mut self, colour: Colour) {
        let [luma, cb, cr] = &mut self.planes;
        for (row, shade) in luma.chunks_mut(ROW).zip((0..).map(|row| colour[0] - row / 24)) {
            row.fill(byte(shade));
        }
        cb.fill(byte(colour[1]));
        cr.fill(byte(colour[2]));
    }

    /// Fills from `left` to `right` in one row; luma falls by `slope` 1/256ths per pixel to the right.
    fn span(&mut self, row: i32, left: i32, right: i32, colour: Colour, slope: i32) {
        let (left, right) = (left.clamp(0, WIDTH), right.clamp(0, WIDTH));
        if !(0..HEIGHT).contains(&row) || left >= right {
            return;
        }
        let place = index(row, left)..index(row, right);
        let grain = self.texture.row(row).get(index(0, left)..).unwrap_or_default();
        let [luma, cb, cr] = &mut self.planes;
        let mut shade = colour[0] << 8;
        let line = &mut luma[place.clone()];
        let (mut at, end) = (0, line.len().min(grain.len()));
        // The hot loop of the rehearsal: iterators are slow in the dev profile.
        while at < end {
            line[at] = byte((shade >> 8) + i32::from(grain[at]));
            shade -= slope;
            at += 1;
        }
        cb[place.clone()].fill(byte(colour[1]));
        cr[place].fill(byte(colour[2]));
    }

    /// The first `height` rows as a JPEG.
    fn encode(&self, height: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 << 10);
        let mut encoder = Encoder::new(&mut bytes, self.texture.quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        let outcome = encoder.encode_image(Cropped { canvas: self, height });
        debug_assert!(outcome.is_ok());
        bytes
    }

    /// Fills an ellipse between two rows (inclusive, exclusive), lighter at its upper left.
    fn oval(&mut self, oval: Oval, rows: std::ops::Range<i32>, colour: Colour, relief: i32) {
        let first = rows.start.max(oval.y - oval.down);
        let last = rows.end.min(oval.y + oval.down);
        for row in first..last {
            let height = row - oval.y;
            let part = 1.0 - (f64::from(height) / f64::from(oval.down)).powi(2);
            let half = rounded(f64::from(oval.across) * part.max(0.0).sqrt());
            let [luma, cb, cr] = colour;
            let light = luma + relief - relief * (height + oval.down) / oval.down.max(1);
            let slope = relief * 256 / oval.across.max(1);
            self.span(
                row,
                oval.x - half,
                oval.x + half,
                [light + slope * half / 256, cb, cr],
                slope,
            );
        }
    }
}

/// The first rows of a canvas, for the encoder.
struct Cropped<'c> {
    canvas: &'c Canvas<'c>,
    height: u16,
}

impl ImageBuffer for Cropped<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        u16::try_from(WIDTH).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, row: u16, buffers: &mut [Vec<u8>; 4]) {
        let row = i32::from(row);
        for (plane, buffer) in self.canvas.planes.iter().zip(buffers) {
            buffer.extend_from_slice(plane.get(index(row, 0)..index(row + 1, 0)).unwrap_or_default());
        }
    }
}

/// A face of this age and sex: 480 × 640, colour JPEG.
pub(super) fn face(age: u8, sex: Sex, texture: &Texture, dice: &mut Dice) -> Vec<u8> {
    let mut canvas = Canvas::new(texture);
    let backdrop = [
        dice.between(188, 224),
        dice.between(122, 140),
        dice.between(114, 126),
    ];
    canvas.backdrop(backdrop);
    let skin = [
        dice.between(150, 196),
        dice.between(104, 116),
        dice.between(142, 154),
    ];
    let grey = i32::from(age.saturating_sub(45)) * 2;
    let hair = [dice.between(28, 52) + grey, 128, dice.between(126, 132)];
    let cloth = [
        dice.between(50, 210),
        dice.between(96, 160),
        dice.between(96, 160),
    ];
    let x = WIDTH / 2 + dice.between(-8, 8);
    let y = 270 + dice.between(-14, 14);
    let young = if age < 14 { 8 } else { 0 };
    let head = Oval {
        x,
        y,
        across: dice.between(104, 126) + young,
        down: dice.between(140, 164),
    };
    torso(&mut canvas, head, skin, cloth, dice);
    if sex == Sex::Female {
        let length = dice.between(60, 190);
        let mane = Oval {
            across: head.across + 34,
            down: head.down + 60,
            ..head
        };
        canvas.oval(mane, 0..head.y + length, hair, 10);
        neck(&mut canvas, head, skin);
    }
    let crown = Oval {
        y: head.y - 14,
        across: head.across + 12,
        down: head.down + dice.between(12, 24),
        ..head
    };
    canvas.oval(crown, 0..head.y + 10, hair, 12);
    canvas.oval(head, 0..HEIGHT, skin, 16);
    let fringe = head.y - head.down + dice.between(44, 84);
    canvas.oval(head, 0..fringe, hair, 12);
    features(&mut canvas, head, skin, hair, age, dice);
    canvas.encode(640)
}

/// A square portrait, which no card takes.
pub(super) fn square(texture: &Texture) -> Vec<u8> {
    let mut canvas = Canvas::new(texture);
    canvas.backdrop([200, 128, 120]);
    canvas.oval(
        Oval {
            x: 240,
            y: 240,
            across: 110,
            down: 150,
        },
        0..480,
        [120, 110, 150],
        20,
    );
    canvas.encode(480)
}

fn torso(canvas: &mut Canvas<'_>, head: Oval, skin: Colour, cloth: Colour, dice: &mut Dice) {
    let shoulders = Oval {
        x: head.x,
        y: HEIGHT + 40,
        across: dice.between(200, 236),
        down: dice.between(200, 232),
    };
    canvas.oval(shoulders, 0..HEIGHT, cloth, 14);
    neck(canvas, head, skin);
    let collar = Oval {
        x: head.x,
        y: head.y + head.down + 66,
        across: 66,
        down: 26,
    };
    canvas.oval(collar, 0..HEIGHT, [skin[0] - 14, skin[1], skin[2]], 4);
}

fn neck(canvas: &mut Canvas<'_>, head: Oval, skin: Colour) {
    for row in head.y + head.down - 40..head.y + head.down + 66 {
        canvas.span(
            row,
            head.x - 48,
            head.x + 48,
            [skin[0] - 12, skin[1], skin[2]],
            40,
        );
    }
}

fn features(canvas: &mut Canvas<'_>, head: Oval, skin: Colour, hair: Colour, age: u8, dice: &mut Dice) {
    let [luma, cb, cr] = skin;
    let apart = dice.between(40, 54);
    let level = head.y - dice.between(6, 22);
    let (wide, open, brow) = (dice.between(17, 23), dice.between(7, 11), dice.between(22, 32));
    for side in [-1, 1] {
        let eye = Oval {
            x: head.x + side * apart,
            y: level,
            across: wide,
            down: open,
        };
        canvas.oval(eye, 0..HEIGHT, [222, 128, 128], 4);
        canvas.oval(Oval { across: open, ..eye }, 0..HEIGHT, [34, 124, 132], 0);
        let arch = Oval {
            y: level - brow,
            across: wide + 8,
            down: dice.between(3, 7),
            ..eye
        };
        canvas.oval(arch, 0..HEIGHT, hair, 0);
        if age > 50 {
            let line = Oval {
                y: level + 22,
                across: wide,
                down: 2,
                ..eye
            };
            canvas.oval(line, 0..HEIGHT, [luma - 26, cb, cr], 0);
        }
    }
    let nose = Oval {
        x: head.x,
        y: level + dice.between(44, 58),
        across: dice.between(15, 22),
        down: dice.between(9, 14),
    };
    canvas.oval(nose, 0..HEIGHT, [luma - 18, cb, cr + 2], 6);
    let bridge = Oval {
        y: nose.y - 30,
        across: 5,
        down: 32,
        ..nose
    };
    canvas.oval(bridge, 0..HEIGHT, [luma + 8, cb, cr], 2);
    let lips = Oval {
        x: head.x,
        y: nose.y + dice.between(32, 44),
        across: dice.between(28, 42),
        down: dice.between(6, 12),
    };
    canvas.oval(lips, 0..HEIGHT, [luma - 48, cb - 2, cr + 14], 6);
    let parted = Oval {
        across: lips.across - 6,
        down: 2,
        ..lips
    };
    canvas.oval(parted, 0..HEIGHT, [luma - 84, cb, cr + 8], 0);
}

/// A fingerprint: ridges around a core, bent by a slow wave. 150 × 200, grey JPEG.
pub(super) fn fingerprint(dice: &mut Dice) -> Vec<u8> {
    static RIDGE: LazyLock<[u8; 256]> = LazyLock::new(|| {
        std::array::from_fn(|step| {
            let turn = step as f64 / 256.0 * std::f64::consts::TAU;
            byte(rounded(140.0 + 90.0 * turn.sin()))
        })
    });
    let (width, height) = (FINGER_WIDTH as f32, FINGER_HEIGHT as f32);
    let throw = |dice: &mut Dice, low: i32, high: i32| dice.between(low, high) as f32;
    let (core_x, core_y) = (
        width / 2.0 + throw(dice, -12, 12),
        height / 2.0 + throw(dice, -16, 16),
    );
    let stretch = throw(dice, 60, 120) / 100.0;
    let period = throw(dice, 78, 100) / 10.0;
    let (bend, turn) = (throw(dice, 4, 16), throw(dice, 20, 60) / 1000.0);
    let spiral = throw(dice, -3, 3);
    let wave: Vec<f32> = (0..FINGER_WIDTH)
        .map(|x| bend * (x as f32 * turn).sin())
        .collect();
    let mut pixels = vec![240; (FINGER_WIDTH * FINGER_HEIGHT) as usize];
    for (y, line) in (0usize..).zip(pixels.chunks_exact_mut(wave.len())) {
        let from_middle = (coordinate(y) - height / 2.0) / (height / 2.0);
        let half = width / 2.0 * (1.0 - from_middle * from_middle).max(0.0).sqrt();
        let mut at = 0;
        while at < line.len() {
            let x = coordinate(at);
            if (x - width / 2.0).abs() <= half {
                let (across, down) = (x - core_x, (coordinate(y) - core_y + wave[at]) * stretch);
                let distance = (across * across + down * down).sqrt();
                // Ridges of a spiral: the angle, roughly, without trigonometry.
                let angle = across / (across.abs() + down.abs() + 1.0);
                let phase = (distance / period + spiral * angle * 0.25) * 256.0;
                line[at] = RIDGE[usize::from(wrapped(phase))];
            }
            at += 1;
        }
    }
    let mut bytes = Vec::with_capacity(8 << 10);
    let encoder = Encoder::new(&mut bytes, FINGER_QUALITY);
    let outcome = encoder.encode(&pixels, size(FINGER_WIDTH), size(FINGER_HEIGHT), ColorType::Luma);
    debug_assert!(outcome.is_ok());
    bytes
}

/// Makes a JPEG's frame header claim another size.
pub(super) fn claim_size(jpeg: &mut [u8], width: u16, height: u16) {
    let frame = jpeg
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0] || marker == [0xFF, 0xC2]);
    if let Some(measures) = frame.and_then(|at| jpeg.get_mut(at + 5..at + 9)) {
        measures[..2].copy_from_slice(&height.to_be_bytes());
        measures[2..].copy_from_slice(&width.to_be_bytes());
    }
}

/// Where a pixel is. Rows and columns are never negative here.
fn index(row: i32, column: i32) -> usize {
    (row * WIDTH + column).unsigned_abs() as usize
}

#[expect(clippy::cast_sign_loss, reason = "clamped")]
#[inline]
fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// A picture coordinate, small enough to be exact.
fn coordinate(value: usize) -> f32 {
    value as f32
}

fn size(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "picture coordinates are small")]
fn rounded(value: f64) -> i32 {
    value.round() as i32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a phase is wanted modulo 256"
)]
fn wrapped(phase: f32) -> u8 {
    (phase as i64 & 0xFF) as u8
}
