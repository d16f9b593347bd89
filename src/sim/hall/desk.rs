//! A desk: a reader, a hand scanner, and the person who looks at every card and puts it into its box.
//!
//! For each card the scanner sends `MRZ `, the 90 characters of the zone and CR, if it can read the zone; `QR
//! `, the text of
//! the code in UTF-8 and CR, if it can read the code; and in any case `END` and CR, before the screen says that
//! it is done. Of the label of a box it sends the text of its code, `BOX ` and the box.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::books::Act;
use super::card::Card;
use super::floor::Floor;
use crate::audit::paper;
use crate::base::Bitmap;
use crate::base::ids::{BlankId, BoxId, MachineId};
use crate::port::{Answer, Instruction};
use crate::sim::chip::Chip;
use crate::sim::scan;

/// One desk.
pub(in crate::sim) struct Desk {
    name: MachineId,
    floor: Arc<Floor>,
    reader: Mutex<Option<OnReader>>,
    /// A card that somebody holds onto the reader and will put back where it was.
    held: Mutex<Option<Card>>,
    /// The box that stands before the packer: the last one into which a card went.
    before: Mutex<Option<BoxId>>,
}

/// A card on the reader.
struct OnReader {
    card: Card,
    /// Its chip may have changed since it was taken up.
    touched: bool,
    /// What the scanner says of it, once it was scanned.
    scan: Option<Vec<u8>>,
}

/// What came of an instruction.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::sim) enum Followed {
    /// This is the answer.
    Answer(Answer),
    /// First the card on the reader is scanned, and the scanner says what it read: then it is done.
    Scan,
    /// First the label of this box is scanned: then it is done.
    Label(BoxId),
}

/// What the scanner has to do for the card on the reader.
#[derive(Debug)]
pub(in crate::sim) enum Scan {
    /// It was scanned before: say this again.
    Known(Vec<u8>),
    /// Read these faces.
    Faces { front: Bitmap, back: Bitmap },
}

impl Desk {
    /// A desk as it was left.
    pub(in crate::sim) fn open(floor: &Arc<Floor>, name: &str) -> io::Result<Arc<Self>> {
        let id = MachineId::new(name);
        let blank = floor.look(|positions| positions.on_reader(&id).cloned());
        let card = blank.map(|blank| floor.card(&blank)).transpose()?;
        Ok(Arc::new(Self {
            name: id,
            floor: Arc::clone(floor),
            reader: Mutex::new(card.map(OnReader::new)),
            held: Mutex::default(),
            before: Mutex::default(),
        }))
    }

