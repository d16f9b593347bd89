//! The card path: what the printer's motors and head do to plastic. The hall supplies the plastic.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::base::Bitmap;
use crate::printer::Outlet;
use crate::printer::raster::{FACE_HEIGHT, FACE_WIDTH};

/// A face of the card.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The front (recto).
    Front,
    /// The back (verso).
    Back,
}

/// Where the card in the printer is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// At the encoder: its chip can be talked to.
    Station,
    /// Under the print head: its chip is out of reach.
    PrintModule,
}

/// What the printer does to cards. There is at most one inside.
pub trait CardPath {
    /// Takes the next card from the feeder; false if there is none.
    fn feed(&mut self) -> bool;
    /// The card inside has arrived here.
    fn place(&mut self, at: Position);
    /// Adds these dots to the ink on the card inside (landscape, 1016 × 648).
    fn ink(&mut self, side: Side, dots: &Bitmap);
    /// The card inside falls out here.
    fn eject(&mut self, to: Outlet);
}

/// A card with its two faces and no chip.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainCard {
    /// Its number in the pack.
    pub number: u32,
    /// The ink on its front.
    pub front: Bitmap,
    /// The ink on its back.
    pub back: Bitmap,
}

impl PlainCard {
    /// A card without ink.
    #[must_use]
    pub fn blank(number: u32) -> Self {
        Self {
            number,
            front: Bitmap::new(FACE_WIDTH, FACE_HEIGHT),
            back: Bitmap::new(FACE_WIDTH, FACE_HEIGHT),
        }
    }
}

/// A card path in memory, for tests and for printers without a hall.
#[derive(Clone, Debug, Default)]
pub struct Tray {
    /// Cards to be fed, next first.
    pub feeder: VecDeque<PlainCard>,
    /// The card in the printer.
    pub inside: Option<PlainCard>,
    /// Where it is.
    pub position: Option<Position>,
    /// The good output, in order.
    pub good: Vec<PlainCard>,
    /// The reject box, in order.
    pub rejected: Vec<PlainCard>,
}

impl Tray {
    /// A path with this many blanks in the feeder, numbered from 1.
    #[must_use]
    pub fn with_blanks(count: u32) -> Self {
        Self {
            feeder: (1..=count).map(PlainCard::blank).collect(),
            ..Self::default()
        }
    }
}

impl CardPath for Tray {
    fn feed(&mut self) -> bool {
        if self.inside.is_none() {
            self.inside = self.feeder.pop_front();
            return self.inside.is_some();
        }
        false
    }

    fn place(&mut self, at: Position) {
        self.position = Some(at);
    }

    fn ink(&mut self, side: Side, dots: &Bitmap) {
        if let Some(card) = &mut self.inside {
            match side {
                Side::Front => card.front.overlay(dots),
                Side::Back => card.back.overlay(dots),
            }
        }
    }

    fn eject(&mut self, to: Outlet) {
        self.position = None;
        if let Some(card) = self.inside.take() {
            match to {
                Outlet::Good => self.good.push(card),
                Outlet::Reject => self.rejected.push(card),
            }
        }
    }
}
