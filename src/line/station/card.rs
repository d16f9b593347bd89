//! One card through a station: intent, act, outcome, and what follows a fault (design of the steps: [`crate::job`]).

use super::Station;
use super::read_back::read_back;
use crate::base::ids::{ChipId, MachineId};
use crate::base::{Blame, Fault, Place};
use crate::chip::fault::TWO_NAMES;
use crate::chip::{
    ActiveSecret, CardImage, CardKeys, Identity, Sealed, identify, personalize, pretest, probe_sealed,
    refuses_writes, seal,
};
use crate::job::decide::{self, Card, Position};
use crate::job::fault::{
    FEEDER_EMPTY, ILLEGAL, STALE_STOP_LIST, STOPPED_BY_REGISTRY, TOO_MANY_PRINTS, UNKNOWN_BLANK, USED_BLANK,
    WRITTEN_OFF, WRONG_CHIP,
};
use crate::job::stock::Move;
use crate::job::{Aim, Attempt, Event, Evidence, Fact, Output, Phase, Step};
use crate::line::Line;
use crate::line::blanks;
use crate::line::context::Hand;
use crate::line::costs::Effort;
use crate::line::fault::CROWDED;
use crate::line::pairing::Turn;
use crate::line::prepare::Ready;
use crate::line::progress::Activity;
use crate::line::settle::STOPPED;
use crate::line::talk::{with_chip, with_serial};
use crate::line::tenure::is_away;
use crate::port::fault::STALE;
use crate::port::{Attempts, Instruction, OrderState, Standing};
use crate::printer::{Connect, Deliver, Feed, Outlet, Print, ReadCounters, fault as printer_fault};

/// Takes a card as far as this machine can: to the good output, to the reject box, or to a person.
///
/// # Errors
/// The ledger's only; every other fault has its consequence here.
pub(super) async fn make(
    station: &mut Station,
    line: &Line,
    ready: &Ready,
    mut hand: Hand,
) -> Result<Hand, Fault> {
    let mut tries: u8 = 0;
    let mut keys = None;
    while let Some((step, aim)) = next(&hand) {
        let machine = station.id.clone();
        let mut turn = None;
        if step == Step::Bind {
            turn = may_feed(&machine, line, &mut hand).await?;
            if turn.is_none() || !may_bind(&machine, line, ready, &mut hand).await? {
                break;
            }
        }
        line.progress.activity(&station.id, Activity::Step(step));
        // Trying again was intended when that was decided.
        if tries == 0 || hand.attempt().phase != Phase::Doing(step) {
            hand.add(Event::Intended {
                step,
                machine: station.id.clone(),
                aim: aim.clone(),
            })?;
        }
        hand.record(line).await?;
        let again = tries > 0;
        let performed = async {
            match turn {
                Some(turn) => bind(station, line, turn, &mut keys).await,
                None => {
                    let keys = (&mut keys, again);
                    perform(station, line, ready, &hand, step, aim.as_ref(), keys).await
                }
            }
        };
        match line.costs.of(Effort::Step(step), performed).await {
            Ok(evidence) => {
                tries = 0;
                if let Evidence::Bind { pack, .. } = &evidence {
                    let moved = line.floor.came_from(line, &station.id, pack).await?;
                    moved.into_iter().for_each(|fact| hand.also(fact));
                    station.fed = None;
                }
                hand.add(Event::Done { evidence })?;
                if step == Step::Verify && !ready.keys.is_empty() {
                    hand.add(Event::KeysErased)?;
                }
            }
            // Nothing is known to be wrong with the card: it stays where it is until the next start.
            Err(fault) if line.is_left_to_the_next_start(&fault) => {
                hand.record(line).await?;
                return Err(fault);
            }
            Err(fault) => {
                tries = tries.saturating_add(1);
                if !after_fault(station, line, &mut hand, step, &fault, tries).await? {
                    break;
                }
            }
        }
    }
    Ok(hand)
}

/// The next step of a card, or nothing when this machine is done with it.
fn next(hand: &Hand) -> Option<(Step, Option<Aim>)> {
    match hand.attempt().phase {
        Phase::Ready => Some((Step::Bind, None)),
        Phase::Did(Step::Bind) => Some((Step::Encode, None)),
        Phase::Did(Step::Encode) => Some((Step::Seal, None)),
        Phase::Did(Step::Seal) => Some((Step::Verify, None)),
        Phase::Did(Step::Verify) => Some((Step::Print, None)),
        Phase::Did(Step::Print) => Some((Step::Deliver, Some(Aim::Output(Output::Good)))),
        // A harmless step is done again; that was decided when it failed or was found in doubt.
        Phase::Doing(step @ (Step::Encode | Step::Verify)) => Some((step, None)),
        Phase::Failed(_) => Some((Step::Deliver, Some(Aim::Output(Output::Reject)))),
        _ => None,
    }
}

