//! Encoders over PC/SC.
//!
//! Calls into PC/SC block, some of them for ever, and one of them cannot be called off. So each reader is owned by a
//! process of its own, this same program under a hidden verb ([`worker`]), which relays APDUs between a pipe and the
//! smart card service ([`frame`] says in which bytes). Past a deadline that process is killed: the chip in its field is
//! in doubt, pcscd resets it because its client is gone, and the other readers never notice. The next session starts a
//! new process, which looks for its reader anew: that is how a reader that was unplugged, or a pcscd that was started
//! again, comes back. Nothing is ever sent twice.
//!
//! A session holds the card exclusively and ends with the field switched off: chips forget their keys without power
//! only. pcscd serves 16 readers; several instances, each with a socket of its own, serve a hall.

#[cfg(feature = "pcsc")]
mod card;
mod choose;
pub mod fault;
mod fields;
mod frame;
mod host;
#[cfg(feature = "pcsc")]
mod usb;
#[cfg(feature = "pcsc")]
mod watch;
pub mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::base::fault::Code;
use crate::base::{Clock, Fault, limits};
use crate::port::Encoder;

pub use choose::ReaderId;
pub use fields::{PcscFields, Watched};
pub use frame::Reader;
#[doc(hidden)]
pub use frame::is_read_as_written;
use frame::{Answer, Request};
use host::Host;

/// The running program, even after its file was replaced by a newer one that may speak other frames.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// A contactless or contact reader behind PC/SC.
#[derive(Debug)]
pub struct PcscEncoder {
    id: ReaderId,
    socket: Option<PathBuf>,
    program: PathBuf,
    clock: Clock,
    host: Option<Host>,
    /// When the chip's session ends at the latest, by the clock.
    until: Option<Duration>,
}

impl PcscEncoder {
    /// This reader, on the pcscd behind this socket or on the system's own. Nothing is opened yet. Must be used on a
    /// tokio runtime, and within the `cardwright` program, of which it starts a second process.
    #[must_use]
    pub fn new(id: ReaderId, socket: Option<PathBuf>, clock: Clock) -> Self {
        Self {
            id,
            socket,
            program: PathBuf::from(THIS_PROGRAM),
            clock,
            host: None,
            until: None,
        }
    }

    /// The reader of this name; see [`Self::new`].
    #[must_use]
    pub fn open(reader: &str, socket: Option<PathBuf>, clock: Clock) -> Self {
        let id = ReaderId {
            name: Some(reader.to_owned()),
            ..ReaderId::default()
        };
        Self::new(id, socket, clock)
    }

    /// The same with another program file: for tests, which run in programs of their own.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// The number of the process that owns the reader, while there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.host.as_ref().and_then(Host::pid)
    }

    /// How long the exchanges of this reader's process have spent within PC/SC: what is beyond is ours.
    ///
    /// # Errors
    /// `PCSC-014` without a session; the reader's.
    pub async fn in_transmit(&mut self) -> Result<Duration, Fault> {
        match self.exchange(Request::Spent, limits::POWER_OFF_DEADLINE).await? {
            Answer::Time(nanoseconds) => Ok(Duration::from_nanos(nanoseconds)),
            _ => Err(Fault::new(&fault::UNINTELLIGIBLE, "not a time")),
        }
    }

    /// One request and its answer.
    async fn exchange(&mut self, request: Request, limit: Duration) -> Result<Answer, Fault> {
        let answers = self.exchange_all(&[request], || (limit, &fault::SILENT)).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| Fault::new(&fault::UNINTELLIGIBLE, "no answer"))
    }

    /// Requests and their answers. The process is kept only if all went well.
    async fn exchange_all(
        &mut self,
        requests: &[Request],
        limit: impl Fn() -> (Duration, &'static Code) + Send,
    ) -> Result<Vec<Answer>, Fault> {
        let mut host = self
            .host
            .take()
            .ok_or_else(|| Fault::new(&fault::FIELD_OFF, ""))?;
        match host.ask_all(requests, self.clock, limit).await {
            Ok(answers) => {
                self.host = Some(host);
                Ok(answers)
            }
            Err(fault) => {
                self.until = None;
                host.end(self.clock).await;
                Err(fault)
            }
        }
    }
}

