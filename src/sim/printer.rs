//! A card printer that behaves as the *Evolis Card Printers Programming Guide* (A5013 Rev. E) says, faults included.
//!
//! A pure state machine: bytes in, effects out. Plastic is moved and inked through [`CardPath`], which the hall
//! supplies; time is told as [`Effect::Pause`], which the hall may wait for or not. The bitmap that was downloaded is
//! what appears on the card.
//!
//! Where the guide is silent this printer takes the view that is harder on the controller: memory planes keep the
//! former card's picture; a print command without a card draws one in; left to itself the printer repeats a failed job
//! on the next card.

mod execute;
mod line;
mod path;
mod trouble;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use path::{CardPath, PlainCard, Position, Side, Tray};
pub use trouble::{Plan, Trouble, What, When};

use crate::base::Bitmap;
use crate::printer::{Model, Outlet, ReadForm};
use line::{Ear, Request};

/// The error policies that the guide lists.
const POLICIES: [u8; 6] = [0, 1, 2, 3, 16, 18];
/// In this policy the open cover is not noticed.
const POLICY_IGNORING_COVER: u8 = 1;
/// With this bit of the policy the printer makes no recovery try.
const NO_RECOVERY: u8 = 16;
/// Cards after which the printer wants to be cleaned.
const CLEANING_INTERVAL: u64 = 1_000;

/// A printer as it was built and set up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// The model, as the controller should know it too.
    pub model: Model,
    /// What `Rtp` answers.
    pub name: String,
    /// What `Rsn` answers.
    pub serial: String,
    /// What `Rfv` answers.
    pub firmware: String,
    /// Do bytes take their time on the line?
    pub wire_time: bool,
    /// Time to bring a card to the encoder, in milliseconds.
    pub feed_ms: u64,
    /// Time to print a panel, in milliseconds.
    pub panel_ms: u64,
    /// Time to turn a card over, in milliseconds.
    pub flip_ms: u64,
    /// Time to eject a card, in milliseconds.
    pub eject_ms: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            model: Model::default(),
            name: "SIMULATED EVOLIS".to_owned(),
            serial: "SIM0000001".to_owned(),
            firmware: "1.0".to_owned(),
            wire_time: false,
            feed_ms: 0,
            panel_ms: 0,
            flip_ms: 0,
            eject_ms: 0,
        }
    }
}

/// What survives a power failure.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct State {
    /// Where the card inside is, if there is one.
    pub card: Option<Position>,
    /// Is the cover open?
    pub cover_open: bool,
    /// Panels left on the ribbon.
    pub ribbon_left: u64,
    /// Cards inserted since it was made.
    pub cards_inserted: u64,
    /// Cards inserted when it was last cleaned.
    pub cleaned_at: u64,
    /// Panels printed since it was made.
    pub panels_printed: u64,
    /// The error policy it starts with.
    pub saved_policy: u8,
    /// Troubles to come.
    pub plan: Plan,
}

impl Default for State {
    fn default() -> Self {
        Self {
            card: None,
            cover_open: false,
            ribbon_left: 1_000,
            cards_inserted: 0,
            cleaned_at: 0,
            panels_printed: 0,
            saved_policy: 0,
            plan: Plan::default(),
        }
    }
}

/// What the world notices of the printer, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// This much time passes.
    Pause(Duration),
    /// These bytes go out on the line.
    Reply(Vec<u8>),
}

/// What a power failure wipes.
#[derive(Debug)]
struct Memory {
    policy: u8,
    acknowledging: bool,
    /// The refusal that is not cleared yet.
    error: Option<u8>,
    last_reply: String,
    ribbon: String,
    side: Side,
    /// In a sequence: the sides printed so far.
    sequence: Option<Vec<Side>>,
    /// Downloaded in this sequence and not printed yet.
    pending: Option<Side>,
    front: Option<Bitmap>,
    back: Option<Bitmap>,
    /// An answer that trouble keeps back.
    held: Vec<u8>,
}

impl Memory {
    fn fresh(state: &State, model: &Model) -> Self {
        Self {
            policy: state.saved_policy,
            acknowledging: false,
            error: None,
            last_reply: "OK".to_owned(),
            ribbon: model.ribbon.clone(),
            side: Side::Front,
            sequence: None,
            pending: None,
            front: None,
            back: None,
            held: Vec::new(),
        }
    }

    fn plane(&self, side: Side) -> Option<&Bitmap> {
        match side {
            Side::Front => self.front.as_ref(),
            Side::Back => self.back.as_ref(),
        }
    }
}

/// What a command comes to: done, answered with words, or refused with a code.
type Outcome = Result<Option<String>, u8>;

/// The simulated printer.
#[derive(Debug)]
pub struct Printer {
    setup: Setup,
    state: State,
    memory: Memory,
    ear: Ear,
}

