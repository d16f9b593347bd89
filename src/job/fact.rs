//! What the ledger records: facts about attempts, blanks, boxes, machines, keys and people's acts. No personal data.

use serde::{Deserialize, Serialize};

use crate::base::ids::{
    AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, OfficeCode, OrderKey, PackId, PersonId,
};
use crate::base::{Mode, Place};

use super::event::Event;
use super::lot::Lot;
use super::stock::Move;

/// One blank of a supplier's list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Blank {
    /// The supplier's serial number.
    pub blank: BlankId,
    /// The chip in it.
    pub chip: ChipId,
}

/// What facts about the time are filed under.
pub const CLOCK: &str = "clock";

/// What facts about retention epochs are filed under.
pub const RETENTION: &str = "retention";

/// What became of a retention epoch's key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochChange {
    /// It is there, and wraps keys of orders.
    Opened,
    /// It is about to be destroyed: nothing needs it any more.
    Closing,
    /// It is destroyed.
    Closed,
}

/// What was said about a document signer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerChange {
    /// It may sign cards.
    Activated,
    /// It may not any more.
    Stopped,
}

/// One fact. The order of facts is the order in which they became true.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fact {
    /// The first record of every ledger.
    Opened {
        /// The facility's name.
        facility: String,
        /// Rehearsal or production.
        mode: Mode,
    },
    /// A controller started; recovery follows.
    Started {
        /// Version of the program.
        version: String,
    },
    /// The controller stopped cleanly.
    Stopped,
    /// Something happened to an attempt.
    Attempt {
        /// Which.
        attempt: AttemptId,
        /// What.
        event: Event,
    },
    /// A lot was claimed for a machine.
    LotClaimed {
        /// The lot.
        lot: Lot,
    },
    /// Every card of the lot has left the machine.
    LotClosed {
        /// The lot.
        lot: LotId,
    },
    /// A sealed pack came in with the supplier's list.
    PackReceived {
        /// The pack.
        pack: PackId,
        /// Blank type.
        blank_type: String,
        /// Its blanks.
        blanks: Vec<Blank>,
        /// Who received it.
        by: Vec<PersonId>,
    },
    /// Blanks moved by a person, or found defective by a machine.
    Stock {
        /// The move.
        step: Move,
    },
    /// A blank that is no card is waste, and is known by name: it is never used again.
    WrittenOff {
        /// Which.
        blank: BlankId,
        /// Its pack.
        pack: PackId,
        /// Where the books had it; with the waste already, if it was one of those without a name.
        from: Place,
        /// Fault code.
        code: String,
        /// Who; nobody when a machine did it.
        by: Vec<PersonId>,
    },
    /// Blanks or cards were counted by hand in a place. A number that is not the books' own must be explained before
    /// a lot of that machine is closed; a later count that agrees explains it.
    Counted {
        /// Where.
        place: Place,
        /// What was counted.
        is: u64,
        /// What the books said.
        books: u64,
        /// Who counted.
        by: Vec<PersonId>,
    },
    /// A printer's own counters as they were read.
    Counters {
        /// The machine.
        machine: MachineId,
        /// Cards inserted since it was made.
        cards: u64,
        /// Panels printed since it was made.
        panels: u64,
    },
    /// A chip that no supplier's list knows, or that was used before, came out of a feeder.
    Stranger {
        /// The machine.
        machine: MachineId,
        /// What the chip says of itself.
        chip: ChipId,
        /// Fault code.
        code: String,
    },
    /// A position stopped itself or was stopped.
    PositionStopped {
        /// The machine.
        machine: MachineId,
        /// Fault code.
        code: String,
        /// Who stopped it by hand; nobody when it stopped itself.
        by: Vec<PersonId>,
    },
    /// A person let it run again.
    PositionResumed {
        /// The machine.
        machine: MachineId,
        /// Who.
        by: Vec<PersonId>,
    },
    /// A box was opened for an office.
    BoxOpened {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
        /// The office it goes to.
        office: OfficeCode,
    },
    /// A box was closed and its manifest signed.
    BoxSealed {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
        /// Cards in it.
        cards: u32,
        /// Commitment to its manifest (which holds names): SHA-256 over 04, its keyed hash and itself, hexadecimal.
        manifest: String,
    },
    /// A box left the house.
    BoxDispatched {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
        /// Consignment number of the carrier.
        consignment: String,
        /// Who handed it over.
        by: Vec<PersonId>,
    },
    /// A box is lost on its way.
    BoxLost {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
        /// Both people who say so.
        by: Vec<PersonId>,
    },
    /// A person held, released, re-prioritized or cancelled an order.
    OrderChanged {
        /// Which.
        order: OrderKey,
        /// What: `hold`, `release`, `priority` with its number, `cancel`, which the order book does next; then the same
        /// with `done` or `refused` behind it.
        change: String,
        /// Why, as typed; must not hold personal data.
        reason: String,
        /// Who.
        by: Vec<PersonId>,
    },
    /// Two people gave another controller up: it is shut out, and its orders are settled by hand.
    ControllerLost {
        /// Its name.
        controller: String,
        /// Who.
        by: Vec<PersonId>,
    },
    /// An order's personal data was erased: its key, its dossier, what was made of it, and the papers that name it.
    OrderErased {
        /// Which.
        order: OrderKey,
        /// Why, where people asked for it before its term; must not hold personal data.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// Who asked for it: two people, or nobody when its term was over.
        by: Vec<PersonId>,
    },
    /// The key of a retention epoch was made, is about to be destroyed, or is destroyed.
    Epoch {
        /// The key's label, which tells the epoch.
        label: String,
        /// Which.
        change: EpochChange,
        /// Who asked for it before its time; nobody when its time had come.
        by: Vec<PersonId>,
    },
    /// A key was made, certified, or destroyed.
    Key {
        /// Its label.
        label: String,
        /// What: `made`, `certified`, `destroyed`.
        change: String,
    },
    /// A document signer may sign cards, or may not any more.
    Signer {
        /// The key's label.
        label: String,
        /// Which.
        change: SignerChange,
        /// Fault code, where the line itself took it out of use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Who: two people for an activation, nobody where the line itself acted.
        by: Vec<PersonId>,
    },
    /// Signatures the token says it made with a signer's key (law 4).
    SignatureCount {
        /// The key's label.
        label: String,
        /// The token's own count.
        count: u64,
        /// Signatures about to be asked for to test the key, which go on no card.
        #[serde(default)]
        tests: u64,
    },
    /// The time by which the two local sources are compared from now on.
    Clock {
        /// The wall clock, in nanoseconds since 1970-01-01 UTC.
        wall_unix_ns: i64,
        /// Since the machine started, in nanoseconds.
        boot_ns: u64,
        /// Which start of the machine that was.
        boot_id: String,
        /// Who accepted it: two people, or nobody at the first start of a facility.
        by: Vec<PersonId>,
    },
    /// A signed head of the ledger.
    Checkpoint {
        /// Entries covered.
        size: u64,
        /// Merkle root, hexadecimal.
        root: String,
        /// When it was signed, in seconds since 1970-01-01 UTC.
        at_unix_s: i64,
        /// ECDSA signature r‖s, hexadecimal.
        signature: String,
    },
}

