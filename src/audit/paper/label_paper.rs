//! The label that a box gets when it is opened: whoever puts a card into it scans it there.

use time::OffsetDateTime;

use super::code::symbol;
use super::document::{Document, Style};
use super::{BOX, LEFT, TOP, begin_page, fact, title};
use crate::base::ids::BoxId;
use crate::base::{Fault, Mode};

/// Large enough to be read at arm's length.
const CODE_SIDE: f32 = 80.0;

pub(super) fn make(
    label: &BoxId,
    office: &str,
    mode: Mode,
    opened: OffsetDateTime,
) -> Result<Vec<u8>, Fault> {
    let symbol = symbol(&format!("{BOX}{label}"))?;
    let mut paper = Document::new()?;
    begin_page(&mut paper, mode);
    title(
        &mut paper,
        mode,
        "NHÃN HỘP THẺ CĂN CƯỚC",
        "Identity card box label",
    );
    let y = TOP + 28.0;
    paper.symbol(LEFT, y, CODE_SIDE, &symbol);
    let (beside, width) = (LEFT + CODE_SIDE + 8.0, 90.0);
    let name = label.as_str();
    fact(
        &mut paper,
        beside,
        y + 8.0,
        width,
        ("Hộp", "Box"),
        name,
        Style::bold(24.0),
    );
    fact(
        &mut paper,
        beside,
        y + 34.0,
        width,
        ("Nơi nhận", "Office"),
        office,
        Style::bold(12.0),
    );
    paper.finish(&format!("Nhãn hộp thẻ {label}"), opened)
}
