//! One card: feed it, print it, deliver it. Each act begins and ends with the question whether a card is inside.

use serde::{Deserialize, Serialize};

use super::presence;
use crate::base::{Bitmap, Dialogue, Fault, Reply, Step};
use crate::printer::command::Command;
use crate::printer::fault;
use crate::printer::model::{Model, Station};
use crate::printer::script::Script;

/// Brings a blank from the feeder to the encoder.
///
/// May be run again after `COVER_OPEN` or `FEEDER_EMPTY`: it clears the error, and refuses if a card is inside after
/// all.
#[derive(Debug)]
pub struct Feed {
    script: Script,
    station: Station,
    asked_before: bool,
}

/// A blank is at the encoder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fed {
    /// Which encoder.
    pub station: Station,
}

impl Feed {
    /// Feeds one blank to the model's station.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let commands = [
            Command::ClearErrors,
            Command::CardPresence,
            Command::FeedTo(model.station),
            Command::CardPresence,
        ];
        Self {
            script: Script::new(model, commands),
            station: model.station,
            asked_before: false,
        }
    }
}

impl Dialogue for Feed {
    type Evidence = Fed;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Fed>, Fault> {
        let Self {
            script,
            station,
            asked_before,
        } = self;
        let step = script.next(reply, |command, text| {
            if *command != Command::CardPresence {
                return Ok(());
            }
            match (std::mem::replace(asked_before, true), presence(text)?) {
                (false, true) => Err(Fault::new(&fault::PATH_OCCUPIED, "before feeding")),
                (true, false) => Err(Fault::new(&fault::NO_CARD, "after feeding")),
                _ => Ok(()),
            }
        })?;
        Ok(step.unwrap_or(Step::Done(Fed { station: *station })))
    }
}

/// Prints one or both faces and leaves the card inside.
///
/// **Never run twice for one card.** Once it has been started, anything but its evidence means that there may be ink on
/// the card; with [`Code::safe_to_repeat`](crate::base::Code::safe_to_repeat) in the fault no ink was asked for.
#[derive(Debug)]
pub struct Print {
    script: Script,
    panels: u32,
}

/// What the printer has acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Printed {
    /// Panels printed: by so many the counter must have grown.
    pub panels: u32,
}

impl Print {
    /// Prints these landscape faces (1016 × 648 dots). The rasters are made here, so that the machine need not wait for
    /// them.
    ///
    /// # Errors
    /// `PICTURE_SIZE`, `NO_FLIP_OVER`.
    pub fn new(model: &Model, front: &Bitmap, back: Option<&Bitmap>) -> Result<Self, Fault> {
        let mut commands = vec![
            Command::CardPresence,
            Command::BeginSequence,
            Command::ToFront,
            Command::Download(model.download(front)?),
            Command::PrintBlack,
        ];
        if let Some(back) = back {
            if !model.flip_over {
                return Err(Fault::new(&fault::NO_FLIP_OVER, "back"));
            }
            commands.extend([
                Command::ToBack,
                Command::Download(model.download(back)?),
                Command::PrintBlack,
            ]);
        }
        commands.push(Command::CardPresence);
        Ok(Self {
            script: Script::new(model, commands),
            panels: if back.is_some() { 2 } else { 1 },
        })
    }
}

impl Dialogue for Print {
    type Evidence = Printed;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Printed>, Fault> {
        let step = self.script.next(reply, |command, text| {
            if *command == Command::CardPresence && !presence(text)? {
                return Err(Fault::new(&fault::NO_CARD, "printing"));
            }
            Ok(())
        })?;
        Ok(step.unwrap_or(Step::Done(Printed { panels: self.panels })))
    }
}

/// Where a card leaves the printer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlet {
    /// The good output, in the order of printing.
    Good,
    /// The reject box.
    Reject,
}

/// Sends the card to an output.
#[derive(Debug)]
pub struct Deliver {
    script: Script,
    to: Outlet,
    asked_before: bool,
}

/// The card has left; the sensor confirms it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivered {
    /// Where to.
    pub to: Outlet,
}

impl Deliver {
    /// Sends the card there. A printer in error is cleared for a rejection only: a card whose printer reports an error
    /// does not leave as good.
    #[must_use]
    pub fn new(model: &Model, to: Outlet) -> Self {
        let commands = match to {
            Outlet::Good => vec![Command::CardPresence, Command::EndSequence, Command::CardPresence],
            Outlet::Reject => vec![
                Command::ClearErrors,
                Command::CardPresence,
                Command::Reject(model.reject),
                Command::CardPresence,
            ],
        };
        Self {
            script: Script::new(model, commands),
            to,
            asked_before: false,
        }
    }
}

impl Dialogue for Deliver {
    type Evidence = Delivered;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Delivered>, Fault> {
        let Self {
            script,
            to,
            asked_before,
        } = self;
        let step = script.next(reply, |command, text| {
            if *command != Command::CardPresence {
                return Ok(());
            }
            match (std::mem::replace(asked_before, true), presence(text)?) {
                (false, false) => Err(Fault::new(&fault::NO_CARD, "before delivering")),
                (true, true) => Err(Fault::new(&fault::CARD_STAYED, "after delivering")),
                _ => Ok(()),
            }
        })?;
        Ok(step.unwrap_or(Step::Done(Delivered { to: *to })))
    }
}
