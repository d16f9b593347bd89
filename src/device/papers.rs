//! Papers for people, as files.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::base::Fault;
use crate::port::Papers;

/// What can go wrong with papers.
pub mod fault {
    crate::fault_codes! {
        /// A name that leads elsewhere.
        NAME = "PAP-001", Bug, false,
            "a paper's name is not a plain name", "tên giấy tờ không hợp lệ",
            "Report the name that is shown.", "Báo lại tên được hiển thị.";
        /// The disk.
        WRITE = "PAP-002", Device, true,
            "a paper cannot be written", "không ghi được giấy tờ",
            "Check the disk and the folder's permissions.", "Kiểm tra đĩa và quyền thư mục.";
    }
}

/// A folder of papers. They hold names of people, so only their owner may read them.
#[derive(Debug)]
pub struct FolderPapers {
    root: PathBuf,
    count: AtomicU64,
}

impl FolderPapers {
    /// Papers in this folder, which is made when it is needed.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            count: AtomicU64::new(0),
        }
    }

    /// Complete or not at all: a new file takes the old one's place once it is on the disk.
    fn write(&self, folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let draft = folder.join(format!(".{}-{number}.part", std::process::id()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&draft, folder.join(name)));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written?;
        std::fs::File::open(folder)?.sync_all()
    }
}

/// Removes a file, if it is there, once what it held is overwritten: a bare removal leaves that on the disk until
/// others write there. What the file system or the disk keeps of older states of it, this cannot reach.
///
/// # Errors
/// The disk's.
pub fn remove(path: &Path) -> std::io::Result<()> {
    let file = match std::fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let length = file.metadata()?.len();
    std::io::copy(&mut std::io::repeat(0).take(length), &mut &file)?;
    file.sync_all()?;
    std::fs::remove_file(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Both are plain names.
fn check(folder: &str, name: &str) -> Result<(), Fault> {
    let bad = [folder, name].into_iter().find(|text| !is_plain(text));
    bad.map_or(Ok(()), |text| Err(Fault::new(&fault::NAME, format!("{text:?}"))))
}

#[async_trait]
impl Papers for FolderPapers {
    async fn keep(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), Fault> {
        check(folder, name)?;
        let place = self.root.join(folder);
        // A few kilobytes to a local disk: shorter than handing them to another thread.
        self.write(&place, name, content)
            .map_err(|error| Fault::new(&fault::WRITE, format!("{folder}/{name}: {error}")))
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Fault> {
        check(folder, name)?;
        remove(&self.root.join(folder).join(name))
            .map_err(|error| Fault::new(&fault::WRITE, format!("{folder}/{name}: {error}")))
    }
}

/// One step down and no further, and no hidden file.
fn is_plain(text: &str) -> bool {
    !text.starts_with('.')
        && !text.contains(['\0', '/'])
        && Path::new(text)
            .components()
            .eq([Component::Normal(text.as_ref())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_paper_replaces_the_one_before_and_leaves_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let papers = FolderPapers::new(root.path().join("papers"));
        papers.keep("manifests", "B1.pdf", b"old").await.unwrap();
        papers.keep("manifests", "B1.pdf", b"new").await.unwrap();
        let folder = root.path().join("papers/manifests");
        assert_eq!(std::fs::read(folder.join("B1.pdf")).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_removed_is_overwritten_first() {
        let root = tempfile::tempdir().unwrap();
        let papers = FolderPapers::new(root.path().to_owned());
        papers.keep("boxes", "B1.json", b"a name").await.unwrap();
        let path = root.path().join("boxes/B1.json");
        // Another name for the same file shows what became of its content.
        let other = root.path().join("other");
        std::fs::hard_link(&path, &other).unwrap();
        Papers::remove(&papers, "boxes", "B1.json").await.unwrap();
        assert!(!path.exists());
        assert_eq!(std::fs::read(other).unwrap(), [0; 6]);
        // What is gone is gone.
        Papers::remove(&papers, "boxes", "B1.json").await.unwrap();
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let papers = FolderPapers::new(root.path().join("papers"));
        for bad in ["", ".", "..", "../x", "/x", "a/b", "a/", ".x", "a\0"] {
            for (folder, name) in [(bad, "x"), ("x", bad)] {
                let fault = papers.keep(folder, name, b"").await.unwrap_err();
                assert_eq!(fault.code, &fault::NAME, "{bad:?}");
            }
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
