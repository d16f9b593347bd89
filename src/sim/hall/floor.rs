//! The floor that all machines and desks share: the plan, the cards on disk, and the journal of positions.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::books::{Act, Positions};
use super::card::Card;
use super::disk;
use super::plan::{self, Plan};
use crate::base::ids::BlankId;
use crate::chip::ChipProfile;

/// The file of all acts.
const JOURNAL: &str = "journal.jsonl";

/// What machines and desks share.
pub(super) struct Floor {
    pub(super) dir: PathBuf,
    pub(super) plan: Plan,
    profile: ChipProfile,
    books: Mutex<Books>,
}

struct Books {
    positions: Positions,
    journal: File,
}

/// A process has the books in `dir` open.
pub(super) fn is_taken(dir: &Path) -> bool {
    let journal = File::options().append(true).open(dir.join(JOURNAL));
    journal.is_ok_and(|journal| matches!(journal.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Floor {
    /// Opens the books for this process alone.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let plan = Plan::read(dir)?;
        let path = dir.join(JOURNAL);
        let journal = File::options().create(true).append(true).open(&path)?;
        journal.try_lock()?;
        let (positions, whole) = replay(dir, &plan)?;
        // The end of a line that a killed hall did not finish: that act was never acknowledged.
        journal.set_len(whole)?;
        Ok(Self {
            dir: dir.to_owned(),
            plan,
            profile: plan::profile()?,
            books: Mutex::new(Books { positions, journal }),
        })
    }

    /// Does an act and writes it down; false if it cannot be done.
    pub(super) fn act(&self, act: &Act) -> io::Result<bool> {
        let mut books = self.books();
        if books.positions.apply(&self.plan, act).is_none() {
            return Ok(false);
        }
        let mut line = serde_json::to_vec(act)?;
        line.push(b'\n');
        books.journal.write_all(&line)?;
        Ok(true)
    }

    /// Asks the books.
    pub(super) fn look<T>(&self, question: impl FnOnce(&Positions) -> T) -> T {
        question(&self.books().positions)
    }

    /// Takes a card into a hand.
    pub(super) fn card(&self, blank: &BlankId) -> io::Result<Card> {
        Card::load(&self.dir, &self.plan, &self.profile, blank)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
