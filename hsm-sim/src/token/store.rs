//! The token's folder: whole-file replacement, one lock, private file modes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cryptoki_sys::CKR_DEVICE_ERROR;

use super::record::TokenRecord;
use crate::rv::{Outcome, device_error};

const TOKEN: &str = "token.json";

/// A folder that holds, or will hold, a token.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Tells one version of the token's file from another: every replacement is a new file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    size: u64,
}

impl Store {
    /// The token in this folder; nothing is touched yet.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder (mode 0700) if it is not there.
    pub(crate) fn create(&self) -> Outcome<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.folder.join("counters"))
            .map_err(device_error)
    }

    /// Keeps every other process out until the answer is dropped.
    pub(crate) fn lock(&self) -> Outcome<File> {
        let file = private_file(&self.folder.join("lock"), false).map_err(device_error)?;
        file.lock().map_err(device_error)?;
        Ok(file)
    }

    /// The version of the token's file, or nothing before the token is initialized.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let data = fs::metadata(self.folder.join(TOKEN)).ok()?;
        Some(Stamp {
            inode: data.ino(),
            seconds: data.mtime(),
            nanoseconds: data.mtime_nsec(),
            size: data.size(),
        })
    }

    /// Reads the token's file.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` if it cannot be read or understood: a damaged token is never taken for an empty one.
    pub(crate) fn load(&self) -> Outcome<Option<TokenRecord>> {
        match fs::read(self.folder.join(TOKEN)) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|_| CKR_DEVICE_ERROR),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(CKR_DEVICE_ERROR),
        }
    }

    /// Replaces the token's file. The caller holds the lock.
    pub(crate) fn save(&self, record: &TokenRecord) -> Outcome<()> {
        let text = serde_json::to_vec_pretty(record).map_err(|_| CKR_DEVICE_ERROR)?;
        self.replace(TOKEN, &text)
    }

    /// Replaces a file as a whole, durably: after a crash it holds the old or the new content.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> Outcome<()> {
        let path = self.folder.join(name);
        let fresh = path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = private_file(&fresh, true)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(path.parent().unwrap_or(&self.folder))?.sync_all()
        };
        write().map_err(device_error)
    }

    /// A signature counter's file, made (mode 0600) if it is not there.
    pub(crate) fn counter(&self, object: u64) -> Outcome<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(count_name(object)))
            .map_err(device_error)
    }

    /// Forgets a counter with its key.
    pub(crate) fn forget_count(&self, object: u64) {
        // Left behind it would only be a stray file: object numbers are never used again.
        let _ = fs::remove_file(self.folder.join(count_name(object)));
    }
}

fn count_name(object: u64) -> String {
    format!("counters/{object}")
}

fn private_file(path: &Path, truncate: bool) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_private_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(&folder.path().join("token"));
        store.create().unwrap();
        store.replace("a.json", b"one").unwrap();
        store.replace("a.json", b"2").unwrap();
        let path = store.folder().join("a.json");
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(store.folder()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn a_damaged_token_is_an_error_and_a_missing_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert!(store.load().unwrap().is_none());
        fs::write(folder.path().join(TOKEN), b"{").unwrap();
        assert_eq!(store.load().unwrap_err(), CKR_DEVICE_ERROR);
    }
}
