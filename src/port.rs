//! The seams: every contract between the line and the world, on one page; the words people are asked with follow it.

pub mod fault;
mod fields;
mod host;
mod instruction;
mod orders;
mod retention;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};
use zeroize::Zeroizing;

use crate::base::Place;
use crate::base::ids::{
    AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, OfficeCode, OrderKey, PackId, SodHash,
};
use crate::base::limits::BOOK_LEASE;
use crate::base::{Fault, Secret};
use crate::chip::diversify::{Derivation, Master, Scheme};
use crate::job::lot::Lot;
use crate::job::stock::Stock;
use crate::job::{Attempt, Fact};

pub use fields::{Fields, Seen};
pub use host::{Host, Left};
pub use instruction::{Answer, Instruction};
pub use orders::{
    Admission, Controller, NewOrder, OfficeCounts, Order, OrderChange, OrderState, Renewed, Returned,
    SealedDossier, Standing,
};
pub use retention::{Kept, Retention, Wrapped};

/// One reader with at most one chip in its field.
#[async_trait]
pub trait Encoder: Send {
    /// Switches the field on, resets the chip and returns its answer to reset.
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault>;
    /// Exchanges one APDU. Nothing is ever re-sent: past the deadline the chip is in doubt.
    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault>;
    /// Exchanges APDUs one upon the other while each succeeds: all answers but the last end in status 9000, and what
    /// follows another answer is not sent. Each has the deadline for itself.
    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        one_by_one(self, commands, deadline).await
    }
    /// Switches the field off; the chip forgets its sessions.
    async fn power_off(&mut self) -> Result<(), Fault>;
}

/// As [`Encoder::transmit_all`], with each APDU sent when the one before it was answered.
///
/// # Errors
/// The reader's.
pub async fn one_by_one(
    reader: &mut (impl Encoder + ?Sized),
    commands: &[Zeroizing<Vec<u8>>],
    deadline: Duration,
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        answers.push(reader.transmit(command, deadline).await?);
        if !answers.last().is_some_and(|answer| succeeded(answer)) {
            break;
        }
    }
    Ok(answers)
}

/// Does a response APDU say that all went well (ISO/IEC 7816-4, section 5.6)?
#[must_use]
pub fn succeeded(response: &[u8]) -> bool {
    response.ends_with(&[0x90, 0x00])
}

/// A serial line: a printer or a hand scanner at its other end.
#[async_trait]
pub trait Serial: Send {
    /// Sends all bytes or fails.
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault>;
    /// Whatever has arrived, at least one byte, or nothing once the deadline has passed.
    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault>;
}

/// What a key is for: one purpose each.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Country signing CA (rehearsal only).
    Csca,
    /// Document signer.
    DocumentSigner,
    /// Ledger checkpoints.
    Checkpoint,
    /// Box manifests.
    Manifest,
    /// Dossiers encrypted to the facility (ECDH).
    Intake,
    /// Wrapping of data keys (AES-256).
    Wrap,
    /// Keyed hashes for look-ups (HMAC-SHA-256).
    Lookup,
    /// Master of chips' static keys (AES-256, for CMAC only).
    ChipMaster,
    /// Master of the keys with which a supplier delivers chips (3DES of two parts, for encrypting only). It is taken
    /// in, never made here.
    ChipMasterTripleDes,
}

impl KeyPurpose {
    /// Of masters from which chips' keys follow by this scheme.
    #[must_use]
    pub fn of_masters(scheme: Scheme) -> Self {
        if scheme.is_triple_des() {
            Self::ChipMasterTripleDes
        } else {
            Self::ChipMaster
        }
    }
}

/// One key as the token lists it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeyInfo {
    /// The label it is found by.
    pub label: String,
    /// What it is for, as far as its usage flags tell.
    pub purpose: KeyPurpose,
    /// Uncompressed public point for EC keys (65 bytes), empty for secret keys.
    pub public: Vec<u8>,
    /// Signatures made, where the token counts them.
    pub signatures: Option<u64>,
}