impl Fact {
    /// A fact about an attempt.
    #[must_use]
    pub fn attempt(attempt: AttemptId, event: Event) -> Self {
        Self::Attempt { attempt, event }
    }

    /// A stable name, for indexes and tables.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Started { .. } => "started",
            Self::Stopped => "stopped",
            Self::Attempt { event, .. } => event.name(),
            Self::LotClaimed { .. } => "lot_claimed",
            Self::LotClosed { .. } => "lot_closed",
            Self::PackReceived { .. } => "pack_received",
            Self::Stock { .. } => "stock",
            Self::WrittenOff { .. } => "written_off",
            Self::Counted { .. } => "counted",
            Self::Counters { .. } => "counters",
            Self::Stranger { .. } => "stranger",
            Self::PositionStopped { .. } => "position_stopped",
            Self::PositionResumed { .. } => "position_resumed",
            Self::BoxOpened { .. } => "box_opened",
            Self::BoxSealed { .. } => "box_sealed",
            Self::BoxDispatched { .. } => "box_dispatched",
            Self::BoxLost { .. } => "box_lost",
            Self::OrderChanged { .. } => "order_changed",
            Self::ControllerLost { .. } => "controller_lost",
            Self::OrderErased { .. } => "order_erased",
            Self::Epoch { .. } => "epoch",
            Self::Key { .. } => "key",
            Self::Signer { .. } => "signer",
            Self::SignatureCount { .. } => "signature_count",
            Self::Clock { .. } => "clock",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// What the fact is about, so that a card's, a box's or a pack's whole history can be listed.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Attempt { attempt, .. } => attempt.to_string(),
            Self::LotClaimed { lot } => lot.id.to_string(),
            Self::LotClosed { lot } => lot.to_string(),
            Self::PackReceived { pack, .. } => pack.to_string(),
            Self::Stock { step } => step.pack.to_string(),
            Self::WrittenOff { blank, .. } => blank.to_string(),
            Self::Counted { place, .. } => place
                .machine()
                .map_or_else(|| place.name().to_owned(), ToString::to_string),
            Self::Counters { machine, .. }
            | Self::Stranger { machine, .. }
            | Self::PositionStopped { machine, .. }
            | Self::PositionResumed { machine, .. } => machine.to_string(),
            Self::BoxOpened { label, .. }
            | Self::BoxSealed { label, .. }
            | Self::BoxDispatched { label, .. }
            | Self::BoxLost { label, .. } => label.to_string(),
            Self::OrderChanged { order, .. } | Self::OrderErased { order, .. } => order.to_string(),
            Self::ControllerLost { controller, .. } => controller.clone(),
            Self::Epoch { .. } => RETENTION.to_owned(),
            Self::Key { label, .. } | Self::Signer { label, .. } | Self::SignatureCount { label, .. } => {
                label.clone()
            }
            // So that an audit finds them all without reading the whole ledger first.
            Self::Checkpoint { .. } => "checkpoint".to_owned(),
            Self::Clock { .. } => CLOCK.to_owned(),
            Self::Opened { .. } | Self::Started { .. } | Self::Stopped => String::new(),
        }
    }
}
