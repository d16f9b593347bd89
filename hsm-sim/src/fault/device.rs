//! The state of a device that goes wrong: what was asked for and is not over yet.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cryptoki_sys::{
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT,
};

use super::{Fault, Schedule, freeze};
use crate::rv::Outcome;

/// While this file lies in the folder, the PIN is locked.
const PIN_LOCKED: &str = "pin-locked";
/// One line for each try of a PIN: what came of it, as a return value.
const LOGINS: &str = "logins";

/// What the boundary must do to the module behind it before an operation goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Close every session.
    CloseSessions,
    /// Log out.
    LogOut,
}

/// What is wrong with one signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flaw {
    Bit,
    Key,
    Nonce,
}

/// A signature under way.
#[derive(Clone, Copy, Debug)]
struct Signing {
    key: CK_OBJECT_HANDLE,
    flaw: Option<Flaw>,
}

/// The device.
#[derive(Debug, Default)]
pub(crate) struct Device {
    folder: Option<PathBuf>,
    schedule: Schedule,
    removed: bool,
    absent: u32,
    failing: u32,
    latency: Duration,
    pace: Duration,
    flaws: VecDeque<Flaw>,
    signing: BTreeMap<CK_SESSION_HANDLE, Signing>,
    nonces: BTreeMap<CK_OBJECT_HANDLE, [u8; 32]>,
}

impl Device {
    /// A device whose faults are asked for in this folder; without one it has none.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            ..Self::default()
        }
    }

    /// The library was initialized: a device that was removed is there again.
    pub(crate) fn restart(&mut self) {
        self.removed = false;
        self.signing.clear();
    }

    /// Is the device there?
    pub(crate) fn present(&self) -> Outcome<()> {
        if self.removed {
            Err(CKR_DEVICE_REMOVED)
        } else {
            Ok(())
        }
    }

    /// Is the token in its slot, where somebody looks for it?
    pub(crate) fn has_token(&mut self) -> bool {
        let missing = self.absent > 0;
        self.absent = self.absent.saturating_sub(1);
        !missing && !self.removed
    }

    /// An operation begins: what goes wrong with it, and how long it takes longer than it should. A device that stands
    /// still or is throttled does so for everybody, so this is called with the device in hand.
    pub(crate) fn begin(&mut self) -> (Outcome<Option<Order>>, Duration) {
        freeze(self.pace);
        (self.step(), self.latency)
    }

    fn step(&mut self) -> Outcome<Option<Order>> {
        self.present()?;
        if !self.has_token() {
            return Err(CKR_TOKEN_NOT_PRESENT);
        }
        if self.failing > 0 {
            self.failing -= 1;
            return Err(CKR_DEVICE_ERROR);
        }
        let Some(fault) = self.folder.as_ref().and_then(|folder| self.schedule.next(folder)) else {
            return Ok(None);
        };
        match fault {
            Fault::Skip(_) => Ok(None),
            Fault::SessionsLost => Ok(Some(Order::CloseSessions)),
            Fault::LoggedOut => Ok(Some(Order::LogOut)),
            Fault::DeviceRemoved => {
                self.removed = true;
                Err(CKR_DEVICE_REMOVED)
            }
            Fault::TokenAbsent(times) => {
                self.absent = times.saturating_sub(1);
                Err(CKR_TOKEN_NOT_PRESENT)
            }
            Fault::Failing(operations) => {
                self.failing = operations.saturating_sub(1);
                Err(CKR_DEVICE_ERROR)
            }
            Fault::FrozenMs(time) => {
                freeze(Duration::from_millis(time));
                Ok(None)
            }
            Fault::LatencyMs(time) => {
                self.latency = Duration::from_millis(time);
                Ok(None)
            }
            Fault::PerSecond(operations) => {
                self.pace = Duration::from_secs(1).checked_div(operations).unwrap_or_default();
                Ok(None)
            }
            Fault::WrongSignature => self.flawed(Flaw::Bit),
            Fault::WrongKey => self.flawed(Flaw::Key),
            Fault::RepeatedNonce => self.flawed(Flaw::Nonce),
            Fault::PinLocked => {
                let lock = |folder: &PathBuf| std::fs::write(folder.join(PIN_LOCKED), b"").ok();
                self.folder.as_ref().and_then(lock);
                Ok(Some(Order::LogOut))
            }
        }
    }

    fn flawed(&mut self, flaw: Flaw) -> Outcome<Option<Order>> {
        self.flaws.push_back(flaw);
        Ok(None)
    }

    /// An ECDSA signature with this key begins in this session: must it be made with another key?
    pub(crate) fn signs(&mut self, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> bool {
        let fits = |flaw: &Flaw| *flaw != Flaw::Nonce || self.nonces.contains_key(&key);
        let flaw = self
            .flaws
            .iter()
            .position(fits)
            .and_then(|place| self.flaws.remove(place));
        self.signing.insert(session, Signing { key, flaw });
        flaw == Some(Flaw::Key)
    }

    /// The signature of this session does not come about.
    pub(crate) fn gives_up(&mut self, session: CK_SESSION_HANDLE) {
        self.signing.remove(&session);
    }

    /// A signature is about to leave.
    pub(crate) fn signed(&mut self, session: CK_SESSION_HANDLE, signature: &mut [u8]) {
        let Some(Signing { key, flaw }) = self.signing.remove(&session) else {
            return;
        };
        match (flaw, signature.last_mut()) {
            (Some(Flaw::Bit), Some(last)) => *last ^= 1,
            (Some(Flaw::Nonce), _) => {
                if let (Some(nonce), Some(first)) = (self.nonces.get(&key), signature.first_chunk_mut()) {
                    *first = *nonce;
                }
            }
            _ => {}
        }
        if let Some(nonce) = signature.first_chunk() {
            self.nonces.insert(key, *nonce);
        }
    }

    /// Is the PIN locked?
    pub(crate) fn pin_is_locked(&self) -> bool {
        let locked = |folder: &PathBuf| folder.join(PIN_LOCKED).exists();
        self.folder.as_ref().is_some_and(locked)
    }

    /// A PIN was tried.
    pub(crate) fn tried(&self, outcome: CK_RV) {
        if let Some(folder) = &self.folder {
            // The list is for whoever watches; a token does not fail because nobody can.
            let _ = note(folder, outcome);
        }
    }
}

