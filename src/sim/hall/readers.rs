//! Virtual readers: what lies at the hall's encoders and desks, presented to pcscd, so that PC/SC programs see it as
//! cards. The sockets stay open beside them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::times::Timekeeper;
use super::wire::Reader;
use crate::base::Clock;
use crate::sim::chip::Chip;
use crate::sim::pcscd::{self, Pcscd, READERS_MAX};
use crate::sim::vpicc::{self, Field};

/// The folder of all daemons in the hall's.
const FOLDER: &str = "pcscd";
/// A daemon that died is started again after this time, as the system's would be.
const REVIVED: Duration = Duration::from_millis(300);

/// Where a place of a hall is found with PC/SC: machines first, then desks, counted from 0. The socket of its pcscd in
/// the hall's folder, and the reader's name.
#[must_use]
pub fn virtual_reader(place: usize) -> (PathBuf, String) {
    let folder = Path::new(FOLDER).join((place / READERS_MAX).to_string());
    (pcscd::socket(&folder), pcscd::reader_name(place % READERS_MAX))
}

/// As many daemons as it takes.
pub(super) struct VirtualReaders(Vec<Pcscd>);

impl VirtualReaders {
    /// Readers for so many places of the hall in this folder.
    pub(super) fn open(dir: &Path, places: usize) -> io::Result<Self> {
        let daemons = (0..places.div_ceil(READERS_MAX)).map(|number| {
            let readers = (places - number * READERS_MAX).min(READERS_MAX);
            Pcscd::start(&dir.join(FOLDER).join(number.to_string()), readers)
        });
        daemons.collect::<io::Result<_>>().map(Self)
    }

    /// Where the card at this place connects.
    pub(super) fn address(&self, place: usize) -> Option<SocketAddr> {
        self.0.get(place / READERS_MAX)?.address(place % READERS_MAX)
    }

    /// Keeps the daemons alive.
    pub(super) fn keep(self, tasks: &mut JoinSet<io::Result<()>>) {
        for mut daemon in self.0 {
            tasks.spawn(async move {
                loop {
                    Clock::system().sleep(REVIVED).await;
                    daemon.revive()?;
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
