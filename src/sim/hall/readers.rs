//! Virtual readers: what lies at the hall's encoders and desks, presented to pcscd, so that PC/SC programs see it as
//! cards. The sockets stay open beside them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::times::Timekeeper;
use super::wire::Reader;
use crate::base::Clock;
use crate::sim::chip::Chip;
use crate::sim::pcscd::{self, Pcscd};
use crate::sim::vpicc::{self, Field};

/// The folder of all daemons in the hall's.
const FOLDER: &str = "pcscd";
/// A daemon could serve 16 places. One that hangs takes all of its places with it, so each serves a few only.
const PLACES_PER_DAEMON: usize = 6;
/// A daemon that died is started again after this time, as the system's would be.
const REVIVED: Duration = Duration::from_millis(300);
/// One that ends so often while it starts will never start.
const REVIVALS_MAX: usize = 10;

/// Where a place of a hall is found with PC/SC: machines first, then desks, counted from 0. The socket of its pcscd in
/// the hall's folder, and the reader's name.
#[must_use]
pub fn virtual_reader(place: usize) -> (PathBuf, String) {
    let folder = Path::new(FOLDER).join((place / PLACES_PER_DAEMON).to_string());
    (
        pcscd::socket(&folder),
        pcscd::reader_name(place % PLACES_PER_DAEMON),
    )
}

/// As many daemons as it takes.
pub(super) struct VirtualReaders(Vec<Pcscd>);

impl VirtualReaders {
    /// Readers for so many places of the hall in this folder.
    pub(super) fn open(dir: &Path, places: usize) -> io::Result<Self> {
        let daemons = (0..places.div_ceil(PLACES_PER_DAEMON)).map(|number| {
            let readers = (places - number * PLACES_PER_DAEMON).min(PLACES_PER_DAEMON);
            Pcscd::start(&dir.join(FOLDER).join(number.to_string()), readers)
        });
        daemons.collect::<io::Result<_>>().map(Self)
    }

    /// Where the card at this place connects.
    pub(super) fn address(&self, place: usize) -> Option<SocketAddr> {
        self.0
            .get(place / PLACES_PER_DAEMON)?
            .address(place % PLACES_PER_DAEMON)
    }

    /// Keeps the daemons alive. Starting one takes its time, which must not be the hall's.
    pub(super) fn keep(self, tasks: &mut JoinSet<io::Result<()>>) {
        for daemon in self.0 {
            let (failed, failure) = oneshot::channel();
            let keeper = Keeper::start(daemon, failed);
            tasks.spawn(async move {
                let _keeper = keeper?;
                failure.await.map_or(Ok(()), Err)
            });
        }
    }
}

/// A thread that starts a daemon again whenever it has died. Both end when this is dropped.
struct Keeper {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn start(mut daemon: Pcscd, failed: oneshot::Sender<io::Error>) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let keep = move || {
            let mut failures = 0;
            // Nothing is ever sent: it is over when the other end is dropped.
            while stopped.recv_timeout(REVIVED) == Err(RecvTimeoutError::Timeout) {
                failures = match daemon.revive() {
                    Ok(_) => 0,
                    // It was killed again before it was ready, as in life.
                    Err(_) if failures < REVIVALS_MAX => failures + 1,
                    Err(error) => {
                        // Without a hall nobody needs to know.
                        let _ = failed.send(error);
                        return;
                    }
                };
            }
        };
        let thread = std::thread::Builder::new().name("pcscd".to_owned()).spawn(keep)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has dropped its daemon, which ended it.
            let _ = thread.join();
        }
    }
}

/// Lays a place onto its virtual reader.
pub(super) fn present(
    at: SocketAddr,
    reader: Arc<impl Reader>,
    time: Arc<Timekeeper>,
    tasks: &mut JoinSet<io::Result<()>>,
) {
    let place = Place { reader, time };
    tasks.spawn(async move {
        vpicc::present(at, &place, Clock::system()).await;
        Ok(())
    });
}

/// A place and the time its reader takes.
struct Place<R> {
    reader: Arc<R>,
    time: Arc<Timekeeper>,
}

impl<R: Reader> Field for Place<R> {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        self.reader.with_chip(act)
    }

    async fn exchanged(&self, bytes: usize) {
        self.time.exchange(bytes).await;
    }
}
