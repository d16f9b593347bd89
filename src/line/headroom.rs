//! Room for more work? A host that runs short of disk, memory or handles is given less: smaller lots first, then none,
//! and no dossiers. What is under way is finished with what was kept for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::Fault;
use crate::base::limits::{
    DISK_KEPT, DISK_PER_CARD, DISK_PER_DOSSIER_BYTE, HANDLES_KEPT, HOST_DEADLINE, MEMORY_KEPT,
};
use crate::port::{Host, Left};

use super::Line;
use super::fault::{HOST_SILENT, SHORT_OF_DISK, SHORT_OF_HANDLES, SHORT_OF_MEMORY};

/// What is known of the host.
#[derive(Debug)]
pub struct Headroom {
    host: Option<Arc<dyn Host>>,
    /// Bytes of disk that stay free.
    kept: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why no work is taken on.
    short: Option<Fault>,
    /// Cards of lots that are being claimed at this moment.
    being_claimed: u64,
}

/// Room for so many cards, until their lot is recorded, or was not claimed.
#[derive(Debug)]
pub(crate) struct Reserved<'a> {
    headroom: &'a Headroom,
    cards: u64,
}

impl Reserved<'_> {
    /// For how many cards there is room.
    pub(crate) fn cards(&self) -> usize {
        usize::try_from(self.cards).unwrap_or(usize::MAX)
    }

    fn shrink_to(&mut self, cards: u64) {
        self.headroom.state().being_claimed -= self.cards - cards;
        self.cards = cards;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

impl Default for Headroom {
    /// A host without bounds.
    fn default() -> Self {
        Self {
            host: None,
            kept: DISK_KEPT,
            state: Mutex::default(),
        }
    }
}

impl Headroom {
    /// A host on which so many bytes of disk stay free.
    #[must_use]
    pub fn new(host: Arc<dyn Host>, kept: u64) -> Self {
        Self {
            host: Some(host),
            kept,
            state: Mutex::default(),
        }
    }

    /// Why no work is taken on, if none is.
    #[must_use]
    pub fn short(&self) -> Option<Fault> {
        self.state().short.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what was found, and says so when it is news.
    fn find(&self, short: Option<Fault>) {
        let mut state = self.state();
        match (&state.short, &short) {
            (None, Some(fault)) => {
                tracing::error!(code = fault.code.id, "no more work is taken on: {fault}");
            }
            (Some(_), None) => tracing::info!("there is room again, work is taken on"),
            _ => {}
        }
        state.short = short;
    }
}

impl Line {
    /// Room for a lot, smaller than the facility's own if the host is short of disk; nothing if there is room for no
    /// card at all.
    ///
    /// # Errors
    /// The ledger's.
    pub(crate) async fn room_for_a_lot(&self) -> Result<Option<Reserved<'_>>, Fault> {
        let headroom = &self.headroom;
        let wanted = u64::try_from(self.rules.lot_cards).unwrap_or(u64::MAX);
        // Taken before the ledger is asked: a lot that others claim meanwhile is counted here or there.
        let others = {
            let mut state = headroom.state();
            let others = state.being_claimed;
            state.being_claimed += wanted;
            others
        };
        let mut reserved = Reserved {
            headroom,
            cards: wanted,
        };
        let Some(found) = self.left_on_host().await else {
            return Ok(Some(reserved));
        };
        let lots = self.ports.ledger.open_lots().await?;
        let open: usize = lots.iter().map(|lot| lot.orders.len()).sum();
        let promised = others.saturating_add(u64::try_from(open).unwrap_or(u64::MAX));
        match found.and_then(|left| room(&left, headroom.kept, promised.saturating_mul(DISK_PER_CARD))) {
            Ok(disk) if disk >= DISK_PER_CARD => {
                headroom.find(None);
                reserved.shrink_to(wanted.min(disk / DISK_PER_CARD));
                Ok(Some(reserved))
            }
            Ok(_) => {
                headroom.find(Some(short_of_disk(headroom.kept, promised)));
                Ok(None)
            }
            Err(fault) => {
                headroom.find(Some(fault));
                Ok(None)
            }
        }
    }

    /// Is there room for a dossier of so many bytes?
    ///
    /// # Errors
    /// `LIN-050` to `LIN-053`: the dossier stays where it is.
    pub(super) async fn must_have_room_for(&self, dossier: usize) -> Result<(), Fault> {
        let headroom = &self.headroom;
        let Some(found) = self.left_on_host().await else {
            return Ok(());
        };
        let bytes = u64::try_from(dossier).unwrap_or(u64::MAX);
        let disk = room(&found?, headroom.kept, 0)?;
        if disk < bytes.saturating_mul(DISK_PER_DOSSIER_BYTE) {
            return Err(short_of_disk(headroom.kept, 0));
        }
        Ok(())
    }

    /// What the host has left, if there is one that may run short. A disk that hangs is no room.
    async fn left_on_host(&self) -> Option<Result<Left, Fault>> {
        let host = self.headroom.host.as_ref()?;
        let told = self.clock.within(HOST_DEADLINE, host.left()).await;
        Some(told.unwrap_or_else(|| Err(Fault::new(&HOST_SILENT, format!("{HOST_DEADLINE:?}")))))
    }
}

/// Bytes of disk for new work, once what stays free and what is promised are taken off.
fn room(left: &Left, kept: u64, promised: u64) -> Result<u64, Fault> {
    if left.memory < MEMORY_KEPT {
        let least = format!("{} MiB left, {} are kept", left.memory >> 20, MEMORY_KEPT >> 20);
        return Err(Fault::new(&SHORT_OF_MEMORY, least));
    }
    if left.handles < HANDLES_KEPT {
        let least = format!("{} left, {HANDLES_KEPT} are kept", left.handles);
        return Err(Fault::new(&SHORT_OF_HANDLES, least));
    }
    Ok(left.disk.saturating_sub(kept).saturating_sub(promised))
}

fn short_of_disk(kept: u64, promised: u64) -> Fault {
    let least = format!("{} MiB stay free, and {promised} cards are under way", kept >> 20);
    Fault::new(&SHORT_OF_DISK, least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Left = Left {
        disk: DISK_KEPT + 100 * DISK_PER_CARD,
        memory: MEMORY_KEPT,
        handles: HANDLES_KEPT,
    };

    #[test]
    fn what_is_kept_and_promised_is_no_room() {
        assert_eq!(room(&PLENTY, DISK_KEPT, 0), Ok(100 * DISK_PER_CARD));
        assert_eq!(room(&PLENTY, DISK_KEPT, 99 * DISK_PER_CARD), Ok(DISK_PER_CARD));
        assert_eq!(room(&PLENTY, DISK_KEPT, 101 * DISK_PER_CARD), Ok(0));
        let full = Left { disk: 0, ..PLENTY };
        assert_eq!(room(&full, DISK_KEPT, 0), Ok(0));
    }

    #[test]
    fn memory_and_handles_have_their_own_names() {
        let tight = Left {
            memory: MEMORY_KEPT - 1,
            ..PLENTY
        };
        assert_eq!(room(&tight, DISK_KEPT, 0).unwrap_err().code, &SHORT_OF_MEMORY);
        let tight = Left {
            handles: HANDLES_KEPT - 1,
            ..PLENTY
        };
        assert_eq!(room(&tight, DISK_KEPT, 0).unwrap_err().code, &SHORT_OF_HANDLES);
    }
}
