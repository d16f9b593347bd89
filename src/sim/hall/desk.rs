//! A desk: a reader, a hand scanner, and the person who looks at every card and puts it into its box.
//!
//! For each card the scanner sends `MRZ `, the 90 characters of the zone and CR, if it can read the zone; `QR
//! `, the text of
//! the code in UTF-8 and CR, if it can read the code; and in any case `END` and CR, before the screen says that
//! it is done.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::books::Act;
use super::card::Card;
use super::floor::Floor;
use super::wire::{self, Person, Reader};
use crate::base::ids::MachineId;
use crate::base::{Bitmap, Clock};
use crate::port::{Answer, Instruction};
use crate::sim::chip::Chip;
use crate::sim::pty::Pty;
use crate::sim::scan;

/// How long the scanner waits for a cable that nobody listens to.
const CABLE_PATIENCE: Duration = Duration::from_secs(1);

/// One desk.
pub(super) struct Desk {
    name: MachineId,
    folder: PathBuf,
    floor: Arc<Floor>,
    reader: Mutex<Option<OnReader>>,
    scanner: mpsc::Sender<Scan>,
    cable: Pty,
}

/// A card on the reader.
struct OnReader {
    card: Card,
    /// Its chip may have changed since it was taken from disk.
    touched: bool,
    /// What the scanner says of it, once it was scanned.
    scan: Option<Vec<u8>>,
}

/// A scan to be made.
struct Scan {
    front: Bitmap,
    back: Bitmap,
    said: oneshot::Sender<Vec<u8>>,
}

impl Desk {
    /// A desk as it was left. Must be called on a tokio runtime.
    pub(super) fn open(floor: &Arc<Floor>, name: &str) -> io::Result<Arc<Self>> {
        let id = MachineId::new(name);
        let folder = floor.dir.join("desks").join(name);
        let blank = floor.look(|positions| positions.on_reader(&id).cloned());
        let card = blank.map(|blank| floor.card(&blank)).transpose()?;
        let (scanner, scans) = mpsc::channel();
        // Reading dots is long work: it has a thread of its own, which ends with the desk.
        std::thread::Builder::new()
            .name(format!("scanner-{name}"))
            .spawn(move || work_off(&scans))?;
        Ok(Arc::new(Self {
            name: id,
            floor: Arc::clone(floor),
            reader: Mutex::new(card.map(OnReader::new)),
            scanner,
            cable: Pty::open(&folder.join("scanner"))?,
            folder,
        }))
    }

    /// Opens reader and screen.
    pub(super) fn serve(desk: &Arc<Self>, tasks: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
        wire::serve_reader(&desk.folder.join("reader.sock"), Arc::clone(desk), tasks)?;
        wire::serve_screen(&desk.folder.join("screen.sock"), Arc::clone(desk), tasks)
    }

    /// Takes the card from the reader and does this with it; false if there is none or it cannot be done.
    fn dispose(&self, act: &Act) -> io::Result<bool> {
        let mut reader = self.reader();
        let Some(on_reader) = reader.as_mut() else {
            return Ok(false);
        };
        on_reader.card.chip.power_off();
        if on_reader.touched {
            on_reader.card.save_chip(&self.floor.dir)?;
            on_reader.touched = false;
        }
        let done = self.floor.act(act)?;
        if done {
            *reader = None;
        }
        Ok(done)
    }

    fn put_back(&self) -> io::Result<bool> {
        let desk = self.name.clone();
        self.dispose(&Act::PutBack { desk })
    }

    /// Puts the tray's next card onto the reader. One that still lies there was not dealt with, and is that next card.
    async fn next_card(&self) -> io::Result<bool> {
        self.put_back()?;
        let desk = self.name.clone();
        if !self.floor.act(&Act::Take { desk })? {
            return Ok(false);
        }
        let blank = self
            .floor
            .look(|positions| positions.on_reader(&self.name).cloned());
        let card = blank.map(|blank| self.floor.card(&blank)).transpose()?;
        *self.reader() = card.map(OnReader::new);
        self.scan().await
    }

    /// Scans the card on the reader and sends what was read; false if there is none.
    async fn scan(&self) -> io::Result<bool> {
        let (bytes, faces) = match &*self.reader() {
            None => return Ok(false),
            Some(OnReader {
                scan: Some(bytes), ..
            }) => (Some(bytes.clone()), None),
            Some(OnReader { card, .. }) => (None, Some((card.front.clone(), card.back.clone()))),
        };
        let mut bytes = bytes.unwrap_or_default();
        if let Some((front, back)) = faces {
            let (said, hears) = oneshot::channel();
            self.scanner
                .send(Scan { front, back, said })
                .map_err(io::Error::other)?;
            bytes = hears.await.map_err(io::Error::other)?;
            if let Some(on_reader) = &mut *self.reader() {
                on_reader.scan = Some(bytes.clone());
            }
        }
        // What a full cable does not take is lost, as with a real scanner.
        let sent = Clock::system()
            .within(CABLE_PATIENCE, self.cable.write_all(&bytes))
            .await;
        sent.unwrap_or(Ok(()))?;
        Ok(true)
    }

    fn reader(&self) -> MutexGuard<'_, Option<OnReader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader for Desk {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        let mut reader = self.reader();
        act(reader.as_mut().map(|on_reader| {
            on_reader.touched = true;
            &mut on_reader.card.chip
        }))
    }
}

impl Person for Desk {
    async fn follow(&self, instruction: Instruction) -> io::Result<Answer> {
        let desk = self.name.clone();
        let done = match instruction {
            Instruction::TakeTray { lot } => {
                self.put_back()?;
                self.floor.act(&Act::Bring { desk, lot })?
            }
            Instruction::NextCard => self.next_card().await?,
            Instruction::ScanAgain => self.scan().await?,
            Instruction::PutInBox { label, slot } => self.dispose(&Act::Pack { desk, label, slot })?,
            Instruction::Reject { .. } => self.dispose(&Act::Reject { desk })?,
            Instruction::PutAside { .. } => self.dispose(&Act::PutAside { desk })?,
            Instruction::LookInBox { label, slot } => {
                self.floor.look(|positions| positions.boxed(&label, slot))
            }
            Instruction::TakeOut { label, slot } => self.floor.act(&Act::TakeOut { label, slot })?,
            Instruction::CloseBox { label } => self.floor.act(&Act::Close { label })?,
            // For a machine: nothing here can be meant.
            Instruction::LoadPack { .. } | Instruction::EmptyHopper { .. } | Instruction::ClearPath => false,
        };
        Ok(if done { Answer::Done } else { Answer::Nothing })
    }
}

impl OnReader {
    fn new(card: Card) -> Self {
        Self {
            card,
            touched: false,
            scan: None,
        }
    }
}

/// The scanner's thread.
fn work_off(scans: &mpsc::Receiver<Scan>) {
    for Scan { front, back, said } in scans {
        // A desk that went away meanwhile needs no answer.
        let _ = said.send(spoken(&scan::read(&front, &back)));
    }
}

fn spoken(reading: &scan::Reading) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(lines) = &reading.mrz {
        bytes.extend(format!("MRZ {}\r", lines.concat()).bytes());
    }
    if let Some(text) = &reading.qr {
        bytes.extend(format!("QR {text}\r").bytes());
    }
    bytes.extend(b"END\r");
    bytes
}
