//! Getting in step with a printer about which nothing is known.

use std::time::Duration;

use super::bad_value;
use crate::base::{Dialogue, Fault, Reply, Step, limits};
use crate::printer::command::Command;
use crate::printer::fault;
use crate::printer::frame::{self, Answer, Parser};
use crate::printer::model::Model;
use crate::printer::script::Script;

/// Nothing for this long means that the line is quiet.
const QUIET: Duration = Duration::from_millis(300);
/// Times the serial number is asked for before the line counts as hopeless.
const ROUNDS_MAX: u8 = 3;
/// More bytes of former conversations than this cannot have been waiting.
const STRAY_BYTES_MAX: usize = 8_192;

/// Who is at the other end of the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connected {
    /// The model's name (`Rtp`).
    pub model: String,
    /// The serial number (`Rsn`).
    pub serial: String,
    /// The firmware version (`Rfv`).
    pub firmware: String,
}

/// Takes a printer over, whatever a former session left behind, and makes the host the master of errors.
///
/// A half-said command is abandoned, a broken-off download is filled up with blank data, stray answers are let pass.
/// The serial number is then asked for until it is answered, and asked for once more: since the printer answers in
/// order, the second, lone and equal answer proves that nothing older is on its way. Moves no card.
#[derive(Debug)]
pub struct Connect {
    model: Model,
    stage: Stage,
    patience: Duration,
    padded: bool,
    rounds: u8,
    stray_bytes: usize,
    found: Connected,
}

#[derive(Debug)]
enum Stage {
    /// Waiting until the line is quiet.
    Hush,
    /// Waiting for the serial number, other things may come before it.
    Ask {
        replies: Parser,
        serial: Option<String>,
        heard: bool,
    },
    /// In step.
    Settle(Script),
}

impl Connect {
    /// A take-over of a printer of this model.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self {
            model: model.clone(),
            stage: Stage::Hush,
            patience: limits::PRINTER_REPLY_DEADLINE,
            padded: false,
            rounds: 0,
            stray_bytes: 0,
            found: Connected {
                model: String::new(),
                serial: String::new(),
                firmware: String::new(),
            },
        }
    }

    fn ask(&mut self) -> Step<Connected> {
        self.rounds += 1;
        self.stage = Stage::Ask {
            replies: Parser::default(),
            serial: None,
            heard: false,
        };
        Step::Send(Command::SerialNumber.encode(), self.patience)
    }

    /// The line is quiet after the serial number was asked for.
    fn asked(&mut self, serial: Option<String>, heard: bool) -> Result<Step<Connected>, Fault> {
        if let Some(serial) = serial {
            self.found.serial = serial;
            self.stage =
                Stage::Settle(Script::new(&self.model, self.settings()).with_stranger(self.patience));
            return self.settle(Reply::Start);
        }
        if !heard && !self.padded {
            // Either it is moving a card, or it waits for the rest of a download: serve both.
            self.padded = true;
            self.patience = limits::PRINTER_MOTION_DEADLINE;
            self.stage = Stage::Hush;
            let padding = self.model.padding();
            let time = self
                .model
                .wire_time(padding.len())
                .saturating_mul(2)
                .saturating_add(QUIET);
            return Ok(Step::Send(padding, time));
        }
        if self.rounds < ROUNDS_MAX {
            return Ok(self.ask());
        }
        Err(Fault::new(
            if heard { &fault::DESYNC } else { &fault::SILENT },
            "Rsn",
        ))
    }

    fn settings(&self) -> [Command; 10] {
        [
            Command::SerialNumber,
            Command::ClearErrors,
            Command::HostManagedErrors,
            Command::AcknowledgeCommands,
            Command::ErrorPolicy,
            Command::InsertFromFeeder,
            Command::Ribbon(self.model.ribbon.clone()),
            Command::ModelName,
            Command::FirmwareVersion,
            Command::SerialNumber,
        ]
    }

    fn settle(&mut self, reply: Reply<'_>) -> Result<Step<Connected>, Fault> {
        let Stage::Settle(script) = &mut self.stage else {
            return Err(Fault::new(&fault::DESYNC, "connect"));
        };
        let found = &mut self.found;
        let step = script.next(reply, |command, text| {
            match command {
                Command::ErrorPolicy if !is_host_managed(text) => {
                    return Err(Fault::new(&fault::NOT_HOST_MANAGED, format!("Rem: {text:?}")));
                }
                Command::FirmwareVersion => text.clone_into(&mut found.firmware),
                Command::ModelName => text.clone_into(&mut found.model),
                Command::SerialNumber if text != found.serial => return Err(bad_value(command, text)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(step.unwrap_or_else(|| Step::Done(self.found.clone())))
    }
}

impl Dialogue for Connect {
    type Evidence = Connected;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Connected>, Fault> {
        if let Reply::Bytes(bytes) = reply {
            // An empty piece counts too, so that this ends whatever comes.
            self.stray_bytes = self.stray_bytes.saturating_add(bytes.len().max(1));
            if self.stray_bytes > STRAY_BYTES_MAX {
                return Err(Fault::new(&fault::GARBLED, "the line never falls quiet"));
            }
        }
        match (&mut self.stage, reply) {
            (Stage::Hush, Reply::Start) => Ok(Step::Send(frame::ABANDON.to_vec(), QUIET)),
            (Stage::Hush, Reply::Bytes(_)) => Ok(Step::Wait(QUIET)),
            (Stage::Hush, Reply::Elapsed) => Ok(self.ask()),
            (
                Stage::Ask {
                    replies,
                    serial,
                    heard,
                },
                Reply::Bytes(bytes),
            ) => {
                for &byte in bytes {
                    *heard = true;
                    // Anything but words is left over from former conversations.
                    if let Ok(Some(Answer::Text(text))) = replies.push(byte) {
                        *serial = Some(text);
                    }
                }
                Ok(Step::Wait(if *heard { QUIET } else { self.patience }))
            }
            (Stage::Ask { serial, heard, .. }, Reply::Elapsed | Reply::Start) => {
                let (serial, heard) = (serial.take(), *heard);
                self.asked(serial, heard)
            }
            (Stage::Settle(_), reply) => self.settle(reply),
        }
    }
}

/// Are both the present and the saved policy "errors managed by the host, no recovery try"?
fn is_host_managed(text: &str) -> bool {
    let mut policies = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .peekable();
    policies.peek().is_some() && policies.all(|policy| policy == "18")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eighteen_is_host_managed() {
        assert!(is_host_managed("18") && is_host_managed("18;18") && is_host_managed("18, 18"));
        for text in ["", "OK", "0", "18;0", "0;18", "2", "118"] {
            assert!(!is_host_managed(text), "{text}");
        }
    }

    #[test]
    fn a_dead_line_ends() {
        let fault = crate::base::dialogue::drive(&mut Connect::new(&Model::default()), |_| None).unwrap_err();
        assert_eq!(fault.code, &fault::SILENT);
    }

    #[test]
    fn a_babbling_line_ends() {
        let mut connect = Connect::new(&Model::default());
        let fault = crate::base::dialogue::drive(&mut connect, |_| Some(vec![0x06])).unwrap_err();
        assert_eq!(fault.code, &fault::DESYNC);

        let mut connect = Connect::new(&Model::default());
        connect.next(Reply::Start).unwrap();
        let fault = std::iter::repeat_with(|| connect.next(Reply::Bytes(b"x"))).find_map(Result::err);
        assert_eq!(fault.unwrap().code, &fault::GARBLED);
    }
}