impl Printer {
    /// A printer just switched on, in this state.
    #[must_use]
    pub fn new(setup: Setup, state: State) -> Self {
        let memory = Memory::fresh(&state, &setup.model);
        let ear = Ear::new(&setup.model);
        Self {
            setup,
            state,
            memory,
            ear,
        }
    }

    /// Bytes arrive from the host.
    pub fn input(&mut self, mut bytes: &[u8], path: &mut dyn CardPath) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.setup.wire_time {
            effects.push(Effect::Pause(self.setup.model.wire_time(bytes.len())));
        }
        while !bytes.is_empty() {
            let (request, rest) = self.ear.hear(bytes);
            bytes = rest;
            if let Some(request) = request
                && self.answer(request, path, &mut effects)
            {
                // The power failed: what else was on the line is lost.
                break;
            }
        }
        effects
    }

    /// The power fails and comes back. The card stays where it is.
    pub fn power_cycle(&mut self) {
        self.memory = Memory::fresh(&self.state, &self.setup.model);
        self.ear = Ear::new(&self.setup.model);
    }

    /// A person opens or closes the cover.
    pub fn set_cover(&mut self, open: bool) {
        self.state.cover_open = open;
    }

    /// A person puts in a ribbon of this many panels.
    pub fn set_ribbon(&mut self, panels: u64) {
        self.state.ribbon_left = panels;
    }

    /// A person cleans it.
    pub fn clean(&mut self) {
        self.state.cleaned_at = self.state.cards_inserted;
    }

    /// A person opens it and takes the card out of the path, if there is one.
    pub fn take_card_out(&mut self) -> bool {
        self.state.card.take().is_some()
    }

    /// Trouble to come.
    pub fn plan(&mut self, when: When, what: What) {
        self.state.plan.add(when, what);
    }

    /// What survives a power failure.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Does one request and answers it; true if the power failed meanwhile.
    fn answer(&mut self, request: Request, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> bool {
        let (words, data) = match request {
            Request::Command { words, data } => (words, data),
            Request::Malformed => return self.reply(Err(b'1'), false, effects),
            Request::Oversized => return self.reply(Err(b'2'), false, effects),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let trouble = self.state.plan.strike(&words.join(";"));
        let is_read = words.first().is_some_and(|word| word.starts_with('R'));
        let mut done = |printer: &mut Self| printer.execute(&words, &data, path, effects);
        let outcome = match trouble {
            Some(What::Mute) => return false,
            Some(What::Pretend) => Ok(None),
            Some(What::Refuse(code)) => self.fail(code),
            Some(What::Break(code)) => self.break_down(code, &words, &data, path, effects),
            _ => done(self),
        };
        match trouble {
            Some(What::LoseReply) => return false,
            Some(What::PowerLoss(clears_path)) => {
                self.power_cycle();
                if clears_path && self.state.card.take().is_some() {
                    path.eject(Outlet::Good);
                }
                return true;
            }
            Some(What::Delay(milliseconds)) => {
                effects.push(Effect::Pause(Duration::from_millis(milliseconds)));
            }
            _ => {}
        }
        let bytes = self.spoken(outcome, is_read);
        let mut out = std::mem::take(&mut self.memory.held);
        match trouble {
            Some(What::DropByte) => out.extend(&bytes[1..]),
            Some(What::Repeat) => out.extend(bytes.repeat(2)),
            Some(What::Hold) => self.memory.held = bytes,
            Some(What::Noise(noise)) => {
                out.extend(noise);
                out.extend(bytes);
            }
            _ => out.extend(bytes),
        }
        self.emit(out, effects);
        false
    }

    fn reply(&mut self, outcome: Outcome, is_read: bool, effects: &mut Vec<Effect>) -> bool {
        let bytes = self.spoken(outcome, is_read);
        self.emit(bytes, effects);
        false
    }

    fn emit(&self, bytes: Vec<u8>, effects: &mut Vec<Effect>) {
        if bytes.is_empty() {
            return;
        }
        if self.setup.wire_time {
            effects.push(Effect::Pause(self.setup.model.wire_time(bytes.len())));
        }
        effects.push(Effect::Reply(bytes));
    }

    /// The answer as bytes; the outcome becomes the last reply.
    fn spoken(&mut self, outcome: Outcome, is_read: bool) -> Vec<u8> {
        let words = match &outcome {
            Ok(Some(text)) => text.clone(),
            Ok(None) => "OK".to_owned(),
            Err(code) => format!("ERR {}", char::from(*code)),
        };
        if !is_read {
            self.memory.last_reply.clone_from(&words);
        }
        let text = [words.as_bytes(), b"\0"].concat();
        match outcome {
            _ if !self.memory.acknowledging => text,
            Ok(None) if !is_read => vec![0x06],
            Ok(_) if self.setup.model.reads == ReadForm::AckThenText => [b"\x06", text.as_slice()].concat(),
            Ok(_) => text,
            Err(code) => vec![0x15, code],
        }
    }
}

#[cfg(test)]
mod tests;
