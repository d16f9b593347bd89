//! Boxes: what is in each, sealing one by hand, sending it off, and what follows when it is lost.

use std::collections::BTreeSet;
use std::fmt::Write;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::Fault;
use crate::base::ids::BoxId;
use crate::job::{Event, Fact};
use crate::line::{Line, packing};
use crate::port::{Answer as Reply, Attempts, BoxStanding, BoxState, Instruction, Screen};

use super::fault::UNKNOWN;
use super::order::show_box;
use super::refused::{BOX, BOX_LOST, UNDER_WAY, UNTOLD};
use super::subject::find_box;
use super::tell::box_standing;
use super::{Answer, Who, record};

/// Letters of a consignment number.
const CONSIGNMENT_MAX: usize = 40;

/// What can be asked about boxes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// Those in the house, and with `all` also those that left.
    List {
        /// Also those that left.
        #[serde(default)]
        all: bool,
    },
    /// One, card by card.
    Show {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
    },
    /// Close it now, though it is not full.
    Seal {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
        /// Places whose cards the person has taken out because the registry has stopped them.
        #[serde(default)]
        taken: Vec<u16>,
    },
    /// Boxes leave the house.
    Dispatch {
        /// Their labels.
        boxes: Vec<BoxId>,
        /// The carrier's number.
        consignment: String,
    },
    /// Two people say that it did not arrive.
    Lost {
        /// Its label.
        #[serde(rename = "box")]
        label: BoxId,
    },
}

impl Request {
    /// Giving up a box needs two people.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Could an act for two be done now?
    pub(super) async fn check(&self, line: &Line) -> Result<(), Fault> {
        match self {
            Self::Lost { label } => under_way(line, label).await,
            _ => Ok(()),
        }
    }
}

/// Answers.
///
/// # Errors
/// What the rules refuse; the ledger's, the registry's, the HSM's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List { all } => list(line, all).await,
        Request::Show { label } => show_box(line, &find(line, &label).await?).await,
        Request::Seal { label, taken } => seal(line, &label, taken).await,
        Request::Dispatch { boxes, consignment } => dispatch(line, who, &boxes, &consignment).await,
        Request::Lost { label } => lost(line, who, &label).await,
    }
}

async fn list(line: &Line, all: bool) -> Result<Answer, Fault> {
    let boxes = line.ports.ledger.boxes(all).await?;
    let mut text = String::new();
    for state in &boxes {
        let _ = writeln!(
            text,
            "{:<16} office {:<8} {:>4} cards  {}",
            state.label.as_str(),
            state.office.as_str(),
            state.cards,
            box_standing(state.standing)
        );
    }
    if boxes.is_empty() {
        text.push_str("No box is in the house.\n");
    }
    Ok(Answer::good(text, json!({ "boxes": boxes })))
}

/// The person who gives the command stands before the box: what a desk's screen would ask has been done, or is refused.
struct Hands {
    taken: Vec<u16>,
}

#[async_trait]
impl Screen for Hands {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Reply, Fault> {
        match instruction {
            Instruction::TakeOut { slot, .. } if !self.taken.contains(slot) => Err(Fault::new(
                &BOX,
                format!(
                    "the registry has stopped the card in place {slot}: put it into the reject box, then seal again \
                     with --taken {slot}"
                ),
            )),
            _ => Ok(Reply::Done),
        }
    }
}

async fn seal(line: &Line, label: &BoxId, taken: Vec<u16>) -> Result<Answer, Fault> {
    let state = find(line, label).await?;
    if state.standing != BoxStanding::Open {
        return Err(Fault::new(
            &BOX,
            format!("{label} is {}", box_standing(state.standing)),
        ));
    }
    let packing_elsewhere = || Fault::new(&UNDER_WAY, format!("a desk is packing for {}", state.office));
    let _held = line.floor.hold(&state.office).ok_or_else(packing_elsewhere)?;
    packing::seal(line, &mut Hands { taken }, label, &state.office).await?;
    let now = find(line, label).await?;
    if now.standing != BoxStanding::Sealed {
        return Err(Fault::new(&BOX, format!("{label}: no good card is left in it")));
    }
    Ok(Answer::good(
        format!(
            "Box {label} is sealed. Close it and stick the manifest on it: papers/boxes/{label}.manifest.pdf"
        ),
        json!({ "box": now }),
    ))
}

async fn dispatch(line: &Line, who: &Who, labels: &[BoxId], consignment: &str) -> Result<Answer, Fault> {
    let consignment = consignment.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    if consignment.is_empty() || consignment.len() > CONSIGNMENT_MAX || !consignment.bytes().all(plain) {
        return Err(Fault::new(&BOX, "the consignment number is not a plain one"));
    }
    let mut facts = Vec::new();
    let labels: BTreeSet<&BoxId> = labels.iter().collect();
    for label in &labels {
        let state = find(line, label).await?;
        if state.standing != BoxStanding::Sealed {
            return Err(Fault::new(
                &BOX,
                format!("{label} is {}", box_standing(state.standing)),
            ));
        }
        // What the registry does not count as made must not reach a citizen.
        let cards = line
            .ports
            .ledger
            .attempts(Attempts::InBox((*label).clone()))
            .await?;
        if cards.iter().any(crate::job::Attempt::must_be_reported) {
            return Err(Fault::new(&UNTOLD, label.as_str()));
        }
        facts.push(Fact::BoxDispatched {
            label: (*label).clone(),
            consignment: consignment.to_owned(),
            by: who.people(),
        });
    }
    let count = facts.len();
    record(line, facts).await?;
    Ok(Answer::good(
        format!("{count} boxes left the house with consignment {consignment}."),
        json!({ "boxes": labels, "consignment": consignment }),
    ))
}

/// Only a box that has left the house can be lost.
async fn under_way(line: &Line, label: &BoxId) -> Result<(), Fault> {
    match find(line, label).await?.standing {
        BoxStanding::Dispatched => Ok(()),
        other => Err(Fault::new(
            &BOX,
            format!("{label} is {}, it has not left", box_standing(other)),
        )),
    }
}

/// Every card in it is one the registry must refuse; then its order is made again.
async fn lost(line: &Line, who: &Who, label: &BoxId) -> Result<Answer, Fault> {
    let by = who.both()?;
    let _told = line.telling.lock().await;
    under_way(line, label).await?;
    let mut facts = vec![Fact::BoxLost {
        label: label.clone(),
        by: by.clone(),
    }];
    for attempt in line.ports.ledger.attempts(Attempts::InBox(label.clone())).await? {
        if attempt.is_good() {
            let revoked = Event::Revoked {
                code: BOX_LOST.id.to_owned(),
                lost: true,
                by: by.clone(),
            };
            facts.push(Fact::attempt(attempt.id, revoked));
        }
    }
    let cards = facts.len() - 1;
    record(line, facts).await?;
    line.floor.settle();
    Ok(Answer::good(
        format!(
            "Box {label} is lost with {cards} cards. The registry is told never to accept them; then their orders are \
             made again."
        ),
        json!({ "box": label, "cards": cards }),
    ))
}

async fn find(line: &Line, label: &BoxId) -> Result<BoxState, Fault> {
    find_box(line, label)
        .await?
        .ok_or_else(|| Fault::new(&UNKNOWN, label.as_str()))
}
