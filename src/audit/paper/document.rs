//! A PDF document of A4 pages, drawn in millimetres from the top left corner.

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{Content, Date, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use time::OffsetDateTime;

use super::code::Symbol;
use super::embedded;
use super::typeface::{Refs, Typeface};
use crate::audit::{Hash, fault};
use crate::base::Fault;

/// A4 in millimetres.
pub(super) const WIDTH: f32 = 210.0;
pub(super) const HEIGHT: f32 = 297.0;

/// Text too wide for its place is set narrower down to this, then cut: below it nobody reads it.
const NARROWEST: f32 = 0.62;

/// How text looks. Size in points.
#[derive(Clone, Copy)]
pub(super) struct Style {
    bold: bool,
    size: f32,
    gray: f32,
}

impl Style {
    pub(super) const fn regular(size: f32) -> Self {
        Self {
            bold: false,
            size,
            gray: 0.0,
        }
    }

    pub(super) const fn bold(size: f32) -> Self {
        Self {
            bold: true,
            size,
            gray: 0.0,
        }
    }

    /// Height of capital letters in millimetres, with the space they need above them.
    pub(super) fn height(self) -> f32 {
        self.size / points(1.0)
    }

    /// 0 is black, 1 is white.
    pub(super) const fn gray(self, gray: f32) -> Self {
        Self { gray, ..self }
    }
}

/// Which point of a text its place is.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// A document in the making.
pub(super) struct Document {
    regular: Typeface,
    bold: Typeface,
    pages: Vec<Content>,
    missing: Option<char>,
}

impl Document {
    pub(super) fn new() -> Result<Self, Fault> {
        Ok(Self {
            regular: Typeface::new(&embedded::REGULAR)?,
            bold: Typeface::new(&embedded::BOLD)?,
            pages: Vec::new(),
            missing: None,
        })
    }

    pub(super) fn begin_page(&mut self) {
        self.pages.push(Content::new());
    }

    /// Text on one line; `y` is its baseline.
    pub(super) fn text(&mut self, x: f32, y: f32, text: &str, style: Style, align: Align) {
        self.set(x, y, None, text, style, align);
    }

    /// Text on one line, set narrower and at last cut so that it takes no more than `width`.
    pub(super) fn fitted(&mut self, x: f32, y: f32, width: f32, text: &str, style: Style, align: Align) {
        self.set(x, y, Some(width), text, style, align);
    }

    /// Text across the page from the lower left to the upper right.
    pub(super) fn slanted(&mut self, text: &str, style: Style) {
        let Some((codes, width)) = self.shape(text, style) else {
            return;
        };
        // The diagonal of A4 rises by this angle.
        let (rise, run) = (HEIGHT / HEIGHT.hypot(WIDTH), WIDTH / HEIGHT.hypot(WIDTH));
        let (x, y) = (WIDTH / 2.0 - run * width / 2.0, HEIGHT / 2.0 + rise * width / 2.0);
        self.show(
            &codes,
            style,
            1.0,
            [run, rise, -rise, run, points(x), points(HEIGHT - y)],
        );
    }

    /// A line of this thickness in millimetres.
    pub(super) fn line(&mut self, x: f32, y: f32, to_x: f32, to_y: f32, thickness: f32) {
        self.shaded_line(x, y, to_x, to_y, thickness, 0.0);
    }

    /// A line of this shade.
    pub(super) fn shaded_line(&mut self, x: f32, y: f32, to_x: f32, to_y: f32, thickness: f32, gray: f32) {
        if let Some(page) = self.pages.last_mut() {
            page.set_stroke_gray(gray)
                .set_line_width(points(thickness))
                .move_to(points(x), points(HEIGHT - y))
                .line_to(points(to_x), points(HEIGHT - to_y))
                .stroke();
        }
    }

    /// The outline of a rectangle.
    pub(super) fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, thickness: f32) {
        if let Some(page) = self.pages.last_mut() {
            page.set_stroke_gray(0.0)
                .set_line_width(points(thickness))
                .rect(
                    points(x),
                    points(HEIGHT - y - height),
                    points(width),
                    points(height),
                )
                .stroke();
        }
    }

    /// A light tint under a row.
    pub(super) fn tint(&mut self, x: f32, y: f32, width: f32, height: f32, gray: f32) {
        if let Some(page) = self.pages.last_mut() {
            page.set_fill_gray(gray)
                .rect(
                    points(x),
                    points(HEIGHT - y - height),
                    points(width),
                    points(height),
                )
                .fill_nonzero();
        }
    }

    /// A square code on white; its quiet zone lies inside `side`.
    pub(super) fn symbol(&mut self, x: f32, y: f32, side: f32, symbol: &Symbol) {
        self.tint(x, y, side, side, 1.0);
        let module = side / f32::from(symbol.side);
        if let Some(page) = self.pages.last_mut() {
            page.set_fill_gray(0.0);
            for run in &symbol.runs {
                let (left, top) = (x + f32::from(run.x) * module, y + f32::from(run.y) * module);
                page.rect(
                    points(left),
                    points(HEIGHT - top - module),
                    points(f32::from(run.length) * module),
                    points(module),
                );
            }
            page.fill_nonzero();
        }
    }

    /// The document's bytes.
    ///
    /// # Errors
    /// `LETTER_MISSING` if any text could not be set.
    pub(super) fn finish(self, title: &str, made: OffsetDateTime) -> Result<Vec<u8>, Fault> {
        if let Some(letter) = self.missing {
            return Err(Fault::new(
                &fault::LETTER_MISSING,
                format!("U+{:04X}", u32::from(letter)),
            ));
        }
        let mut next = Ref::new(1);
        let [catalog, info, tree] = [(); 3].map(|()| next.bump());
        let [regular, bold] = [(); 2].map(|()| Refs {
            font: next.bump(),
            descendant: next.bump(),
            descriptor: next.bump(),
            file: next.bump(),
            to_unicode: next.bump(),
        });
        let pages: Vec<(Ref, Ref, Vec<u8>)> = self
            .pages
            .into_iter()
            .map(|content| (next.bump(), next.bump(), deflate(&content.finish())))
            .collect();

        let mut pdf = Pdf::new();
        pdf.set_version(1, 7);
        let whole: Vec<&[u8]> = pages.iter().map(|(_, _, content)| content.as_slice()).collect();
        let id = Hash::of(&whole).0[..16].to_vec();
        pdf.set_file_id((id.clone(), id));
        pdf.catalog(catalog)
            .pages(tree)
            .lang(TextStr("vi"))
            .viewer_preferences()
            .pair(Name(b"DisplayDocTitle"), true);
        pdf.document_info(info)
            .title(TextStr(title))
            .producer(TextStr("cardwright"))
            .creation_date(date(made));
        pdf.pages(tree)
            .kids(pages.iter().map(|(page, _, _)| *page))
            .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
        self.regular.embed(&mut pdf, &regular)?;
        self.bold.embed(&mut pdf, &bold)?;
        for (page, content, bytes) in &pages {
            let mut dictionary = pdf.page(*page);
            dictionary
                .parent(tree)
                .media_box(Rect::new(0.0, 0.0, points(WIDTH), points(HEIGHT)))
                .contents(*content);
            dictionary
                .resources()
                .fonts()
                .pair(REGULAR, regular.font)
                .pair(BOLD, bold.font);
            dictionary.finish();
            pdf.stream(*content, bytes).filter(Filter::FlateDecode);
        }
        Ok(pdf.finish())
    }

    fn set(&mut self, x: f32, y: f32, room: Option<f32>, text: &str, style: Style, align: Align) {
        let Some((mut codes, natural)) = self.shape(text, style) else {
            return;
        };
        let room = room.unwrap_or(f32::INFINITY);
        let (mut width, mut stretch) = (natural, 1.0);
        if natural > room {
            stretch = (room / natural).max(NARROWEST);
            let mut letters: Vec<char> = text.chars().collect();
            while width * stretch > room && letters.pop().is_some() {
                let cut = letters.iter().chain(&['…']).collect::<String>();
                let Some(shaped) = self.shape(&cut, style) else {
                    return;
                };
                (codes, width) = shaped;
            }
        }
        let width = width * stretch;
        let x = match align {
            Align::Left => x,
            Align::Middle => x - width / 2.0,
            Align::Right => x - width,
        };
        self.show(
            &codes,
            style,
            stretch,
            [1.0, 0.0, 0.0, 1.0, points(x), points(HEIGHT - y)],
        );
    }

    /// Glyph codes and width in millimetres; nothing if a letter has no shape, which `finish` then reports.
    fn shape(&mut self, text: &str, style: Style) -> Option<(Vec<u8>, f32)> {
        let face = if style.bold {
            &mut self.bold
        } else {
            &mut self.regular
        };
        match face.shape(text) {
            Ok(shaped) => Some((shaped.codes, shaped.width / 1_000.0 * style.size / points(1.0))),
            Err(letter) => {
                self.missing.get_or_insert(letter);
                None
            }
        }
    }

    fn show(&mut self, codes: &[u8], style: Style, stretch: f32, matrix: [f32; 6]) {
        if let Some(page) = self.pages.last_mut() {
            page.set_fill_gray(style.gray)
                .begin_text()
                .set_font(if style.bold { BOLD } else { REGULAR }, style.size)
                .set_horizontal_scaling(stretch * 100.0)
                .set_text_matrix(matrix)
                .show(Str(codes))
                .end_text();
        }
    }
}

/// Compressed for a `FlateDecode` stream. Level 6 is the knee: higher levels cost time and save almost nothing.
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(bytes, 6)
}

const REGULAR: Name<'static> = Name(b"R");
const BOLD: Name<'static> = Name(b"B");

/// Millimetres in points.
fn points(millimetres: f32) -> f32 {
    millimetres * 72.0 / 25.4
}

fn date(at: OffsetDateTime) -> Date {
    let at = at.to_offset(time::UtcOffset::UTC);
    Date::new(u16::try_from(at.year()).unwrap_or(0))
        .month(at.month().into())
        .day(at.day())
        .hour(at.hour())
        .minute(at.minute())
        .second(at.second())
        .utc_offset_hour(0)
}
