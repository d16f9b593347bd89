//! The rehearsal's hall: machines, desks, people at their screens, and every card between them.
//!
//! A process of its own, whose books are on disk: it outlives the controller, and what it knows is physics, not
//! opinion. In
//! its directory lie
//!
//! - `hall.json`, the [`Plan`]; `packs/<pack>.json`, the lists that came with the packs;
//! - `journal.jsonl`, every move of every card, in order: the hall's one book of positions;
//! - `cards/<blank>.json`, `.front.png`, `.back.png`: chip and faces of every card that was out of a feeder;
//! - `stations/<name>/encoder.sock`, `printer` (a serial port), `screen.sock`, `printer.jsonl`,
//!   `times.json`;
//! - `desks/<name>/reader.sock`, `scanner` (a serial port), `screen.sock`, `hand.sock`;
//! - `pcscd/0` …, sockets of pcscds with a virtual reader for each place, if the plan says so;
//! - `ready`, while all of these are open: the number of the process.
//!
//! How sockets and scanner speak is said in `wire` and `desk`. A hall that is stopped goes on later where it was. One
//! that is killed forgets only what happened to the cards inside its machines since they were fed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

mod books;
mod card;
mod desk;
mod disk;
mod door;
mod floor;
mod inventory;
mod plan;
mod readers;
mod station;
mod times;
mod wire;

#[cfg(test)]
mod tests;

pub use card::{Card, card};
pub use floor::set_printer;
pub use inventory::{Boxed, Inventory, Spot, Whereabouts, inventory};
pub use plan::{Plan, ReaderPace, create};
pub use readers::virtual_reader;
pub use times::{Times, times};
pub use wire::{Held, hold};

pub(super) use desk::{Desk, Followed, Scan, label_spoken, spoken};
pub(super) use floor::Floor;
use readers::VirtualReaders;
pub(super) use station::Station;
use times::Timekeeper;

/// Opens the hall and runs it until `stop` is over; then cards inside machines and printers' states are put on disk.
///
/// # Errors
/// When there is no hall in `dir`, another process runs it (`WouldBlock`), or the disk or a socket fails.
pub async fn run(dir: &Path, stop: impl Future) -> io::Result<()> {
    let floor = Arc::new(Floor::open(dir)?);
    let mut tasks = JoinSet::new();
    let mut stations = Vec::new();
    let places = floor.plan.stations.len() + floor.plan.desks.len();
    let readers = floor
        .plan
        .virtual_readers
        .then(|| VirtualReaders::open(dir, places));
    let readers = readers.transpose()?;
    let mut addresses = (0..places).map(|place| readers.as_ref()?.address(place));
    for name in &floor.plan.stations {
        let station = Station::open(&floor, name)?;
        let folder = dir.join("stations").join(name);
        let time = Arc::new(Timekeeper::new(&floor.plan));
        door::station(&station, &folder, &time, &mut tasks)?;
        if let Some(at) = addresses.next().flatten() {
            readers::present(at, Arc::clone(&station), Arc::clone(&time), &mut tasks);
        }
        stations.push((station, time, folder));
    }
    for name in &floor.plan.desks {
        let desk = Desk::open(&floor, name)?;
        let (folder, time) = (
            dir.join("desks").join(name),
            Arc::new(Timekeeper::new(&floor.plan)),
        );
        door::desk(&desk, name, &folder, &time, &mut tasks)?;
        if let Some(at) = addresses.next().flatten() {
            readers::present(at, desk, time, &mut tasks);
        }
    }
    drop(addresses);
    if let Some(readers) = readers {
        readers.keep(&mut tasks);
    }
    let ready = dir.join("ready");
    disk::write(&ready, std::process::id().to_string().as_bytes())?;
    let outcome = tokio::select! {
        _ = stop => Ok(()),
        outcome = first_failure(&mut tasks) => outcome,
    };
    // Tasks end only where they wait, so no act is cut in two.
    tasks.shutdown().await;
    std::fs::remove_file(&ready)?;
    for (station, time, folder) in stations {
        station.save()?;
        time.save(&folder)?;
    }
    outcome
}

/// The number of the process that runs the hall in `dir` and is ready. What a killed hall left behind does not count.
#[must_use]
pub fn running(dir: &Path) -> Option<u32> {
    let number = std::fs::read_to_string(dir.join("ready")).ok()?.parse().ok()?;
    floor::is_taken(dir).then_some(number)
}

/// Waits until a task fails; with nothing to run, for ever.
async fn first_failure(tasks: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(outcome) = tasks.join_next().await {
        outcome.map_err(io::Error::other)??;
    }
    std::future::pending().await
}
