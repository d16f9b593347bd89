//! Planted canaries: a facility of real processes makes cards of a person whose texts and pictures are known, erases
//! that person, and is then searched, every file and the daemon's whole memory. Only the hall, where the card itself
//! lies, is left out.
//!
//! A search that finds nothing proves nothing before it has found something: the same search is first held against the
//! dossier, the daemon that has it in hand, the papers of the box, and the chip.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cardwright::base::{Clock, hex};
use cardwright::dossier::{Dossier, Image};
use cardwright::port::Ledger;
use cardwright::sim::dossiers::{Generated, Plan, generate};
use cardwright::sim::registry::Registry;
use data_encoding::BASE64;
use memchr::memmem::Finder;
use rustix::process::Signal;
use time::Date;
use time::macros::format_description;

use super::hsm::block_on;
use super::processes::{cardwright, end_hall, ledger, signal, told};

/// Words that are in no program, no font and no other dossier; 64 bytes each.
const RESIDENCE: &str = "Qoxvit Zafwup Jeqymo Vuxzik Bawqep Fyzjot Hixqav Wezuqo Kyjfex A";
const MARKS: &str = "Zovqix Pufwaj Meqzyo Xuvkiz Qabwep Jotfyz Vaqhix Quozew Fexkyj B";
/// A name is written in three ways: on the face, in DG1, and in lists.
const NAME: &str = "Wuqixo Vezajy Qopfux Zywaq";
/// Bytes of a picture that are looked for.
const WINDOW: usize = 48;
/// What one needs when nothing happens.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is looked for, and what it is called when it is found.
struct Canaries(Vec<(String, Finder<'static>)>);

impl Canaries {
    fn of(dossier: &Dossier) -> Self {
        let mut canaries = Self(Vec::new());
        for (what, text) in [("residence", RESIDENCE), ("marks", MARKS), ("name", NAME)] {
            let upper = text.to_uppercase();
            canaries.add_text(what, text);
            canaries.add_text(&format!("{what} in capitals"), &upper);
            canaries.add_text(&format!("{what} in MRZ"), &upper.replace(' ', "<"));
        }
        canaries.add_picture("portrait", dossier.portrait.as_ref().unwrap());
        for finger in [2, 7] {
            canaries.add_picture("finger", dossier.finger(finger).unwrap());
        }
        canaries
    }

    fn add(&mut self, what: String, bytes: &[u8]) {
        self.0.push((what, Finder::new(bytes).into_owned()));
    }

    fn add_text(&mut self, what: &str, text: &str) {
        for (order, bytes) in [
            ("LE", u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ("BE", u16::to_be_bytes),
        ] {
            let wide: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
            self.add(format!("{what}, UTF-16{order}"), &wide);
        }
        self.add_bytes(what, text.as_bytes());
    }

    fn add_picture(&mut self, what: &str, image: &Image) {
        for quarter in 1..4 {
            let at = image.bytes.len() * quarter / 4;
            let window = &image.bytes[at..at + WINDOW];
            self.add_bytes(&format!("{what} at {at}"), window);
        }
    }

    /// Plain, hexadecimal, and base64 wherever it begins.
    fn add_bytes(&mut self, what: &str, bytes: &[u8]) {
        self.add(what.to_owned(), bytes);
        let digits = hex::encode(bytes);
        self.add(format!("{what}, hex"), digits.to_lowercase().as_bytes());
        self.add(format!("{what}, HEX"), digits.to_uppercase().as_bytes());
        for skipped in 0..3 {
            let whole = (bytes.len() - skipped) / 3 * 3;
            let text = BASE64.encode(&bytes[skipped..skipped + whole]);
            self.add(format!("{what}, base64"), text.as_bytes());
        }
    }

    /// What of it is in these bytes.
    fn found(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let there = self.0.iter().filter(|(_, finder)| finder.find(bytes).is_some());
        there.map(|(what, _)| what.as_str()).collect()
    }

    /// Every file below this folder that holds any of it, but for what is below the one that is left out.
    fn in_files(&self, folder: &Path, but: &Path) -> Vec<(PathBuf, BTreeSet<&str>)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if path == but {
                continue;
            }
            if kind.is_dir() {
                found.extend(self.in_files(&path, but));
            } else if kind.is_file() {
                let what = self.found(&std::fs::read(&path).unwrap_or_default());
                found.extend((!what.is_empty()).then_some((path, what)));
            }
        }
        found
    }

    /// What a core of this process would hold of it: all memory that it can write to.
    fn in_memory(&self, process: u32) -> BTreeSet<&str> {
        const OVERLAP: u64 = 512;
        const PIECE: u64 = 32 << 20;
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let memory = File::open(format!("/proc/{process}/mem")).unwrap();
        let (mut found, mut read) = (BTreeSet::new(), 0);
        for line in maps.lines() {
            let mut words = line.split(' ');
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            let (from, to) = range.split_once('-').unwrap();
            let [mut from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            while from < to {
                let mut bytes = vec![0; usize::try_from((to - from).min(PIECE)).unwrap()];
                // What was let go meanwhile is not there to be read.
                let count = memory.read_at(&mut bytes, from).unwrap_or(0);
                found.extend(self.found(&bytes[..count]));
                read += count;
                from = if to - from > PIECE {
                    from + PIECE - OVERLAP
                } else {
                    to
                };
            }
        }
        assert!(read > 1 << 20, "the memory of {process} was not read");
        found
    }
}

/// A rehearsal's facility and its hall; the daemon works in it until this is dropped.
struct Facility {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

impl Facility {
    fn new() -> Self {
        let facility = Self {
            folder: tempfile::tempdir().unwrap(),
            daemon: None,
        };
        // The hall that it starts keeps what it inherits: nobody may wait for the end of its output.
        let died = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .env("CARDWRIGHT_KILL_AT", "start/before-outcome")
            .args(["rehearse", "--cards", "2", "--facility"])
            .arg(facility.dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!died.success(), "it was to die when all is set up");
        let settings = facility.dir().join("cardwright.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        let second = format!("[paths]\nledger_copy = {:?}", facility.path("second"));
        std::fs::write(settings, text.replacen("[paths]", &second, 1)).unwrap();
        facility
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn dir(&self) -> PathBuf {
        self.path("facility")
    }

    /// Starts the daemon, whose every word is kept; its process.
    fn run(&mut self) -> u32 {
        // Whoever asks while nobody answers there would open the facility itself, and shut the daemon out.
        let socket = self.dir().join("control.sock");
        let _ = std::fs::remove_file(&socket);
        let log = File::create(self.path("daemon.log")).unwrap();
        let daemon = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .args(["run", "--log-level", "trace", "--facility"])
            .arg(self.dir())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = daemon.id();
        self.daemon = Some(daemon);
        self.until("a daemon that answers", || socket.exists().then_some(()));
        process
    }

    fn ask(&self, words: &[&str]) -> Output {
        cardwright(&self.dir(), words).output().unwrap()
    }

    fn good(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(
            output.status.success(),
            "{words:?}\n{}\n{}",
            told(&output),
            self.log()
        );
        told(&output)
    }

    /// One command by each of two people.
    fn two(&self, words: &[&str]) -> String {
        let first = self.ask(&[words, &["--as", "an"]].concat());
        assert!(told(&first).contains("second person"), "{}", told(&first));
        self.good(&[words, &["--as", "binh"]].concat())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// Asks again and again until it is so.
    fn until<T>(&self, what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
        let clock = block_on(async { Clock::system() });
        let since = clock.now();
        loop {
            if let Some(so) = is_so() {
                return so;
            }
            let waited = clock.now() - since;
            assert!(waited < PATIENCE, "{what} has not come about\n{}", self.log());
            cardwright::base::clock::pause(Duration::from_millis(100));
        }
    }

    fn stations(&self) -> Vec<String> {
        (1..=8).map(|number| format!("S{number:02}")).collect()
    }
}

impl Drop for Facility {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        end_hall(&self.dir().join("hall"));
    }
}

/// The same people as the rehearsal's, so that its registry signs for them.
fn people(dir: &Path) -> Generated {
    let cast: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("people.json")).unwrap()).unwrap();
    let day = format_description!("[year]-[month]-[day]");
    generate(Plan {
        seed: cast["seed"].as_u64().unwrap(),
        count: 1,
        issued: Date::parse(cast["day"].as_str().unwrap(), &day).unwrap(),
        intake: None,
    })
}

/// A person with a portrait and fingers, the planted texts instead of their own.
fn planted(people: &Generated) -> Dossier {
    let whole = |dossier: &Dossier| dossier.portrait.is_some() && dossier.finger(7).is_some();
    let mut dossier = (500..).map(|index| people.truth(index)).find(whole).unwrap();
    dossier.priority = 9;
    dossier.person.name = NAME.to_owned();
    dossier.person.residence = RESIDENCE.to_owned();
    dossier.person.marks = MARKS.to_owned();
    dossier.place.village = format!("Thôn {}", &MARKS[..24]);
    dossier
}

#[test]
fn nothing_of_an_erased_person_is_found_anywhere() {
    let mut facility = Facility::new();
    let (dir, hall) = (facility.dir(), facility.dir().join("hall"));
    let people = people(&dir);
    let dossier = planted(&people);
    let canaries = Canaries::of(&dossier);
    let document = people.signed(&dossier);
    // The search knows what it looks for: texts and pictures in the dossier as it is in hand.
    let plain = serde_json::to_vec(&dossier).unwrap();
    let known = canaries.found(&plain);
    for what in ["residence", "marks", "name", "portrait", "finger"] {
        assert!(
            known.iter().any(|known| known.starts_with(what)),
            "{what}: {known:?}"
        );
    }
    block_on(async {
        let registry = Registry::open(&dir.join("registry.db")).await.unwrap();
        registry
            .approve(std::slice::from_ref(&dossier.request))
            .await
            .unwrap();
        registry.close().await;
    });

    let process = facility.run();
    // The machines stand still, so that the daemon keeps the prepared card in hand.
    let stations = facility.stations();
    for station in &stations {
        facility.until("a machine that stands still", || {
            let stopped = facility.ask(&["position", "stop", station]);
            stopped.status.success().then_some(())
        });
    }
    assert!(canaries.in_memory(process).is_empty(), "before it came");
    let inbox = dir.join("dossiers");
    std::fs::write(inbox.join(".canary"), &document).unwrap();
    std::fs::rename(inbox.join(".canary"), inbox.join("canary.json")).unwrap();
    let in_hand = facility.until("a prepared card in the daemon's memory", || {
        let found = canaries.in_memory(process);
        found
            .iter()
            .any(|what| what.starts_with("portrait"))
            .then_some(found)
    });
    assert!(
        in_hand.contains("name in MRZ") || in_hand.contains("name"),
        "{in_hand:?}"
    );
    for station in &stations {
        facility.good(&["position", "resume", station]);
    }
    let request = dossier.request.as_str();
    facility.until("a boxed card", || {
        let shown = facility.ask(&["order", "show", request, "--json"]);
        told(&shown).contains("\"state\": \"boxed\"").then_some(())
    });
    let boxes = block_on(async {
        let ledger = ledger(&dir).await;
        let boxes = ledger.boxes(false).await.unwrap();
        ledger.close().await;
        boxes
    });
    for state in boxes {
        let label = state.label.as_str();
        facility.until("a box that no desk fills any more", || {
            facility
                .ask(&["box", "seal", label])
                .status
                .success()
                .then_some(())
        });
        // The registry hears of the last card a moment later.
        facility.until("a box that has left", || {
            let left = facility.ask(&["box", "dispatch", label, "--consignment", "X-1"]);
            left.status.success().then_some(())
        });
    }

    // What is there before the erasure: the papers name the person, the chip holds all, the databases tell nothing.
    let before = canaries.in_files(&dir, &hall);
    assert!(!before.is_empty(), "the papers name nobody");
    for (path, what) in &before {
        assert!(
            path.starts_with(dir.join("papers/boxes")),
            "{}: {what:?}",
            path.display()
        );
    }
    let card: BTreeSet<&str> = canaries
        .in_files(&hall, &hall.join("nothing"))
        .into_iter()
        .flat_map(|(_, what)| what)
        .collect();
    // This profile's chip holds no fingers.
    for what in ["name in MRZ", "residence", "marks", "portrait"] {
        assert!(
            card.iter().any(|found| found.starts_with(what)),
            "on the card: {what}, {card:?}"
        );
    }

    facility.two(&["privacy", "erase", request, "--reason", "request of the person"]);
    let shown = facility.good(&["privacy", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let label = shown["epochs"][0]["label"].as_str().unwrap().to_owned();
    facility.two(&["privacy", "close", &label]);

    // Every file of the facility, its second disk, and whatever the daemon has said.
    let folder = facility.folder.path();
    let found = canaries.in_files(folder, &hall);
    assert!(found.is_empty(), "{found:?}");
    // What the daemon holds: it has read, prepared, written and printed that card.
    let left = facility.until("a daemon that has let go", || {
        let found = canaries.in_memory(process);
        found.is_empty().then_some(found)
    });
    assert!(left.is_empty());
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    // What became of the order is still told, and everybody else's data is where it was.
    let history = facility.good(&["order", "show", request]);
    assert!(history.contains("personal data erased"), "{history}");
    let preview = facility.ask(&["preview", request]);
    assert!(told(&preview).contains("LIN-040"), "{}", told(&preview));
    signal(process, Signal::TERM);
    let daemon = facility.daemon.as_mut().unwrap();
    assert!(daemon.wait().unwrap().success(), "{}", facility.log());
    let found = canaries.in_files(facility.folder.path(), &hall);
    assert!(found.is_empty(), "{found:?}");
    facility.good(&["audit", "verify"]);
}

/// The PIN stays in its file: it is in no memory once it was used, in no core therefore, and in no other file, log,
/// argument or variable.
#[test]
fn the_pin_is_in_its_file_and_nowhere_else() {
    let mut facility = Facility::new();
    let secrets = facility.dir().join("secrets");
    let mut pins = Canaries(Vec::new());
    for file in std::fs::read_dir(&secrets).unwrap().flatten() {
        let pin = std::fs::read(file.path()).unwrap();
        assert!(pin.trim_ascii().len() >= 12);
        pins.add_bytes(file.file_name().to_str().unwrap(), pin.trim_ascii());
    }
    let process = facility.run();
    facility.until("a boxed card", || {
        let shown = facility.ask(&["order", "show", "O0000001", "--json"]);
        told(&shown).contains("\"state\": \"boxed\"").then_some(())
    });
    for told in ["cmdline", "environ"] {
        let told = std::fs::read(format!("/proc/{process}/{told}")).unwrap();
        assert!(pins.found(&told).is_empty());
    }
    facility.until("a daemon that has let go", || {
        pins.in_memory(process).is_empty().then_some(())
    });
    let found = pins.in_files(facility.folder.path(), &secrets);
    assert!(found.is_empty(), "{found:?}");
}
