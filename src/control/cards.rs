//! What people do to single cards: spoil one, say what becomes of one that was found, declare one not found, destroy
//! the waste. A remake follows only after the registry has been told (law 2).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::ids::{AttemptId, BlankId, ChipId, PackId, PersonId, SodHash};
use crate::base::{Code, Fault, Place};
use crate::job::fault::{MISSING_CARD, UNKNOWN_BLANK};
use crate::job::lot::Lot;
use crate::job::{Attempt, Event, Fact, Phase, Step};
use crate::line::Line;
use crate::line::blanks;
use crate::line::floor::Held;
use crate::port::{Attempts, BoxStanding};

use super::fault::{ALREADY, UNKNOWN};
use super::refused::{
    BEYOND, DAMAGED, MISCOUNT, MISPRINTED, MIXED_UP, MUTE, SAMPLE, SPOIL_CODE, UNDER_WAY, UNTOLD,
};
use super::stock::moved;
use super::{Answer, Who, reason, record, tell, waiting};

/// Reasons a person may give, and the code they are recorded under.
const CODES: [(&str, &Code); 5] = [
    ("damaged", &DAMAGED),
    ("misprinted", &MISPRINTED),
    ("mute", &MUTE),
    ("mixed-up", &MIXED_UP),
    ("sample", &SAMPLE),
];
/// Attempts that may wait for the registry when waste is destroyed: more are not looked through.
const UNREPORTED_MAX: u32 = 10_000;

/// What can be asked about a card. It is named by an attempt, a blank, a chip, or the hash of its EF.SOD.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// All that a person must find.
    List,
    /// It is waste.
    Spoil {
        /// Which.
        card: String,
        /// One of the known reasons.
        code: String,
        /// In words.
        reason: String,
    },
    /// It was tapped: what is to be done with it? Whatever is certain is done.
    Found {
        /// Which.
        card: String,
    },
    /// Two people take a quarantined card for good; a desk proves it like any other.
    Accept {
        /// Which.
        card: String,
    },
    /// Two people have looked everywhere.
    NotFound {
        /// Which.
        card: String,
    },
    /// Two people destroy spoiled cards of a pack.
    Destroy {
        /// Of which pack.
        pack: PackId,
        /// How many they have counted.
        count: u32,
    },
}

impl Request {
    /// Taking for good, giving up and destroying need two people.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        matches!(
            self,
            Self::Accept { .. } | Self::NotFound { .. } | Self::Destroy { .. }
        )
    }

    /// Could an act for two be done now?
    pub(super) async fn check(&self, line: &Line) -> Result<(), Fault> {
        match self {
            Self::Accept { card } => complete_in_quarantine(line, card).await.map(drop),
            Self::NotFound { card } => in_quarantine(line, card).await.map(drop),
            Self::Destroy { pack, count } => all_spoiled(line, pack, *count).await,
            _ => Ok(()),
        }
    }
}

/// Answers.
///
/// # Errors
/// What the rules refuse; the ledger's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List => waiting::cards(line).await,
        Request::Spoil { card, code, reason } => spoil(line, who, &card, &code, &reason).await,
        Request::Found { card } => found(line, who, &card).await,
        Request::Accept { card } => accept(line, who, &card).await,
        Request::NotFound { card } => not_found(line, who, &card).await,
        Request::Destroy { pack, count } => destroy(line, who, &pack, count).await,
    }
}

