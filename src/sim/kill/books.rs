//! The ledger with a trap in it: what is appended says which moment has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Act, Moment, Trap};
use crate::base::ids::{AttemptId, BlankId, ChipId, MachineId, OfficeCode, PackId};
use crate::base::{Fault, Place};
use crate::job::lot::Lot;
use crate::job::stock::Stock;
use crate::job::{Attempt, EpochChange, Event, Fact, Step};
use crate::port::{Attempts, BoxState, BundlePart, Entry, Ledger, Part, RawEntry};

/// The ledger with a trap in it.
pub struct TrappedLedger {
    /// Waits for its point.
    pub trap: Arc<Trap>,
    /// The door to the ledger.
    pub door: Arc<dyn Ledger>,
}

impl std::fmt::Debug for TrappedLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrappedLedger(…)")
    }
}

/// What a fact says of an act.
enum Says {
    /// It is about to be done; a step at this machine.
    Intended(Act, Option<(MachineId, AttemptId, Step)>),
    /// It is over, whatever came of it.
    Over(Act, Option<AttemptId>),
}

/// Every kind of fact is named here, so that a new one does not compile before somebody has said which act it belongs
/// to.
fn says(fact: &Fact) -> Option<Says> {
    let over = |act| Some(Says::Over(act, None));
    match fact {
        Fact::Attempt { attempt, event } => event_says(*attempt, event),
        Fact::Started { .. } => over(Act::Start),
        Fact::Stopped => over(Act::Stop),
        Fact::LotClaimed { .. } => over(Act::Claim),
        Fact::LotClosed { .. } => over(Act::EmptyHopper),
        Fact::Stock { step } if matches!((&step.from, &step.to), (Some(Place::Issued), Place::Feeder(_))) => {
            over(Act::LoadPack)
        }
        Fact::BoxOpened { .. } => over(Act::OpenBox),
        Fact::BoxSealed { .. } => over(Act::SealBox),
        Fact::Checkpoint { .. } => over(Act::Checkpoint),
        Fact::Epoch { change, .. } => match change {
            EpochChange::Opened => None,
            EpochChange::Closing => Some(Says::Intended(Act::CloseEpoch, None)),
            EpochChange::Closed => over(Act::CloseEpoch),
        },
        // Until the ledger has it, the order book's mark brings it back at every look.
        Fact::OrderErased { .. } => None,
        // A blank that was fed in vain: one commit with the end of that feeding.
        Fact::Stock { .. } | Fact::WrittenOff { .. } | Fact::Stranger { .. } => None,
        // What people did, and what devices said of themselves: nothing follows that a crash could cut off from it.
        Fact::Opened { .. }
        | Fact::PackReceived { .. }
        | Fact::Counted { .. }
        | Fact::Counters { .. }
        | Fact::PositionStopped { .. }
        | Fact::PositionResumed { .. }
        | Fact::BoxDispatched { .. }
        | Fact::BoxLost { .. }
        | Fact::OrderChanged { .. }
        | Fact::ControllerLost { .. }
        | Fact::Key { .. }
        | Fact::Signer { .. }
        | Fact::SignatureCount { .. }
        | Fact::Clock { .. } => None,
    }
}

fn event_says(attempt: AttemptId, event: &Event) -> Option<Says> {
    let over = |act| Says::Over(act, Some(attempt));
    Some(match event {
        Event::Intended { step, machine, .. } => {
            Says::Intended(Act::Step(*step), Some((machine.clone(), attempt, *step)))
        }
        Event::Done { evidence } => over(Act::Step(evidence.step())),
        Event::Undone { step, .. } | Event::Failed { step, .. } => over(Act::Step(*step)),
        Event::SignIntended { .. } => Says::Intended(Act::Sign, None),
        Event::Signed { .. } => over(Act::Sign),
        Event::Reported => over(Act::Report),
        // One commit with the intent to sign, the outcome of verifying, or the step that failed.
        Event::Planned { .. } | Event::KeysErased | Event::Spoiled { .. } => return None,
        // What a person or the stop list says: nothing is under way with the card.
        Event::Quarantined { .. }
        | Event::NotFound { .. }
        | Event::Found { .. }
        | Event::Revoked { .. }
        | Event::Withdrawn { .. } => return None,
    })
}

#[async_trait]
impl Ledger for TrappedLedger {
    async fn append(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        let said: Vec<Says> = facts.iter().filter_map(says).collect();
        for said in &said {
            match said {
                Says::Intended(act, _) => self.trap.comes(*act, Moment::BeforeIntent),
                Says::Over(act, _) => self.trap.comes(*act, Moment::BeforeOutcome),
            }
        }
        self.door.append(facts, parts).await?;
        for said in &said {
            match said {
                Says::Intended(act, at) => {
                    self.trap.comes(*act, Moment::BeforeAct);
                    if let Some((machine, attempt, step)) = at {
                        self.trap.begins(machine, *attempt, *step);
                    }
                }
                Says::Over(act, attempt) => {
                    self.trap.comes(*act, Moment::AfterOutcome);
                    if let Some(attempt) = attempt {
                        self.trap.ends(*attempt);
                    }
                }
            }
        }
        Ok(())
    }

    async fn part(&self, attempt: AttemptId, part: Part) -> Result<Option<Vec<u8>>, Fault> {
        self.door.part(attempt, part).await
    }

    async fn attempt(&self, attempt: AttemptId) -> Result<Option<Attempt>, Fault> {
        self.door.attempt(attempt).await
    }

    async fn attempts(&self, which: Attempts) -> Result<Vec<Attempt>, Fault> {
        self.door.attempts(which).await
    }

    async fn blanks(&self, chips: &[ChipId]) -> Result<BTreeMap<ChipId, (BlankId, PackId)>, Fault> {
        self.door.blanks(chips).await
    }

    async fn pack_of(&self, blank: &BlankId) -> Result<Option<PackId>, Fault> {
        self.door.pack_of(blank).await
    }

    async fn stock(&self) -> Result<Stock, Fault> {
        self.door.stock().await
    }

    async fn stock_of(&self, pack: &PackId) -> Result<Stock, Fault> {
        self.door.stock_of(pack).await
    }

    async fn stock_in(&self, place: &Place, limit: u32) -> Result<Stock, Fault> {
        self.door.stock_in(place, limit).await
    }

    async fn boxes(&self, all: bool) -> Result<Vec<BoxState>, Fault> {
        self.door.boxes(all).await
    }

    async fn boxes_of(&self, office: &OfficeCode) -> Result<Vec<BoxState>, Fault> {
        self.door.boxes_of(office).await
    }

    async fn open_lots(&self) -> Result<Vec<Lot>, Fault> {
        self.door.open_lots().await
    }

    async fn history(&self, subject: &str) -> Result<Vec<Entry>, Fault> {
        self.door.history(subject).await
    }

    async fn size(&self) -> Result<u64, Fault> {
        self.door.size().await
    }

    fn name(&self) -> &str {
        self.door.name()
    }

    async fn entries_after(&self, seq: u64, limit: u32) -> Result<Vec<RawEntry>, Fault> {
        self.door.entries_after(seq, limit).await
    }

    async fn received(&self) -> Result<Vec<(PackId, u64)>, Fault> {
        self.door.received().await
    }
}
