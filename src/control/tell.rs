//! What was recorded, in plain words.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::base::clock::VIET_NAM;
use crate::base::ids::{OfficeCode, PersonId};
use crate::chip::LifeCycle;
use crate::dossier::finding;
use crate::job::{Aim, Attempt, EpochChange, Event, Evidence, Fact, Output, Phase, SignerChange, Step};
use crate::port::{BoxStanding, Entry, OrderState, Returned};

/// One record: when (in Viet Nam), and what.
pub(super) fn entry(entry: &Entry) -> String {
    format!("{}  {}", time(entry.at), fact(&entry.fact))
}

/// A moment in Viet Nam's time.
pub(super) fn time(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    at.to_offset(VIET_NAM).format(&form).unwrap_or_default()
}

/// Where an order stands.
pub(super) fn order_state(state: OrderState) -> &'static str {
    match state {
        OrderState::Waiting => "waiting for a machine",
        OrderState::Held => "held",
        OrderState::InLot => "given to a machine",
        OrderState::Boxed => "boxed",
        OrderState::Cancelled => "cancelled",
    }
}

/// Reasons as they were recorded, each code among them with its words.
pub(super) fn codes(reasons: &str) -> String {
    let words = |reason: &str| match finding::code(reason) {
        Some(code) => format!("{reason} {}", code.en),
        None => reason.to_owned(),
    };
    let reasons: Vec<String> = reasons.split(", ").map(words).collect();
    reasons.join(", ")
}

/// A dossier that went back to its office.
pub(super) fn returned(returned: &Returned) -> String {
    let office = returned.office.as_ref().map_or("its sender", OfficeCode::as_str);
    let request = returned
        .request
        .as_deref()
        .unwrap_or("a dossier without a request id");
    format!(
        "{request}: returned to {office} on {}, because: {}. A corrected dossier comes in as a new version.",
        returned.on,
        codes(&returned.codes.join(", "))
    )
}

/// How far a box has come.
pub(super) fn box_standing(standing: BoxStanding) -> &'static str {
    match standing {
        BoxStanding::Open => "being filled",
        BoxStanding::Sealed => "sealed",
        BoxStanding::Dispatched => "dispatched",
        BoxStanding::Lost => "lost",
    }
}

/// Where an attempt stands.
pub(super) fn phase(attempt: &Attempt) -> String {
    let because = attempt
        .code
        .as_ref()
        .map_or_else(String::new, |code| format!(" ({code})"));
    match attempt.phase {
        Phase::Planned => "its data is being prepared".to_owned(),
        Phase::Signing => "it is being signed".to_owned(),
        Phase::Ready => format!("signed, waits for a blank at {}", attempt.machine),
        Phase::Doing(step) => format!("at {}: {} under way", attempt.machine, noun(step)),
        Phase::Did(Step::Box) => boxed(attempt),
        Phase::Did(Step::Deliver) => {
            format!("made, waits to be proven and packed (from {})", attempt.machine)
        }
        Phase::Did(step) => format!("at {}: {} done", attempt.machine, noun(step)),
        Phase::Failed(step) => format!("at {}: {} failed{because}", attempt.machine, noun(step)),
        Phase::Spoiled => format!("waste{because}"),
        Phase::Quarantined => format!("quarantined: a person must find and tap it{because}"),
        Phase::NotFound => format!("not found, said by two people{because}"),
        Phase::Withdrawn => format!("called back before a blank was touched{because}"),
    }
}

fn boxed(attempt: &Attempt) -> String {
    attempt.boxed.as_ref().map_or_else(
        || "good, in its box".to_owned(),
        |(label, slot)| format!("good, in box {label} as number {slot}"),
    )
}

/// A step as a noun.
pub(super) fn noun(step: Step) -> &'static str {
    match step {
        Step::Bind => "feeding and binding",
        Step::Encode => "writing the chip",
        Step::Seal => "sealing the chip",
        Step::Verify => "reading the chip back",
        Step::Print => "printing",
        Step::Deliver => "delivering",
        Step::Prove => "proving face against chip",
        Step::Box => "packing",
    }
}

fn people(by: &[PersonId]) -> String {
    let names: Vec<&str> = by.iter().map(PersonId::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(", by {}", names.join(" and ")),
    }
}

fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Attempt { attempt, event } => format!("{attempt}: {}", self::event(event)),
        Fact::LotClaimed { lot } => format!(
            "lot {} of {} cards for {} claimed for {}",
            lot.id,
            lot.orders.len(),
            lot.office,
            lot.machine
        ),
        Fact::LotClosed { lot } => format!("lot {lot} closed: every card has left the machine"),
        Fact::PackReceived { pack, blanks, by, .. } => {
            format!("pack {pack} of {} blanks received{}", blanks.len(), people(by))
        }
        Fact::Stock { step } => {
            let from = step
                .from
                .as_ref()
                .map_or_else(String::new, |from| format!(" from {from}"));
            let why = if step.reason.is_empty() { "" } else { ": " };
            let (count, to, by) = (step.count, &step.to, people(&step.by));
            format!(
                "{count} blanks of {}{from} to {to}{by}{why}{}",
                step.pack, step.reason
            )
        }
        Fact::WrittenOff {
            blank,
            pack,
            from,
            code,
            by,
        } => {
            format!(
                "blank {blank} of {pack} written off from {from}{} ({code})",
                people(by)
            )
        }
        Fact::Stranger { machine, chip, code } => {
            format!("{machine}: a strange chip {chip} came out of the feeder ({code})")
        }
        Fact::PositionStopped { machine, code, by } => format!("{machine} stopped ({code}){}", people(by)),
        Fact::PositionResumed { machine, by } => format!("{machine} goes on{}", people(by)),
        Fact::BoxOpened { label, office } => format!("box {label} opened for {office}"),
        Fact::BoxSealed { label, cards, .. } => format!("box {label} sealed with {cards} cards"),
        Fact::BoxDispatched {
            label,
            consignment,
            by,
        } => format!("box {label} dispatched, consignment {consignment}{}", people(by)),
        Fact::BoxLost { label, by } => format!("box {label} declared lost{}", people(by)),
        Fact::OrderChanged {
            order,
            change,
            reason,
            by,
        } => {
            let why = if reason.is_empty() { "" } else { ": " };
            format!("{order}: {change}{}{why}{reason}", people(by))
        }
        Fact::ControllerLost { controller, by } => format!("controller {controller} given up{}", people(by)),
        Fact::OrderErased { order, reason, by } => {
            let why = if reason.is_empty() { "" } else { ": " };
            format!("{order}: personal data erased{}{why}{reason}", people(by))
        }
        Fact::Epoch { label, change, by } => {
            let change = match change {
                EpochChange::Opened => "is there and wraps keys of orders",
                EpochChange::Closing => "is about to be destroyed: nothing needs it any more",
                EpochChange::Closed => "is destroyed",
            };
            format!("wrapping key {label} {change}{}", people(by))
        }
        Fact::Key { label, change } => format!("key {label} {change}"),
        Fact::Clock { by, .. } if by.is_empty() => "the clock is taken as it is".to_owned(),
        Fact::Clock { .. } => "the clock is accepted as it is".to_owned(),
        Fact::Signer {
            label, change, code, ..
        } => {
            let change = match change {
                SignerChange::Activated => "activated",
                SignerChange::Stopped => "taken out of use",
            };
            let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            format!("signer {label} {change}{code}")
        }
        // What concerns no card, box or order is told by its name.
        other => other.kind().replace('_', " "),
    }
}

fn event(event: &Event) -> String {
    match event {
        Event::Planned {
            lot,
            machine,
            replaces,
        } => {
            let instead = replaces.map_or_else(String::new, |replaced| format!(", in place of {replaced}"));
            format!("planned in lot {lot} on {machine}{instead}")
        }
        Event::SignIntended { signer, .. } => format!("to be signed by {signer}"),
        Event::Signed { .. } => "signed, and the signature checked".to_owned(),
        Event::Intended { step, machine, aim } => {
            let aim = match aim {
                Some(Aim::Output(Output::Good)) => " to the good output".to_owned(),
                Some(Aim::Output(Output::Reject)) => " to the reject box".to_owned(),
                Some(Aim::Slot(label, slot)) => format!(" into box {label} as number {slot}"),
                None => String::new(),
            };
            format!("{machine} begins {}{aim}", noun(*step))
        }
        Event::Done { evidence } => done(evidence),
        Event::Undone { step, because } => format!("{} did not happen: {because}", noun(*step)),
        Event::Failed { step, code, detail } => {
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(": {detail}")
            };
            format!("{} failed ({code}{detail})", noun(*step))
        }
        Event::Spoiled { code, by } => format!("spoiled ({code}){}", people(by)),
        Event::Quarantined { code } => format!("quarantined ({code}): nobody knows its true state"),
        Event::NotFound { by } => format!("declared not found{}", people(by)),
        Event::Found { by } => format!("found, and goes to the desk{}", people(by)),
        Event::Withdrawn { code } => format!("called back ({code})"),
        Event::KeysErased => "the chip's own keys erased from the bundle".to_owned(),
        Event::Reported => "the registry has confirmed the report".to_owned(),
        #[allow(
            unreachable_patterns,
            reason = "an event that has no words yet is told by its name"
        )]
        other => other.name().replace('_', " "),
    }
}

fn done(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Bind { chip, blank, pack } => format!("bound to blank {blank} of pack {pack}, chip {chip}"),
        Evidence::Encode { commands, bytes } => format!("chip written: {bytes} bytes in {commands} commands"),
        Evidence::Seal => "chip sealed".to_owned(),
        Evidence::Verify { commands } => {
            format!("chip read back and compared with the approved dossier in {commands} commands")
        }
        Evidence::Print { .. } => "both faces printed".to_owned(),
        Evidence::Deliver { output: Output::Good } => "delivered, not proven yet".to_owned(),
        Evidence::Deliver {
            output: Output::Reject,
        } => "delivered to the reject box".to_owned(),
        Evidence::Prove { desk } => format!("face and chip proven to belong together at {desk}"),
        Evidence::Box { label, slot } => format!("put into box {label} as number {slot}"),
    }
}

/// How far a chip says that it has come, to follow "its chip".
pub(super) fn life_cycle(life_cycle: LifeCycle) -> &'static str {
    match life_cycle {
        LifeCycle::Blank => "is empty",
        LifeCycle::Started => "has been written",
        LifeCycle::Sealed => "is sealed",
    }
}
