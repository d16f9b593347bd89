//! Typefaces, and glyphs turned into dots once: cards share the same few hundred.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ab_glyph::{Font, FontVec, GlyphId, Outline, OutlineCurve, OutlinedGlyph, Point, PxScaleFactor, point};

use super::fault;
use super::layout::Style;
use super::units::{bounds, dots_per_em, whole};
use crate::base::{Bitmap, Fault, font};

/// Slant of the oblique style, horizontal per vertical: twelve degrees, as in drawn italics.
const SLANT: f32 = 0.21;
/// A dot is ink from this coverage on. Slightly under a half, so that thin strokes of small type do not break.
const INK: f32 = 0.45;

/// Every letter of Vietnamese: 12 vowels in six tones and 17 consonants, lower case.
const VOWELS: &str = "aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵ";
const CONSONANTS: &str = "bcdđghklmnpqrstvx";

/// The 134 letters with marks and đ, and those without: what every typeface must print, in both cases.
pub(super) fn vietnamese() -> impl Iterator<Item = char> {
    VOWELS
        .chars()
        .chain(CONSONANTS.chars())
        .flat_map(|letter| std::iter::once(letter).chain(letter.to_uppercase()))
}

/// One glyph as dots, relative to its pen position on the baseline.
#[derive(Debug, Default)]
pub(super) struct Glyph {
    /// Runs of ink.
    runs: Vec<Run>,
}

/// A run of ink: dots right of the pen, dots below the baseline (negative is above), length.
#[derive(Clone, Copy, Debug)]
struct Run {
    dx: i32,
    dy: i32,
    length: u32,
}

/// The typefaces of a facility's faces, TrueType or OpenType.
#[derive(Clone)]
pub struct Fonts {
    /// Regular; slanted where a layout asks for oblique.
    pub regular: Vec<u8>,
    /// Bold.
    pub bold: Vec<u8>,
}

impl Default for Fonts {
    /// Those that go with the program.
    fn default() -> Self {
        Self {
            regular: font::SANS.to_vec(),
            bold: font::SANS_BOLD.to_vec(),
        }
    }
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fonts")
    }
}

/// A typeface's measures and glyph numbers, looked up without a lock.
struct Face {
    font: FontVec,
    /// Glyph and advance, in ems, of every character.
    letters: HashMap<char, (GlyphId, f32)>,
    units_per_em: f32,
    /// The highest mark above the baseline, in ems.
    above: f32,
    /// The lowest mark below the baseline, in ems.
    below: f32,
}

/// The typefaces of the faces and the dots of the glyphs used so far.
pub(super) struct Typefaces {
    regular: Face,
    bold: Face,
    /// Bounded by itself: only characters of the typefaces at the sizes layouts allow come in.
    glyphs: RwLock<HashMap<(Style, u16, char), Arc<Glyph>>>,
}

impl Typefaces {
    /// Reads typefaces.
    pub(super) fn new(fonts: Fonts) -> Result<Self, Fault> {
        Ok(Self {
            regular: Face::new(fonts.regular).map_err(|fault| fault.at("regular"))?,
            bold: Face::new(fonts.bold).map_err(|fault| fault.at("bold"))?,
            glyphs: RwLock::default(),
        })
    }

    /// Width of a text in ems, or the first character that cannot be printed.
    pub(super) fn width(&self, style: Style, text: &str) -> Result<f32, char> {
        let face = self.face(style);
        text.chars()
            .map(|letter| {
                face.letters
                    .get(&letter)
                    .map(|(_, advance)| *advance)
                    .ok_or(letter)
            })
            .sum()
    }

    /// Height of a line that has room for every mark of every letter, in ems.
    pub(super) fn line(&self, style: Style) -> f32 {
        let face = self.face(style);
        face.above + face.below
    }

    /// From the top of a line to its baseline, in ems.
    pub(super) fn above(&self, style: Style) -> f32 {
        self.face(style).above
    }