async fn spoil(line: &Line, who: &Who, card: &str, code: &str, words: &str) -> Result<Answer, Fault> {
    let words = reason(words)?;
    let Some((_, code)) = CODES.iter().find(|(name, _)| *name == code) else {
        let names: Vec<&str> = CODES.iter().map(|(name, _)| *name).collect();
        return Err(Fault::new(&SPOIL_CODE, names.join(", ")));
    };
    // The registry must not be told that a card is good while somebody says that it is not.
    let _told = line.telling.lock().await;
    let by = who.people();
    let Some(attempt) = find(line, card).await? else {
        let (blank, pack) = unused(line, card).await?;
        return write_off(line, by, blank, pack, code).await;
    };
    // No desk may take up a card between the look and the record.
    let _held;
    let event = match attempt.phase {
        Phase::Did(Step::Box) => {
            in_open_box(line, &attempt).await?;
            Event::Revoked {
                code: code.id.to_owned(),
                lost: false,
                by: by.clone(),
            }
        }
        Phase::Quarantined if attempt.chip.is_some() => spoiled(code.id, who),
        Phase::Did(Step::Deliver | Step::Prove) => {
            _held = at_no_desk(line, &attempt).await?;
            spoiled(code.id, who)
        }
        Phase::Doing(_) | Phase::Did(_) | Phase::Failed(_) => {
            return Err(Fault::new(&UNDER_WAY, attempt.id.to_string()));
        }
        Phase::Planned | Phase::Signing | Phase::Ready | Phase::Quarantined => {
            return Err(Fault::new(&BEYOND, format!("{} has no card yet", attempt.id)));
        }
        Phase::Spoiled | Phase::NotFound | Phase::Withdrawn => {
            return Err(Fault::new(&BEYOND, format!("{} is over", attempt.id)));
        }
    };
    let why = Fact::OrderChanged {
        order: attempt.id.order,
        change: "spoil".to_owned(),
        reason: words,
        by,
    };
    record(line, vec![Fact::attempt(attempt.id, event), why]).await?;
    line.floor.settle();
    let text = format!(
        "{}: spoiled ({}). Put the card into the reject box. The registry is told of it first; then the order gets a \
         new card.",
        attempt.id, code.en
    );
    Ok(told(text, "reject", &attempt))
}

async fn found(line: &Line, who: &Who, card: &str) -> Result<Answer, Fault> {
    let _told = line.telling.lock().await;
    let Some(attempt) = find(line, card).await? else {
        return not_of_an_attempt(line, card).await;
    };
    let id = attempt.id;
    let answer = match attempt.phase {
        Phase::Quarantined if attempt.chip.is_none() => {
            let text =
                format!("{id}: no chip was bound to it; tap the card itself, or declare it not found.");
            told(text, "aside", &attempt)
        }
        Phase::Quarantined if !is_complete(&attempt) => {
            let code = attempt.code.clone().unwrap_or_default();
            record(line, vec![Fact::attempt(id, spoiled(&code, who))]).await?;
            line.floor.settle();
            let text = format!("{id}: it was not finished. Put it into the reject box.");
            told(text, "reject", &attempt)
        }
        Phase::Quarantined if attempt.code.as_deref() == Some(MISSING_CARD.id) => {
            to_desk(line, who.people(), &attempt).await?;
            let text = format!(
                "{id}: it was missing in its tray. Bring it to a packing desk with lot {}.",
                attempt.lot
            );
            told(text, "desk", &attempt)
        }
        Phase::Quarantined => {
            let text = format!(
                "{id}: verified and printed, but its machine lost sight of it ({}). Put it aside. Two people may take \
                 it for good: cardwright found {id} --accept; else: cardwright spoil {id} --code …",
                attempt.code.as_deref().unwrap_or("?")
            );
            told(text, "aside", &attempt)
        }
        Phase::Did(Step::Box) => in_its_box(line, &attempt).await?,
        Phase::NotFound => {
            turned_up(line, who, &attempt).await?;
            let text = format!(
                "{id}: it was declared not found, and the registry never accepts it. Put it into the reject box."
            );
            told(text, "reject", &attempt)
        }
        Phase::Spoiled => told(
            format!("{id}: waste. Put it into the reject box."),
            "reject",
            &attempt,
        ),
        Phase::Did(Step::Deliver | Step::Prove) => {
            let text = format!(
                "{id}: finished, not packed. Bring it to a packing desk with lot {}.",
                attempt.lot
            );
            told(text, "desk", &attempt)
        }
        _ => {
            let text = format!(
                "{id}: it should be in machine {}. Put it aside, and look whether the machine stands still.",
                attempt.machine
            );
            Answer {
                good: false,
                ..told(text, "aside", &attempt)
            }
        }
    };
    Ok(answer)
}

