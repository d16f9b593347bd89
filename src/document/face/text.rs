//! Texts fitted into their boxes: made smaller, broken into lines, refused; never cut off.

use unicode_normalization::UnicodeNormalization;

use super::fault;
use super::layout::{Align, Field, FieldName, Label, Style};
use super::typeface::{Size, Typefaces};
use super::units::{Area, whole};
use crate::base::{Bitmap, Code, Fault};
use crate::dossier::{Dossier, Expiry, Sex};

/// Between the Vietnamese and the English part of a label.
const BETWEEN: &str = " / ";

/// A text broken into lines at the size at which it fits.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) size: Size,
    pub(super) lines: Vec<String>,
}

impl FieldName {
    /// What the dossier says, composed (NFC) so that every letter is one glyph; `unlimited` stands for the expiry of a
    /// card that has none.
    pub(super) fn text(self, dossier: &Dossier, unlimited: &str) -> String {
        let person = &dossier.person;
        let text = match self {
            Self::Number => &person.number,
            Self::Name => &person.name,
            Self::Born => return date(person.born),
            Self::Sex => return if person.sex == Sex::Male { "Nam" } else { "Nữ" }.to_owned(),
            Self::Nationality => &person.nationality,
            Self::Origin => &person.origin,
            Self::BirthPlace => &person.birth_place,
            Self::Residence => &person.residence,
            Self::Marks => &person.marks,
            Self::Issued => return date(dossier.issued),
            Self::Expiry => {
                return match dossier.expiry {
                    Expiry::On(day) => date(day),
                    Expiry::Unlimited => unlimited.to_owned(),
                };
            }
            // No dossier knows it.
            Self::Can => return String::new(),
        };
        text.nfc().collect()
    }
}

/// Draws the text of a field.
///
/// # Errors
/// `TEXT_TOO_LONG` and `LETTER_MISSING`, with the name of the field and nothing of its text.
pub(super) fn draw_field(
    picture: &mut Bitmap,
    typefaces: &Typefaces,
    field: &Field,
    text: &str,
) -> Result<(), Fault> {
    let capitals = field.capitals.then(|| text.to_uppercase());
    let text = capitals.as_deref().unwrap_or(text);
    let fitted =
        fit(typefaces, field, text).map_err(|code| Fault::new(code, format!("field {:?}", field.what)))?;
    let area = field.place().area();
    let em = fitted.size.dots_per_em();
    let mut baseline = count(area.y) + typefaces.above(field.style) * em;
    for line in &fitted.lines {
        let width = typefaces.width(field.style, line).unwrap_or(0.0) * em;
        let x = aligned(area, width, field.align);
        typefaces.draw(
            picture,
            field.style,
            fitted.size,
            line,
            x,
            whole(baseline.round()),
        );
        baseline += typefaces.line(field.style) * em;
    }
    Ok(())
}

/// Draws a label.
///
/// # Errors
/// `LAYOUT_MALFORMED` if it does not fit or cannot be printed.
pub(super) fn draw_label(picture: &mut Bitmap, typefaces: &Typefaces, label: &Label) -> Result<(), Fault> {
    let malformed = |what: &str| {
        let detail = format!("label {}{}{} {what}", label.vi, BETWEEN, label.en);
        Fault::new(&fault::LAYOUT_MALFORMED, detail)
    };
    let size = Size::points(label.size);
    let em = size.dots_per_em();
    let mut parts = Vec::new();
    if !label.vi.is_empty() {
        parts.push((label.style, label.vi.clone()));
    }
    if !label.en.is_empty() {
        let between = if label.vi.is_empty() { "" } else { BETWEEN };
        parts.push((english(label.style), format!("{between}{}", label.en)));
    }
    let mut widths = Vec::new();
    for (style, part) in &parts {
        let width = typefaces
            .width(*style, part)
            .map_err(|_| malformed("has a letter without a glyph"))?;
        widths.push(width * em);
    }
    let (area, width) = (label.area(typefaces), widths.iter().sum());
    if width > count(area.w) {
        return Err(malformed("is wider than its box"));
    }
    let baseline = count(area.y) + typefaces.above(label.style) * em;
    let mut x = aligned(area, width, label.align);
    for ((style, part), width) in parts.iter().zip(widths) {
        typefaces.draw(picture, *style, size, part, x, whole(baseline.round()));
        x += width;
    }
    Ok(())
}

/// The largest size, from the field's own down to its smallest, at which the text fits on the permitted lines.
pub(super) fn fit(typefaces: &Typefaces, field: &Field, text: &str) -> Result<Fitted, &'static Code> {
    let area = field.place().area();
    let missing = |_| &fault::LETTER_MISSING;
    let space = typefaces.width(field.style, " ").map_err(missing)?;
    let words = text
        .split_whitespace()
        .map(|word| Ok((word, typefaces.width(field.style, word).map_err(missing)?)))
        .collect::<Result<Vec<_>, _>>()?;
    for size in Size::points(field.size).down_to(Size::points(field.size_min)) {
        let em = size.dots_per_em();
        let line = typefaces.line(field.style) * em;
        // A box that was drawn for n lines of this size must hold them in spite of rounding.
        let most = u8::try_from(whole((count(area.h) / line + 0.05).floor())).unwrap_or(0);
        if let Some(lines) = wrap(
            &words,
            space,
            count(area.w) / em,
            usize::from(most.min(field.lines)),
        ) {
            return Ok(Fitted { size, lines });
        }
    }
    Err(&fault::TEXT_TOO_LONG)
}

/// Breaks words into at most so many lines of this width (all in ems), as full as possible from the top.
fn wrap(words: &[(&str, f32)], space: f32, width: f32, lines_max: usize) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0.0;
    for (word, length) in words {
        if *length > width {
            return None;
        }
        match lines.last_mut() {
            Some(line) if used + space + length <= width => {
                line.push(' ');
                line.push_str(word);
                used += space + length;
            }
            _ => {
                lines.push((*word).to_owned());
                used = *length;
            }
        }
    }
    (lines.len() <= lines_max).then_some(lines)
}

impl Label {
    /// Height of its line in millimetres.
    pub(super) fn height(&self, typefaces: &Typefaces) -> f32 {
        typefaces.line(self.style) * Size::points(self.size).dots_per_em() * 25.4
            / super::units::DOTS_PER_INCH
    }

    fn area(&self, typefaces: &Typefaces) -> Area {
        super::layout::Place {
            x: self.x,
            y: self.y,
            w: self.w,
            h: self.height(typefaces),
        }
        .area()
    }
}

/// English is set in oblique type beside Vietnamese, and bold in bold headings.
fn english(style: Style) -> Style {
    match style {
        Style::Regular | Style::Oblique => Style::Oblique,
        Style::Bold => Style::Bold,
    }
}

fn aligned(area: Area, width: f32, align: Align) -> f32 {
    let slack = (count(area.w) - width).max(0.0);
    count(area.x)
        + match align {
            Align::Left => 0.0,
            Align::Center => slack / 2.0,
            Align::Right => slack,
        }
}

/// Dots as a float: faces are about a thousand dots wide, far below what an `f32` holds exactly.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^24 dots")]
fn count(dots: u32) -> f32 {
    dots as f32
}

fn date(day: time::Date) -> String {
    format!("{:02}/{:02}/{:04}", day.day(), u8::from(day.month()), day.year())
}