    /// Draws a text, the pen starting at this dot on this baseline; characters the typeface lacks are left out, so
    /// measure first.
    pub(super) fn draw(
        &self,
        picture: &mut Bitmap,
        style: Style,
        size: Size,
        text: &str,
        x: f32,
        baseline: i32,
    ) {
        let mut pen = x;
        for letter in text.chars() {
            let Some((_, advance)) = self.face(style).letters.get(&letter) else {
                continue;
            };
            self.glyph(style, size, letter)
                .draw(picture, whole(pen.round()), baseline);
            pen += advance * size.dots_per_em();
        }
    }

    /// The outlines of a text in dots, on a sloping baseline that starts at the origin.
    pub(super) fn slope(&self, style: Style, size: Size, text: &str, angle: f32) -> Vec<OutlinedGlyph> {
        let face = self.face(style);
        let scale = size.dots_per_em() / face.units_per_em;
        let (sin, cos) = angle.to_radians().sin_cos();
        let mut pen = 0.0;
        let mut glyphs = Vec::new();
        for letter in text.chars() {
            let Some((id, advance)) = face.letters.get(&letter) else {
                continue;
            };
            let turn = |p: Point| {
                let (x, y) = (p.x * scale + pen, p.y * scale);
                point(x * cos - y * sin, x * sin + y * cos)
            };
            glyphs.extend(
                face.font
                    .outline(*id)
                    .and_then(|outline| outlined(&outline, *id, 1.0, turn)),
            );
            pen += advance * size.dots_per_em();
        }
        glyphs
    }

    pub(super) fn glyph(&self, style: Style, size: Size, letter: char) -> Arc<Glyph> {
        let key = (style, size.quarters, letter);
        // A poisoned lock guards a cache that is whole after every insert.
        let known = self
            .glyphs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        known.unwrap_or_else(|| {
            let glyph = Arc::new(self.face(style).glyph(style, size, letter));
            let mut glyphs = self.glyphs.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(glyphs.entry(key).or_insert(glyph))
        })
    }

    fn face(&self, style: Style) -> &Face {
        match style {
            Style::Regular | Style::Oblique => &self.regular,
            Style::Bold => &self.bold,
        }
    }
}

impl std::fmt::Debug for Typefaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typefaces")
    }
}

/// A type size in quarters of a point: coarse enough to share glyphs, fine enough to fit texts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Size {
    quarters: u16,
}

impl Size {
    pub(super) fn points(points: f32) -> Self {
        let quarters = whole((points * 4.0).round());
        Self {
            quarters: u16::try_from(quarters).unwrap_or(u16::MAX),
        }
    }

    pub(super) fn dots_per_em(self) -> f32 {
        dots_per_em(f32::from(self.quarters) / 4.0)
    }

    /// Every size from this one down to the smallest, a quarter of a point apart.
    pub(super) fn down_to(self, smallest: Self) -> impl Iterator<Item = Self> {
        (smallest.quarters..=self.quarters)
            .rev()
            .map(|quarters| Self { quarters })
    }
}

impl Face {
    fn new(bytes: Vec<u8>) -> Result<Self, Fault> {
        let unreadable = |what: &str| Fault::new(&fault::TYPEFACE_UNREADABLE, what.to_owned());
        let font = FontVec::try_from_vec(bytes).map_err(|error| unreadable(&error.to_string()))?;
        let units_per_em = font.units_per_em().ok_or_else(|| unreadable("no em"))?;
        // Combining marks stay out: texts are composed (NFC), and a loose mark has no place of its own.
        let letters: HashMap<_, _> = ('\u{20}'..='\u{2122}')
            .filter(|letter| !('\u{300}'..='\u{36F}').contains(letter))
            .map(|letter| (letter, font.glyph_id(letter)))
            .filter(|(_, id)| id.0 != 0)
            .map(|(letter, id)| (letter, (id, font.h_advance_unscaled(id) / units_per_em)))
            .collect();
        let mut face = Self {
            font,
            letters,
            units_per_em,
            above: 0.0,
            below: 0.0,
        };
        for letter in vietnamese().chain('!'..='~') {
            let outline = face
                .letters
                .get(&letter)
                .and_then(|(id, _)| face.font.outline(*id));
            let outline = outline.ok_or_else(|| unreadable(&format!("no glyph for {letter}")))?;
            // ab_glyph turns outlines to have y grow downwards only when it draws: here up is positive.
            let (top, bottom) = (
                outline.bounds.max.y.max(outline.bounds.min.y),
                outline.bounds.min.y.min(outline.bounds.max.y),
            );
            face.above = face.above.max(top / units_per_em);
            face.below = face.below.max(-bottom / units_per_em);
        }
        Ok(face)
    }

