//! Places for cards on virtual readers, and what can happen to a card there.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardwright::base::Clock;
use cardwright::chip::ChipProfile;
use cardwright::sim::chip::Chip;
use cardwright::sim::pcscd::Pcscd;
use cardwright::sim::vpicc::{self, Field, Leaves};

/// The program whose hidden verb owns the readers.
pub(super) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cardwright"))
}

/// A blank chip with this serial number.
pub(super) fn chip(serial: u32) -> Chip {
    Chip::blank(serial, 1, &ChipProfile::built_in("rehearsal").unwrap())
}

/// A place where a card may lie.
pub(super) struct Place(Mutex<State>);

#[derive(Default)]
struct State {
    chip: Option<Chip>,
    /// A card that left lies here.
    taken: Option<Chip>,
    leaves: Option<Leaves>,
    pace: Duration,
    commands: usize,
}

/// A card's cable to its reader; it is pulled when this is dropped.
pub(super) struct Cable(tokio::task::JoinHandle<()>);

impl Drop for Cable {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Place {
    pub(super) fn new(chip: Option<Chip>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            chip,
            ..State::default()
        })))
    }

    /// Lays this place onto a reader.
    pub(super) fn connect(self: &Arc<Self>, pcscd: &Pcscd, reader: usize) -> Cable {
        let (place, at) = (Arc::clone(self), pcscd.address(reader).unwrap());
        Cable(tokio::spawn(async move {
            vpicc::present(at, &*place, Clock::system()).await;
        }))
    }

    pub(super) fn put(&self, chip: Option<Chip>) {
        self.state().chip = chip;
    }

    pub(super) fn look<T>(&self, eye: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        eye(self.state().chip.as_mut())
    }

    /// At the next command the card leaves, until it comes back.
    pub(super) fn leave_once(&self, moment: Leaves) {
        self.state().leaves = Some(moment);
    }

    pub(super) fn come_back(&self) {
        let mut state = self.state();
        state.leaves = None;
        let taken = state.taken.take();
        state.chip = taken.or_else(|| state.chip.take());
    }

    /// Every exchange takes so long.
    pub(super) fn pace(&self, pace: Duration) {
        self.state().pace = pace;
    }

    /// Commands that reached the card or its reader.
    pub(super) fn commands(&self) -> usize {
        self.state().commands
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Field for Place {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        act(self.state().chip.as_mut())
    }

    async fn exchanged(&self, bytes: usize) {
        let pace = self.state().pace;
        if bytes > 2 && !pace.is_zero() {
            Clock::system().sleep(pace).await;
        }
    }

    fn left(&self) {
        let mut state = self.state();
        if state.leaves.take().is_some() {
            state.taken = state.chip.take();
        }
    }

    fn leaves_at(&self, _command: &[u8]) -> Option<Leaves> {
        let mut state = self.state();
        state.commands += 1;
        state.leaves
    }
}
