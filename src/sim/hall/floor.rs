//! The floor that all machines and desks share: the plan, the cards, and the book of positions.
//!
//! A hall that is a process of its own keeps everything on disk; one in memory keeps it as long as it lives. Machines
//! and desks do not know which it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::books::{Act, Positions};
use super::card::Card;
use super::disk;
use super::inventory::{Inventory, Spot, count};
use super::plan::Plan;
use crate::base::ids::{BlankId, BoxId, LotId, MachineId};
use crate::chip::ChipProfile;
use crate::job::stock::SupplierList;
use crate::sim::printer::State;

/// The file of all acts.
const JOURNAL: &str = "journal.jsonl";

/// What machines and desks share.
pub(in crate::sim) struct Floor {
    pub(super) plan: Plan,
    profile: ChipProfile,
    positions: Mutex<Positions>,
    keep: Keep,
    /// Cards that somebody holds onto a reader and will put back.
    hands: Mutex<BTreeSet<BlankId>>,
}

/// Where the hall remembers.
enum Keep {
    Disk { dir: PathBuf, journal: File },
    Memory { shelf: Mutex<BTreeMap<BlankId, Card>> },
}

/// A process has the books in `dir` open.
pub(super) fn is_taken(dir: &Path) -> bool {
    let journal = File::options().append(true).open(dir.join(JOURNAL));
    journal.is_ok_and(|journal| matches!(journal.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Floor {
    /// Opens the books on disk for this process alone.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let plan = Plan::read(dir)?;
        let path = dir.join(JOURNAL);
        let journal = File::options().create(true).append(true).open(&path)?;
        journal.try_lock()?;
        let (positions, whole) = replay(dir, &plan)?;
        // The end of a line that a killed hall did not finish: that act was never acknowledged.
        journal.set_len(whole)?;
        let dir = dir.to_owned();
        Self::new(plan, positions, Keep::Disk { dir, journal })
    }

    /// A new hall that is forgotten when it is dropped.
    pub(in crate::sim) fn in_memory(plan: Plan) -> io::Result<Self> {
        plan.check()?;
        let shelf = Mutex::default();
        Self::new(plan, Positions::default(), Keep::Memory { shelf })
    }

    fn new(plan: Plan, positions: Positions, keep: Keep) -> io::Result<Self> {
        Ok(Self {
            profile: plan.profile()?,
            plan,
            positions: Mutex::new(positions),
            keep,
            hands: Mutex::default(),
        })
    }

    /// Does an act and writes it down; false if it cannot be done.
    pub(super) fn act(&self, act: &Act) -> io::Result<bool> {
        let mut positions = locked(&self.positions);
        if positions.apply(&self.plan, act).is_none() {
            return Ok(false);
        }
        if let Keep::Disk { journal, .. } = &self.keep {
            let mut line = serde_json::to_vec(act)?;
            line.push(b'\n');
            let mut journal = journal;
            journal.write_all(&line)?;
        }
        Ok(true)
    }

    /// Asks the books.
    pub(super) fn look<T>(&self, question: impl FnOnce(&Positions) -> T) -> T {
        question(&locked(&self.positions))
    }

    /// What the suppliers say of the packs.
    pub(in crate::sim) fn lists(&self) -> Vec<SupplierList> {
        self.plan.lists(&self.profile)
    }

    /// Counts the hall.
    pub(in crate::sim) fn inventory(&self) -> Inventory {
        let lists = self.lists();
        self.look(|positions| count(positions, lists))
    }

    /// A person brings a card from the quarantine tray to the tray of its lot; false if it does not lie there.
    pub(in crate::sim) fn return_to_tray(&self, blank: &BlankId, lot: LotId) -> io::Result<bool> {
        let blank = blank.clone();
        self.act(&Act::Return { blank, lot })
    }

    /// A person finds a card among the blanks of a feeder and puts it aside; false if it does not lie there.
    pub(in crate::sim) fn sift(&self, station: &MachineId, blank: &BlankId) -> io::Result<bool> {
        let (station, blank) = (station.clone(), blank.clone());
        self.act(&Act::Sift { station, blank })
    }

    /// A person puts a card from the quarantine tray into a box; false if it does not lie there or the place is taken.
    pub(in crate::sim) fn restore_to_box(
        &self,
        blank: &BlankId,
        label: BoxId,
        slot: u16,
    ) -> io::Result<bool> {
        let blank = blank.clone();
        self.act(&Act::Restore { blank, label, slot })
    }

    /// Do cards lie in the reject box?
    pub(in crate::sim) fn holds_rejects(&self) -> bool {
        self.look(|positions| !positions.rejects.is_empty())
    }

    /// A mistake: the last card of the reject box gets into a box; false if there is none or no room.
    pub(in crate::sim) fn stray_into_box(&self, label: BoxId, slot: u16) -> io::Result<bool> {
        self.act(&Act::Stray { label, slot })
    }

    /// Boxes that are not closed and hold cards, and the place after their last card.
    pub(in crate::sim) fn open_boxes(&self) -> Vec<(BoxId, u16)> {
        self.look(|positions| {
            let open = positions
                .boxes
                .iter()
                .filter(|(label, _)| !positions.closed.contains(*label));
            open.filter_map(|(label, cards)| Some((label.clone(), cards.last_key_value()?.0 + 1)))
                .collect()
        })
    }

    /// May somebody take this card into a hand, for a moment? Not from inside a machine or off a reader, and not one
    /// that is in a hand already.
    pub(super) fn in_reach(&self, blank: &BlankId) -> bool {
        let spot = self
            .inventory()
            .cards
            .into_iter()
            .find(|card| card.blank == *blank);
        let lies = spot.is_some_and(|card| !matches!(card.spot, Spot::Machine { .. } | Spot::Reader { .. }));
        lies && locked(&self.hands).insert(blank.clone())
    }

    /// Takes a card into a hand.
    pub(super) fn card(&self, blank: &BlankId) -> io::Result<Card> {
        match &self.keep {
            Keep::Disk { dir, .. } => Card::load(dir, &self.plan, &self.profile, blank),
            Keep::Memory { shelf } => match locked(shelf).remove(blank) {
                Some(card) => Ok(card),
                None => Card::fresh(&self.plan, &self.profile, blank),
            },
        }
    }

    /// Looks at a card that was out of a feeder and lies somewhere now; nothing if there is none such.
    pub(in crate::sim) fn look_at<T>(&self, blank: &BlankId, eye: impl FnOnce(&Card) -> T) -> Option<T> {
        match &self.keep {
            Keep::Disk { dir, .. } => Card::load(dir, &self.plan, &self.profile, blank)
                .ok()
                .map(|card| eye(&card)),
            Keep::Memory { shelf } => locked(shelf).get(blank).map(eye),
        }
    }

    /// Remembers the whole card as it is now, before it is moved.
    pub(super) fn save(&self, card: &Card) -> io::Result<()> {
        match &self.keep {
            Keep::Disk { dir, .. } => card.save(dir),
            Keep::Memory { .. } => Ok(()),
        }
    }

    /// Remembers the chip as it is now; the faces have not changed.
    pub(super) fn save_chip(&self, card: &Card) -> io::Result<()> {
        match &self.keep {
            Keep::Disk { dir, .. } => card.save_chip(dir),
            Keep::Memory { .. } => Ok(()),
        }
    }

    /// Lays a card out of the hand; it was saved, and its move is in the books.
    pub(super) fn lay_down(&self, card: Card) {
        locked(&self.hands).remove(&card.blank);
        if let Keep::Memory { shelf } = &self.keep {
            locked(shelf).insert(card.blank.clone(), card);
        }
    }

    /// The state in which a machine's printer was left.
    pub(super) fn printer(&self, station: &MachineId) -> io::Result<Option<State>> {
        match &self.keep {
            Keep::Disk { dir, .. } => disk::last_json(&printer_file(dir, station.as_str())),
            Keep::Memory { .. } => Ok(None),
        }
    }

    /// Remembers the state of a machine's printer.
    pub(super) fn save_printer(&self, station: &MachineId, state: &State) -> io::Result<()> {
        match &self.keep {
            Keep::Disk { dir, .. } => disk::append_json(&printer_file(dir, station.as_str()), state),
            Keep::Memory { .. } => Ok(()),
        }
    }
}

/// Sets a printer's state, troubles to come included. For a hall that does not run: a running one does not look.
///
/// # Errors
/// The disk's.
pub fn set_printer(dir: &Path, station: &str, state: &State) -> io::Result<()> {
    disk::start_json(&printer_file(dir, station), state)
}

fn printer_file(dir: &Path, station: &str) -> PathBuf {
    dir.join("stations").join(station).join("printer.jsonl")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All positions by the journal, and the length of the journal's whole lines in bytes.
pub(super) fn replay(dir: &Path, plan: &Plan) -> io::Result<(Positions, u64)> {
    let content = disk::read(&dir.join(JOURNAL))?.unwrap_or_default();
    let mut positions = Positions::default();
    let mut whole = 0;
    for (number, line) in content.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        let wrong = |why: String| {
            let what = format!("{JOURNAL}, line {}: {why}", number + 1);
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        let act: Act = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        positions
            .apply(plan, &act)
            .ok_or_else(|| wrong("cannot have happened".to_owned()))?;
        whole += line.len() as u64;
    }
    Ok((positions, whole))
}
