//! The manifest on paper.

use super::code::{Symbol, symbol};
use super::document::{Align, Document, Style};
use super::grid::{Column, Grid};
use super::{BODY, BOTTOM, LEFT, RIGHT, SMALL, TOP};
use super::{begin_page, fact, footer, office, paginate, sealed_at, signature, title};
use crate::audit::{Manifest, ManifestLine};
use crate::base::Fault;

/// Where the table begins on the first page and on each other, in millimetres.
const FIRST_TABLE: f32 = 73.0;
const LATER_TABLE: f32 = 26.0;
/// Height of the closing matter without the villages.
const CLOSING: f32 = 47.0;
/// Villages are counted in columns of this many; the rest are summed up.
const VILLAGE_COLUMNS: usize = 3;
const VILLAGE_ROWS_MAX: usize = 8;
const VILLAGE_HEIGHT: f32 = 4.6;
const CODE_SIDE: f32 = 46.0;

const GRID: Grid = Grid {
    columns: &[
        column("Ô", "Slot", 10.0, Align::Right),
        column("Thôn, tổ", "Village", 36.0, Align::Left),
        column("Đội", "Team", 11.0, Align::Left),
        column("STT", "No.", 10.0, Align::Right),
        column("Họ, chữ đệm và tên", "Full name", 52.0, Align::Left),
        column("Số định danh", "Number", 25.0, Align::Left),
        column("Lần làm", "Attempt", 20.0, Align::Left),
        column("Chip", "SOD", 16.0, Align::Left),
    ],
    row_height: 5.2,
    ruled: false,
};

const fn column(vi: &'static str, en: &'static str, width: f32, align: Align) -> Column {
    Column { vi, en, width, align }
}

pub(super) fn make(manifest: &Manifest, qr: &str) -> Result<Vec<u8>, Fault> {
    let symbol = symbol(qr)?;
    let closing = CLOSING + village_height(manifest);
    let reserve = GRID.rows_covering(closing);
    let first = GRID.rows_between(FIRST_TABLE, BOTTOM);
    let later = GRID.rows_between(LATER_TABLE, BOTTOM);
    let pages = paginate(&manifest.lines, first, later, reserve);

    let mut paper = Document::new()?;
    for (index, lines) in pages.iter().enumerate() {
        begin_page(&mut paper, manifest.mode);
        let top = if index == 0 {
            opening(&mut paper, manifest, &symbol);
            FIRST_TABLE
        } else {
            continuation(&mut paper, manifest);
            LATER_TABLE
        };
        let end = rows(&mut paper, lines, top);
        if index + 1 == pages.len() {
            totals(&mut paper, manifest, end + 7.0);
        }
        footer(&mut paper, manifest, index + 1, pages.len());
    }
    let name = format!("Bảng kê hộp thẻ {}", manifest.box_id);
    paper.finish(&name, manifest.sealed_at)
}

/// The first page's upper part: what, which box, where to, and the label to scan.
fn opening(paper: &mut Document, manifest: &Manifest, symbol: &Symbol) {
    title(
        paper,
        manifest.mode,
        "BẢNG KÊ HỘP THẺ CĂN CƯỚC",
        "Identity card box manifest",
    );
    paper.symbol(RIGHT - CODE_SIDE + 3.0, TOP - 3.0, CODE_SIDE, symbol);
    let caption = "Quét để kiểm tra · Scan to verify";
    paper.text(
        RIGHT - CODE_SIDE / 2.0 + 3.0,
        TOP + CODE_SIDE - 2.5,
        caption,
        SMALL,
        Align::Middle,
    );

    let strong = Style::bold(11.0);
    let (second, third) = (LEFT + 68.0, LEFT + 104.0);
    let y = TOP + 26.0;
    fact(
        paper,
        LEFT,
        y,
        64.0,
        ("Hộp", "Box"),
        manifest.box_id.as_str(),
        strong,
    );
    let cards = manifest.lines.len().to_string();
    fact(paper, second, y, 32.0, ("Số thẻ", "Cards"), &cards, strong);
    let remakes = manifest.remakes().to_string();
    fact(paper, third, y, 32.0, ("Làm lại", "Remakes"), &remakes, strong);
    let y = y + 11.0;
    fact(
        paper,
        LEFT,
        y,
        130.0,
        ("Nơi nhận", "Office"),
        &office(manifest),
        strong,
    );
    let y = y + 11.0;
    fact(
        paper,
        LEFT,
        y,
        64.0,
        ("Cơ sở", "Facility"),
        &manifest.facility,
        BODY,
    );
    fact(
        paper,
        second,
        y,
        48.0,
        ("Niêm phong", "Sealed"),
        &sealed_at(manifest),
        BODY,
    );
    let lots: Vec<String> = manifest.lots.iter().map(ToString::to_string).collect();
    fact(
        paper,
        LEFT + 118.0,
        y,
        RIGHT - LEFT - 118.0,
        ("Lô", "Lots"),
        &lots.join(", "),
        BODY,
    );
}

