//! Says one command after the other and matches each answer with its command.

use std::collections::VecDeque;
use std::time::Duration;

use super::command::Command;
use super::fault;
use super::frame::{Answer, Parser};
use super::model::{Model, ReadForm};
use super::reply::{self, Progress};
use crate::base::{Fault, Reply, Step};

/// Before a dialogue speaks it listens this long: whatever is on the line already belongs to nobody.
const LISTEN: Duration = Duration::from_millis(1);
/// Once an answer has begun, its next byte comes within this time.
const GAP: Duration = Duration::from_secs(1);
/// An answer may come in this many pieces; one byte at a time stays below.
const PIECES_MAX: u16 = 256;

/// A list of commands on its way through the printer.
#[derive(Debug)]
pub(super) struct Script {
    model: Model,
    queue: VecDeque<Command>,
    said: Option<Said>,
    replies: Parser,
    progress: Progress,
    acknowledging: bool,
    patience: Option<Duration>,
}

/// The command that waits for its answer.
#[derive(Debug)]
struct Said {
    command: Command,
    deadline: Duration,
    acknowledged: bool,
    pieces: u16,
}

impl Script {
    /// These commands, in a session in which the printer acknowledges every command.
    pub(super) fn new(model: &Model, commands: impl IntoIterator<Item = Command>) -> Self {
        Self {
            model: model.clone(),
            queue: commands.into_iter().collect(),
            said: None,
            replies: Parser::default(),
            progress: Progress::Untouched,
            acknowledging: true,
            patience: None,
        }
    }

    /// The same, for a printer of which it is unknown whether it acknowledges commands; it does from `Pem;4` on. The
    /// first answer may take this long.
    pub(super) fn with_stranger(mut self, patience: Duration) -> Self {
        self.acknowledging = false;
        self.patience = Some(patience);
        self
    }

    /// The next step; nothing once every command has been answered. `heard` is told the text of every read.
    pub(super) fn next<E>(
        &mut self,
        reply: Reply<'_>,
        mut heard: impl FnMut(&Command, &str) -> Result<(), Fault>,
    ) -> Result<Option<Step<E>>, Fault> {
        let Some(mut said) = self.said.take() else {
            return match reply {
                Reply::Start => Ok(Some(Step::Wait(LISTEN))),
                Reply::Bytes(bytes) if !bytes.is_empty() => Err(Fault::new(
                    &fault::DESYNC,
                    format!("{} bytes before the first command", bytes.len()),
                )),
                Reply::Bytes(_) | Reply::Elapsed => Ok(self.say_next()),
            };
        };
        let bytes = match reply {
            Reply::Bytes(bytes) => bytes,
            Reply::Start | Reply::Elapsed => return Err(reply::silence(&said.command, self.progress)),
        };
        let mut answered = false;
        for &byte in bytes {
            let answer = self.replies.push(byte).map_err(|_| {
                Fault::new(
                    &fault::GARBLED,
                    format!("{}: byte 0x{byte:02X}", said.command.text()),
                )
            })?;
            let Some(answer) = answer else { continue };
            if answered {
                return Err(Fault::new(
                    &fault::DESYNC,
                    format!("{}: answered twice", said.command.text()),
                ));
            }
            answered = self.accept(&mut said, answer, &mut heard)?;
        }
        if !answered {
            return self.wait_for_more(said, bytes.is_empty()).map(Some);
        }
        if self.replies.midway() {
            return Err(Fault::new(
                &fault::DESYNC,
                format!("{}: more came than its answer", said.command.text()),
            ));
        }
        self.acknowledging |= said.command == Command::AcknowledgeCommands;
        Ok(self.say_next())
    }

    /// Is this answer the whole answer to the command?
    fn accept(
        &self,
        said: &mut Said,
        answer: Answer,
        heard: &mut impl FnMut(&Command, &str) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let command = &said.command;
        let preface = !self.acknowledging || self.model.reads == ReadForm::AckThenText;
        let unasked = || Fault::new(&fault::DESYNC, command.text());
        match answer {
            Answer::Nack(code) => Err(reply::refusal(code, command, self.progress)),
            Answer::Ack if !command.is_read() => Ok(true),
            Answer::Ack if preface && !said.acknowledged => {
                said.acknowledged = true;
                Ok(false)
            }
            Answer::Ack => Err(unasked()),
            Answer::Text(text) if command.is_read() => {
                if self.acknowledging && preface && !said.acknowledged {
                    return Err(unasked());
                }
                heard(command, &text).map(|()| true)
            }
            Answer::Text(text) if !self.acknowledging && text == "OK" => Ok(true),
            Answer::Text(text) => {
                let words: String = text.chars().take(32).collect();
                Err(Fault::new(
                    &fault::LEFT_HOST_MODE,
                    format!("{}: {words:?}", command.text()),
                ))
            }
        }
    }

    fn wait_for_more<E>(&mut self, mut said: Said, nothing_came: bool) -> Result<Step<E>, Fault> {
        said.pieces += 1;
        if said.pieces > PIECES_MAX {
            return Err(Fault::new(
                &fault::GARBLED,
                format!("{}: the answer never ends", said.command.text()),
            ));
        }
        let time = if nothing_came { said.deadline } else { GAP };
        self.said = Some(said);
        Ok(Step::Wait(time))
    }

    fn say_next<E>(&mut self) -> Option<Step<E>> {
        let command = self.queue.pop_front()?;
        let bytes = command.encode();
        let deadline = command
            .deadline(&self.model, bytes.len())
            .max(self.patience.take().unwrap_or_default());
        self.progress = self.progress.after(&command);
        self.said = Some(Said {
            command,
            deadline,
            acknowledged: false,
            pieces: 0,
        });
        Some(Step::Send(bytes, deadline))
    }
}