/// The hardware security module. Keys never leave it; all are named by label.
#[async_trait]
pub trait Signer: Send + Sync {
    /// ECDSA P-256 over a SHA-256 digest: raw r‖s.
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault>;
    /// Makes a P-256 key pair or, for `Wrap`, `Lookup` and `ChipMaster`, a 256-bit secret key in the token; returns the
    /// uncompressed public point (empty for secret keys). A label that exists is refused.
    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault>;
    /// HMAC-SHA-256 under a look-up key.
    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault>;
    /// AES-256-GCM under a wrapping key: nonce (12) ‖ ciphertext ‖ tag (16).
    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault>;
    /// Opens what `seal` made; anything else is refused.
    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault>;
    /// ECDH on P-256 with an intake key: the x coordinate of the shared point.
    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault>;
    /// A chip's own static key; its master, which is of the scheme's kind, stays in the token.
    async fn derive(&self, key: &str, wanted: &Derivation) -> Result<Secret<Vec<u8>>, Fault>;
    /// Takes in the chip master that a rehearsal's supplier uses, whose value everybody knows. A real supplier's comes
    /// into the HSM by the HSM's own ceremony, under this purpose and label, and never passes here.
    async fn take_in(&self, key: &str, master: &Master) -> Result<(), Fault>;
    /// Random bytes from the token.
    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault>;
    /// All keys of the token.
    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault>;
    /// Destroys a key for good.
    async fn destroy(&self, key: &str) -> Result<(), Fault>;
}

/// Which attempts are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attempts {
    /// All that are not over.
    Open,
    /// All tries at one order, oldest first.
    Of(OrderKey),
    /// All of one lot.
    InLot(LotId),
    /// All that are being put into a box, or were when the controller died.
    Boxing,
    /// The one this chip was bound to.
    OfChip(ChipId),
    /// The one whose card carries this EF.SOD.
    OfSod(SodHash),
    /// The one this blank was used for.
    OfBlank(BlankId),
    /// Those whose end the registry must hear of and has not, at most this many.
    Unreported(u32),
    /// Those in one box, by slot.
    InBox(BoxId),
    /// All there are, by order and number, after this one, at most this many.
    After(AttemptId, u32),
    /// Those of these that there are.
    These(Vec<AttemptId>),
}

/// One box and where it stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BoxState {
    /// Its label.
    pub label: BoxId,
    /// The office it goes to.
    pub office: OfficeCode,
    /// Cards in it.
    pub cards: u32,
    /// How far it has come.
    pub standing: BoxStanding,
}

/// How far a box has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxStanding {
    /// Cards are put in.
    Open,
    /// Closed, manifest signed.
    Sealed,
    /// Left the house.
    Dispatched,
    /// Lost on its way.
    Lost,
}

/// The parts of an attempt's bundle. Each is written once; only the keys are erased before the rest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// The files but EF.SOD, and the signed attributes: fixed before the HSM is asked (law 4).
    Content,
    /// The chip's own private keys, sealed under the attempt's key as the other parts are.
    Keys,
    /// EF.SOD.
    Signed,
}

/// One sealed part of a bundle.
#[derive(Clone, Debug)]
pub struct BundlePart {
    /// Whose.
    pub attempt: AttemptId,
    /// Which.
    pub part: Part,
    /// Sealed bytes.
    pub sealed: Vec<u8>,
}

/// One record of the ledger as it is read back.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// Number, from 1, without gaps.
    pub seq: u64,
    /// When it was committed.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub fact: Fact,
}

/// One record as it is stored, with its place in the chain: what an audit reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawEntry {
    /// Number, from 1, without gaps.
    pub seq: u64,
    /// Nanoseconds since 1970-01-01 UTC.
    pub at_unix_ns: i64,
    /// Controller and fencing token.
    pub controller: String,
    /// Kind of fact.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The fact in JSON.
    pub body: Vec<u8>,
    /// Its hash (32 bytes).
    pub hash: Vec<u8>,
}

