//! The shape of a conversation with a device, free of I/O.
//!
//! A dialogue is a value that is asked for its next step and told what came back. The same dialogue runs against a
//! simulated device in microseconds and against hardware in production; only the driver differs.

use std::time::Duration;

use zeroize::Zeroizing;

use super::Fault;

/// What a dialogue is told.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// Nothing was said yet: make the first move.
    Start,
    /// These bytes came back. For a chip: one whole response APDU. For a serial line: whatever has arrived.
    Bytes(&'a [u8]),
    /// The time asked for has passed and nothing (more) came.
    Elapsed,
}

/// What a dialogue asks for.
#[derive(Debug)]
pub enum Step<E> {
    /// Send these bytes, then come back with the reply or, past this time, with [`Reply::Elapsed`].
    Send(Vec<u8>, Duration),
    /// Send nothing; come back with what arrives or, past this time, with [`Reply::Elapsed`].
    Wait(Duration),
    /// The conversation is over, and this is what it showed.
    Done(E),
}

/// A conversation with a device.
pub trait Dialogue {
    /// What the conversation shows when it ends well.
    type Evidence;

    /// The next step. After `Done` or a fault the dialogue is spent and must not be asked again.
    ///
    /// # Errors
    /// A fault ends the conversation; whether the card or the device is to blame is in its code.
    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Self::Evidence>, Fault>;

    /// What will be sent after the step that was asked for last, in this order, as long as each answer is a success. It
    /// may be sent without coming back in between, and is asked for all the same.
    fn following(&self) -> Vec<Zeroizing<Vec<u8>>> {
        Vec::new()
    }
}

/// Runs a dialogue against a device in the same process that answers at once.
///
/// # Errors
/// The dialogue's own fault, or `None` from the device, which reads as silence.
pub fn drive<D: Dialogue>(
    dialogue: &mut D,
    mut device: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<D::Evidence, Fault> {
    let mut step = dialogue.next(Reply::Start)?;
    loop {
        step = match step {
            Step::Send(bytes, _) => match device(&bytes) {
                Some(answer) => dialogue.next(Reply::Bytes(&answer))?,
                None => dialogue.next(Reply::Elapsed)?,
            },
            Step::Wait(_) => dialogue.next(Reply::Elapsed)?,
            Step::Done(evidence) => return Ok(evidence),
        };
    }
}
