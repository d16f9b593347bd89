//! The process that owns a reader, from the controller's side.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use zeroize::Zeroizing;

use crate::base::fault::Code;
use crate::base::{Clock, Fault, limits};

use super::choose::ReaderId;
use super::fault;
use super::frame::{self, Answer, LENGTH_BYTES, Request};

/// The hidden verb that a worker is started with.
pub(super) const VERB: &str = "encoder-worker";
/// The library of pcsc-lite reads here which pcscd to talk to.
pub(super) const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// A running process and the pipes to it. Killed when dropped, so that an exchange that is given up halfway can never
/// leave an answer behind for the next one.
#[derive(Debug)]
pub(super) struct Host {
    child: Child,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl Host {
    /// Starts a process for this reader on the pcscd behind this socket, or the system's own.
    pub(super) fn start(program: &Path, id: &ReaderId, socket: Option<&Path>) -> Result<Self, Fault> {
        let not_started = |why: String| Fault::new(&fault::NOT_STARTED, why);
        let mut command = Command::new(program);
        command.arg0("cardwright").arg(VERB);
        for (option, value) in [("--name", &id.name), ("--usb", &id.usb), ("--serial", &id.serial)] {
            if let Some(value) = value {
                command.arg(format!("{option}={value}"));
            }
        }
        if let Some(socket) = socket {
            command.env(SOCKET_VARIABLE, socket);
        }
        let mut child = command
            // Ctrl-C is for the controller, which finishes its cards first.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(error.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Self {
                child,
                requests,
                answers,
            }),
            _ => Err(not_started("no pipes".to_owned())),
        }
    }

    /// One request and its answer, however long it takes.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Fault> {
        self.requests
            .write_all(&encode(request)?)
            .await
            .map_err(|error| lost(&error))?;
        receive(&mut self.answers).await
    }

    /// Requests that are answered in order, each answer in its own time: as long as `limit` says when its turn comes,
    /// or it is late. A fault ends the conversation.
    pub(super) async fn ask_all(
        &mut self,
        requests: &[Request],
        clock: Clock,
        limit: impl Fn() -> (Duration, &'static Code),
    ) -> Result<Vec<Answer>, Fault> {
        let mut frames = Zeroizing::new(Vec::new());
        for request in requests {
            frames.extend_from_slice(&encode(request)?);
        }
        let Self {
            requests: pipe,
            answers,
            ..
        } = self;
        let send = async { pipe.write_all(&frames).await.map_err(|error| lost(&error)) };
        // Beside the writing: the other end reads on only when it has answered.
        let hear = async {
            let mut heard = Vec::with_capacity(requests.len());
            for _ in requests {
                let (limit, late) = limit();
                match clock.within(limit, receive(answers)).await {
                    Some(Ok(Answer::Fault(fault)) | Err(fault)) => return Err(fault),
                    Some(Ok(answer)) => heard.push(answer),
                    None => return Err(Fault::new(late, format!("{} ms", limit.as_millis()))),
                }
            }
            Ok(heard)
        };
        let ((), heard) = tokio::try_join!(send, hear)?;
        Ok(heard)
    }

    /// Kills the process; pcscd resets the card of a client that is gone.
    pub(super) async fn end(mut self, clock: Clock) {
        if self.child.start_kill().is_ok()
            && clock
                .within(limits::PROCESS_ENDS, self.child.wait())
                .await
                .is_none()
        {
            tracing::warn!("a reader's process does not end although it was killed");
        }
    }

    /// The number of the process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

fn encode(request: &Request) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let frame = request
        .encode()
        .ok_or_else(|| Fault::new(&fault::NO_COMMAND, ""))?;
    Ok(Zeroizing::new(frame))
}

async fn receive(answers: &mut ChildStdout) -> Result<Answer, Fault> {
    let nonsense = || Fault::new(&fault::UNINTELLIGIBLE, "");
    let mut head = [0; LENGTH_BYTES];
    answers
        .read_exact(&mut head)
        .await
        .map_err(|error| lost(&error))?;
    let mut answer = vec![0; frame::length(head).ok_or_else(nonsense)?];
    answers
        .read_exact(&mut answer)
        .await
        .map_err(|error| lost(&error))?;
    Answer::parse(&answer).ok_or_else(nonsense)
}

fn lost(error: &std::io::Error) -> Fault {
    Fault::new(&fault::LOST, error.kind().to_string())
}