/// Waits until the reader works, nothing lies in its field and, for the first blank, it is this machine's turn; nothing
/// if the line stops meanwhile.
async fn may_feed<'a>(
    machine: &'a MachineId,
    line: &'a Line,
    hand: &mut Hand,
) -> Result<Option<Turn<'a>>, Fault> {
    loop {
        let turn = line.pairing.turn(machine, line.clock).await;
        match turn {
            // Another machine may have stopped this one while it waited: then others have its turn.
            Ok(turn) => {
                if !line.progress.is_stopped(machine) {
                    return Ok(Some(turn));
                }
            }
            Err(fault) if *fault.code == CROWDED => line.stop_position(machine, &fault).await?,
            // Its reader is away: nothing was begun, and it goes on when the reader is back.
            Err(fault) => {
                hand.record(line).await?;
                line.progress.activity(machine, Activity::Stopped(fault.code.id));
                line.clock.sleep(STOPPED).await;
            }
        }
        // People come and count: what became of the card before must be on record by then.
        hand.record(line).await?;
        if !line.may_go_on(machine).await {
            return Ok(None);
        }
    }
}

/// The last moment at which nothing has happened: the stop list is read here (law 9).
async fn may_bind(machine: &MachineId, line: &Line, ready: &Ready, hand: &mut Hand) -> Result<bool, Fault> {
    loop {
        if line.is_stopping() {
            return Ok(false);
        }
        // Before anything of it is made: a lot that is the machine's is nobody else's, whatever happens to this
        // controller. The registry's word is the last that is asked for.
        let granted = line.grant(hand.attempt().lot).await;
        let reason = granted.and_then(|()| line.stop_reason(&ready.dossier.request));
        match reason {
            Ok(None) => return Ok(true),
            Err(fault) if *fault.code == STALE => {
                let (order, lot) = (hand.attempt().id.order, hand.attempt().lot);
                tracing::warn!(%order, %lot, code = fault.code.id, "withdrawn: {fault}");
                hand.add(Event::Withdrawn {
                    code: fault.code.id.to_owned(),
                })?;
                hand.record(line).await?;
                return Ok(false);
            }
            Err(fault) if *fault.code != STALE_STOP_LIST && !is_away(&fault) => return Err(fault),
            Ok(Some(reason)) => {
                hand.add(Event::Withdrawn {
                    code: STOPPED_BY_REGISTRY.id.to_owned(),
                })?;
                hand.record(line).await?;
                tracing::info!(order = %hand.attempt().id.order, reason, "withdrawn: stopped by the registry");
                line.say(cancelled(hand.attempt())).await?;
                line.progress.drop_order();
                return Ok(false);
            }
            Err(fault) => {
                // The card before this one must not wait for registry or order book with its outcome.
                hand.record(line).await?;
                line.progress.activity(machine, Activity::Stopped(fault.code.id));
                line.clock.sleep(STOPPED).await;
            }
        }
    }
}

fn cancelled(attempt: &Attempt) -> Standing {
    Standing {
        lot: attempt.lot,
        order: attempt.id.order,
        state: OrderState::Cancelled,
        remake: false,
    }
}

async fn perform(
    station: &mut Station,
    line: &Line,
    ready: &Ready,
    hand: &Hand,
    step: Step,
    aim: Option<&Aim>,
    (keys, again): (&mut Option<CardKeys>, bool),
) -> Result<Evidence, Fault> {
    match step {
        Step::Encode => {
            let keys = at_hand(station, line, hand.attempt(), keys, again).await?;
            encode(station, line, ready, keys).await
        }
        Step::Seal => {
            let keys = at_hand(station, line, hand.attempt(), keys, again).await?;
            let sealing = seal(&line.rules.chip, line.credentials(keys)?)?;
            with_chip(&mut *station.encoder, sealing)
                .await
                .map_err(name_other_chip)?;
            Ok(Evidence::Seal)
        }
        Step::Verify => verify(station, line, ready, hand.attempt()).await,
        Step::Print => print(station, ready).await,
        Step::Deliver if matches!(aim, Some(Aim::Output(Output::Good))) => {
            may_deliver(line, ready, hand).await?;
            deliver(station, Output::Good).await
        }
        Step::Deliver => deliver(station, Output::Reject).await,
        Step::Bind | Step::Prove | Step::Box => Err(Fault::new(&ILLEGAL, format!("{step} at a station"))),
    }
}

