//! A card in somebody's hand: what it is, and where it belongs.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::ids::{BlankId, ChipId, MachineId, PackId, SodHash};
use crate::base::{Blame, Fault};
use crate::chip::LifeCycle;
use crate::chip::fault::FOREIGN;
use crate::job::{Attempt, Phase, Step};
use crate::line::Line;
use crate::line::blanks;
use crate::port::Attempts;

use super::{Answer, Who, tell};

/// How the card names itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by", deny_unknown_fields)]
pub enum Request {
    /// By its chip's CPLC identity.
    Chip {
        /// Hexadecimal.
        chip: ChipId,
    },
    /// By the SHA-256 of its EF.SOD.
    Sod {
        /// Hexadecimal.
        sod: SodHash,
    },
    /// By the serial number printed on the blank.
    Blank {
        /// As the supplier's list has it.
        blank: BlankId,
    },
    /// By lying on a desk's reader.
    Tap {
        /// The desk; it is not packing.
        desk: MachineId,
    },
}

/// Where a card in hand belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Belongs {
    /// It is its order's good card: in its box.
    InItsBox,
    /// To a packing desk, which proves it.
    AtADesk,
    /// Still under way in its machine: it should not be in a hand.
    InItsMachine,
    /// In the reject box: waste.
    WithTheWaste,
    /// In the quarantine tray, until a person has said what becomes of it.
    InQuarantine,
    /// A blank that was never used: back to where its pack is.
    WithTheBlanks,
    /// Nothing of ours: put aside and tell the supervisor.
    Aside,
}

impl Belongs {
    fn words(self) -> &'static str {
        match self {
            Self::InItsBox => "it belongs in its box",
            Self::AtADesk => "bring it to a packing desk, which proves and packs it",
            Self::InItsMachine => "it should be in its machine: put it into the quarantine tray",
            Self::WithTheWaste => "waste: put it into the reject box",
            Self::InQuarantine => "it was looked for: say what becomes of it with cardwright found",
            Self::WithTheBlanks => "an unused blank: it belongs with its pack",
            Self::Aside => "put it aside, tap it if only its number was read, and tell the supervisor",
        }
    }
}

/// Says what a card is and where it belongs; not good for a card that should not be in a hand.
///
/// # Errors
/// The ledger's; a tap's, but for those that say what the card is.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    let ledger = &line.ports.ledger;
    let (attempts, chip) = match request {
        Request::Tap { desk } => return tapped(line, &desk).await,
        Request::Chip { chip } => {
            // Hexadecimal is written either way; ours is in capitals.
            let chip = ChipId(chip.0.to_uppercase());
            (ledger.attempts(Attempts::OfChip(chip.clone())).await?, Some(chip))
        }
        Request::Sod { sod } => {
            let sod = SodHash(sod.0.to_uppercase());
            (ledger.attempts(Attempts::OfSod(sod)).await?, None)
        }
        Request::Blank { blank } => {
            let attempts = ledger.attempts(Attempts::OfBlank(blank.clone())).await?;
            if attempts.is_empty()
                && let Some(pack) = ledger.pack_of(&blank).await?
            {
                return not_used(line, Some((blank, pack))).await;
            }
            (attempts, None)
        }
    };
    match attempts.last() {
        Some(attempt) => ours(line, attempt).await,
        None => unused(line, chip.as_ref()).await,
    }
}