    /// Does this with the chip on the reader, if there is one.
    pub(in crate::sim) fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        let (mut reader, mut held) = (self.reader(), self.held());
        let on_reader = reader.as_mut().map(|on_reader| {
            on_reader.touched = true;
            &mut on_reader.card.chip
        });
        act(on_reader.or_else(|| held.as_mut().map(|card| &mut card.chip)))
    }

    /// Somebody holds a card onto the reader, wherever it lies; false if it is out of reach: in a machine, on a reader,
    /// or in a hand already.
    pub(in crate::sim) fn hold(&self, blank: &BlankId) -> io::Result<bool> {
        let (reader, mut held) = (self.reader(), self.held());
        if held.is_some() || reader.is_some() || !self.floor.in_reach(blank) {
            return Ok(false);
        }
        *held = Some(self.floor.card(blank)?);
        Ok(true)
    }

    /// The card that was held onto the reader goes back to where it was.
    pub(in crate::sim) fn put_down(&self) -> io::Result<()> {
        let Some(mut card) = self.held().take() else {
            return Ok(());
        };
        card.chip.power_off();
        self.floor.save_chip(&card)?;
        self.floor.lay_down(card);
        Ok(())
    }

    /// The person at the desk does what the screen says.
    pub(in crate::sim) fn follow(&self, instruction: Instruction) -> io::Result<Followed> {
        let desk = self.name.clone();
        let done = match instruction {
            Instruction::TakeTray { lot } => {
                self.put_back()?;
                self.floor.act(&Act::Bring { desk, lot })?
            }
            Instruction::ClearReader => {
                self.put_back()?;
                true
            }
            Instruction::NextCard if self.next_card()? => return Ok(Followed::Scan),
            Instruction::ScanAgain if self.reader().is_some() => return Ok(Followed::Scan),
            Instruction::PutInBox { label, slot } => {
                if self.put_in(label.clone(), slot)? {
                    return Ok(Followed::Label(label));
                }
                false
            }
            Instruction::ScanLabel => match self.before().clone() {
                Some(label) => return Ok(Followed::Label(label)),
                None => false,
            },
            Instruction::TakeBack { label } => self.pick(&Act::TakeBack { desk, label })?,
            Instruction::Reject { .. } => self.dispose(&Act::Reject { desk })?,
            Instruction::PutAside { .. } => self.dispose(&Act::PutAside { desk })?,
            Instruction::LookInBox { label, slot } => {
                self.floor.look(|positions| positions.boxed(&label, slot))
            }
            Instruction::TakeOut { label, slot } => self.floor.act(&Act::TakeOut { label, slot })?,
            Instruction::TurnTray { lot } => {
                // The card on the reader belongs to the tray that is turned.
                self.put_back()?;
                self.floor.act(&Act::Turn { lot })?
            }
            Instruction::CountBox { label, cards } => {
                self.floor.look(|positions| positions.cards_in(&label)) == usize::from(cards)
            }
            Instruction::PickFromBox { label, slot } => {
                if self.pick(&Act::Pick { desk, label, slot })? {
                    return Ok(Followed::Scan);
                }
                false
            }
            Instruction::CloseBox { label } => self.floor.act(&Act::Close { label })?,
            // There is no card; or it is for a machine, and nothing here can be meant.
            _ => false,
        };
        let answer = if done { Answer::Done } else { Answer::Nothing };
        Ok(Followed::Answer(answer))
    }

    /// What there is to scan; nothing if there is no card on the reader.
    pub(in crate::sim) fn to_scan(&self) -> Option<Scan> {
        self.reader().as_ref().map(|on_reader| match &on_reader.scan {
            Some(bytes) => Scan::Known(bytes.clone()),
            None => Scan::Faces {
                front: on_reader.card.front.clone(),
                back: on_reader.card.back.clone(),
            },
        })
    }

    /// The card on the reader was scanned, and this is what the scanner says of it.
    pub(in crate::sim) fn scanned(&self, bytes: Vec<u8>) {
        if let Some(on_reader) = &mut *self.reader() {
            on_reader.scan = Some(bytes);
        }
    }

    /// Takes the card from the reader and does this with it; false if there is none or it cannot be done.
    fn dispose(&self, act: &Act) -> io::Result<bool> {
        let mut reader = self.reader();
        let Some(on_reader) = reader.as_mut() else {
            return Ok(false);
        };
        on_reader.card.chip.power_off();
        if on_reader.touched {
            self.floor.save_chip(&on_reader.card)?;
            on_reader.touched = false;
        }
        let done = self.floor.act(act)?;
        if done && let Some(on_reader) = reader.take() {
            self.floor.lay_down(on_reader.card);
        }
        Ok(done)
    }

    /// The card on the reader goes into this box, whatever the screen says; false if there is no card or no room.
    pub(in crate::sim) fn put_in(&self, label: BoxId, slot: u16) -> io::Result<bool> {
        let desk = self.name.clone();
        let before = label.clone();
        let put = self.dispose(&Act::Pack { desk, label, slot })?;
        if put {
            *self.before() = Some(before);
        }
        Ok(put)
    }

    fn put_back(&self) -> io::Result<bool> {
        let desk = self.name.clone();
        self.dispose(&Act::PutBack { desk })
    }

    /// Puts the tray's next card onto the reader and does not scan it yet; false if there is none.
    pub(in crate::sim) fn take_up(&self) -> io::Result<bool> {
        self.next_card()
    }

    /// Puts the tray's next card onto the reader. One that still lies there was not dealt with, and is that next card.
    fn next_card(&self) -> io::Result<bool> {
        let desk = self.name.clone();
        self.pick(&Act::Take { desk })
    }

    /// Puts a card onto the reader; one that lies there goes back to its tray.
    fn pick(&self, act: &Act) -> io::Result<bool> {
        self.put_back()?;
        if !self.floor.act(act)? {
            return Ok(false);
        }
        let blank = self
            .floor
            .look(|positions| positions.on_reader(&self.name).cloned());
        let card = blank.map(|blank| self.floor.card(&blank)).transpose()?;
        *self.reader() = card.map(OnReader::new);
        Ok(true)
    }

    fn before(&self) -> MutexGuard<'_, Option<BoxId>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Option<Card>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Option<OnReader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What the scanner says of a box's label.
pub(in crate::sim) fn label_spoken(label: &BoxId) -> Vec<u8> {
    format!("QR {}{label}\rEND\r", paper::BOX).into_bytes()
}

/// What the scanner says of a reading.
pub(in crate::sim) fn spoken(reading: &scan::Reading) -> Vec<u8> {
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
