//! The PIN is tried once. What the HSM has refused is not tried again by this process, nor by the next one that a
//! service manager starts, until a person has written the file anew: five restarts would lock the token for everybody.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault;
use crate::base::{Code, Fault, Secret};

/// Where the PIN comes from, and where it is noted that it was refused.
#[derive(Clone, Debug)]
pub struct PinSource {
    /// The file with the PIN.
    pub file: PathBuf,
    /// How it is read, and what such a file must be like.
    pub read: fn(&Path) -> Result<Secret<String>, Fault>,
    /// The file of the note. It holds nothing of the PIN, only which version of its file was refused.
    pub refusal: PathBuf,
}

impl PinSource {
    /// The PIN, as it is in its file now.
    pub(super) fn pin(&self) -> Result<Secret<String>, Fault> {
        (self.read)(&self.file)
    }

    /// Fails if this very file was refused before.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let Ok(noted) = fs::read_to_string(&self.refusal) else {
            return Ok(());
        };
        let mut words = noted.splitn(2, ' ');
        let (code, version) = (words.next(), words.next());
        if version != Some(self.version().as_str()) || code.is_some_and(|code| code == unanswered(1)) {
            return Ok(());
        }
        let code = if code == Some(fault::PIN_LOCKED.id) {
            &fault::PIN_LOCKED
        } else {
            &fault::PIN
        };
        Err(Fault::new(
            code,
            format!("not tried again until {} is written anew", self.file.display()),
        ))
    }

    /// Notes that it is about to be tried: who dies before the answer does not know it, and may try once more.
    pub(super) fn trying(&self) {
        let version = self.version();
        let before = fs::read_to_string(&self.refusal).unwrap_or_default();
        let times = if before == format!("{} {version}", unanswered(1)) {
            2
        } else {
            1
        };
        let note = format!("{} {version}", unanswered(times));
        if let Err(error) = write(&self.refusal, note.as_bytes()) {
            tracing::error!(%error, "that the PIN is tried cannot be noted");
        }
    }

    /// Notes the refusal. If that cannot be done, this process at least remembers.
    pub(super) fn refused(&self, code: &Code) {
        let note = format!("{} {}", code.id, self.version());
        if let Err(error) = write(&self.refusal, note.as_bytes()) {
            tracing::error!(%error, "that the PIN was refused cannot be noted: do not start again before it is right");
        }
    }

    /// Forgets what was noted: the PIN is right, or the token said nothing of it.
    pub(super) fn accepted(&self) {
        // A note of another version of the file says nothing, so it does no harm if it stays.
        let _ = fs::remove_file(&self.refusal);
    }

    /// One version of the file: whoever writes, replaces or touches it makes another.
    fn version(&self) -> String {
        fs::metadata(&self.file).map_or_else(
            |_| String::new(),
            |found| {
                let (inode, size) = (found.ino(), found.size());
                let (written, changed) = (
                    (found.mtime(), found.mtime_nsec()),
                    (found.ctime(), found.ctime_nsec()),
                );
                format!("{inode} {size} {written:?} {changed:?}")
            },
        )
    }
}

/// How a note begins of which nobody knows what the token answered.
fn unanswered(times: u8) -> String {
    format!("unanswered-{times}")
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dies_before_the_answer_tries_once_more_and_no_oftener() {
        let folder = tempfile::tempdir().unwrap();
        let source = PinSource {
            file: folder.path().join("pin"),
            read: |_| Ok(Secret::new(String::new())),
            refusal: folder.path().join("refused"),
        };
        fs::write(&source.file, "1234").unwrap();
        for _ in 0..2 {
            assert_eq!(source.check(), Ok(()));
            source.trying();
        }
        assert_eq!(source.check().unwrap_err().code, &fault::PIN);
        fs::write(&source.file, "12345").unwrap();
        assert_eq!(source.check(), Ok(()));
        source.trying();
        source.accepted();
        source.trying();
        assert_eq!(source.check(), Ok(()));
        source.refused(&fault::PIN);
        assert_eq!(source.check().unwrap_err().code, &fault::PIN);
    }

    #[test]
    fn a_refusal_holds_until_the_file_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let source = PinSource {
            file: folder.path().join("pin"),
            read: |_| unreachable!(),
            refusal: folder.path().join("pin-refused"),
        };
        fs::write(&source.file, "1234").unwrap();
        source.check().unwrap();
        source.refused(&fault::PIN_LOCKED);
        assert_eq!(source.check().unwrap_err().code.id, "HSM-004");
        source.refused(&fault::PIN);
        for _ in 0..3 {
            assert_eq!(source.check().unwrap_err().code.id, "HSM-003");
        }
        let noted = fs::read_to_string(&source.refusal).unwrap();
        assert!(!noted.contains("1234"), "nothing of the PIN: {noted}");
        fs::write(folder.path().join("new"), "12345").unwrap();
        fs::rename(folder.path().join("new"), &source.file).unwrap();
        source.check().unwrap();
        source.accepted();
        assert!(!source.refusal.exists());
    }
}
