//! What people at machines and desks are asked to do, and what they answer.

use serde::{Deserialize, Serialize};

use crate::base::ids::{BoxId, LotId, PackId};

/// What a person at a machine or a desk is asked to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Instruction {
    /// At a machine: put this pack into the feeder.
    LoadPack {
        /// The pack.
        pack: PackId,
    },
    /// At a machine: empty the output hopper, in its order, into the tray of this lot.
    EmptyHopper {
        /// The lot.
        lot: LotId,
    },
    /// At a machine: take out whatever card is still in its path and put it into the quarantine tray.
    ClearPath,
    /// At a desk: put a card that lies on the reader back into the tray it came from.
    ClearReader,
    /// At a desk: bring the tray of this lot.
    TakeTray {
        /// The lot.
        lot: LotId,
    },
    /// At a desk: put the next card of the tray on the reader and scan both faces.
    NextCard,
    /// At a desk: scan the faces of the card on the reader again.
    ScanAgain,
    /// At a desk: put the card into this box as this number, then scan the label of the box in which it lies now.
    PutInBox {
        /// The box.
        label: BoxId,
        /// The place, from 1.
        slot: u16,
    },
    /// At a desk: scan the label of the box in which the card lies that was put into one last.
    ScanLabel,
    /// At a desk: the card that was put into this box last belongs elsewhere; take it out and put it onto the reader.
    TakeBack {
        /// The box.
        label: BoxId,
    },
    /// At a desk: put the card into the reject box: it is waste.
    Reject {
        /// Fault code.
        code: String,
    },
    /// At a desk: put the card into the quarantine tray.
    PutAside {
        /// Fault code.
        code: String,
    },
    /// At a desk: does the card lie in this box at this number?
    LookInBox {
        /// The box.
        label: BoxId,
        /// The place, from 1.
        slot: u16,
    },
    /// At a desk: take the card with this number out of the box and put it into the reject box.
    TakeOut {
        /// The box.
        label: BoxId,
        /// The place, from 1.
        slot: u16,
    },
    /// At a desk: the tray lies the wrong way round; put the card back and turn the tray.
    TurnTray {
        /// The tray's lot.
        lot: LotId,
    },
    /// At a desk: does this box hold exactly so many cards?
    CountBox {
        /// The box.
        label: BoxId,
        /// What the books say.
        cards: u16,
    },
    /// At a desk: put back what is on the reader, take the card with this number out of the box, put it on the reader
    /// and scan both faces.
    PickFromBox {
        /// The box.
        label: BoxId,
        /// The place, from 1.
        slot: u16,
    },
    /// At a desk: close this box and stick the manifest on it.
    CloseBox {
        /// The box.
        label: BoxId,
    },
}

/// What the person answers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done; yes.
    Done,
    /// There is no (more) card; no.
    Nothing,
}
