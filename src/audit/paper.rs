//! The papers of a box, as PDF: its label, the manifest, and hand-over sheets to sign, one set per village.
//!
//! Same manifest, same bytes: nothing here looks at a clock, and the one date printed is the manifest's own. The
//! typefaces are embedded with just the glyphs that are used, so a paper prints alike everywhere and is small enough to
//! send by mail.

use time::OffsetDateTime;
use time::macros::format_description;

use super::Manifest;
use crate::base::clock::VIET_NAM;
use crate::base::ids::BoxId;
use crate::base::{Fault, Mode};

mod code;
mod document;
mod embedded;
mod grid;
mod label_paper;
mod manifest_paper;
mod sign_off_paper;
mod subset;
mod typeface;

use document::{Align, Document, Style};

/// The manifest: A4 portrait, one row per card in the order they lie, the label's text as a square code.
///
/// # Errors
/// `MANIFEST_REFUSED` if the manifest contradicts itself, `LETTER_MISSING` for a letter the typeface has no shape for,
/// `PAPER_FAILED` if the label does not fit a square code.
pub fn manifest(manifest: &Manifest, qr: &str) -> Result<Vec<u8>, Fault> {
    manifest.check()?;
    manifest_paper::make(manifest, qr)
}

/// The hand-over sheets: a page or more per village, with room for each person's signature.
///
/// # Errors
/// `MANIFEST_REFUSED` if the manifest contradicts itself, `LETTER_MISSING` for a letter the typeface has no shape for.
pub fn sign_off(manifest: &Manifest) -> Result<Vec<u8>, Fault> {
    manifest.check()?;
    sign_off_paper::make(manifest)
}

/// What the square code on a box's label begins with; the label follows.
pub const BOX: &str = "BOX ";

/// The label of a box that is opened: its name, where it goes, and a square code of its name to scan.
///
/// # Errors
/// `LETTER_MISSING` for a letter the typeface has no shape for, `PAPER_FAILED` if the name does not fit a square code.
pub fn label(label: &BoxId, office: &str, mode: Mode, opened: OffsetDateTime) -> Result<Vec<u8>, Fault> {
    label_paper::make(label, office, mode, opened)
}

/// Margins in millimetres.
const LEFT: f32 = 15.0;
const RIGHT: f32 = document::WIDTH - 15.0;
const TOP: f32 = 15.0;
/// Where a page's content must end; below is the footer.
const BOTTOM: f32 = 278.0;

const SMALL: Style = Style::regular(7.0).gray(0.35);
const BODY: Style = Style::regular(8.5);

/// Begins a page, marked across its whole face if nothing on it is real.
fn begin_page(paper: &mut Document, mode: Mode) {
    paper.begin_page();
    if mode == Mode::Rehearsal {
        paper.slanted("MẪU · SPECIMEN", Style::bold(74.0).gray(0.9));
    }
}

/// The paper's title in both languages and, in rehearsal, what it is not.
fn title(paper: &mut Document, mode: Mode, vi: &str, en: &str) {
    paper.text(LEFT, TOP + 6.0, vi, Style::bold(16.0), Align::Left);
    paper.text(LEFT, TOP + 11.5, en, Style::regular(10.5).gray(0.35), Align::Left);
    if mode == Mode::Rehearsal {
        let words = "DIỄN TẬP, KHÔNG PHẢI GIẤY TỜ THẬT  ·  REHEARSAL, NOT REAL CARDS";
        paper.frame(LEFT, TOP + 14.5, 106.0, 6.0, 0.35);
        paper.text(LEFT + 53.0, TOP + 18.6, words, Style::bold(7.5), Align::Middle);
    }
}

/// One fact about the box: its name in both languages, small, and what it is.
fn fact(paper: &mut Document, x: f32, y: f32, width: f32, (vi, en): (&str, &str), value: &str, style: Style) {
    paper.text(x, y, &format!("{vi} · {en}"), SMALL, Align::Left);
    paper.fitted(
        x,
        y + 1.5 + 0.95 * style.height(),
        width,
        value,
        style,
        Align::Left,
    );
}

/// A place to sign: who, and a line.
fn signature(paper: &mut Document, x: f32, y: f32, width: f32, vi: &str, en: &str) {
    paper.text(x, y, vi, Style::bold(8.5), Align::Left);
    paper.text(x, y + 3.8, en, SMALL, Align::Left);
    paper.line(x, y + 22.0, x + width, y + 22.0, 0.2);
    paper.text(
        x,
        y + 25.2,
        "Họ tên, chữ ký, ngày · Name, signature, date",
        Style::regular(6.0).gray(0.35),
        Align::Left,
    );
}

/// The foot of the page: which box, what to be careful with, and which page.
fn footer(paper: &mut Document, manifest: &Manifest, page: usize, pages: usize) {
    let y = BOTTOM + 9.0;
    paper.line(LEFT, y - 4.0, RIGHT, y - 4.0, 0.1);
    let left = format!("{} · {}", manifest.facility, manifest.box_id);
    paper.text(LEFT, y, &left, SMALL, Align::Left);
    let middle = "Có thông tin cá nhân · Contains personal data";
    paper.text(document::WIDTH / 2.0, y, middle, SMALL, Align::Middle);
    let right = format!("Trang {page}/{pages} · Page {page} of {pages}");
    paper.text(RIGHT, y, &right, SMALL, Align::Right);
}

fn office(manifest: &Manifest) -> String {
    format!("{} – {}", manifest.office.code, manifest.office.name)
}

/// When the box was sealed, by the clocks in Viet Nam.
fn sealed_at(manifest: &Manifest) -> String {
    manifest
        .sealed_at
        .to_offset(VIET_NAM)
        .format(format_description!(
            "[day]/[month]/[year] [hour]:[minute] (GMT+7)"
        ))
        .unwrap_or_default()
}

/// Cuts rows into pages: `first` fit on the first page, `later` on each other; the last page keeps room for `reserve`
/// rows' worth of closing matter, and never consists of that and a lonely row or two.
fn paginate<T>(rows: &[T], first: usize, later: usize, reserve: usize) -> Vec<&[T]> {
    const COMPANY: usize = 3;
    let mut lengths = vec![rows.len().min(first)];
    let mut rest = rows.len().saturating_sub(first);
    while rest > 0 {
        lengths.push(rest.min(later.max(1)));
        rest = rest.saturating_sub(later.max(1));
    }
    let room = if lengths.len() == 1 { first } else { later };
    if lengths
        .last()
        .is_some_and(|last| *last > 1 && last + reserve > room)
    {
        lengths.push(0);
    }
    if let [.., before, last] = lengths.as_mut_slice() {
        let moved = COMPANY.saturating_sub(*last).min(*before / 2);
        (*before, *last) = (*before - moved, *last + moved);
    }
    let mut rest = rows;
    lengths
        .into_iter()
        .map(|length| {
            let (page, others) = rest.split_at(length);
            rest = others;
            page
        })
        .collect()
}

#[cfg(test)]
mod tests;
