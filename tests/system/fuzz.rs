//! The fuzz targets on mutations of their corpora, without coverage: a short run that any Rust can do. `make fuzz` runs
//! the same functions under libFuzzer, which learns from coverage.
//!
//! `CARDWRIGHT_FUZZ_RUNS=100000 cargo test --test system fuzz::` runs longer; `CARDWRIGHT_FUZZ_SEED` takes other dice.
//! An input that breaks a target is kept in `tests/fuzz/found`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardwright::base::Entropy;
use cardwright::base::clock::Stopwatch;
use cardwright::base::limits::DOSSIER_BYTES_MAX;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Mutations of a target's corpus; slow targets get fewer.
const RUNS: u32 = 2_000;
const RUNS_OF_SLOW: u32 = 300;
const SLOW: [&str; 5] = ["chip", "dossier", "hall", "image", "printer"];
/// One input must not take longer, even here, unoptimized.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Dice that fall the same way for the same seed.
struct Dice(Entropy);

impl Dice {
    fn below(&self, limit: usize) -> usize {
        let number = u64::from_be_bytes(self.0.bytes().unwrap());
        usize::try_from(number % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn byte(&self) -> u8 {
        // Values at which lengths and signs turn are likelier than others.
        const EDGES: [u8; 10] = [0x00, 0x01, 0x1F, 0x20, 0x7F, 0x80, 0x81, 0x82, 0xFE, 0xFF];
        match self.below(3) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.0.bytes::<1>().unwrap()[0],
        }
    }
}

/// A child of two members of the corpus.
fn mutate(parent: &[u8], other: &[u8], dice: &Dice) -> Vec<u8> {
    let mut child = parent.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(child.len());
        let end = at + dice.below((child.len() - at).min(64) + 1);
        match dice.below(8) {
            0 if !child.is_empty() => child[at] ^= 1 << dice.below(8),
            1 if !child.is_empty() => child[at] = dice.byte(),
            2 => child.insert(at, dice.byte()),
            3 => drop(child.drain(at..end)),
            4 => child.truncate(at),
            5 => {
                let again = child[at..end].to_vec();
                drop(child.splice(at..at, again));
            }
            6 => {
                let from = dice.below(other.len());
                let part = &other[from..from + dice.below(other.len() - from + 1)];
                drop(child.splice(at..end, part.iter().copied()));
            }
            // A number in text, larger than any that was meant.
            _ => drop(child.splice(at..end, *b"4294967296")),
        }
    }
    child.truncate(DOSSIER_BYTES_MAX + 1);
    child
}

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(of)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder("corpus").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn run(name: &str) {
    let target = targets::find(name).unwrap();
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    let seed = number("CARDWRIGHT_FUZZ_SEED").unwrap_or(1);
    let usual = if SLOW.contains(&name) { RUNS_OF_SLOW } else { RUNS };
    let runs = number("CARDWRIGHT_FUZZ_RUNS").unwrap_or(usual);
    let dice = Dice(Entropy::seeded(u64::from(seed)));
    let bred = (0..runs).map(|_| {
        let (parent, other) = (
            &corpus[dice.below(corpus.len())],
            &corpus[dice.below(corpus.len())],
        );
        mutate(parent, other, &dice)
    });
    for input in corpus.iter().cloned().chain(bred) {
        let watch = Stopwatch::start();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        let took = watch.elapsed();
        if outcome.is_err() || took > TIME_MAX {
            let found = folder("found");
            std::fs::create_dir_all(&found).unwrap();
            let file = found.join(format!("{name}-{seed}-{}", input.len()));
            std::fs::write(&file, &input).unwrap();
            panic!("{name} after {took:?}: {}", file.display());
        }
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert!(targets::TARGETS.iter().map(|(name, _)| *name).eq(run));
            let listed = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
            for name in run {
                assert!(listed.contains(&format!("name = \"{name}\"\n")), "{name} is not for libFuzzer");
            }
        }
    };
}

tests!(apdu audit certificate chip control cvc dossier hall image lds printer scanner sod tlv worker);
