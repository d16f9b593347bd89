//! How readers and screens are spoken to over sockets, one client at a time, again and again.
//!
//! A reader takes and gives frames: length in four bytes, big-endian, then the payload. A request begins with its kind:
//! `00` field off, answered by an empty frame; `01` field on, answered by the answer to reset, or empty if there is no
//! card in the field; `02` and a command APDU, answered by the response APDU, or empty if there is no answer; `03` and
//! one that is to be sent only if the one before it succeeded, answered by one byte if it is not. A client that leaves
//! takes the field with it.
//!
//! A hand takes the number of a blank as a line, holds that card onto the reader, says `here` or `not here` as a line,
//! and puts the card back where it was when the client leaves.
//!
//! A screen speaks as [`crate::device::screen`] says.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::desk::Desk;
use super::times::Timekeeper;
use crate::base::ids::{BlankId, MachineId};
use crate::device::hall::{FOLLOW, NOT_SENT, POWER_OFF, POWER_ON, TRANSMIT};
use crate::device::screen::{Before, Greeting, LINE_BYTES_MAX, hear, line};
use crate::port::{Answer, Instruction, succeeded};
use crate::sim::chip::Chip;

/// The longest request: an extended APDU with its kind.
const REQUEST_BYTES_MAX: usize = 1 + 4 + 3 + 65_535 + 3;

/// A reader with a field in which a card may be.
pub(super) trait Reader: Send + Sync + 'static {
    /// Does this with the chip in the field, if there is one.
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T;
}

/// A person before a screen.
pub(super) trait Person: Send + Sync + 'static {
    /// Does what the screen says. An error is the hall's end.
    fn follow(&self, instruction: Instruction) -> impl Future<Output = io::Result<Answer>> + Send;
}

/// Opens a reader's socket and serves it.
pub(super) fn serve_reader(
    path: &Path,
    reader: Arc<impl Reader>,
    time: Arc<Timekeeper>,
    tasks: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    let listener = listen(path)?;
    tasks.spawn(async move {
        loop {
            let (client, _) = listener.accept().await?;
            // How a client leaves is its own affair.
            let _ = read_chips(client, &*reader, &time).await;
            reader.with_chip(|chip| chip.map(Chip::power_off));
        }
    });
    Ok(())
}

/// Opens a screen's socket and serves it.
pub(super) fn serve_screen(
    path: &Path,
    person: Arc<impl Person>,
    tasks: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    let listener = listen(path)?;
    tasks.spawn(async move {
        loop {
            let (client, _) = listener.accept().await?;
            let mut client = BufReader::new(client);
            let before = Before::Simulation;
            let mut said = line(&Greeting { before })?;
            while client.write_all(&said).await.is_ok()
                && let Ok(instruction) = hear(&mut client).await
            {
                said = line(&person.follow(instruction).await?)?;
            }
        }
    });
    Ok(())
}

/// Opens the socket of a desk's hand and serves it.
pub(super) fn serve_hand(
    path: &Path,
    desk: Arc<Desk>,
    tasks: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    let listener = listen(path)?;
    tasks.spawn(async move {
        loop {
            let (client, _) = listener.accept().await?;
            let mut client = BufReader::new(client);
            let Some(blank) = next_line(&mut client).await else {
                continue;
            };
            let held = desk.hold(&BlankId::new(&blank))?;
            let said: &[u8] = if held { b"here\n" } else { b"not here\n" };
            if client.write_all(said).await.is_ok() {
                while next_line(&mut client).await.is_some() {}
            }
            if held {
                desk.put_down()?;
            }
        }
    });
    Ok(())
}

/// Holds a card onto a desk's reader in the hall that runs in `dir`, until what is returned is dropped; nothing if the
/// card is out of reach.
///
/// # Errors
/// The socket's.
pub async fn hold(dir: &Path, desk: &MachineId, blank: &BlankId) -> io::Result<Option<Held>> {
    let path = dir.join("desks").join(desk.as_str()).join("hand.sock");
    let mut stream = BufReader::new(UnixStream::connect(path).await?);
    stream.write_all(format!("{blank}\n").as_bytes()).await?;
    let said = next_line(&mut stream).await;
    Ok((said.as_deref() == Some("here")).then_some(Held(stream)))
}

/// A card that is held onto a reader.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "the hand is where the other end is")] BufReader<UnixStream>);

/// The next line of a client; nothing once it left.
async fn next_line(client: &mut BufReader<UnixStream>) -> Option<String> {
    let mut line = String::new();
    client.take(LINE_BYTES_MAX).read_line(&mut line).await.ok()?;
    line.strip_suffix('\n').map(str::to_owned)
}

/// A socket under this name; one that a former hall left is replaced.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(path),
    }
}

async fn read_chips(client: UnixStream, reader: &impl Reader, time: &Timekeeper) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut before = Vec::new();
    loop {
        let length = usize::try_from(client.read_u32().await?).unwrap_or(usize::MAX);
        if length > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut request = vec![0; length];
        client.read_exact(&mut request).await?;
        let sent = request.first() != Some(&FOLLOW) || succeeded(&before);
        let answer = if sent {
            reader.with_chip(|chip| answer(chip, &request))
        } else {
            Some(NOT_SENT.to_vec())
        };
        let answer = answer.ok_or(io::ErrorKind::InvalidData)?;
        if sent {
            time.exchange(request.len() + answer.len()).await;
        }
        let length = u32::try_from(answer.len()).map_err(io::Error::other)?;
        client
            .write_all(&[&length.to_be_bytes(), answer.as_slice()].concat())
            .await?;
        before = answer;
    }
}

/// The answer to a request; nothing to what is none.
fn answer(chip: Option<&mut Chip>, request: &[u8]) -> Option<Vec<u8>> {
    match request {
        [POWER_OFF] => {
            chip.map(Chip::power_off);
            Some(Vec::new())
        }
        [POWER_ON] => Some(chip.map(Chip::power_on).unwrap_or_default()),
        [TRANSMIT | FOLLOW, command @ ..] => {
            Some(chip.map(|chip| chip.transmit(command)).unwrap_or_default())
        }
        _ => None,
    }
}
