//! Drives dialogues over ports.

use crate::base::{Dialogue, Fault, Reply, Step};
use crate::port::{Encoder, Serial};

/// A conversation with the chip in a reader's field.
///
/// # Errors
/// The dialogue's, or the reader's.
pub async fn with_chip<D: Dialogue>(reader: &mut dyn Encoder, mut dialogue: D) -> Result<D::Evidence, Fault> {
    let mut step = dialogue.next(Reply::Start)?;
    loop {
        step = match step {
            Step::Send(command, deadline) => {
                let answer = reader.transmit(&command, deadline).await?;
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
            Step::Done(_) => std::time::Duration::ZERO,
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
