//! The controller's end of the control socket.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::base::limits::{
    CONTROL_ACT_DEADLINE, CONTROL_CONNECTIONS_MAX, CONTROL_FRAME_BYTES_MAX, CONTROL_IDLE,
};

use super::fault::{ANSWERED, BROKEN, SLOW, SOCKET, TOO_LONG};
use super::people::person;
use super::wire::{Call, Reply, read_line, write_line};
use super::{Answer, Control};

/// The socket's name in the facility's folder.
pub const NAME: &str = "control.sock";

/// A socket that is bound and not served yet. Its file goes when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    control: Arc<Control>,
    _file: SocketFile,
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Server {
    /// Binds the socket for the controller's user alone; where the folder is open to a group, the socket is too. What
    /// a dead controller left is removed, but only if nobody answers on it.
    ///
    /// # Errors
    /// `CTL-005` if another controller answers, `CTL-004` for the disk.
    pub async fn bind(path: &Path, control: Arc<Control>) -> Result<Self, Fault> {
        let trouble = |error: std::io::Error| Fault::new(&SOCKET, format!("{}: {error}", path.display()));
        match UnixStream::connect(path).await {
            Ok(_) => return Err(Fault::new(&ANSWERED, path.display().to_string())),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(trouble)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(trouble(error)),
        }
        // A socket is born with the permissions of the moment: so it is born where nobody else can reach it.
        let cradle = path.with_extension("new");
        let _ = fs::remove_dir_all(&cradle);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&cradle)
            .map_err(trouble)?;
        let born = cradle.join("s");
        let listener = UnixListener::bind(&born).map_err(trouble)?;
        let mode = path
            .parent()
            .and_then(|folder| fs::metadata(folder).ok())
            .map_or(0o600, |folder| mode(folder.mode()));
        fs::set_permissions(&born, fs::Permissions::from_mode(mode)).map_err(trouble)?;
        fs::rename(&born, path).map_err(trouble)?;
        let _ = fs::remove_dir(&cradle);
        Ok(Self {
            listener,
            control,
            _file: SocketFile(path.to_owned()),
        })
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
            match self.listener.accept().await {
                Ok((stream, _)) => {
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

/// To connect is to write: the owner always may, the group where it may do everything in the folder.
fn mode(folder: u32) -> u32 {
    if folder & 0o070 == 0o070 { 0o660 } else { 0o600 }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_open_to_whom_the_folder_is() {
        assert_eq!(mode(0o40_700), 0o600);
        assert_eq!(mode(0o40_755), 0o600);
        assert_eq!(mode(0o42_770), 0o660);
        assert_eq!(mode(0o40_777), 0o660);
    }
}
