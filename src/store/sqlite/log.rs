//! The write-ahead log as it lies on the disk (SQLite file format, section 4.1 to 4.3).
//!
//! SQLite believes a log up to the first frame whose checksum is wrong, for that is what a crash leaves behind, and
//! says nothing of what comes after. A bit that turned over in the middle of a log takes every later commit with it,
//! though each of them was confirmed. But a commit is written only when the one before it is on the disk: where two
//! commits stand behind a bad frame, no crash has made it bad.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::fault::{DATABASE, LOG_DAMAGED};
use crate::base::Fault;
use crate::base::clock::pause;

/// Bytes of the log's header and of each frame's.
pub(crate) const HEADER: usize = 32;
pub(crate) const FRAME_HEADER: usize = 24;
/// The first word of a log; its lowest bit says how checksums read words.
const MAGIC: u32 = 0x377F_0682;
/// A log that is written while it is read may look bad once.
const LOOKS: u32 = 3;
const BETWEEN: Duration = Duration::from_millis(20);

/// What a log tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Log {
    header: [u8; HEADER],
    /// Drawn anew whenever the log begins anew.
    pub(crate) salt: [u8; 8],
    /// Bytes up to the end of the last commit that SQLite believes.
    pub(crate) whole: u64,
    /// Commits behind the first bad frame, its own counted.
    behind: u32,
}

/// Reads the log beside a database; nothing if it has not begun.
///
/// # Errors
/// The disk's.
pub(crate) fn read(database: &Path) -> io::Result<Option<Log>> {
    let file = match File::open(path(database)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if !filled(&mut file, &mut header)? {
        return Ok(None);
    }
    let word = |at: usize| word_at(&header, at);
    let big = word(0) == MAGIC | 1;
    let mut sums = checksum(big, (0, 0), &header[..24]);
    let mut good = word(0) | 1 == MAGIC | 1 && sums == (word(24), word(28));
    let mut salt = salt_at(&header, 16);
    let page = usize::try_from(word(8)).unwrap_or_default();
    if !(512..=65_536).contains(&page) || !page.is_power_of_two() {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "a log without a page size",
        ));
    }
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut read, mut whole, mut behind, mut first) = (HEADER as u64, HEADER as u64, 0, true);
    while filled(&mut file, &mut frame)? {
        read += frame.len() as u64;
        if first && !good {
            // The header tells nothing any more; its frames still agree on their salts.
            salt = salt_at(&frame, 8);
        }
        first = false;
        let is_ours = salt_at(&frame, 8) == salt;
        let is_commit = word_at(&frame, 4) != 0;
        if good {
            let now = checksum(big, sums, &frame[..8]);
            let now = checksum(big, now, &frame[FRAME_HEADER..]);
            good = is_ours && now == (word_at(&frame, 16), word_at(&frame, 20));
            sums = now;
        }
        match (good, is_commit) {
            (true, true) => whole = read,
            (false, true) if is_ours => behind += 1,
            _ => {}
        }
    }
    Ok(Some(Log {
        header,
        salt,
        whole,
        behind,
    }))
}

/// Sees that no confirmed commit is lost in the log beside a database that is about to be opened.
///
/// # Errors
/// `STO-017` if one is, `STO-001` if the log cannot be read.
pub(crate) fn check(database: &Path) -> Result<(), Fault> {
    let mut before: Option<Log> = None;
    for _ in 0..LOOKS {
        let log = read(database)
            .map_err(|error| Fault::new(&DATABASE, error.to_string()).at(path(database).display()))?;
        match log {
            Some(log) if log.behind > 1 => {
                // Whoever writes it meanwhile begins it anew, with another header, or goes on.
                if before.is_some_and(|before| before == log) {
                    let what = format!("{} commits behind byte {}", log.behind, log.whole);
                    return Err(Fault::new(&LOG_DAMAGED, what).at(path(database).display()));
                }
                before = Some(log);
            }
            _ => return Ok(()),
        }
        pause(BETWEEN);
    }
    Ok(())
}

/// The log's file.
pub(crate) fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Salts, where they lie: at 16 in the log's header, at 8 in a frame's.
pub(crate) fn salt_at(bytes: &[u8], at: usize) -> [u8; 8] {
    bytes
        .get(at..at + 8)
        .and_then(|salt| salt.try_into().ok())
        .unwrap_or_default()
}

/// Fills the buffer; false at the end of the file, where less may lie.
fn filled(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word_at(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

/// Goes on with a checksum over whole pairs of words (section 4.2).
fn checksum(big: bool, (mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let read = if big {
        u32::from_be_bytes
    } else {
        u32::from_le_bytes
    };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks::<8>().0 {
        one = one.wrapping_add(read([*a, *b, *c, *d])).wrapping_add(two);
        two = two.wrapping_add(read([*e, *f, *g, *h])).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    const SCHEMA: &[(&str, &str)] = &[("one", "CREATE TABLE word (text TEXT NOT NULL)")];

    /// A log of so many commits, as a crash would leave it, and how many rows SQLite reads from it.
    async fn written(folder: &Path, commits: usize) -> (PathBuf, Vec<u8>) {
        let database = folder.join("words.db");
        let pool = open(&database, true, 1, SCHEMA).await.unwrap();
        for number in 0..commits {
            sqlx::query("INSERT INTO word VALUES ($1)")
                .bind(format!("word {number}"))
                .execute(&pool)
                .await
                .unwrap();
        }
        let copy = folder.join("copy.db");
        std::fs::copy(&database, &copy).unwrap();
        std::fs::copy(path(&database), path(&copy)).unwrap();
        pool.close().await;
        let log = std::fs::read(path(&copy)).unwrap();
        (copy, log)
    }

    #[tokio::test]
    async fn a_log_is_whole_to_its_last_commit_and_a_torn_end_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let (copy, bytes) = written(folder.path(), 5).await;
        let log = read(&copy).unwrap().unwrap();
        assert_eq!((log.whole, log.behind), (bytes.len() as u64, 0));
        let frame = FRAME_HEADER + 4_096;
        let last = bytes.len() - frame;
        // However the last commit was cut off: at a byte, or with bytes of it that never came.
        for cut in [last, last + 1, last + frame / 2, bytes.len() - 1] {
            std::fs::write(path(&copy), &bytes[..cut]).unwrap();
            check(&copy).unwrap();
            assert_eq!(read(&copy).unwrap().unwrap().whole, last as u64);
        }
        for at in [last, last + 4, last + 8, last + 100] {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            std::fs::write(path(&copy), &torn).unwrap();
            check(&copy).unwrap();
            assert_eq!(read(&copy).unwrap().unwrap().whole, last as u64);
        }
        assert_eq!(read(&folder.path().join("none.db")).unwrap(), None);
    }

    #[tokio::test]
    async fn a_bit_that_turned_over_in_the_middle_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (copy, bytes) = written(folder.path(), 6).await;
        let frame = FRAME_HEADER + 4_096;
        // The last commit but one is only believed to be durable when one stands behind it.
        let sure = bytes.len() - 2 * frame;
        for at in (0..sure).step_by(97).chain(0..HEADER) {
            let mut bent = bytes.clone();
            bent[at] ^= 0x10;
            std::fs::write(path(&copy), &bent).unwrap();
            let fault = check(&copy).unwrap_err();
            // Without the size of a page nothing can be read at all.
            assert!([&LOG_DAMAGED, &DATABASE].contains(&fault.code), "{at}: {fault}");
        }
    }
}