/// The stop list is read once more before a finished card falls among the good ones (law 9). A list that is too old to
/// say holds up no card that is made: the registry is asked again before its box is sealed.
async fn may_deliver(line: &Line, ready: &Ready, hand: &Hand) -> Result<(), Fault> {
    match line.stop_reason(&ready.dossier.request) {
        Ok(Some(reason)) => {
            tracing::info!(order = %hand.attempt().id.order, reason, "rejected: stopped by the registry");
            // Cancelled first: an order whose card is waste is made again.
            line.say(cancelled(hand.attempt())).await?;
            line.progress.drop_order();
            Err(Fault::new(&STOPPED_BY_REGISTRY, "before it was delivered"))
        }
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Feeds a blank, learns from its chip which one it is, and tests that it can be written.
async fn bind(
    station: &mut Station,
    line: &Line,
    turn: Turn<'_>,
    keys: &mut Option<CardKeys>,
) -> Result<Evidence, Fault> {
    *keys = None;
    station.fed = None;
    let fed = with_serial(&mut *station.printer, Feed::new(&station.model)).await;
    fed.map_err(|fault| {
        // Each printer has a word of its own for it; what follows is decided in one place.
        if *fault.code == printer_fault::FEEDER_EMPTY {
            Fault::new(&FEEDER_EMPTY, fault.detail)
        } else {
            fault
        }
    })?;
    let found = station.encoder.power_on().await;
    let atr = match turn.fed(found, line.clock).await {
        Ok(atr) => atr,
        Err((fault, other)) => {
            if let Some(other) = other {
                line.stop_position(&other, &fault).await?;
            }
            return Err(fault);
        }
    };
    line.rules.chip.check_atr(&atr)?;
    let identity = with_chip(&mut *station.encoder, identify(&line.rules.chip)).await?;
    let chip = identity.chip.clone();
    if let Some(other) = line
        .ports
        .ledger
        .attempts(Attempts::OfChip(chip.clone()))
        .await?
        .first()
    {
        // A chip that is in another machine has not come out of this feeder: this reader looks into that machine.
        let fault = if other.machine != station.id && other.is_in_machine() {
            &WRONG_CHIP
        } else {
            &USED_BLANK
        };
        return Err(Fault::new(fault, chip.to_string()));
    }
    let Some((blank, pack)) = line.ports.ledger.blank(&chip).await? else {
        identity.require_blank()?;
        return Err(Fault::new(&UNKNOWN_BLANK, chip.to_string()));
    };
    if blanks::is_written_off(line, &blank).await? {
        return Err(Fault::new(&WRITTEN_OFF, chip.to_string()));
    }
    station.fed = Some((blank.clone(), pack.clone()));
    identity.require_blank()?;
    *keys = line.chip_keys(&identity).await?;
    if let Some(credentials) = line.credentials(keys.as_ref())? {
        with_chip(&mut *station.encoder, pretest(&line.rules.chip, credentials)?).await?;
    }
    Ok(Evidence::Bind { chip, blank, pack })
}

/// The bound chip is the one at the encoder, it may be asked to admit us, and these are its keys, if its kind has any.
async fn at_hand<'k>(
    station: &mut Station,
    line: &Line,
    attempt: &Attempt,
    keys: &'k mut Option<CardKeys>,
    again: bool,
) -> Result<Option<&'k CardKeys>, Fault> {
    line.may_authenticate(attempt)?;
    if again || attempt.unproven > 1 {
        // Whatever stopped the try before, its session is not to be trusted, and the field may be off.
        station.encoder.power_off().await?;
        let atr = station.encoder.power_on().await?;
        line.rules.chip.check_atr(&atr)?;
    }
    let identity = must_be_bound(station, line, attempt).await?;
    if keys.is_none() {
        *keys = line.chip_keys(&identity).await?;
    }
    Ok(keys.as_ref())
}

