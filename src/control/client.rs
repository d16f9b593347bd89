//! The asker's end of the control socket.

use std::io::ErrorKind;
use std::path::Path;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::base::limits::{CONTROL_ACT_DEADLINE, CONTROL_IDLE, CONTROL_REPLY_BYTES_MAX};
use crate::base::{Clock, Fault};

use super::Answer;
use super::fault::{SLOW, SOCKET};
use super::wire::{Call, Outcome, Refusal, Reply, read_line, write_line};

/// A connection to a running controller.
#[derive(Debug)]
pub struct Connection {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    clock: Clock,
}

impl Connection {
    /// Connects; nothing if no controller runs.
    ///
    /// # Errors
    /// `CTL-004` if there is a socket that cannot be used.
    pub async fn open(path: &Path, clock: Clock) -> Result<Option<Self>, Fault> {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let (from, to) = stream.into_split();
                Ok(Some(Self {
                    from: BufReader::new(from),
                    to,
                    clock,
                }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(Fault::new(&SOCKET, format!("{}: {error}", path.display()))),
        }
    }

    /// Asks, and waits for the answer as long as the controller may take for the act, and a little longer.
    ///
    /// # Errors
    /// What the controller refuses; `CTL-006` if it does not answer, `CTL-004` if the connection breaks.
    pub async fn ask(&mut self, call: &Call) -> Result<Answer, Box<Refusal>> {
        self.exchange(call)
            .await
            .map_err(Box::<Refusal>::from)
            .and_then(|reply| match reply.outcome {
                Outcome::Answer(answer) => Ok(answer),
                Outcome::Refusal(refusal) => Err(Box::new(refusal)),
            })
    }

    async fn exchange(&mut self, call: &Call) -> Result<Reply, Fault> {
        let exchange = async {
            write_line(&mut self.to, call).await?;
            read_line(&mut self.from, CONTROL_REPLY_BYTES_MAX)
                .await?
                .ok_or_else(|| Fault::new(&SOCKET, "the controller closed the connection"))
        };
        let line = self
            .clock
            .within(CONTROL_ACT_DEADLINE + CONTROL_IDLE, exchange)
            .await
            .unwrap_or_else(|| Err(Fault::new(&SLOW, "")))?;
        Reply::parse(&line)
    }
}