fn continuation(paper: &mut Document, manifest: &Manifest) {
    let y = TOP + 4.0;
    let words = format!("BẢNG KÊ HỘP {}", manifest.box_id);
    paper.text(LEFT, y, &words, Style::bold(10.0), Align::Left);
    paper.fitted(RIGHT, y, 100.0, &office(manifest), BODY, Align::Right);
}

fn rows(paper: &mut Document, lines: &[ManifestLine], top: f32) -> f32 {
    let mut y = GRID.heading(paper, top);
    for line in lines {
        let (slot, sequence) = (line.slot.to_string(), line.sequence.to_string());
        let attempt = line.attempt.to_string();
        // The first bytes are enough to tell a remake from the spoiled card it replaces.
        let chip: String = line.sod.as_str().chars().take(8).collect();
        let how = if line.remake {
            Style::bold(8.0)
        } else {
            Style::regular(8.0)
        };
        let cells = [
            (slot.as_str(), Style::bold(8.5)),
            (&line.village, BODY),
            (&line.team, BODY),
            (&sequence, BODY),
            (&line.name, Style::bold(8.5)),
            (&line.number, BODY),
            (&attempt, how),
            (&chip, Style::regular(7.0).gray(0.35)),
        ];
        y = GRID.row(paper, y, &cells);
        // Every fifth line is darker: the eye counts along.
        let gray = if line.slot % 5 == 0 { 0.45 } else { 0.8 };
        paper.shaded_line(LEFT, y, RIGHT, y, 0.1, gray);
    }
    paper.line(LEFT, y, RIGHT, y, 0.3);
    y
}

/// What the box holds in numbers, village by village, and three places to sign.
fn totals(paper: &mut Document, manifest: &Manifest, top: f32) {
    let words = format!("Tổng cộng · Total: {} thẻ · cards", manifest.lines.len());
    paper.text(LEFT, top, &words, Style::bold(10.0), Align::Left);
    if manifest.remakes() > 0 {
        let words = "Lần làm in đậm: thẻ làm lại · Bold attempt: remade card";
        paper.text(RIGHT, top, words, SMALL, Align::Right);
    }

    let villages = manifest.villages();
    let shown = villages.len().min(VILLAGE_COLUMNS * VILLAGE_ROWS_MAX);
    let wide = (RIGHT - LEFT) / 3.0;
    let mut x = LEFT;
    for chunk in villages[..shown].chunks(village_rows(manifest).max(1)) {
        let mut y = top + 6.0;
        for (village, lines) in chunk {
            paper.fitted(x, y, wide - 18.0, village, BODY, Align::Left);
            paper.text(x + wide - 8.0, y, &lines.len().to_string(), BODY, Align::Right);
            y += VILLAGE_HEIGHT;
        }
        x += wide;
    }
    let y = top + 6.0 + village_height(manifest);
    if shown < villages.len() {
        let words = format!("và {0} nơi khác · and {0} more", villages.len() - shown);
        paper.text(LEFT, y - 1.0, &words, SMALL, Align::Left);
    }
    let y = y + 5.0;
    signature(paper, LEFT, y, 52.0, "Người đóng hộp", "Packed by");
    signature(paper, LEFT + 64.0, y, 52.0, "Người kiểm tra", "Checked by");
    signature(paper, LEFT + 128.0, y, 52.0, "Người nhận", "Received by");
}

fn village_rows(manifest: &Manifest) -> usize {
    manifest
        .villages()
        .len()
        .div_ceil(VILLAGE_COLUMNS)
        .min(VILLAGE_ROWS_MAX)
}

fn village_height(manifest: &Manifest) -> f32 {
    (0..village_rows(manifest)).map(|_| VILLAGE_HEIGHT).sum()
}
