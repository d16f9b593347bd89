//! Hand-over sheets: for an office that hands cards over against a signature on paper.

use super::document::{Align, Document, Style};
use super::grid::{Column, Grid};
use super::{BODY, BOTTOM, LEFT, RIGHT, TOP};
use super::{begin_page, fact, footer, office, paginate, signature, title};
use crate::audit::{Manifest, ManifestLine};
use crate::base::Fault;

const TABLE: f32 = 65.0;
/// Rows that the two signatures below the table take.
const RESERVE: usize = 3;

const GRID: Grid = Grid {
    columns: &[
        column("STT", "No.", 11.0, Align::Right),
        column("Ô", "Slot", 11.0, Align::Right),
        column("Họ, chữ đệm và tên", "Full name", 60.0, Align::Left),
        column("Số định danh", "Number", 28.0, Align::Left),
        column("Ngày nhận", "Date", 25.0, Align::Left),
        column("Ký nhận", "Signature", 45.0, Align::Left),
    ],
    row_height: 11.0,
    ruled: true,
};

const fn column(vi: &'static str, en: &'static str, width: f32, align: Align) -> Column {
    Column { vi, en, width, align }
}

pub(super) fn make(manifest: &Manifest) -> Result<Vec<u8>, Fault> {
    let room = GRID.rows_between(TABLE, BOTTOM);
    let villages = manifest.villages();
    let sheets: Vec<(&str, usize, Vec<&[&ManifestLine]>)> = villages
        .iter()
        .map(|(village, lines)| (*village, lines.len(), paginate(lines, room, room, RESERVE)))
        .collect();
    let count: usize = sheets.iter().map(|(_, _, pages)| pages.len()).sum();

    let mut paper = Document::new()?;
    let mut page = 0;
    for (village, cards, pages) in &sheets {
        let mut number = 0;
        for (index, lines) in pages.iter().enumerate() {
            begin_page(&mut paper, manifest.mode);
            opening(&mut paper, manifest, village, *cards);
            let mut y = GRID.heading(&mut paper, TABLE);
            for line in *lines {
                number += 1;
                y = row(&mut paper, y, number, line);
            }
            if index + 1 == pages.len() {
                signature(
                    &mut paper,
                    LEFT,
                    y + 7.0,
                    70.0,
                    "Người giao thẻ",
                    "Handed over by",
                );
                signature(
                    &mut paper,
                    LEFT + 95.0,
                    y + 7.0,
                    70.0,
                    "Phụ trách",
                    "Officer in charge",
                );
            }
            page += 1;
            footer(&mut paper, manifest, page, count);
        }
    }
    let name = format!("Danh sách giao nhận thẻ {}", manifest.box_id);
    paper.finish(&name, manifest.sealed_at)
}

fn opening(paper: &mut Document, manifest: &Manifest, village: &str, cards: usize) {
    title(
        paper,
        manifest.mode,
        "DANH SÁCH GIAO NHẬN THẺ CĂN CƯỚC",
        "Identity card hand-over list",
    );
    let y = TOP + 26.0;
    fact(
        paper,
        LEFT,
        y,
        130.0,
        ("Thôn, tổ", "Village"),
        village,
        Style::bold(14.0),
    );
    let cards = cards.to_string();
    fact(
        paper,
        LEFT + 140.0,
        y,
        40.0,
        ("Số thẻ", "Cards"),
        &cards,
        Style::bold(14.0),
    );
    let y = y + 12.5;
    fact(
        paper,
        LEFT,
        y,
        130.0,
        ("Nơi giao", "Office"),
        &office(manifest),
        BODY,
    );
    let box_id = manifest.box_id.as_str();
    fact(
        paper,
        LEFT + 140.0,
        y,
        RIGHT - LEFT - 140.0,
        ("Hộp", "Box"),
        box_id,
        BODY,
    );
}

fn row(paper: &mut Document, y: f32, number: usize, line: &ManifestLine) -> f32 {
    let (number, slot) = (number.to_string(), line.slot.to_string());
    let cells = [
        (number.as_str(), BODY),
        (&slot, Style::bold(9.5)),
        (&line.name, Style::bold(10.0)),
        (&line.number, Style::regular(9.5)),
        ("", BODY),
        ("", BODY),
    ];
    GRID.row(paper, y, &cells)
}