async fn accept(line: &Line, who: &Who, card: &str) -> Result<Answer, Fault> {
    let by = who.both()?;
    let _told = line.telling.lock().await;
    let attempt = complete_in_quarantine(line, card).await?;
    to_desk(line, by, &attempt).await?;
    let text = format!(
        "{}: taken for good. Bring it to a packing desk with lot {}.",
        attempt.id, attempt.lot
    );
    Ok(told(text, "desk", &attempt))
}

async fn not_found(line: &Line, who: &Who, card: &str) -> Result<Answer, Fault> {
    let by = who.both()?;
    let _told = line.telling.lock().await;
    let attempt = in_quarantine(line, card).await?;
    record(line, vec![Fact::attempt(attempt.id, Event::NotFound { by })]).await?;
    line.floor.settle();
    let text = format!(
        "{}: declared not found. The registry is told never to accept it; then the order gets a new card.",
        attempt.id
    );
    Ok(told(text, "nothing", &attempt))
}

/// A finished card in quarantine.
async fn complete_in_quarantine(line: &Line, card: &str) -> Result<Attempt, Fault> {
    let attempt = attempt(line, card).await?;
    if attempt.phase == Phase::Quarantined && is_complete(&attempt) {
        return Ok(attempt);
    }
    let what = format!("{} is no finished card in quarantine", attempt.id);
    Err(Fault::new(&BEYOND, what))
}

/// A card in quarantine.
async fn in_quarantine(line: &Line, card: &str) -> Result<Attempt, Fault> {
    let attempt = attempt(line, card).await?;
    if attempt.phase == Phase::Quarantined {
        return Ok(attempt);
    }
    Err(Fault::new(
        &BEYOND,
        format!("{} is not in quarantine", attempt.id),
    ))
}

/// So many cards of this pack are spoiled by the books, and the registry knows of each.
async fn all_spoiled(line: &Line, pack: &PackId, count: u32) -> Result<(), Fault> {
    let spoiled = line
        .ports
        .ledger
        .stock_of(pack)
        .await?
        .count(pack, &Place::Spoiled);
    if count == 0 || count != spoiled {
        return Err(Fault::new(
            &MISCOUNT,
            format!("pack {pack}: {spoiled} spoiled, {count} counted"),
        ));
    }
    let untold = line
        .ports
        .ledger
        .attempts(Attempts::Unreported(UNREPORTED_MAX))
        .await?;
    if untold.iter().any(|attempt| attempt.pack.as_ref() == Some(pack)) {
        return Err(Fault::new(&UNTOLD, format!("pack {pack}")));
    }
    Ok(())
}

/// From the reject box to destroyed. Not one more or less than the books say: a spoiled card that is missing must be
/// looked for before the others are gone.
async fn destroy(line: &Line, who: &Who, pack: &PackId, count: u32) -> Result<Answer, Fault> {
    let by = who.both()?;
    all_spoiled(line, pack, count).await?;
    let fact = moved(
        pack,
        Place::Spoiled,
        Place::Destroyed,
        count,
        by,
        "destroyed before witnesses",
    );
    record(line, vec![fact]).await?;
    Ok(Answer::good(
        format!("Pack {pack}: {count} spoiled cards are destroyed."),
        json!({ "pack": pack, "destroyed": count }),
    ))
}

