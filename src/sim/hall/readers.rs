//! Virtual readers: what lies at the hall's encoders and desks, presented to pcscd, so that PC/SC programs see it as
//! cards. The sockets stay open beside them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

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
        for mut daemon in self.0 {
            tasks.spawn(async move {
                let mut failures = 0;
                loop {
                    Clock::system().sleep(REVIVED).await;
                    let looked = spawn_blocking(move || {
                        let revived = daemon.revive();
                        (daemon, revived)
                    });
                    let (same, revived) = looked.await.map_err(io::Error::other)?;
                    daemon = same;
                    failures = match revived {
                        Ok(_) => 0,
                        // It was killed again before it was ready, as in life.
                        Err(_) if failures < REVIVALS_MAX => failures + 1,
                        Err(error) => return Err(error),
                    };
                }
            });
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
