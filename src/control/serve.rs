//! The controller's end of the control socket.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::base::limits::{
    CONTROL_ACT_DEADLINE, CONTROL_CONNECTIONS_MAX, CONTROL_FRAME_BYTES_MAX, CONTROL_IDLE,
};

use super::fault::{ANSWERED, BROKEN, SLOW, SOCKET, TOO_LONG};
use super::people::person;
use super::socket::PrivateSocket;
use super::wire::{Call, Reply, read_line, write_line};
use super::{Answer, Control};

/// The socket's name in the facility's folder.
pub const NAME: &str = "control.sock";

/// A socket that is bound and not served yet. Its file goes when this is dropped.
#[derive(Debug)]
pub struct Server {
    socket: PrivateSocket,
    control: Arc<Control>,
}

impl Server {
    /// Binds the socket ([`PrivateSocket::bind`]).
    ///
    /// # Errors
    /// `CTL-005` if another controller answers, `CTL-004` for the disk.
    pub async fn bind(path: &Path, control: Arc<Control>) -> Result<Self, Fault> {
        let socket = PrivateSocket::bind(path).await.map_err(|error| {
            let code = match error.kind() {
                ErrorKind::AddrInUse => &ANSWERED,
                _ => &SOCKET,
            };
            Fault::new(code, format!("{}: {error}", path.display()))
        })?;
        Ok(Self { socket, control })
    }

    /// Serves for ever: ends only by being dropped, and every connection with it.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            // Nobody is turned away: who finds no place waits in the kernel's queue.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match self.socket.accept().await {
                Ok(stream) => {
                    let control = Arc::clone(&self.control);
                    connections.spawn(async move {
                        connection(&control, stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, for instance: it passes.
                    tracing::warn!("the control socket does not accept: {error}");
                    self.control.line.clock.sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

/// Pause after a refused accept.
const ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// One peer, request after request. Whatever it sends harms nobody but its own connection.
async fn connection(control: &Arc<Control>, stream: UnixStream) {
    let peer = match stream.peer_cred() {
        Ok(credentials) => person(credentials.uid()),
        Err(error) => {
            tracing::warn!("a peer without credentials: {error}");
            return;
        }
    };
    let clock = control.line.clock;
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let line = match clock
            .within(CONTROL_IDLE, read_line(&mut from, CONTROL_FRAME_BYTES_MAX))
            .await
        {
            Some(Ok(Some(line))) => line,
            Some(Ok(None)) | None => return,
            Some(Err(fault)) => {
                // What follows a line that is too long cannot be told apart from it.
                let reply = Reply::new(Err(fault));
                let _ = clock.within(CONTROL_IDLE, write_line(&mut to, &reply)).await;
                return;
            }
        };
        let reply = Reply::new(reply(control, &peer, &line).await);
        let written = clock.within(CONTROL_IDLE, write_line(&mut to, &reply)).await;
        let written = match written {
            Some(Err(fault)) if fault.code.id == TOO_LONG.id => {
                let reply = Reply::new(Err(fault));
                clock.within(CONTROL_IDLE, write_line(&mut to, &reply)).await
            }
            written => written,
        };
        if !matches!(written, Some(Ok(()))) {
            return;
        }
    }
}

async fn reply(control: &Arc<Control>, peer: &PersonId, line: &[u8]) -> Result<Answer, Fault> {
    let call = Call::parse(line)?;
    let (own, peer) = (Arc::clone(control), peer.clone());
    // A task of its own: an act that was begun is finished, whatever becomes of the connection.
    let act = tokio::spawn(async move { own.answer(peer, call).await });
    match control.line.clock.within(CONTROL_ACT_DEADLINE, act).await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(Fault::new(&BROKEN, error.to_string())),
        None => Err(Fault::new(&SLOW, "")),
    }
}
