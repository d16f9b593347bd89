//! Drives dialogues over ports.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::{Dialogue, Fault, Reply, Step};
use crate::chip::fault::MISUSE;
use crate::port::{Encoder, Serial};

/// A conversation with the chip in a reader's field. What the dialogue knows to follow goes to the reader at once: the
/// way there and back costs more than most commands.
///
/// # Errors
/// The dialogue's, or the reader's.
pub async fn with_chip<D: Dialogue>(reader: &mut dyn Encoder, mut dialogue: D) -> Result<D::Evidence, Fault> {
    let mut step = dialogue.next(Reply::Start)?;
    // Sent before they were asked for, with their answers.
    let mut ahead = VecDeque::new();
    loop {
        step = match step {
            Step::Send(command, deadline) => {
                let command = Zeroizing::new(command);
                let answer = match ahead.pop_front() {
                    Some((sent, answer)) if sent == command => answer,
                    Some(_) => return Err(Fault::new(&MISUSE, "another command than was announced")),
                    None => {
                        let mut commands = vec![command];
                        commands.extend(dialogue.following());
                        let mut answers = reader.transmit_all(&commands, deadline).await?.into_iter();
                        let first = answers.next();
                        ahead.extend(commands.into_iter().skip(1).zip(answers));
                        first.ok_or_else(|| Fault::new(&MISUSE, "no answer"))?
                    }
                };
                dialogue.next(Reply::Bytes(&answer))?
            }
            Step::Wait(_) => dialogue.next(Reply::Elapsed)?,
            Step::Done(evidence) => return Ok(evidence),
        };
    }
}

/// A conversation over a serial line.
///
/// # Errors
/// The dialogue's, or the line's.
pub async fn with_serial<D: Dialogue>(
    serial: &mut dyn Serial,
    mut dialogue: D,
) -> Result<D::Evidence, Fault> {
    let mut step = dialogue.next(Reply::Start)?;
    loop {
        let deadline = match &step {
            Step::Send(bytes, deadline) => {
                serial.send(bytes, *deadline).await?;
                *deadline
            }
            Step::Wait(deadline) => *deadline,
            Step::Done(_) => Duration::ZERO,
        };
        step = match step {
            Step::Done(evidence) => return Ok(evidence),
            Step::Send(..) | Step::Wait(_) => {
                let bytes = serial.receive(deadline).await?;
                if bytes.is_empty() {
                    dialogue.next(Reply::Elapsed)?
                } else {
                    dialogue.next(Reply::Bytes(&bytes))?
                }
            }
        };
    }
}

#[cfg(test)]
mod tests;