/// The card that lies on a desk's reader. What its chip says of itself must be what the books say of it.
async fn tapped(line: &Line, desk: &MachineId) -> Result<Answer, Fault> {
    let identity = match line.tap(desk).await {
        Ok(identity) => identity,
        Err(fault) if matches!(fault.blame(), Blame::Card) || *fault.code == FOREIGN => {
            let belongs = Belongs::Aside;
            return Ok(Answer::bad(
                format!(
                    "The chip on the reader of {desk} is none of ours ({}): {}",
                    fault.code.id,
                    belongs.words()
                ),
                json!({ "belongs": belongs, "code": fault.code.id }),
            ));
        }
        Err(fault) => return Err(fault),
    };
    let attempts = line
        .ports
        .ledger
        .attempts(Attempts::OfChip(identity.chip.clone()))
        .await?;
    let (sealed, blank) = match attempts.last() {
        Some(attempt) => (attempt.done.has(Step::Seal), false),
        None => (false, true),
    };
    let agrees = match identity.life_cycle {
        LifeCycle::Blank => !sealed,
        LifeCycle::Started => !sealed && !blank,
        // Between the sealing and its record the books may be behind.
        LifeCycle::Sealed => !blank,
    };
    let mut answer = match attempts.last() {
        Some(attempt) => ours(line, attempt).await?,
        None => unused(line, Some(&identity.chip)).await?,
    };
    if !agrees {
        let belongs = Belongs::Aside;
        answer.text = format!(
            "{}\n  But its chip {}, which the books do not know: {}",
            answer.text,
            tell::life_cycle(identity.life_cycle),
            belongs.words()
        );
        answer.data["belongs"] = json!(belongs);
        answer.good = false;
    }
    answer.text = format!("On the reader of {desk}: chip {}\n{}", identity.chip, answer.text);
    answer.data["chip"] = json!(identity);
    Ok(answer)
}

async fn ours(line: &Line, attempt: &Attempt) -> Result<Answer, Fault> {
    let belongs = belongs(attempt);
    let order = line.ports.book.order(attempt.id.order).await?;
    let office = order.as_ref().map(|order| super::order::office(line, order));
    let text = format!(
        "Card {}: {}\n  for {}\n  {}",
        attempt.id,
        tell::phase(attempt),
        office.as_deref().unwrap_or("an order that is not in the book"),
        belongs.words()
    );
    let data = json!({
        "card": super::order::card(attempt),
        "office": order.map(|order| order.office),
        "belongs": belongs,
    });
    Ok(Answer {
        text,
        data,
        good: matches!(belongs, Belongs::InItsBox | Belongs::AtADesk),
    })
}

/// A card that no attempt was bound to: a blank from a supplier's list, or a stranger.
async fn unused(line: &Line, chip: Option<&ChipId>) -> Result<Answer, Fault> {
    let listed = match chip {
        Some(chip) => line.ports.ledger.blank(chip).await?,
        None => None,
    };
    not_used(line, listed).await
}

/// A blank of ours that is no card: unused, or written off. Nothing else is ours.
async fn not_used(line: &Line, listed: Option<(BlankId, PackId)>) -> Result<Answer, Fault> {
    let belongs = match &listed {
        None => Belongs::Aside,
        Some((blank, _)) if blanks::is_written_off(line, blank).await? => Belongs::WithTheWaste,
        Some(_) => Belongs::WithTheBlanks,
    };
    let what = listed.as_ref().map_or_else(
        || "No card was made with it here".to_owned(),
        |(blank, pack)| format!("Blank {blank} of pack {pack}"),
    );
    Ok(Answer {
        text: format!("{what}: {}", belongs.words()),
        data: json!({ "belongs": belongs, "blank": listed }),
        good: belongs == Belongs::WithTheBlanks,
    })
}

fn belongs(attempt: &Attempt) -> Belongs {
    match attempt.phase {
        Phase::Did(Step::Box) => Belongs::InItsBox,
        Phase::Did(Step::Deliver | Step::Prove) | Phase::Doing(Step::Prove | Step::Box) => Belongs::AtADesk,
        Phase::Spoiled | Phase::Withdrawn => Belongs::WithTheWaste,
        // A card that was declared not found and turns up must be dealt with like any other that was looked for.
        Phase::Quarantined | Phase::NotFound => Belongs::InQuarantine,
        _ => Belongs::InItsMachine,
    }
}
