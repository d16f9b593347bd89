//! The doors of a hall that is a process of its own: each machine's and desk's sockets and cables.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::desk::{Desk, Followed, Scan, label_spoken, spoken};
use super::station::Station;
use super::times::Timekeeper;
use super::wire::{self, Person, Reader};
use crate::base::{Bitmap, Clock};
use crate::port::{Answer, Instruction};
use crate::sim::chip::Chip;
use crate::sim::printer::Effect;
use crate::sim::pty::Pty;
use crate::sim::scan;

/// How long the scanner waits for a cable that nobody listens to.
const CABLE_PATIENCE: Duration = Duration::from_secs(1);

/// Opens a machine's encoder, printer and screen in this folder.
pub(super) fn station(
    station: &Arc<Station>,
    folder: &Path,
    time: &Arc<Timekeeper>,
    tasks: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    let encoder = folder.join("encoder.sock");
    wire::serve_reader(&encoder, Arc::clone(station), Arc::clone(time), tasks)?;
    let operator = Operator {
        station: Arc::clone(station),
        time: Arc::clone(time),
    };
    wire::serve_screen(&folder.join("screen.sock"), Arc::new(operator), tasks)?;
    let cable = Pty::open(&folder.join("printer"))?;
    let (station, time) = (Arc::clone(station), Arc::clone(time));
    tasks.spawn(async move { print(&station, &cable, &time).await });
    Ok(())
}

/// Opens a desk's reader, scanner and screen in this folder. Must be called on a tokio runtime.
pub(super) fn desk(
    desk: &Arc<Desk>,
    name: &str,
    folder: &Path,
    time: &Arc<Timekeeper>,
    tasks: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    let (scanner, jobs) = mpsc::channel();
    // Reading dots is long work: it has a thread of its own, which ends with the desk.
    std::thread::Builder::new()
        .name(format!("scanner-{name}"))
        .spawn(move || work_off(&jobs))?;
    let packer = Packer {
        desk: Arc::clone(desk),
        scanner,
        cable: Pty::open(&folder.join("scanner"))?,
    };
    wire::serve_hand(&folder.join("hand.sock"), Arc::clone(desk), tasks)?;
    let reader = folder.join("reader.sock");
    wire::serve_reader(&reader, Arc::clone(desk), Arc::clone(time), tasks)?;
    wire::serve_screen(&folder.join("screen.sock"), Arc::new(packer), tasks)
}

/// The printer's side of its cable.
async fn print(station: &Station, cable: &Pty, time: &Timekeeper) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        let length = cable.read(&mut buffer).await?;
        for effect in station.input(buffer.get(..length).unwrap_or_default())? {
            match effect {
                Effect::Pause(pause) => time.pause(pause).await,
                Effect::Reply(bytes) => cable.write_all(&bytes).await?,
            }
        }
    }
}

impl Reader for Station {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        self.with_chip(act)
    }
}

/// The person at a machine.
struct Operator {
    station: Arc<Station>,
    time: Arc<Timekeeper>,
}

impl Person for Operator {
    async fn follow(&self, instruction: Instruction) -> io::Result<Answer> {
        if matches!(instruction, Instruction::EmptyHopper { .. }) {
            self.time.lot_ended();
        }
        self.station.follow(instruction)
    }
}

impl Reader for Desk {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        self.with_chip(act)
    }
}

/// The person at a desk, and the scanner in their hand.
struct Packer {
    desk: Arc<Desk>,
    scanner: mpsc::Sender<Job>,
    cable: Pty,
}

/// Faces for the scanner's thread.
struct Job {
    front: Bitmap,
    back: Bitmap,
    said: oneshot::Sender<Vec<u8>>,
}

impl Packer {
    /// Scans the card on the reader and sends what was read; false if there is none.
    async fn scan(&self) -> io::Result<bool> {
        let bytes = match self.desk.to_scan() {
            None => return Ok(false),
            Some(Scan::Known(bytes)) => bytes,
            Some(Scan::Faces { front, back }) => {
                let (said, hears) = oneshot::channel();
                self.scanner
                    .send(Job { front, back, said })
                    .map_err(io::Error::other)?;
                let bytes = hears.await.map_err(io::Error::other)?;
                self.desk.scanned(bytes.clone());
                bytes
            }
        };
        self.says(&bytes).await?;
        Ok(true)
    }

    /// What a full cable does not take is lost, as with a real scanner.
    async fn says(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = Clock::system()
            .within(CABLE_PATIENCE, self.cable.write_all(bytes))
            .await;
        sent.unwrap_or(Ok(()))
    }
}

impl Person for Packer {
    async fn follow(&self, instruction: Instruction) -> io::Result<Answer> {
        match self.desk.follow(instruction)? {
            Followed::Answer(answer) => Ok(answer),
            Followed::Scan if self.scan().await? => Ok(Answer::Done),
            Followed::Scan => Ok(Answer::Nothing),
            Followed::Label(label) => {
                self.says(&label_spoken(&label)).await?;
                Ok(Answer::Done)
            }
        }
    }
}

/// The scanner's thread.
fn work_off(jobs: &mpsc::Receiver<Job>) {
    for Job { front, back, said } in jobs {
        // A desk that went away meanwhile needs no answer.
        let _ = said.send(spoken(&scan::read(&front, &back)));
    }
}