fn note(folder: &Path, outcome: CK_RV) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join(LOGINS))?;
    writeln!(file, "{outcome:#010x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_wait_for_a_signature_they_fit() {
        let mut device = Device::default();
        for flaw in [Flaw::Nonce, Flaw::Bit, Flaw::Key] {
            device.flawed(flaw).unwrap();
        }
        // Nothing to repeat yet: the next in line is shown first.
        assert!(!device.signs(1, 7));
        let mut signature = [5; 64];
        device.signed(1, &mut signature);
        assert_eq!((signature[..63] == [5; 63], signature[63]), (true, 4));
        assert!(!device.signs(1, 7));
        let mut signature = [9; 64];
        device.signed(1, &mut signature);
        assert_eq!(signature[..32], [5; 32]);
        assert!(device.signs(2, 7));
        device.gives_up(2);
        let mut signature = [9; 64];
        device.signed(2, &mut signature);
        assert_eq!(signature, [9; 64]);
    }

    #[test]
    fn a_token_comes_back_after_so_many_looks_and_a_removed_device_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("faults.json"),
            r#"[{"token_absent": 2}, {"failing": 1}, "device_removed"]"#,
        )
        .unwrap();
        let mut device = Device::new(Some(folder.path().to_owned()));
        assert_eq!(device.begin().0, Err(CKR_TOKEN_NOT_PRESENT));
        assert!(!device.has_token());
        assert!(device.has_token());
        assert_eq!(device.begin().0, Err(CKR_DEVICE_ERROR));
        assert_eq!(device.begin().0, Err(CKR_DEVICE_REMOVED));
        assert_eq!(device.present(), Err(CKR_DEVICE_REMOVED));
        device.restart();
        assert_eq!(device.begin().0, Ok(None));
    }
}
