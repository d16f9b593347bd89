//! Plain text tables, for a terminal and for a line printer.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A table with a heading of one or more lines. The first `left` columns are words (flush left), the others numbers
/// (flush right).
pub(super) struct Table {
    left: usize,
    headings: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heading lines.
    pub(super) fn new(left: usize, headings: &[&[&str]]) -> Self {
        let rows = headings
            .iter()
            .map(|cells| cells.iter().copied().map(visible).collect())
            .collect();
        Self {
            left,
            headings: headings.len(),
            rows,
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(cells.into_iter().map(|cell| visible(&cell)).collect());
    }

    /// The table as lines; the last row is set off as a total if asked.
    pub(super) fn text(&self, total: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| width(cell))
                    .max()
            })
            .map(|width| width.unwrap_or(0))
            .collect();
        let rule = widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .join("  ");
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number == self.headings || (total && number + 1 == self.rows.len()) {
                text.push_str(&rule);
                text.push('\n');
            }
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, wide))| {
                    let blanks = " ".repeat(wide.saturating_sub(width(cell)));
                    if column < self.left {
                        format!("{cell}{blanks}")
                    } else {
                        format!("{blanks}{cell}")
                    }
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// Text made safe for a terminal: composed letters, and no control or direction marks that could redraw the screen.
#[must_use]
pub fn visible(text: &str) -> String {
    text.nfc()
        .map(|letter| {
            if letter.is_control() || is_direction_mark(letter) {
                '\u{FFFD}'
            } else {
                letter
            }
        })
        .collect()
}

fn is_direction_mark(letter: char) -> bool {
    matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn width(text: &str) -> usize {
    text.chars().filter(|letter| !is_combining_mark(*letter)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_vietnamese_letters_in_either_form() {
        let mut table = Table::new(1, &[&["Office", "n"], &["Nơi nhận", "số"]]);
        table.row(["Xã Ba Vì".to_owned(), "12".to_owned()]);
        table.row(["Xa\u{303} Ba Vi\u{300}".to_owned(), "345".to_owned()]);
        assert_eq!(
            table.text(true),
            "Office      n\nNơi nhận   số\n--------  ---\nXã Ba Vì   12\n--------  ---\nXã Ba Vì  345\n"
        );
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let mut table = Table::new(1, &[&["n"]]);
        table.row(["a\u{1b}[2J\u{202e}b\n".to_owned()]);
        assert_eq!(table.text(false), "n\n--------\na\u{FFFD}[2J\u{FFFD}b\u{FFFD}\n");
    }
}