    fn glyph(&self, style: Style, size: Size, letter: char) -> Glyph {
        let slant = if style == Style::Oblique { SLANT } else { 0.0 };
        let scale = size.dots_per_em() / self.units_per_em;
        self.letters
            .get(&letter)
            .and_then(|(id, _)| {
                let outline = self.font.outline(*id)?;
                outlined(&outline, *id, scale, |p| point(p.x + slant * p.y, p.y))
            })
            .map_or_else(Glyph::default, |outlined| Glyph::of(&outlined))
    }
}

impl Glyph {
    /// The dots of an outline.
    pub(super) fn of(outlined: &OutlinedGlyph) -> Self {
        let bounds = outlined.px_bounds();
        let (left, top) = (whole(bounds.min.x), whole(bounds.min.y));
        let mut runs: Vec<Run> = Vec::new();
        outlined.draw(|x, y, coverage| {
            if coverage < INK {
                return;
            }
            let (dx, dy) = (left.saturating_add_unsigned(x), top.saturating_add_unsigned(y));
            match runs.last_mut() {
                Some(run) if run.dy == dy && run.dx.saturating_add_unsigned(run.length) == dx => {
                    run.length += 1;
                }
                _ => runs.push(Run { dx, dy, length: 1 }),
            }
        });
        Self { runs }
    }

    /// Puts the glyph's dots on a picture, the pen at this dot on this baseline.
    pub(super) fn draw(&self, picture: &mut Bitmap, x: i32, baseline: i32) {
        for run in &self.runs {
            let (column, row) = (x.saturating_add(run.dx), baseline.saturating_add(run.dy));
            if let (Ok(column), Ok(row)) = (u32::try_from(column), u32::try_from(row)) {
                picture.fill(column, row, run.length, 1);
            }
        }
    }

    /// The topmost and the lowest row of ink, relative to the baseline.
    #[cfg(test)]
    pub(super) fn rows(&self) -> Option<(i32, i32)> {
        Some((self.runs.first()?.dy, self.runs.last()?.dy))
    }
}

/// An outline after a change of its points, ready to be drawn from the origin.
pub(super) fn outlined(
    outline: &Outline,
    id: GlyphId,
    scale: f32,
    change: impl Fn(Point) -> Point,
) -> Option<OutlinedGlyph> {
    let curves: Vec<_> = outline
        .curves
        .iter()
        .map(|curve| match curve {
            OutlineCurve::Line(a, b) => OutlineCurve::Line(change(*a), change(*b)),
            OutlineCurve::Quad(a, b, c) => OutlineCurve::Quad(change(*a), change(*b), change(*c)),
            OutlineCurve::Cubic(a, b, c, d) => {
                OutlineCurve::Cubic(change(*a), change(*b), change(*c), change(*d))
            }
        })
        .collect();
    let points = curves.iter().flat_map(|curve| match curve {
        OutlineCurve::Line(a, b) => vec![*a, *b],
        OutlineCurve::Quad(a, b, c) => vec![*a, *b, *c],
        OutlineCurve::Cubic(a, b, c, d) => vec![*a, *b, *c, *d],
    });
    let around = bounds(points)?;
    // Pixel bounds are computed with y turned downwards: the upper edge comes first.
    let bounds = ab_glyph::Rect {
        min: point(around.min.x, around.max.y),
        max: point(around.max.x, around.min.y),
    };
    let factor = PxScaleFactor {
        horizontal: scale,
        vertical: scale,
    };
    Some(OutlinedGlyph::new(
        id.with_scale(1.0),
        Outline { bounds, curves },
        factor,
    ))
}