/// The controller's append-only record. State tables (attempts, stock, boxes, lots) are written in the append's own
/// transaction with [`crate::job::apply`], so they always equal the fold of the record.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Appends facts and stores bundle parts in one commit; durable when it returns. An illegal transition, a chip or
    /// blank used twice, a second live attempt, a part that exists or a negative count refuses the whole append. The
    /// fact `KeysErased` erases the keys part in the same commit, `OrderErased` all parts of the order; it is refused
    /// while an attempt at the order is open or not reported.
    async fn append(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault>;
    /// A sealed part of an attempt's bundle.
    async fn part(&self, attempt: AttemptId, part: Part) -> Result<Option<Vec<u8>>, Fault>;
    /// One attempt.
    async fn attempt(&self, attempt: AttemptId) -> Result<Option<Attempt>, Fault>;
    /// Attempts by a question, in the order of lot, order and number.
    async fn attempts(&self, which: Attempts) -> Result<Vec<Attempt>, Fault>;
    /// The blank a chip sits in, by the suppliers' lists.
    async fn blank(&self, chip: &ChipId) -> Result<Option<(BlankId, PackId)>, Fault> {
        Ok(self.blanks(std::slice::from_ref(chip)).await?.remove(chip))
    }
    /// The same for many: those chips that the lists know.
    async fn blanks(&self, chips: &[ChipId]) -> Result<BTreeMap<ChipId, (BlankId, PackId)>, Fault>;
    /// The pack that a blank came in, by the suppliers' lists.
    async fn pack_of(&self, blank: &BlankId) -> Result<Option<PackId>, Fault>;
    /// All counts.
    async fn stock(&self) -> Result<Stock, Fault>;
    /// The counts of one pack.
    async fn stock_of(&self, pack: &PackId) -> Result<Stock, Fault>;
    /// What lies in one place, by the names of the packs and so many packs at most.
    async fn stock_in(&self, place: &Place, limit: u32) -> Result<Stock, Fault>;
    /// All boxes that are open or sealed, and with `all` also those that left.
    async fn boxes(&self, all: bool) -> Result<Vec<BoxState>, Fault>;
    /// All boxes of an office, those that left as well.
    async fn boxes_of(&self, office: &OfficeCode) -> Result<Vec<BoxState>, Fault> {
        let mut boxes = self.boxes(true).await?;
        boxes.retain(|state| state.office == *office);
        Ok(boxes)
    }
    /// Lots claimed and not closed.
    async fn open_lots(&self) -> Result<Vec<Lot>, Fault>;
    /// Everything that was recorded about a subject, oldest first.
    async fn history(&self, subject: &str) -> Result<Vec<Entry>, Fault>;
    /// Number of records.
    async fn size(&self) -> Result<u64, Fault>;
    /// Its name, from which its hash chain begins.
    fn name(&self) -> &str;
    /// Records after this number as they are stored, oldest first, at most `limit`.
    async fn entries_after(&self, seq: u64, limit: u32) -> Result<Vec<RawEntry>, Fault>;
    /// Blanks on the suppliers' lists, by pack: what came in, not what is counted.
    async fn received(&self) -> Result<Vec<(PackId, u64)>, Fault>;
}

