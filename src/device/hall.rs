//! The rehearsal's hall: readers that another process simulates, one socket each.
//!
//! The hall outlives the controller, so a connection is made when it is needed and given up after any fault: an answer
//! that comes too late must never pass for the answer to the next question.

pub mod fault;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use crate::base::{Clock, Fault, limits};
use crate::port::Encoder;

/// Field off.
pub const POWER_OFF: u8 = 0x00;
/// Field on, reset: answers with the chip's answer to reset, empty without a card.
pub const POWER_ON: u8 = 0x01;
/// One APDU follows: answers with the response, empty if the chip gave none in time.
pub const TRANSMIT: u8 = 0x02;
/// The same, if the exchange before it succeeded (status 9000); otherwise it is not sent, and [`NOT_SENT`] says so.
pub const FOLLOW: u8 = 0x03;
/// The answer to an APDU that was not sent: no response is so short.
pub const NOT_SENT: [u8; 1] = [0x00];
/// The longest frame: an extended APDU response of 65,536 bytes and its status word.
pub const FRAME_BYTES_MAX: usize = 65_536 + 2;

/// How often and how far apart a connection is tried: the hall may be starting beside us.
const CONNECT_TRIES: u32 = 20;
const CONNECT_PAUSE: Duration = Duration::from_millis(250);

/// A contactless reader in the hall. Frames: length (4 bytes, big-endian), payload.
#[derive(Debug)]
pub struct HallEncoder {
    path: PathBuf,
    clock: Clock,
    stream: Option<BufReader<UnixStream>>,
}

impl HallEncoder {
    /// The reader at this socket. Nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf, clock: Clock) -> Self {
        Self {
            path,
            clock,
            stream: None,
        }
    }

    /// Connects if needed.
    async fn connect(&mut self) -> Result<(), Fault> {
        if self.stream.is_none() {
            self.stream = Some(BufReader::new(connect(&self.path, self.clock).await?));
        }
        Ok(())
    }

    /// One request and its answer.
    async fn exchange(&mut self, kind: u8) -> Result<Vec<u8>, Fault> {
        let mut answers = self
            .exchange_all(&frame(kind, &[])?, 1, limits::APDU_DEADLINE)
            .await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// So many requests and their answers, each within the deadline. The connection is kept only if all went well.
    async fn exchange_all(
        &mut self,
        requests: &[u8],
        count: usize,
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let at = |fault: Fault| fault.at(self.path.display());
        let mut stream = self
            .stream
            .take()
            .ok_or_else(|| at(Fault::new(&fault::FIELD_OFF, "")))?;
        let (mut heard, mut said) = tokio::io::split(&mut stream);
        let send = async { said.write_all(requests).await.map_err(|error| lost(&error)) };
        // Beside the writing: the other end reads on only when it has answered.
        let hear = async {
            let mut answers = Vec::with_capacity(count);
            for _ in 0..count {
                let answer = self.clock.within(deadline, read_frame(&mut heard)).await;
                answers.push(answer.unwrap_or_else(|| Err(Fault::new(&fault::SILENT, "")))?);
            }
            Ok(answers)
        };
        let ((), answers) = tokio::try_join!(send, hear).map_err(at)?;
        self.stream = Some(stream);
        Ok(answers)
    }
}

#[async_trait]
impl Encoder for HallEncoder {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.connect().await?;
        let atr = self.exchange(POWER_ON).await?;
        if atr.is_empty() {
            return Err(Fault::new(&fault::NO_CARD, self.path.display().to_string()));
        }
        Ok(atr)
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let command = Zeroizing::new(command.to_vec());
        let mut responses = self.transmit_all(&[command], deadline).await?;
        Ok(responses.pop().unwrap_or_default())
    }

    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let mut requests = Zeroizing::new(Vec::new());
        for (number, command) in commands.iter().enumerate() {
            let kind = if number == 0 { TRANSMIT } else { FOLLOW };
            requests.extend_from_slice(&Zeroizing::new(frame(kind, command)?));
        }
        let mut responses = self.exchange_all(&requests, commands.len(), deadline).await?;
        // What was not sent comes last.
        responses.retain(|response| *response != NOT_SENT);
        if responses.is_empty() || responses.iter().any(Vec::is_empty) {
            return Err(Fault::new(&fault::SILENT, self.path.display().to_string()));
        }
        Ok(responses)
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.connect().await?;
        self.exchange(POWER_OFF).await.map(drop)
    }
}

/// Connects, and waits a little for a hall that is not up yet.
pub(super) async fn connect(path: &std::path::Path, clock: Clock) -> Result<UnixStream, Fault> {
    let mut tries = 1;
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(error) if is_not_up(&error) && tries < CONNECT_TRIES => {
                tries += 1;
                clock.sleep(CONNECT_PAUSE).await;
            }
            Err(error) => {
                return Err(Fault::new(&fault::UNREACHABLE, error.to_string()).at(path.display()));
            }
        }
    }
}

fn is_not_up(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}

fn frame(kind: u8, content: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = u32::try_from(content.len())
        .ok()
        .and_then(|length| length.checked_add(1))
        .ok_or_else(|| Fault::new(&fault::UNINTELLIGIBLE, "too long a request"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(content);
    Ok(frame)
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let length = stream.read_u32().await.map_err(|error| lost(&error))?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX)
        .ok_or_else(|| Fault::new(&fault::UNINTELLIGIBLE, "too long an answer"))?;
    let mut payload = vec![0; length];
    stream
        .read_exact(&mut payload)
        .await
        .map_err(|error| lost(&error))?;
    Ok(payload)
}

pub(super) fn lost(error: &io::Error) -> Fault {
    Fault::new(&fault::LOST, error.kind().to_string())
}
