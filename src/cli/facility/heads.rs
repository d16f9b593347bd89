//! Signed heads that were kept outside the ledger, held against it before anything is done: a backup that was brought
//! back fits itself, and would make cards again that were made since.

use std::path::Path;

use crate::audit::{BadRecord, Checkpoint, Flaw, Hash};
use crate::base::Fault;
use crate::port::{Ledger, Signer};

use super::fault::FILE;

/// The ledger holds what the newest of the heads in this folder was signed over, by the key of this label. One that is
/// bent or another ledger's is passed over here: `audit verify` names it.
///
/// # Errors
/// `AUDIT-005` or `AUDIT-006` if it does not; `FAC-003` for a folder that cannot be read.
pub(super) async fn must_be_reached(
    ledger: &dyn Ledger,
    hsm: &dyn Signer,
    label: &str,
    folder: &Path,
) -> Result<(), Fault> {
    let keys = hsm.keys().await?;
    // A key that is missing is told by who needs it.
    let Some(key) = keys.iter().find(|key| key.label == label) else {
        return Ok(());
    };
    let Some(head) = newest(ledger.name(), &key.public, folder)? else {
        return Ok(());
    };
    let before = head.size.saturating_sub(1);
    let page = ledger.entries_after(before, 1).await?;
    let flaw = match page.first() {
        None => Flaw::Cut { signed: head.size },
        Some(entry) if entry.seq == head.size && Hash::from_slice(&entry.hash) == Some(head.chain) => {
            return Ok(());
        }
        Some(_) => Flaw::Rewritten,
    };
    let seq = ledger.size().await?;
    Err(BadRecord { seq, flaw }.into())
}

fn newest(ledger: &str, key: &[u8], folder: &Path) -> Result<Option<Checkpoint>, Fault> {
    let unreadable = |error: std::io::Error| Fault::new(&FILE, error.to_string()).at(folder.display());
    if !folder.exists() {
        return Ok(None);
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|kind| kind == "txt") {
            names.push(path);
        }
    }
    // Their names are numbers of one length.
    names.sort_unstable();
    let opened = names.iter().rev().find_map(|path| {
        let note = std::fs::read_to_string(path).ok()?;
        Checkpoint::open_note(&note, key).ok()
    });
    Ok(opened.filter(|head| head.ledger == ledger))
}