#[async_trait]
impl Encoder for PcscEncoder {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        let begun = async {
            if self.host.is_none() {
                let host = Host::start(&self.program, &self.id, self.socket.as_deref())?;
                self.host = Some(host);
            }
            match self.exchange(Request::PowerOn, limits::READER_DEADLINE).await? {
                Answer::Atr(atr) => Ok(atr),
                _ => Err(Fault::new(&fault::UNINTELLIGIBLE, "not an answer to reset")),
            }
        };
        let atr = begun.await.map_err(|fault| fault.at(&self.id))?;
        self.until = Some(self.clock.elapsed() + limits::CARD_SESSION_MAX);
        Ok(atr)
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let command = Zeroizing::new(command.to_vec());
        let answers = self.transmit_all(&[command], deadline).await?;
        let answer = answers.into_iter().next();
        answer.ok_or_else(|| Fault::new(&fault::UNINTELLIGIBLE, "not sent").at(&self.id))
    }

    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let exchanged = async {
            let until = self.until.ok_or_else(|| Fault::new(&fault::FIELD_OFF, ""))?;
            let clock = self.clock;
            let limit = move || match until.saturating_sub(clock.elapsed()) {
                left if left < deadline => (left, &fault::TOO_SLOW),
                _ => (deadline + limits::ANSWERS_HELD, &fault::SILENT),
            };
            let mut requests: Vec<Request> = commands.iter().cloned().map(Request::Follow).collect();
            if let (Some(first), Some(command)) = (requests.first_mut(), commands.first()) {
                *first = Request::Transmit(command.clone());
            }
            let mut responses = Vec::with_capacity(commands.len());
            for answer in self.exchange_all(&requests, limit).await? {
                match answer {
                    Answer::Response(response) => responses.push(response),
                    Answer::NotSent => break,
                    _ => return Err(Fault::new(&fault::UNINTELLIGIBLE, "not a response")),
                }
            }
            Ok(responses)
        };
        exchanged.await.map_err(|fault| fault.at(&self.id))
    }

    /// A process that does not end the session in order is killed, which ends it all the same: whoever wanted the field
    /// off may go on, and the next session will tell what is wrong with the reader.
    async fn power_off(&mut self) -> Result<(), Fault> {
        self.until = None;
        if self.host.is_none() {
            return Ok(());
        }
        match self.exchange(Request::PowerOff, limits::POWER_OFF_DEADLINE).await {
            Ok(Answer::Done) => {}
            Ok(_) => self.host = None,
            Err(fault) => {
                tracing::warn!(reader = %self.id, code = fault.code.id, "the field is off by force: {fault}");
            }
        }
        Ok(())
    }
}

/// The readers of the pcscd behind this socket, or of the system's own, and where they are plugged in.
///
/// # Errors
/// `PCSC-001` if there is no pcscd, `PCSC-008` if it does not answer, `PCSC-015` if this program knows no PC/SC.
pub async fn readers(socket: Option<&Path>, clock: Clock) -> Result<Vec<Reader>, Fault> {
    readers_by(Path::new(THIS_PROGRAM), socket, clock).await
}

/// The same with another program file: for tests, which run in programs of their own.
///
/// # Errors
/// As [`readers`].
pub async fn readers_by(program: &Path, socket: Option<&Path>, clock: Clock) -> Result<Vec<Reader>, Fault> {
    let mut host = Host::start(program, &ReaderId::default(), socket)?;
    let asked = clock.within(limits::READER_DEADLINE, host.ask(&Request::List { ports: true }));
    let outcome = asked
        .await
        .unwrap_or_else(|| Err(Fault::new(&fault::SILENT, "pcscd")));
    host.end(clock).await;
    match outcome? {
        Answer::Readers(readers) => Ok(readers),
        Answer::Fault(fault) => Err(fault),
        _ => Err(Fault::new(&fault::UNINTELLIGIBLE, "not a list of readers")),
    }
}
