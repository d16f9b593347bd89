//! Signed heads that were kept outside the ledger, held against it before anything is done: a backup that was brought
//! back fits itself, and would make cards again that were made since.

use std::io;
use std::path::{Path, PathBuf};

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
    let files = files(folder).map_err(|error| Fault::new(&FILE, error.to_string()).at(folder.display()))?;
    let opened = files.iter().rev().find_map(|path| {
        let note = std::fs::read_to_string(path).ok()?;
        Checkpoint::open_note(&note, key).ok()
    });
    Ok(opened.filter(|head| head.ledger == ledger))
}

/// The files of signed heads in this folder, from the oldest to the newest: their names are numbers of one length. None
/// if there is no folder.
///
/// # Errors
/// When it cannot be read.
pub(in crate::cli) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|kind| kind == "txt"));
    files.sort_unstable();
    Ok(files)
}
