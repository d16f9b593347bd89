//! The card's end of a virtual reader of vsmartcard-vpcd, the driver with which pcscd reaches cards over TCP.
//!
//! pcscd listens, the card connects when it enters the field, and closes the connection when it leaves. Both send
//! messages: length (2 bytes, big-endian), then as many bytes. From pcscd, one byte is `00` power off, `01` power on,
//! `02` reset or `04` tell the answer to reset; whatever is longer is a command APDU. The card answers `04` and APDUs.
//!
//! The driver sends length and body in two segments and leaves Nagle's algorithm on, so the second waits for the first
//! one's acknowledgement, which the kernel delays by 40 ms. The card therefore asks for quick acknowledgements, before
//! every read because the kernel forgets (`TCP_QUICKACK`, tcp(7)).
//!
//! A card that is torn out while it answers leaves a reader with blocks that lack their check bytes, and no reader
//! passes those on as an answer. The driver would: it takes what came before the connection ended for the whole
//! message, and a single byte of the length brings pcscd down. So an answer that is cut off is held back, and the
//! connection ends, which the reader sees as what it is: a card without power.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::base::Clock;
use crate::sim::chip::Chip;

/// How often a field is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often a reader that does not listen is tried: its pcscd may be starting.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// A message's length.
const LENGTH_BYTES: usize = 2;

const POWER_OFF: u8 = 0x00;
const POWER_ON: u8 = 0x01;
const RESET: u8 = 0x02;
const TELL_ATR: u8 = 0x04;

/// The place of a reader, where a card may be.
pub trait Field: Send + Sync {
    /// Does this with the chip in the field, if there is one.
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T;

    /// So many bytes went over the air: a field may take its time for it.
    fn exchanged(&self, bytes: usize) -> impl Future<Output = ()> + Send {
        let _ = bytes;
        std::future::ready(())
    }

    /// Does the card leave the field while this command is under way? Asked once for each command.
    fn leaves_at(&self, command: &[u8]) -> Option<Leaves> {
        let _ = command;
        None
    }

    /// The card lost its reader, or the reader its card.
    fn left(&self) {}
}

/// When a card leaves the field in the middle of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leaves {
    /// Before it has the command.
    Before,
    /// At work: what is written is torn.
    Within,
    /// The command is carried out, and the card leaves after this many bytes of its message: length, then answer.
    After(usize),
}

/// A single card that lies on a reader all the time.
impl Field for Mutex<Chip> {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        act(Some(&mut *self.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Connects whatever card is in this field to the virtual reader at this address, again and again, until dropped.
pub async fn present(at: SocketAddr, field: &impl Field, clock: Clock) {
    // For ever: the task that does this is dropped.
    loop {
        let Some(card) = card_in(field) else {
            clock.sleep(LOOK).await;
            continue;
        };
        let Ok(stream) = TcpStream::connect(at).await else {
            clock.sleep(TRY_AGAIN).await;
            continue;
        };
        // How the connection ends is the reader's affair: without it the chip has no power.
        let _ = converse(stream, field, &card, clock).await;
        field.with_chip(|chip| chip.map(Chip::power_off));
        field.left();
        clock.sleep(LOOK).await;
    }
}

/// Serves one connection until the card leaves the field or the reader closes it.
async fn converse(mut stream: TcpStream, field: &impl Field, card: &[u8], clock: Clock) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Cards tell their answer to reset before they are powered.
    let atr = field.with_chip(|chip| {
        let chip = chip?;
        let atr = chip.power_on();
        chip.power_off();
        Some(atr)
    });
    let atr = atr.ok_or(io::ErrorKind::NotFound)?;
    let mut received = Vec::new();
    loop {
        while let Some(message) = take_message(&mut received) {
            let leaves = match message.as_slice() {
                [_] => None,
                command => field.leaves_at(command),
            };
            let Some(answer) = answer(field, card, &atr, &message, leaves)? else {
                continue;
            };
            field.exchanged(message.len() + answer.len()).await;
            send(&mut stream, &answer, leaves).await?;
        }
        rustix::net::sockopt::set_tcp_quickack(&stream, true)?;
        tokio::select! {
            biased;
            () = leaves(field, card, clock) => return Ok(()),
            read = stream.read_buf(&mut received) => {
                if read? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

/// The chip's answer to a message, if it has one. Another card in its place ends the connection.
fn answer(
    field: &impl Field,
    card: &[u8],
    atr: &[u8],
    message: &[u8],
    leaves: Option<Leaves>,
) -> io::Result<Option<Vec<u8>>> {
    field.with_chip(|chip| {
        let chip = chip
            .filter(|chip| chip.cplc() == card)
            .ok_or(io::ErrorKind::NotFound)?;
        match (message, leaves) {
            ([POWER_OFF], _) => chip.power_off(),
            ([POWER_ON | RESET], _) => drop(chip.power_on()),
            ([TELL_ATR], _) => return Ok(Some(atr.to_vec())),
            ([] | [_], _) => {}
            (_, Some(Leaves::Before)) => return Err(io::ErrorKind::ConnectionAborted.into()),
            (command, Some(Leaves::Within)) => {
                chip.tear(command);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            (command, None | Some(Leaves::After(_))) => return Ok(Some(chip.transmit(command))),
        }
        Ok(None)
    })
}

/// Sends an answer, unless the card leaves before all of it is said.
async fn send(stream: &mut TcpStream, answer: &[u8], leaves: Option<Leaves>) -> io::Result<()> {
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    let bytes = [&length.to_be_bytes(), answer].concat();
    let Some(leaves) = leaves else {
        return stream.write_all(&bytes).await;
    };
    let said = match leaves {
        Leaves::After(said) => said.min(bytes.len()),
        Leaves::Before | Leaves::Within => 0,
    };
    stream.write_all(&bytes[..said]).await?;
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Returns when the card is no longer in the field.
async fn leaves(field: &impl Field, card: &[u8], clock: Clock) {
    while card_in(field).as_deref() == Some(card) {
        clock.sleep(LOOK).await;
    }
}

/// What distinguishes the card in the field from all others.
fn card_in(field: &impl Field) -> Option<Vec<u8>> {
    field.with_chip(|chip| chip.map(|chip| chip.cplc().to_vec()))
}

/// Takes the first whole message off what was received.
fn take_message(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let head = received.first_chunk::<LENGTH_BYTES>()?;
    let end = LENGTH_BYTES + usize::from(u16::from_be_bytes(*head));
    let message = received.get(LENGTH_BYTES..end)?.to_vec();
    received.drain(..end);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_off_whole() {
        let mut received = vec![0, 1, 4, 0, 5, 0, 0x84, 0, 0];
        assert_eq!(take_message(&mut received), Some(vec![4]));
        assert_eq!(take_message(&mut received), None, "a byte is missing");
        received.push(8);
        assert_eq!(take_message(&mut received), Some(vec![0, 0x84, 0, 0, 8]));
        assert_eq!(take_message(&mut received), None);
        assert!(received.is_empty());
    }
}