async fn encode(
    station: &mut Station,
    line: &Line,
    ready: &Ready,
    keys: Option<&CardKeys>,
) -> Result<Evidence, Fault> {
    let image = CardImage {
        active_authentication: ready
            .keys
            .active_authentication
            .as_ref()
            .map(ActiveSecret::Elliptic),
        chip_authentication: ready.keys.chip_authentication.as_ref(),
        can: ready.can.as_ref(),
        cvcas: line.fingerprints(&ready.profile).map_or(&[], |who| &who.cvcas),
        ..CardImage::new(&ready.files, &ready.mrz)
    };
    let writing = personalize(&line.rules.chip, image, line.credentials(keys)?)?;
    let written = with_chip(&mut *station.encoder, writing)
        .await
        .map_err(name_other_chip)?;
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Evidence::Encode {
        commands: count(written.commands),
        bytes: count(written.bytes),
    })
}

/// After a seal whose outcome is not known: the bound chip says whether it took.
async fn ask_whether_sealed(station: &mut Station, line: &Line, attempt: &Attempt) -> Result<Sealed, Fault> {
    station.encoder.power_off().await?;
    station.encoder.power_on().await?;
    must_be_bound(station, line, attempt).await?;
    with_chip(&mut *station.encoder, probe_sealed()).await
}

/// The chip that answers must be the one that was bound.
async fn must_be_bound(station: &mut Station, line: &Line, attempt: &Attempt) -> Result<Identity, Fault> {
    let identity = with_chip(&mut *station.encoder, identify(&line.rules.chip))
        .await
        .map_err(name_other_chip)?;
    if Some(&identity.chip) != attempt.chip.as_ref() {
        return Err(Fault::new(&WRONG_CHIP, identity.chip.to_string()));
    }
    Ok(identity)
}

/// One chip that says it is two, or answers with other keys than it was bound with, is another card in the field.
fn name_other_chip(fault: Fault) -> Fault {
    if *fault.code == TWO_NAMES {
        return Fault::new(&WRONG_CHIP, fault.detail);
    }
    fault
}

/// In a new session: what the chip remembers of its writing must not help.
async fn verify(
    station: &mut Station,
    line: &Line,
    ready: &Ready,
    attempt: &Attempt,
) -> Result<Evidence, Fault> {
    station.encoder.power_off().await?;
    station.encoder.power_on().await?;
    // Of two cards in one field either may answer a new session, and the next is an attempt at writing.
    must_be_bound(station, line, attempt).await?;
    with_chip(&mut *station.encoder, refuses_writes(&line.rules.chip)).await?;
    read_back(&mut *station.encoder, line, ready).await
}

async fn print(station: &mut Station, ready: &Ready) -> Result<Evidence, Fault> {
    station.encoder.power_off().await?;
    let before = station.counters;
    let print = Print::new(&station.model, &ready.faces.front, Some(&ready.faces.back))?;
    let printed = with_serial(&mut *station.printer, print).await?;
    station.counters = with_serial(&mut *station.printer, ReadCounters::new(&station.model)).await?;
    let used = station.counters.since(&before)?;
    // A card that was fed before a restart was counted before it, too.
    if used.panels != u64::from(printed.panels) || used.cards > 1 {
        return Err(Fault::new(
            &TOO_MANY_PRINTS,
            format!("{} panels, {} cards", used.panels, used.cards),
        ));
    }
    let count = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Evidence::Print {
        panels_before: count(before.panels_printed),
        panels_after: count(station.counters.panels_printed),
    })
}

async fn deliver(station: &mut Station, output: Output) -> Result<Evidence, Fault> {
    station.encoder.power_off().await?;
    let outlet = match output {
        Output::Good => Outlet::Good,
        Output::Reject => Outlet::Reject,
    };
    with_serial(&mut *station.printer, Deliver::new(&station.model, outlet)).await?;
    if output == Output::Reject {
        station.counters = with_serial(&mut *station.printer, ReadCounters::new(&station.model)).await?;
    }
    Ok(Evidence::Deliver { output })
}

