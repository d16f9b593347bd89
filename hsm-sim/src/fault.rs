//! What a network HSM does on a bad day, asked for by a file in the token's folder.
//!
//! `faults.json` holds a list, in the order in which things go wrong, for example
//! `[{"skip": 40}, "sessions_lost", {"skip": 7}, {"frozen_ms": 200}]`. Each operation that begins takes the next fault
//! off the list and shows it; before a `skip` it waits until so many operations went well. The list may be replaced at
//! any time; it is gone when its last fault was shown.

mod device;

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::token::Store;

pub(crate) use device::{Device, Order};

/// The list's name in the token's folder.
const FILE: &str = "faults.json";

/// One thing that goes wrong, or a time in which nothing does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// So many operations go well.
    Skip(u32),
    /// All sessions are gone, and with the last one the login.
    SessionsLost,
    /// The token forgot the login but kept the sessions.
    LoggedOut,
    /// The device went away: nothing works until the library is finalized and initialized again.
    DeviceRemoved,
    /// No token is in the slot, so many times as one is looked for or used.
    TokenAbsent(u32),
    /// So many operations fail with `CKR_DEVICE_ERROR`.
    Failing(u32),
    /// The whole device stands still for so many milliseconds.
    FrozenMs(u64),
    /// From now on each operation takes so many milliseconds longer.
    LatencyMs(u64),
    /// From now on the device does no more than so many operations a second; 0 lifts the limit.
    PerSecond(u32),
    /// The next signature comes out with one bit wrong.
    WrongSignature,
    /// The next signature is made with another key.
    WrongKey,
    /// The next signature with a key that has signed before repeats the nonce, so its first half.
    RepeatedNonce,
    /// The login is lost and the PIN is locked, until the officer removes the file `pin-locked`.
    PinLocked,
}

/// The list as it was read, and how far it has come.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    stamp: Option<Stamp>,
    faults: VecDeque<Fault>,
    skipped: u32,
    /// It cannot be understood: a test that rests on it must not go well.
    unreadable: bool,
}

/// Tells one version of the file from another.
type Stamp = (u64, u64, i64, i64);

impl Schedule {
    /// An operation begins in the token of this folder: does it go wrong?
    pub(crate) fn next(&mut self, folder: &Path) -> Option<Fault> {
        self.follow(folder)?;
        if self.unreadable {
            return Some(Fault::Failing(1));
        }
        if self.goes_well() {
            return None;
        }
        // Another process may use the same token: whoever takes a fault off the list holds the lock.
        let store = Store::new(folder);
        let _lock = store.lock().ok()?;
        self.follow(folder)?;
        while !self.goes_well() {
            let fault = self.faults.pop_front();
            self.skipped = 0;
            if matches!(fault, Some(Fault::Skip(_))) {
                continue;
            }
            self.keep(&store)?;
            return fault;
        }
        None
    }

    /// Reads the list if it is another one than before; nothing if there is none.
    fn follow(&mut self, folder: &Path) -> Option<()> {
        let stamp = stamp(folder);
        if stamp != self.stamp {
            let text = std::fs::read(folder.join(FILE)).unwrap_or_default();
            let faults = if text.is_empty() {
                Ok(VecDeque::new())
            } else {
                serde_json::from_slice(&text)
            };
            self.unreadable = faults.is_err();
            self.faults = faults.unwrap_or_default();
            self.skipped = 0;
            self.stamp = stamp;
        }
        self.stamp.map(drop)
    }

    /// Counts an operation that the list lets pass.
    fn goes_well(&mut self) -> bool {
        match self.faults.front() {
            Some(Fault::Skip(operations)) if self.skipped < *operations => {
                self.skipped += 1;
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    fn keep(&mut self, store: &Store) -> Option<()> {
        if self.faults.is_empty() {
            std::fs::remove_file(store.folder().join(FILE)).ok()?;
        } else {
            let rest = serde_json::to_vec(&self.faults).ok()?;
            store.replace(FILE, &rest).ok()?;
        }
        self.stamp = stamp(store.folder());
        Some(())
    }
}

fn stamp(folder: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(folder.join(FILE)).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

/// Stands still.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulated device has no clock to ask; this is its mechanics"
)]
pub(crate) fn freeze(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_shown_once_in_order_and_when_its_time_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next(folder.path()), None);
        let plan = r#"["sessions_lost", {"skip": 2}, {"frozen_ms": 2}, {"skip": 1}, "wrong_key"]"#;
        std::fs::write(folder.path().join(FILE), plan).unwrap();
        let shown: Vec<_> = (0..7).map(|_| schedule.next(folder.path())).collect();
        let expected = [
            Some(Fault::SessionsLost),
            None,
            None,
            Some(Fault::FrozenMs(2)),
            None,
            Some(Fault::WrongKey),
            None,
        ];
        assert_eq!(shown, expected);
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_list_with_a_mistake_is_a_device_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut schedule = Schedule::default();
        for mistake in [r#"["sesions_lost"]"#, r#"[{"skip": -1}]"#, "["] {
            std::fs::write(&path, mistake).unwrap();
            for _ in 0..3 {
                assert_eq!(schedule.next(folder.path()), Some(Fault::Failing(1)), "{mistake}");
            }
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(schedule.next(folder.path()), None);
    }

    #[test]
    fn two_processes_share_one_list_and_a_new_list_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (mut one, mut other) = (Schedule::default(), Schedule::default());
        std::fs::write(
            &path,
            r#"["logged_out", "wrong_signature", {"skip": 9}, "pin_locked"]"#,
        )
        .unwrap();
        assert_eq!(one.next(folder.path()), Some(Fault::LoggedOut));
        assert_eq!(other.next(folder.path()), Some(Fault::WrongSignature));
        assert_eq!(one.next(folder.path()), None);
        std::fs::write(&path, r#"["device_removed"]"#).unwrap();
        assert_eq!(one.next(folder.path()), Some(Fault::DeviceRemoved));
        assert_eq!(other.next(folder.path()), None);
    }
}