/// The facility's shared table of orders, claims and lots.
///
/// Several controllers may share it. Each has a lease by the database's clock, and each lot has a number that only
/// grows, the fencing token of every write about its orders. Orders that are only claimed are data work: when their
/// controller's lease is over, others may claim them. A lot that was *granted* is in a machine, and no end of a lease
/// frees it: its controller, or two people, say what became of it.
#[async_trait]
pub trait OrderBook: Retention {
    /// Can it be away while this controller runs?
    fn is_remote(&self) -> bool {
        false
    }
    /// How long this controller is taken for alive without a word.
    fn lease(&self) -> Duration {
        BOOK_LEASE
    }
    /// Admits an order, once.
    async fn admit(&self, order: NewOrder) -> Result<Admission, Fault>;
    /// Keeps a returned dossier's notice; false if this very document was returned before.
    async fn keep_return(&self, returned: Returned) -> Result<bool, Fault>;
    /// All returns, oldest first.
    async fn returns(&self) -> Result<Vec<Returned>, Fault>;
    /// Returns of a registry request, or of a person by the keyed hash of the personal number, oldest first.
    async fn returned(&self, whose: &str) -> Result<Vec<Returned>, Fault>;
    /// Claims the next lot for a machine: the orders are `InLot` when it returns. The ticket is chosen by the claimer,
    /// once for each lot it wants: asked with the same ticket again, because an answer was lost, it answers with the
    /// same lot.
    async fn claim(&self, ticket: &str, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault>;
    /// Gives a claimed lot to its machine, before the first blank is bound for it; again is harmless. `BOOK-002` if the
    /// lease was over and others have its orders: then nothing of it may be made.
    async fn grant(&self, lot: LotId) -> Result<(), Fault>;
    /// Renews this controller's lease. `BOOK-003` if another process runs under its name.
    async fn renew(&self) -> Result<Renewed, Fault>;
    /// A claimed lot with the orders that are in it now.
    async fn lot(&self, lot: LotId) -> Result<Option<Lot>, Fault>;
    /// Orders `InLot` in lots of this controller, by key, after this key, at most `limit`.
    async fn given(&self, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault>;
    /// One order.
    async fn order(&self, key: OrderKey) -> Result<Option<Order>, Fault>;
    /// The order of a registry request.
    async fn by_request(&self, request: &str) -> Result<Option<Order>, Fault>;
    /// All orders of a person, newest first, by the keyed hash of the personal number.
    async fn by_person(&self, person: &str) -> Result<Vec<Order>, Fault>;
    /// Orders of one state, by key, after this key, at most `limit`.
    async fn in_state(&self, state: OrderState, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault>;
    /// The sealed dossier of an order.
    async fn sealed(&self, key: OrderKey) -> Result<Option<SealedDossier>, Fault>;
    /// Records where an order stands. Refused if it is another lot's by now (`BOOK-002`), or another process's
    /// (`BOOK-003`); saying the same again is harmless.
    async fn set_state(&self, standing: Standing) -> Result<(), Fault> {
        self.set_states(&[standing]).await
    }
    /// The same for several orders, in one commit.
    async fn set_states(&self, standings: &[Standing]) -> Result<(), Fault>;
    /// A machine gives an order up for a person to decide: to `Held` in one step, so that no other machine claims it in
    /// between. A good card is still owed.
    async fn hold(&self, lot: LotId, key: OrderKey, reason: &str) -> Result<(), Fault>;
    /// A person's change; refused when the order is past the point of no return for it.
    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault>;
    /// Counts per office as of a day.
    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault>;
    /// By its own ledger this controller has a card for the order, and the book that says otherwise has lost that: the
    /// order is given to this lot of this machine again. False if the book has no such order at all.
    async fn reclaim(&self, standing: Standing, machine: &MachineId) -> Result<bool, Fault>;
    /// This controller has compared its ledger with the book, and reclaimed what was lost.
    async fn vouch(&self) -> Result<(), Fault>;
    /// All controllers, by name.
    async fn controllers(&self) -> Result<Vec<Controller>, Fault>;
    /// Two people say that a controller is lost for good: it is shut out, and what it had only claimed waits again.
    /// `BOOK-004` as long as its lease lives.
    async fn give_up(&self, controller: &str) -> Result<(), Fault>;
    /// Orders that were given to machines of a controller that was given up, by key.
    async fn orphans(&self, controller: &str) -> Result<Vec<Order>, Fault>;
    /// It is known what became of the card of such an order: another is owed. `STO-007` if it is not one of them.
    async fn release_orphan(&self, controller: &str, key: OrderKey) -> Result<(), Fault>;
}

/// The registry's stop list: requests that must not become cards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StopList {
    /// Request id and reason: `held`, `cancelled`, `superseded`, `deceased`.
    pub requests: BTreeMap<String, String>,
}

/// What the registry is told of an attempt's card.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Idempotency key.
    pub key: String,
    /// The registry's request id.
    pub request: String,
    /// Dossier version.
    pub version: u32,
    /// What became of the card.
    pub outcome: Outcome,
    /// Chip identity before seal.
    pub chip: Option<ChipId>,
    /// Chip identity after seal, if it was signed.
    pub sod: Option<SodHash>,
    /// The box, for good cards.
    #[serde(rename = "box")]
    pub label: Option<BoxId>,
}

/// What became of a card.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In a box for its office; a chip that was in quarantine may be accepted from now on.
    Made,
    /// Nobody knows its true state, or where it is; the chip identity must not be accepted unless it is reported as
    /// made later.
    Quarantined,
    /// Spoiled; the chip identity must never be accepted.
    Spoiled,
    /// Not found; the chip identity must never be accepted.
    NotFound,
}

/// One line of the registry's own books.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Statement {
    /// Request id.
    pub request: String,
    /// Status in the registry: `PENDING`, `ISSUED`, `CANCELLED`, `FAILED`.
    pub status: String,
    /// The signed object of the card it counts as valid.
    pub sod: Option<SodHash>,
    /// Chips that it must not accept.
    pub refused: Vec<ChipId>,
}

/// The authority's system. It has its own books and the last word (law 9).
#[async_trait]
pub trait Registry: Send + Sync {
    /// The whole stop list.
    async fn stop_list(&self) -> Result<StopList, Fault>;
    /// A fresh answer: which of these requests must not become cards now, and why.
    async fn stopped(&self, requests: &[String]) -> Result<BTreeMap<String, String>, Fault>;
    /// Tells outcomes; the same key twice counts once. All of them or, if one is not taken (`REG-001`), none.
    async fn report(&self, reports: &[Report]) -> Result<(), Fault>;
    /// Its own books, in order of request id, after this id.
    async fn statement(&self, after: &str, limit: u32) -> Result<Vec<Statement>, Fault>;
}

/// The screen at a machine or a desk, and the person before it.
#[async_trait]
pub trait Screen: Send {
    /// Shows an instruction and waits for the answer.
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault>;
}

/// Where papers for people go: manifests, sign-off sheets, return notices.
#[async_trait]
pub trait Papers: Send + Sync {
    /// Keeps a document under a folder and a name; the same name again replaces it.
    async fn keep(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), Fault>;
    /// Removes a document, if it is there, and overwrites what it held first.
    async fn remove(&self, folder: &str, name: &str) -> Result<(), Fault>;
}
