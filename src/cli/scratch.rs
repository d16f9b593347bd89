//! Folders that verbs work in and leave nothing of.

use std::path::{Path, PathBuf};

/// A folder to work in; removed when dropped, unless the user named it.
pub(super) struct Scratch {
    pub(super) dir: PathBuf,
    keep: bool,
}

impl Scratch {
    /// Makes the folder. A temporary one is named after the process.
    pub(super) fn new(named: Option<&Path>) -> std::io::Result<Self> {
        let dir = named.map_or_else(
            || std::env::temp_dir().join(format!("cardwright-{}", std::process::id())),
            Path::to_path_buf,
        );
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            dir: std::fs::canonicalize(&dir)?,
            keep: named.is_some(),
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed from a temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