/// Carries out what [`decide`] says; false when the card can go no further here.
async fn after_fault(
    station: &mut Station,
    line: &Line,
    hand: &mut Hand,
    step: Step,
    fault: &Fault,
    tries: u8,
) -> Result<bool, Fault> {
    tracing::warn!(machine = %station.id, attempt = %hand.attempt().id, %step, code = fault.code.id, "{fault}");
    let verdict = decide::after(step, fault, tries);
    // Before anything that takes time: whoever comes to look must see at once that it stands, and why.
    if verdict.position != Position::GoOn {
        line.stop_position(&station.id, fault).await?;
    }
    // After any trouble the printer must be got in step before it is told anything else.
    let out_of_step = with_serial(&mut *station.printer, Connect::new(&station.model))
        .await
        .is_err();
    let failed = Event::Failed {
        step,
        code: fault.code.id.to_owned(),
        detail: fault.detail.clone(),
    };
    let goes_on = match verdict.card {
        Card::Again => {
            hand.add(failed)?;
            hand.add(Event::Intended {
                step,
                machine: station.id.clone(),
                aim: None,
            })?;
            true
        }
        Card::Ask => {
            let asked = ask_whether_sealed(station, line, hand.attempt()).await;
            hand.add(match asked {
                Ok(Sealed::Sealed) => Event::Done {
                    evidence: Evidence::Seal,
                },
                Ok(Sealed::Open) => Event::Undone {
                    step,
                    because: "the chip is still open".to_owned(),
                },
                Err(_) => failed,
            })?;
            true
        }
        Card::Wait => {
            hand.add(Event::Undone {
                step,
                because: fault.code.id.to_owned(),
            })?;
            hand.record(line).await?;
            station.wait_for_blanks(line, fault.code).await?;
            true
        }
        Card::NextBlank => blank_is_bad(station, line, hand, step, fault).await?,
        Card::Spoil => {
            hand.add(failed)?;
            true
        }
        Card::Quarantine => {
            quarantine(station, line, hand, fault).await?;
            false
        }
    };
    // What the registry wants says nothing about the machine.
    if verdict.card != Card::Wait && fault.blame() != Blame::Registry {
        let attempt = hand.attempt();
        let pulls = line.brake().failed(
            &station.id,
            fault.blame(),
            Some(attempt.id),
            attempt.pack.as_ref(),
        );
        line.pull(&pulls, fault).await?;
    }
    if out_of_step {
        line.stop_position(&station.id, fault).await?;
    }
    if verdict.position == Position::StopAll {
        line.stop();
    }
    Ok(goes_on)
}

/// The card's true state is unknown: a person takes it out, and finds out.
async fn quarantine(station: &mut Station, line: &Line, hand: &mut Hand, fault: &Fault) -> Result<(), Fault> {
    hand.add(Event::Quarantined {
        code: fault.code.id.to_owned(),
    })?;
    hand.record(line).await?;
    station.screen_must(&Instruction::ClearPath).await?;
    // What it cost is known now, and must not be charged to the next card.
    if let Ok(counters) = with_serial(&mut *station.printer, ReadCounters::new(&station.model)).await {
        station.counters = counters;
    }
    Ok(())
}

/// A blank that cannot be used goes to the reject box; the attempt takes the next one. False if the machine cannot get
/// rid of it: then a person does, and the position is stopped.
async fn blank_is_bad(
    station: &mut Station,
    line: &Line,
    hand: &mut Hand,
    step: Step,
    fault: &Fault,
) -> Result<bool, Fault> {
    let machine = station.id.clone();
    if let Err(stuck) = deliver(station, Output::Reject).await {
        quarantine(station, line, hand, &stuck).await?;
        line.stop_position(&machine, &stuck).await?;
        return Ok(false);
    }
    hand.add(Event::Undone {
        step,
        because: fault.code.id.to_owned(),
    })?;
    // A chip that named itself as a stranger is in no count of ours, and one that was used or written off is counted
    // already.
    if [UNKNOWN_BLANK.id, USED_BLANK.id, WRITTEN_OFF.id].contains(&fault.code.id) {
        let chip = ChipId::new(fault.detail.clone());
        hand.also(Fact::Stranger {
            machine,
            chip,
            code: fault.code.id.to_owned(),
        });
    } else if let Some((blank, pack)) = station.fed.take() {
        let moved = line.floor.came_from(line, &machine, &pack).await?;
        moved.into_iter().for_each(|fact| hand.also(fact));
        hand.also(Fact::WrittenOff {
            blank,
            pack,
            from: Place::Feeder(machine),
            code: fault.code.id.to_owned(),
            by: Vec::new(),
        });
    } else if let Some(pack) = line.floor.pack_in(line, &machine).await? {
        // A mute one came from the pack that is loaded; which of its blanks it is will be read off the plastic.
        let step = Move {
            pack,
            from: Some(Place::Feeder(machine)),
            to: Place::Defective,
            count: 1,
            by: Vec::new(),
            reason: fault.code.id.to_owned(),
        };
        hand.also(Fact::Stock { step });
    }
    Ok(true)
}
