//! The manifest as a spreadsheet (RFC 4180).

use std::borrow::Cow;

use super::{Manifest, refused};
use crate::base::Fault;

/// Spreadsheet programs take a file without this mark for their local 8-bit code page and garble Vietnamese.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

const COLUMNS: [&str; 11] = [
    "box", "slot", "order", "attempt", "village", "team", "sequence", "name", "number", "remake", "sod",
];

impl Manifest {
    /// The lines as CSV in UTF-8, with a heading. Leading zeros of personal numbers count: import that column as text.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if the manifest contradicts itself.
    pub fn csv(&self) -> Result<Vec<u8>, Fault> {
        self.check()?;
        let failed = |_| refused("it cannot be written as CSV");
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(BYTE_ORDER_MARK.to_vec());
        writer.write_record(COLUMNS).map_err(failed)?;
        for line in &self.lines {
            let cells = [
                self.box_id.as_str(),
                &line.slot.to_string(),
                &line.attempt.order.to_string(),
                &line.attempt.number.to_string(),
                &line.village,
                &line.team,
                &line.sequence.to_string(),
                &line.name,
                &line.number,
                if line.remake { "yes" } else { "no" },
                line.sod.as_str(),
            ];
            writer
                .write_record(cells.map(inert).iter().map(|cell| cell.as_bytes()))
                .map_err(failed)?;
        }
        writer
            .into_inner()
            .map_err(|_| refused("it cannot be written as CSV"))
    }
}

/// A cell that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV Injection).
fn inert(cell: &str) -> Cow<'_, str> {
    let formula = |letter: char| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let risky =
        cell.starts_with(|letter: char| letter.is_control()) || cell.trim_start().starts_with(formula);
    if risky {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for risky in [
            "=1+1",
            "+84",
            "-2",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "  =HYPERLINK(\"http://x\")",
            "＝1",
            "\u{a0}=1",
        ] {
            assert_eq!(inert(risky), format!("'{risky}"));
        }
        for harmless in ["Nguyễn Văn An", "001234567890", "Thôn 2=3", "", "A-B"] {
            assert_eq!(inert(harmless), harmless);
        }
    }
}
