//! Screens of people at machines and desks: a Unix socket each, which a program serves that shows what it is asked
//! (`cardwright position screen`, a touch panel's own, or a rehearsal's hall).
//!
//! Lines of JSON. The screen says who stands before it, a [`Greeting`]; then it takes one [`Instruction`] and gives one
//! [`Answer`], again and again. Who closes the connection takes back what was asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::hall::fault::{LOST, NOBODY, SIMULATED, UNINTELLIGIBLE, UNREACHABLE};
use super::hall::{connect, lost};
use crate::base::{Clock, Fault, Mode};
use crate::port::{Answer, Instruction, Screen};

/// A greeting or an answer is a few words, an instruction a few more.
pub const LINE_BYTES_MAX: u64 = 4_096;
/// A program that shows something says so at once.
const GREETING_DEADLINE: Duration = Duration::from_secs(1);
/// A person may be away for a shift's break, not for longer than a shift.
const PERSON_DEADLINE: Duration = Duration::from_secs(8 * 3_600);

/// What a screen says first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Greeting {
    /// Who stands before it.
    pub before: Before,
}

impl Greeting {
    /// Whoever handles real cards is real.
    fn suits(self, mode: Mode) -> Result<(), Fault> {
        match (mode, self.before) {
            (Mode::Production, Before::Simulation) => Err(Fault::new(&SIMULATED, "")),
            _ => Ok(()),
        }
    }
}

/// Who stands before a screen.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Somebody with hands.
    Person,
    /// A program that moves simulated cards.
    Simulation,
}

/// The screen at a socket.
#[derive(Debug)]
pub struct SocketScreen {
    path: PathBuf,
    clock: Clock,
    mode: Mode,
    stream: Option<BufReader<UnixStream>>,
}

impl SocketScreen {
    /// Nothing is opened yet. In production nobody simulated is asked, and a screen that nobody has opened is waited
    /// for as a person is who has gone.
    #[must_use]
    pub fn new(path: PathBuf, clock: Clock, mode: Mode) -> Self {
        Self {
            path,
            clock,
            mode,
            stream: None,
        }
    }

    async fn open(&mut self) -> Result<BufReader<UnixStream>, Fault> {
        if let Some(stream) = self.stream.take() {
            return Ok(stream);
        }
        let mut told = false;
        let mut stream = loop {
            match connect(&self.path, self.clock).await {
                Err(fault) if *fault.code == UNREACHABLE && self.mode == Mode::Production => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(code = fault.code.id, "{fault}");
                    }
                }
                stream => break BufReader::new(stream?),
            }
        };
        hear::<Greeting>(&mut stream).await?.suits(self.mode)?;
        Ok(stream)
    }
}

#[async_trait]
impl Screen for SocketScreen {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        let question = line(instruction).map_err(|error| Fault::new(&UNINTELLIGIBLE, error.to_string()))?;
        let clock = self.clock;
        let talk = async {
            let mut stream = self.open().await?;
            stream.write_all(&question).await.map_err(|error| lost(&error))?;
            Ok((hear(&mut stream).await?, stream))
        };
        let (answer, stream) = clock
            .within(PERSON_DEADLINE, talk)
            .await
            .unwrap_or_else(|| Err(Fault::new(&NOBODY, "")))
            .map_err(|fault| fault.at(self.path.display()))?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

/// Looks whether anybody serves the screen at this socket.
///
/// # Errors
/// `ENC-001` if nobody does, `ENC-008` if production would ask a simulation, or what else is wrong with who answers.
pub async fn look(path: &Path, clock: Clock, mode: Mode) -> Result<(), Fault> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(|error| Fault::new(&UNREACHABLE, error.to_string()))?;
    let mut stream = BufReader::new(stream);
    // One that a controller speaks to greets nobody else.
    match clock
        .within(GREETING_DEADLINE, hear::<Greeting>(&mut stream))
        .await
    {
        Some(greeting) => greeting?.suits(mode),
        None => Ok(()),
    }
}

/// What the other end says next.
///
/// # Errors
/// `ENC-004` once it has left, `ENC-005` for what is not said so.
pub async fn hear<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> Result<T, Fault> {
    let mut line = Vec::new();
    from.take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await
        .map_err(|error| lost(&error))?;
    if line.is_empty() {
        return Err(Fault::new(&LOST, "closed"));
    }
    serde_json::from_slice(&line).map_err(|error| Fault::new(&UNINTELLIGIBLE, error.to_string()))
}

/// What is said, as a line.
///
/// # Errors
/// None for what is said on screens.
pub fn line(said: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
