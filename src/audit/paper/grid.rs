//! A table on paper: a heading in both languages and rows of equal height.

use super::document::{Align, Document, Style};
use super::{LEFT, RIGHT};

/// Height of the heading in millimetres.
pub(super) const HEADING: f32 = 8.5;
/// White space between a cell's border and its text.
const GAP: f32 = 1.2;

/// One column: its heading, its width in millimetres, where its text stands.
pub(super) struct Column {
    pub(super) vi: &'static str,
    pub(super) en: &'static str,
    pub(super) width: f32,
    pub(super) align: Align,
}

/// A table's shape.
pub(super) struct Grid {
    pub(super) columns: &'static [Column],
    pub(super) row_height: f32,
    /// Lines between columns: for papers that are written on.
    pub(super) ruled: bool,
}

impl Grid {
    /// Draws the heading at `y` and returns where the first row begins.
    pub(super) fn heading(&self, paper: &mut Document, y: f32) -> f32 {
        paper.tint(LEFT, y, RIGHT - LEFT, HEADING, 0.88);
        let mut x = LEFT;
        for column in self.columns {
            let (at, width) = (column.anchor(x), column.width - 2.0 * GAP);
            paper.fitted(at, y + 3.7, width, column.vi, Style::bold(8.0), column.align);
            paper.fitted(
                at,
                y + 7.0,
                width,
                column.en,
                Style::regular(6.5).gray(0.3),
                column.align,
            );
            x += column.width;
        }
        paper.line(LEFT, y + HEADING, RIGHT, y + HEADING, 0.3);
        y + HEADING
    }

    /// Draws a row at `y`, one text with its style for each column, and returns where the next row begins.
    pub(super) fn row(&self, paper: &mut Document, y: f32, cells: &[(&str, Style)]) -> f32 {
        let baseline = y + self.row_height / 2.0 + 1.1;
        let mut x = LEFT;
        for (column, (text, style)) in self.columns.iter().zip(cells) {
            paper.fitted(
                column.anchor(x),
                baseline,
                column.width - 2.0 * GAP,
                text,
                *style,
                column.align,
            );
            if self.ruled {
                paper.line(x, y, x, y + self.row_height, 0.1);
            }
            x += column.width;
        }
        if self.ruled {
            paper.line(x, y, x, y + self.row_height, 0.1);
            paper.line(LEFT, y + self.row_height, RIGHT, y + self.row_height, 0.1);
        }
        y + self.row_height
    }

    /// Rows that fit between two heights, below a heading.
    pub(super) fn rows_between(&self, top: f32, bottom: f32) -> usize {
        self.row_ends(top + HEADING)
            .take_while(|end| *end <= bottom)
            .count()
    }

    /// Rows that take up at least this height.
    pub(super) fn rows_covering(&self, height: f32) -> usize {
        self.row_ends(0.0).take_while(|end| *end < height).count() + 1
    }

    fn row_ends(&self, top: f32) -> impl Iterator<Item = f32> {
        std::iter::successors(Some(top + self.row_height), |end| Some(end + self.row_height))
    }
}

impl Column {
    fn anchor(&self, left: f32) -> f32 {
        match self.align {
            Align::Left => left + GAP,
            Align::Middle => left + self.width / 2.0,
            Align::Right => left + self.width - GAP,
        }
    }
}
