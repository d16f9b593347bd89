//! The second copy of the ledger, on another disk: the same file, a moment later.
//!
//! SQLite only ever appends to its write-ahead log until the log is folded into the file and begun anew with other
//! salts (SQLite file format, section 4). So what a commit has changed are the frames behind those that were copied,
//! up to the last that ends a commit. When the log begins anew, the copy folds its own, and both files hold the same
//! pages again. The copy needs no restoring: it is a ledger, to be verified and to be used.
//!
//! The writer is the only one that changes the ledger, and copies before it answers. What is sealed or printed cannot
//! be taken back, so these intents are also synced on the second disk before anybody acts on them.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqlitePool;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::super::fault::{AHEAD, NO_FILE, SECOND, SET_BACK, database};
use super::super::sqlite::{int, log, open, open_to_read};
use super::writer::head;
use super::{Author, MIGRATIONS, lock};
use crate::audit::Hash;
use crate::base::Fault;

/// Frames read at a time.
const FRAMES: usize = 32;

/// The copy, being kept.
#[derive(Debug)]
pub(super) struct Second {
    ledger: PathBuf,
    copy: PathBuf,
    /// Salts of the log that is being copied; none before its first frame.
    salt: Option<[u8; 8]>,
    /// Bytes of it that are copied.
    copied: u64,
    /// Bytes were copied that are not synced.
    unsynced: bool,
}

impl Second {
    /// Takes up the copy in this folder, or makes it. The ledger is open, and nobody writes to it yet.
    ///
    /// # Errors
    /// `STO-015` if the copy knows records that the ledger does not: a backup was restored, or the first disk was lost.
    /// `STO-016` if the second disk fails.
    pub(super) async fn take_up(
        ledger: &Path,
        folder: &Path,
        pool: &SqlitePool,
        author: &Author,
    ) -> Result<Self, Fault> {
        let name = ledger
            .file_name()
            .ok_or_else(|| failed("the ledger has no name"))?;
        fs::create_dir_all(folder).await.map_err(failed)?;
        let mut second = Self {
            ledger: ledger.to_owned(),
            copy: folder.join(name),
            salt: None,
            copied: 0,
            unsynced: false,
        };
        if second.copy.exists() {
            second.go_on(pool, author).await?;
        } else {
            second.begin(pool).await?;
        }
        second.follow(true).await?;
        Ok(second)
    }