/// The attempt a card is known by.
async fn find(line: &Line, card: &str) -> Result<Option<Attempt>, Fault> {
    let (card, ledger) = (card.trim(), &line.ports.ledger);
    if let Ok(id) = card.parse::<AttemptId>() {
        return ledger.attempt(id).await;
    }
    for which in [
        Attempts::OfBlank(BlankId::new(card)),
        Attempts::OfChip(ChipId(card.to_ascii_uppercase())),
        Attempts::OfSod(SodHash(card.to_ascii_uppercase())),
    ] {
        if let Some(attempt) = ledger.attempts(which).await?.into_iter().next() {
            return Ok(Some(attempt));
        }
    }
    Ok(None)
}

async fn attempt(line: &Line, card: &str) -> Result<Attempt, Fault> {
    find(line, card)
        .await?
        .ok_or_else(|| Fault::new(&UNKNOWN, "no card has this name"))
}

/// A blank of ours, by its number or its chip.
async fn listed(line: &Line, card: &str) -> Result<Option<(BlankId, PackId)>, Fault> {
    let (card, ledger) = (card.trim(), &line.ports.ledger);
    let blank = BlankId::new(card);
    match ledger.pack_of(&blank).await? {
        Some(pack) => Ok(Some((blank, pack))),
        None => ledger.blank(&ChipId(card.to_ascii_uppercase())).await,
    }
}

/// A blank of ours that no attempt was bound to.
async fn unused(line: &Line, card: &str) -> Result<(BlankId, PackId), Fault> {
    listed(line, card)
        .await?
        .ok_or_else(|| Fault::new(&UNKNOWN, "no card and no blank has this name"))
}

/// A blank that is no card lies with the waste, and whoever found it has read its number.
async fn write_off(
    line: &Line,
    by: Vec<PersonId>,
    blank: BlankId,
    pack: PackId,
    code: &Code,
) -> Result<Answer, Fault> {
    if blanks::is_written_off(line, &blank).await? {
        return Err(Fault::new(&ALREADY, format!("blank {blank} is written off")));
    }
    let fact = blanks::written_off(line, &blank, &pack, code.id, by).await?;
    record(line, vec![fact]).await?;
    let text = format!(
        "Blank {blank} of pack {pack}: written off. Put it into the reject box; it is never used again."
    );
    Ok(Answer::good(
        text,
        json!({ "do": "reject", "blank": blank, "pack": pack }),
    ))
}

/// A chip that no attempt was bound to: an unused blank of ours, or a stranger.
async fn not_of_an_attempt(line: &Line, card: &str) -> Result<Answer, Fault> {
    let chip = ChipId(card.trim().to_ascii_uppercase());
    if let Some((blank, pack)) = listed(line, card).await? {
        if blanks::is_written_off(line, &blank).await? {
            return Ok(Answer::good(
                format!("Blank {blank} of pack {pack}: written off. Put it into the reject box."),
                json!({ "do": "reject", "blank": blank, "pack": pack }),
            ));
        }
        return Ok(Answer::good(
            format!("Blank {blank} of pack {pack}: unused. Put it back where the rest of its pack is."),
            json!({ "do": "feeder", "blank": blank, "pack": pack }),
        ));
    }
    let hexadecimal = chip.as_str().len() >= 16 && chip.as_str().bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal {
        return Err(Fault::new(&UNKNOWN, "no card has this name"));
    }
    let fact = Fact::Stranger {
        machine: crate::base::ids::MachineId::new("hall"),
        chip: chip.clone(),
        code: UNKNOWN_BLANK.id.to_owned(),
    };
    record(line, vec![fact]).await?;
    Ok(Answer::bad(
        "No list names this chip: it is not ours. Put it aside and tell the supervisor.",
        json!({ "do": "aside", "chip": chip }),
    ))
}

/// A card that was declared not found lies with the waste now; the registry has its chip on the list for ever.
async fn turned_up(line: &Line, who: &Who, attempt: &Attempt) -> Result<(), Fault> {
    let Some(pack) = &attempt.pack else { return Ok(()) };
    let why = format!("{} turned up", attempt.id);
    let history = line.ports.ledger.history(pack.as_str()).await?;
    let known = |fact: &Fact| matches!(fact, Fact::Stock { step } if step.reason == why);
    if history.iter().any(|entry| known(&entry.fact)) {
        return Ok(());
    }
    let step = moved(pack, Place::NotFound, Place::Spoiled, 1, who.people(), &why);
    record(line, vec![step]).await
}

