//! Faults on demand: what a network HSM does on a bad day, asked for by a file in the token's folder.
//!
//! `faults.json` holds a list, for example `["sessions_lost", {"frozen_ms": 200}]`. Each operation that begins shows
//! the first one and takes it off the list.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::token::Store;

/// One fault, shown once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// All sessions are gone, and with the last one the login.
    SessionsLost,
    /// The token forgot the login but kept the sessions.
    LoggedOut,
    /// The device went away: nothing works until the library is finalized and initialized again.
    DeviceRemoved,
    /// The whole device stands still for so many milliseconds.
    FrozenMs(u64),
    /// The next signature comes out with one bit wrong.
    WrongSignature,
}

/// The next fault asked for in this folder, if any.
pub(crate) fn next(folder: &Path) -> Option<Fault> {
    let path = folder.join("faults.json");
    if !path.exists() {
        return None;
    }
    let store = Store::new(folder);
    let _lock = store.lock().ok()?;
    let text = std::fs::read(&path).ok()?;
    let mut faults: Vec<Fault> = serde_json::from_slice(&text).ok()?;
    let first = if faults.is_empty() {
        None
    } else {
        Some(faults.remove(0))
    };
    if faults.is_empty() {
        std::fs::remove_file(&path).ok()?;
    } else {
        let rest = serde_json::to_vec(&faults).ok()?;
        store.replace("faults.json", &rest).ok()?;
    }
    first
}

/// Stands still.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulated device has no clock to ask; this is its mechanics"
)]
pub(crate) fn freeze(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_shown_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(next(folder.path()), None);
        std::fs::write(
            folder.path().join("faults.json"),
            r#"["sessions_lost", {"frozen_ms": 2}]"#,
        )
        .unwrap();
        assert_eq!(next(folder.path()), Some(Fault::SessionsLost));
        assert_eq!(next(folder.path()), Some(Fault::FrozenMs(2)));
        assert_eq!(next(folder.path()), None);
        assert!(!folder.path().join("faults.json").exists());
    }
}