    /// Copies what was committed since; with `sync` it is on the second disk when this returns.
    ///
    /// # Errors
    /// `STO-016`.
    pub(super) async fn follow(&mut self, sync: bool) -> Result<(), Fault> {
        self.copy_frames()
            .await
            .map_err(|fault| fault.at(self.copy.display()))?;
        if sync && self.unsynced {
            let log = File::open(log::path(&self.copy)).await.map_err(failed)?;
            log.sync_data().await.map_err(failed)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// The ledger's log was cut: the copy's is folded into its file, too, and holds nothing that was erased.
    ///
    /// # Errors
    /// `STO-016`, and what the copy's database says.
    pub(super) async fn forget(&mut self) -> Result<(), Fault> {
        fold(&self.copy).await?;
        (self.salt, self.copied) = (None, 0);
        Ok(())
    }

    async fn copy_frames(&mut self) -> Result<(), Fault> {
        let Some((mut log, header)) = open_log(&self.ledger).await? else {
            return Ok(());
        };
        let salt = log::salt_at(&header, 16);
        if self.salt != Some(salt) {
            if self.salt.is_some() {
                fold(&self.copy).await?;
            }
            fs::write(log::path(&self.copy), &header).await.map_err(failed)?;
            sync_folder(&self.copy).await?;
            (self.salt, self.copied) = (Some(salt), log::HEADER as u64);
        }
        let page = header
            .get(8..12)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_be_bytes)
            .ok_or_else(|| failed("a log without a page size"))?;
        let frame = log::FRAME_HEADER + usize::try_from(page).map_err(failed)?;
        log.seek(SeekFrom::Start(self.copied)).await.map_err(failed)?;
        let mut new = Vec::new();
        let mut whole = 0;
        loop {
            let read = (&mut log)
                .take((frame * FRAMES) as u64)
                .read_to_end(&mut new)
                .await
                .map_err(failed)?;
            let valid = new
                .chunks_exact(frame)
                .take_while(|frame| log::salt_at(frame, 8) == salt)
                .enumerate()
                // A frame that ends a commit says how large the file is then.
                .filter(|(_, frame)| frame.get(4..8) != Some(&[0u8; 4][..]))
                .last();
            whole = valid.map_or(whole, |(last, _)| (last + 1) * frame);
            if read < frame * FRAMES
                || new
                    .chunks_exact(frame)
                    .any(|frame| log::salt_at(frame, 8) != salt)
            {
                break;
            }
        }
        new.truncate(whole);
        if new.is_empty() {
            return Ok(());
        }
        let mut into = OpenOptions::new()
            .write(true)
            .open(log::path(&self.copy))
            .await
            .map_err(failed)?;
        into.seek(SeekFrom::Start(self.copied)).await.map_err(failed)?;
        into.write_all(&new).await.map_err(failed)?;
        into.flush().await.map_err(failed)?;
        self.copied += whole as u64;
        self.unsynced = true;
        Ok(())
    }

    /// The ledger's file as a whole, its log folded in.
    async fn begin(&mut self, pool: &SqlitePool) -> Result<(), Fault> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(pool)
            .await
            .map_err(|error| database(&error))?;
        let fresh = self.copy.with_extension("new");
        fs::copy(&self.ledger, &fresh).await.map_err(failed)?;
        File::open(&fresh)
            .await
            .map_err(failed)?
            .sync_all()
            .await
            .map_err(failed)?;
        // An old copy's log belongs to no new one.
        match fs::remove_file(log::path(&self.copy)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::rename(&fresh, &self.copy).await.map_err(failed)?;
        sync_folder(&self.copy).await?;
        (self.salt, self.copied) = (None, 0);
        Ok(())
    }

    /// Goes on with a copy that is there: behind the frames it has, or, where the logs tell nothing, from the same
    /// file; otherwise it is made anew.
    async fn go_on(&mut self, pool: &SqlitePool, author: &Author) -> Result<(), Fault> {
        let read = |database: &Path| log::read(database).map_err(failed);
        let (ledgers, copys) = (read(&self.ledger)?, read(&self.copy)?);
        if let (Some(own), Some(known)) = (&ledgers, &copys)
            && own.salt == known.salt
        {
            // What is whole in the copy was whole in the ledger: if it is no more, the ledger is damaged.
            if known.whole > own.whole {
                return Err(Fault::new(&SET_BACK, "the copy's log is longer"));
            }
            // Copied again from its beginning: a crash may have cut its last frames, and it is never long.
            (self.salt, self.copied) = (Some(own.salt), log::HEADER as u64);
            return Ok(());
        }
        let known = fold(&self.copy).await?;
        let own = head(pool).await?;
        if let Some((seq, hash)) = known
            && hash_at(pool, seq).await? != Some(hash)
        {
            let size = own.map_or(0, |(seq, _)| seq);
            let detail = format!("{} ends at record {size}, the copy at {seq}", author.ledger);
            return Err(Fault::new(&SET_BACK, detail));
        }
        if own == known && ledgers.is_none() && same_file(&self.ledger, &self.copy).await? {
            return Ok(());
        }
        self.begin(pool).await
    }
}

/// Brings the copy back in place of a ledger that is lost or was set back; what lies there is set aside beside it.
///
/// # Errors
/// `STO-002` if a controller runs, `STO-008` if there is no copy, `STO-018` if the ledger goes on where the copy ends,
/// `STO-011` or `STO-013` if the copy is no ledger, `STO-016` if a disk fails.
pub async fn restore(ledger: &Path, folder: &Path) -> Result<(), Fault> {
    let name = ledger
        .file_name()
        .ok_or_else(|| failed("the ledger has no name"))?;
    let copy = folder.join(name);
    if !copy.exists() {
        return Err(Fault::new(&NO_FILE, copy.display().to_string()));
    }
    let _lock = lock(ledger)?;
    let known = fold(&copy).await?;
    must_not_know_more(ledger, known).await?;
    let index = |database: &Path| {
        let mut name = database.as_os_str().to_owned();
        name.push("-shm");
        PathBuf::from(name)
    };
    // What was set aside before stays.
    let aside = (1..)
        .map(|number| ledger.with_extension(format!("set-aside-{number}")))
        .find(|aside| !aside.exists() && !log::path(aside).exists())
        .unwrap_or_else(|| ledger.with_extension("set-aside"));
    for (from, to) in [
        (ledger.to_owned(), aside.clone()),
        (log::path(ledger), log::path(&aside)),
        (index(ledger), index(&aside)),
    ] {
        match fs::rename(&from, &to).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let fresh = ledger.with_extension("new");
    fs::copy(&copy, &fresh).await.map_err(failed)?;
    File::open(&fresh)
        .await
        .map_err(failed)?
        .sync_all()
        .await
        .map_err(failed)?;
    fs::rename(&fresh, ledger).await.map_err(failed)?;
    sync_folder(ledger).await
}

/// A ledger that goes on where its copy ends must not be put back by it: the copy was not kept for a while.
async fn must_not_know_more(ledger: &Path, known: Option<(u64, Hash)>) -> Result<(), Fault> {
    // One that is lost or cannot be read knows nothing.
    let Ok(pool) = open_to_read(ledger).await else {
        return Ok(());
    };
    let own = head(&pool).await;
    let hash = match known {
        Some((seq, _)) => hash_at(&pool, seq).await,
        None => Ok(None),
    };
    pool.close().await;
    let (Ok(Some((own, _))), Ok(hash)) = (own, hash) else {
        return Ok(());
    };
    let (size, copys) = known.map_or((0, None), |(seq, hash)| (seq, Some(hash)));
    if own > size && hash == copys {
        return Err(Fault::new(&AHEAD, format!("record {own}, the copy {size}")));
    }
    Ok(())
}

/// The hash of a record, if it is there.
async fn hash_at(pool: &SqlitePool, seq: u64) -> Result<Option<Hash>, Fault> {
    let hash: Option<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM entry WHERE seq = $1")
        .bind(int(seq))
        .fetch_optional(pool)
        .await
        .map_err(|error| database(&error))?;
    Ok(hash.as_deref().and_then(Hash::from_slice))
}

/// Folds the copy's log into its file and answers its head.
async fn fold(copy: &Path) -> Result<Option<(u64, Hash)>, Fault> {
    let pool = open(copy, false, 1, MIGRATIONS).await?;
    let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&pool)
        .await;
    let known = head(&pool).await;
    pool.close().await;
    folded.map_err(|error| database(&error))?;
    known
}

/// The log beside a database and its header, if it has begun.
async fn open_log(database: &Path) -> Result<Option<(File, [u8; log::HEADER])>, Fault> {
    let mut log = match File::open(log::path(database)).await {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut header = [0; log::HEADER];
    match log.read_exact(&mut header).await {
        Ok(_) => Ok(Some((log, header))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Same size, same first page: both were closed in the same state.
async fn same_file(one: &Path, other: &Path) -> Result<bool, Fault> {
    const PAGE: u64 = 4_096;
    let first = async |path: &Path| -> Result<(u64, Vec<u8>), Fault> {
        let file = File::open(path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        let mut page = Vec::new();
        file.take(PAGE).read_to_end(&mut page).await.map_err(failed)?;
        Ok((size, page))
    };
    Ok(first(one).await? == first(other).await?)
}

async fn sync_folder(of: &Path) -> Result<(), Fault> {
    let folder = of.parent().unwrap_or_else(|| Path::new("."));
    let folder = File::open(folder).await.map_err(failed)?;
    folder.sync_all().await.map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::new(&SECOND, error.to_string())
}