/// It goes to a desk like any other card in a tray.
async fn to_desk(line: &Line, by: Vec<PersonId>, attempt: &Attempt) -> Result<(), Fault> {
    record(line, vec![Fact::attempt(attempt.id, Event::Found { by })]).await?;
    if let Some(order) = line.ports.book.order(attempt.id.order).await? {
        line.tray(Lot {
            id: attempt.lot,
            office: order.office,
            profile: order.profile,
            machine: attempt.machine.clone(),
            orders: vec![attempt.id.order],
        });
    }
    Ok(())
}

async fn in_open_box(line: &Line, attempt: &Attempt) -> Result<(), Fault> {
    let boxes = line.ports.ledger.boxes(false).await?;
    let open = attempt.boxed.as_ref().is_some_and(|(label, _)| {
        boxes
            .iter()
            .any(|state| state.label == *label && state.standing == BoxStanding::Open)
    });
    if open {
        return Ok(());
    }
    Err(Fault::new(
        &BEYOND,
        format!("{}: its box is sealed, the manifest names it", attempt.id),
    ))
}

/// A desk that is packing this office's cards may have this one in hand; none takes it up while what is returned lives.
async fn at_no_desk<'a>(line: &'a Line, attempt: &Attempt) -> Result<Vec<Held<'a>>, Fault> {
    let order = line.ports.book.order(attempt.id.order).await?;
    let order = order.ok_or_else(|| Fault::new(&UNKNOWN, attempt.id.to_string()))?;
    // A desk that took the tray before the office closed packs for the one that it was.
    let mut offices = vec![order.office.clone(), line.destination(&order.office)];
    offices.dedup();
    let office = &order.office;
    let packing = || {
        Fault::new(
            &UNDER_WAY,
            format!("{}: a desk is packing for {office}", attempt.id),
        )
    };
    let held: Option<Vec<Held<'_>>> = offices.iter().map(|office| line.floor.hold(office)).collect();
    let held = held.ok_or_else(packing)?;
    // It may have been packed before the office was held.
    match line.ports.ledger.attempt(attempt.id).await? {
        Some(now) if now.phase == attempt.phase => Ok(held),
        _ => Err(packing()),
    }
}

fn is_complete(attempt: &Attempt) -> bool {
    attempt.done.has(Step::Verify) && attempt.done.has(Step::Print)
}

fn spoiled(code: &str, who: &Who) -> Event {
    Event::Spoiled {
        code: code.to_owned(),
        by: who.people(),
    }
}

async fn in_its_box(line: &Line, attempt: &Attempt) -> Result<Answer, Fault> {
    let mut place = "its box".to_owned();
    if let Some((label, slot)) = &attempt.boxed {
        place = format!("box {label}, place {slot}");
        // A card that turns up when its box has left is sent after it.
        let moved = line.ports.ledger.history(label.as_str()).await?;
        if let Some(last) = moved.last().filter(|entry| has_left(&entry.fact)) {
            place = format!(
                "{place}, which is not here: {}. Send it after the box",
                tell::entry(last)
            );
        }
    }
    let text = format!("{}: good. It belongs in {place}.", attempt.id);
    Ok(told(text, "box", attempt))
}

fn has_left(fact: &Fact) -> bool {
    matches!(fact, Fact::BoxDispatched { .. } | Fact::BoxLost { .. })
}

fn told(text: String, what: &str, attempt: &Attempt) -> Answer {
    let data = json!({
        "do": what,
        "attempt": attempt.id.to_string(),
        "lot": attempt.lot,
        "box": attempt.boxed.as_ref().map(|(label, slot)| json!({ "box": label, "place": slot })),
    });
    Answer::good(text, data)
}
