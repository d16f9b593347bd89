//! What the order book knows: orders, their dossiers at rest, and who works on them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::Date;

use crate::base::ids::{LotId, OfficeCode, OrderKey};

/// A dossier that passed admission, sealed under its own key.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The registry's request id.
    pub request: String,
    /// Dossier version.
    pub version: u32,
    /// HMAC of the personal number under the look-up key.
    pub person: String,
    /// HMAC under the same key of what was signed: the same version with other content is another document.
    pub content: String,
    /// Destination as received.
    pub office: OfficeCode,
    /// Card profile.
    pub profile: String,
    /// 0 to 9, 9 first.
    pub priority: u8,
    /// Key that sorts orders of one office into the office's own order. Holds no personal data.
    pub place: String,
    /// When the office took it in.
    pub received: Date,
    /// When it came to us. A correction does not change it.
    pub admitted: Date,
    /// When the card is due at the office.
    pub due: Date,
    /// Why it must wait, if it must.
    pub hold: Option<String>,
    /// Codes of what was noted and hinders nothing.
    pub flags: Option<String>,
    /// Label of the wrapping key: the retention epoch it is admitted in.
    pub epoch: String,
    /// The order's data key, wrapped by the HSM.
    pub wrapped_key: Vec<u8>,
    /// The dossier, sealed under the data key.
    pub sealed: Vec<u8>,
}

/// A dossier at rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedDossier {
    /// The registry's request id.
    pub request: String,
    /// Dossier version.
    pub version: u32,
    /// Label of the wrapping key.
    pub epoch: String,
    /// Its data key, wrapped by the HSM.
    pub wrapped_key: Vec<u8>,
    /// The dossier, sealed under the data key.
    pub sealed: Vec<u8>,
}

/// What became of an admission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// A new order.
    New(OrderKey),
    /// The same version was admitted before; nothing changed.
    Known(OrderKey),
    /// Refused: the same version was admitted before, and said something else.
    Contradicts(OrderKey),
    /// A corrected version replaced one that was not begun.
    Replaced(OrderKey),
    /// Refused: this person has a live order already.
    SecondForPerson(OrderKey),
    /// Refused: the order is being made or is made; a newer version comes too late.
    TooLate(OrderKey),
    /// Refused: an older version than the one at hand.
    Outdated(OrderKey),
}

/// Where an order stands in the order book.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Waits for a machine.
    Waiting,
    /// A person or a rule holds it.
    Held,
    /// Given to a machine.
    InLot,
    /// Its good card is in a box.
    Boxed,
    /// Cancelled by the registry or a person.
    Cancelled,
}

/// An order without its dossier.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Order {
    /// The facility's own number.
    pub key: OrderKey,
    /// The registry's request id.
    pub request: String,
    /// Dossier version.
    pub version: u32,
    /// Destination as received.
    pub office: OfficeCode,
    /// Card profile.
    pub profile: String,
    /// 0 to 9.
    pub priority: u8,
    /// Place in the office's order: village, intake team and sequence, with U+001F between them.
    #[serde(serialize_with = "in_parts")]
    pub place: String,
    /// When the office took it in.
    pub received: Date,
    /// When it came to us first.
    pub admitted: Date,
    /// When the card is due.
    pub due: Date,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held.
    pub hold: Option<String>,
    /// Codes of what was noted at its admission.
    pub flags: Option<String>,
    /// A good card is still owed after a spoiled one.
    pub remake: bool,
    /// How often it was claimed: the number of the attempt that the last claim is for. All controllers count on, so
    /// that no two attempts have one name; a claim that came to nothing leaves a gap.
    pub tries: u16,
    /// The lot it was last claimed in, whose number is the fencing token of what is written about it; 0 once somebody
    /// took it out of that lot.
    pub lot: Option<LotId>,
}

fn in_parts<S: serde::Serializer>(place: &str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(place.split('\u{1f}'))
}

/// Where an order of a lot stands from now on, by the controller that has the lot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The lot it was claimed in: the fencing token.
    pub lot: LotId,
    /// The order.
    pub order: OrderKey,
    /// Where it stands.
    pub state: OrderState,
    /// A good card is owed after a spoiled one.
    pub remake: bool,
}

/// What a controller learns when it renews its lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewed {
    /// Everything is as it was.
    Same,
    /// The server began another history, as a standby does when it is promoted: what the last one confirmed may be
    /// lost, and nobody claims before every controller has compared its own ledger with the book.
    Elsewhere,
}

/// One controller as the order book knows it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Controller {
    /// Its name.
    pub name: String,
    /// What is left of its lease; nothing if it is over, or if it left.
    pub lease: Option<Duration>,
    /// Orders in lots of its that were given to machines.
    pub given: u64,
    /// Orders it has only claimed.
    pub claimed: u64,
    /// It has compared its ledger with the book since the server was last replaced.
    pub vouched: bool,
    /// Two people have given it up.
    pub given_up: bool,
}

/// A dossier that was sent back to its office.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Returned {
    /// SHA-256 of the document, hexadecimal: the same document is returned once.
    pub document: String,
    /// The request id, as far as it could be read.
    pub request: Option<String>,
    /// Keyed hash of the personal number, as far as it could be read.
    pub person: Option<String>,
    /// Its office, as far as it could be read.
    pub office: Option<OfficeCode>,
    /// Stable codes of the findings.
    pub codes: Vec<String>,
    /// The whole return notice in JSON, both languages.
    pub notice: String,
    /// The day.
    pub on: Date,
}

/// A person's change to an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OrderChange {
    /// Wait, for this reason.
    Hold(String),
    /// Go on.
    Release,
    /// New priority.
    Priority(u8),
    /// Never make it.
    Cancel,
}

impl OrderChange {
    /// As the ledger names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Hold(_) => "hold".to_owned(),
            Self::Release => "release".to_owned(),
            Self::Priority(priority) => format!("priority {priority}"),
            Self::Cancel => "cancel".to_owned(),
        }
    }

    /// From a record of the ledger; nothing for one of another act, or of a change that was refused.
    #[must_use]
    pub fn recorded(name: &str, reason: &str) -> Option<Self> {
        match name {
            "hold" => Some(Self::Hold(reason.to_owned())),
            "release" => Some(Self::Release),
            "cancel" => Some(Self::Cancel),
            _ => name
                .strip_prefix("priority ")
                .and_then(|priority| priority.parse().ok())
                .map(Self::Priority),
        }
    }
}

/// How many orders of an office stand where.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct OfficeCounts {
    /// Orders by state.
    pub orders: BTreeMap<OrderState, u64>,
    /// Dossiers returned.
    pub returned: u64,
    /// Orders not boxed although due.
    pub late: u64,
}
