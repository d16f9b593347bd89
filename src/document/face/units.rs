//! From millimetres and points to printer dots.

use ab_glyph::Rect;

/// Printer resolution, dots per inch.
pub const DOTS_PER_INCH: f32 = 300.0;
/// Dots across a landscape face: the long side of the printer's 648 × 1016 raster.
pub const FACE_WIDTH_DOTS: u32 = 1016;
/// Dots down a landscape face.
pub const FACE_HEIGHT_DOTS: u32 = 648;
/// Length of an ID-1 card in millimetres (ISO/IEC 7810).
pub(super) const CARD_WIDTH_MM: f32 = 85.60;
/// Height of an ID-1 card in millimetres (ISO/IEC 7810).
pub(super) const CARD_HEIGHT_MM: f32 = 53.98;

/// Whole dots nearest to a length in millimetres; a negative length is none.
pub(super) fn dots(millimetres: f32) -> u32 {
    u32::try_from(whole((millimetres * DOTS_PER_INCH / 25.4).round())).unwrap_or(0)
}

/// Dots per em of a typeface set at this size in points.
pub(super) fn dots_per_em(points: f32) -> f32 {
    points * DOTS_PER_INCH / 72.0
}

/// The whole number of a rounded float; out of range is clamped, not-a-number is zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, which is what is wanted here"
)]
pub(super) fn whole(rounded: f32) -> i32 {
    rounded as i32
}

/// A rectangle in dots.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Area {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

impl Area {
    pub(super) fn holds(&self, x: u32, y: u32) -> bool {
        (self.x..self.x + self.w).contains(&x) && (self.y..self.y + self.h).contains(&y)
    }

    /// The area grown by a margin on every side, cut at the upper left edge of the card.
    pub(super) fn grown(&self, margin: u32) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        Self {
            x,
            y,
            w: self.x + self.w + margin - x,
            h: self.y + self.h + margin - y,
        }
    }
}

/// The smallest rectangle around points, or nothing without points.
pub(super) fn bounds(points: impl IntoIterator<Item = ab_glyph::Point>) -> Option<Rect> {
    points.into_iter().fold(None, |so_far: Option<Rect>, p| {
        Some(so_far.map_or(Rect { min: p, max: p }, |r| Rect {
            min: ab_glyph::point(r.min.x.min(p.x), r.min.y.min(p.y)),
            max: ab_glyph::point(r.max.x.max(p.x), r.max.y.max(p.y)),
        }))
    })
}
