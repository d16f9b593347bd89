//! The ledger after a power cut: a disk keeps what was synced, and of the rest whatever it likes. What the real program
//! wrote and synced while it made three cards is written down, and every disk that a power cut may have left behind is
//! rebuilt: of the writes since the last sync the first few, all but one, all but the first few, or a piece of one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use cardwright::cli::office::audit::check;

use super::hsm::block_on;
use super::processes::{cardwright, end_hall, preloaded, told};

/// Disks write so many bytes or none.
const SECTOR: usize = 512;
/// Every so many-th disk is looked at, unless `POWER_CUTS=all` asks for each.
const SAMPLE: usize = 40;
const NAME: &str = "rehearsal/K1";

/// What was done to one of the files.
enum Done {
    Written { at: usize, bytes: Vec<u8> },
    Cut(usize),
    Synced,
}

/// The database and its write-ahead log.
#[derive(Clone, Default)]
struct Disk([Vec<u8>; 2]);

impl Disk {
    fn read(ledger: &Path) -> Self {
        let log = format!("{}-wal", ledger.display());
        Self([
            std::fs::read(ledger).unwrap(),
            std::fs::read(log).unwrap_or_default(),
        ])
    }

    fn with<'a>(&self, file: usize, done: impl IntoIterator<Item = &'a Done>) -> Self {
        let mut disk = self.clone();
        done.into_iter().for_each(|done| disk.take(file, done));
        disk
    }

    fn take(&mut self, file: usize, done: &Done) {
        let content = &mut self.0[file];
        match done {
            Done::Written { at, bytes } => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*at..end].copy_from_slice(bytes);
            }
            Done::Cut(length) => content.resize(*length, 0),
            Done::Synced => {}
        }
    }

    /// How many records a reader finds on it, and that they are sound.
    async fn records(&self, folder: &Path) -> u64 {
        let ledger = folder.join("ledger.db");
        let _ = std::fs::remove_file(folder.join("ledger.db-shm"));
        std::fs::write(folder.join("ledger.db-wal"), &self.0[1]).unwrap();
        std::fs::write(&ledger, &self.0[0]).unwrap();
        let answer = check(&ledger, NAME, None, &[]).await.unwrap();
        assert!(answer.good, "{}", answer.text);
        answer.data["records"].as_u64().unwrap()
    }
}

/// What may have reached the disk of writes that were not synced.
fn remains(waiting: &[Done]) -> Vec<Vec<&Done>> {
    let mut remains = vec![waiting.iter().collect()];
    for at in 0..waiting.len() {
        remains.push(waiting[..at].iter().collect());
        remains.push(waiting[at + 1..].iter().collect());
        remains.push(waiting[..at].iter().chain(&waiting[at + 1..]).collect());
    }
    remains
}

/// Pieces of a write, from its beginning.
fn torn(write: &Done) -> Vec<Done> {
    match write {
        Done::Written { at, bytes } => (SECTOR..bytes.len())
            .step_by(SECTOR)
            .map(|length| Done::Written {
                at: *at,
                bytes: bytes[..length].to_vec(),
            })
            .collect(),
        Done::Cut(_) | Done::Synced => Vec::new(),
    }
}

/// The record of [`recorder.c`](./power/recorder.c): which file, and what was done to it.
fn recorded(path: &Path) -> Vec<(usize, Done)> {
    let record = std::fs::read(path).unwrap();
    let mut rest = record.as_slice();
    let mut all = Vec::new();
    while let Some((head, more)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes(*head[4..].first_chunk().unwrap());
        let offset = u64::from_ne_bytes(*head[8..].first_chunk().unwrap());
        let (length, at) = (usize::try_from(length).unwrap(), usize::try_from(offset).unwrap());
        let (bytes, more) = more.split_at(length);
        let done = match head[0] {
            b'W' => Done::Written {
                at,
                bytes: bytes.to_vec(),
            },
            b'T' => Done::Cut(at),
            b'S' => Done::Synced,
            other => panic!("{other}"),
        };
        all.push((usize::from(head[1] == b'w'), done));
        rest = more;
    }
    all
}

/// Makes three cards under the eyes of the recorder: the disk before, and all that was done to it.
fn three_cards(dir: &Path) -> (Disk, Vec<(usize, Done)>) {
    let small = ["--cards", "3", "--stations", "1", "--desks", "1"];
    let words = |more: &'static str| [&["rehearse"], &small[..], &[more]].concat();
    let prepared = cardwright(dir, &words("--prepare")).output().unwrap();
    assert!(prepared.status.success(), "{}", told(&prepared));
    let ledger = dir.join("ledger.db");
    let before = Disk::read(&ledger);
    let record: PathBuf = dir.join("record");
    let status = cardwright(dir, &["rehearse"])
        .env("LD_PRELOAD", preloaded("power/recorder.c", dir))
        .env("RECORD_OF", std::fs::canonicalize(&ledger).unwrap())
        .env("RECORD_INTO", &record)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    end_hall(&dir.join("hall"));
    assert!(status.success(), "{status}");
    (before, recorded(&record))
}

#[test]
fn whatever_a_power_cut_leaves_of_unsynced_writes_the_ledger_is_sound_and_keeps_what_it_confirmed() {
    let every = match std::env::var("POWER_CUTS").as_deref() {
        Ok("all") => 1,
        _ => SAMPLE,
    };
    let dir = tempfile::tempdir().unwrap();
    let (mut certain, all) = three_cards(dir.path());
    let end = {
        let mut end = certain.clone();
        all.iter().for_each(|(file, done)| end.take(*file, done));
        end
    };
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let (mut confirmed, last) = (
            certain.records(folder.path()).await,
            end.records(folder.path()).await,
        );
        assert!(last > confirmed + 30, "{confirmed} to {last} records");
        let mut waiting: [Vec<Done>; 2] = Default::default();
        let (mut disks, mut looked_at, mut syncs) = (0_usize, 0, 0);
        for (file, done) in all {
            if !matches!(done, Done::Synced) {
                waiting[file].push(done);
                continue;
            }
            syncs += 1;
            let other = 1 - file;
            for others in [&[][..], &waiting[other]] {
                let settled = certain.with(other, others);
                let whole = remains(&waiting[file])
                    .into_iter()
                    .map(|reached| settled.with(file, reached));
                let pieces = waiting[file].iter().enumerate().flat_map(|(at, write)| {
                    let before = settled.with(file, &waiting[file][..at]);
                    torn(write)
                        .into_iter()
                        .map(move |piece| before.with(file, [&piece]))
                        .collect::<Vec<_>>()
                });
                for disk in whole.chain(pieces) {
                    disks += 1;
                    if disks % every != 0 {
                        continue;
                    }
                    looked_at += 1;
                    let found = disk.records(folder.path()).await;
                    assert!(
                        (confirmed..=last).contains(&found),
                        "{found} records, {confirmed} were confirmed: sync {syncs}, disk {disks}"
                    );
                }
            }
            certain = certain.with(file, &waiting[file]);
            waiting[file].clear();
            confirmed = confirmed.max(certain.records(folder.path()).await);
        }
        println!("{looked_at} of {disks} disks at {syncs} syncs, {last} records");
        assert_eq!(confirmed, last, "all of it was synced");
        assert!(looked_at > 40, "{looked_at}");
    });
}
