//! The whole line on PC/SC readers: the real pcscd with a virtual reader for each machine and desk, the hall's printers
//! and people as usual. The judge is the hall, as for the line on sockets.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cardwright::base::clock::Stopwatch;
use cardwright::base::{Clock, Entropy};
use cardwright::chip::{ChipProfile, MrzKey, Password, Request, Verdict, inspect};
use cardwright::device::pcsc::PcscEncoder;
use cardwright::document::{FileId, dg1};
use cardwright::line::talk::with_chip;
use cardwright::port::{Encoder, Ledger};
use cardwright::sim::hall::{self, Spot};
use cardwright::sim::pcscd::{READERS_MAX, reader_name};
use rustix::process::Signal;

use super::hsm::block_on;
use super::processes::{Ending, cardwright, finish, ledger, open_hall, settle_quarantined, signal, told};
use super::rehearsal::judge;
use super::strangers::{InReader, accept_over_pcsc, beside_the_crl};

mod disturbed;

/// Enough for each machine to make a few.
const CARDS: &str = "48";

fn rehearse(dir: &Path) -> Command {
    cardwright(dir, &["rehearse", "--readers", "pcsc", "--cards", CARDS])
}

#[test]
fn the_line_makes_over_pcsc_what_it_makes_over_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let output = rehearse(dir.path()).output().unwrap();
    let text = told(&output);
    assert!(output.status.success() && text.contains("\nbalanced"), "{text}");
    assert!(text.contains("Spoiled:  0"), "{text}");
    let settings = std::fs::read_to_string(dir.path().join("cardwright.toml")).unwrap();
    assert_eq!(
        settings.matches("pcsc = { name = \"Hall ").count(),
        12,
        "{settings}"
    );
    let over_pcsc = judge(dir.path(), &text);

    let sockets = tempfile::tempdir().unwrap();
    let output = cardwright(sockets.path(), &["rehearse", "--cards", CARDS])
        .output()
        .unwrap();
    assert_eq!(over_pcsc, judge(sockets.path(), &told(&output)));

    a_finished_card_is_one_to_any_program(dir.path());
}

/// `sim chip` lays a boxed card and a blank onto readers; the card is opened with what is printed on it.
fn a_finished_card_is_one_to_any_program(dir: &Path) {
    let hall_dir = dir.join("hall");
    let inventory = hall::inventory(&hall_dir).unwrap();
    let boxed = &inventory.boxes.first().unwrap().blank;
    let chip = hall::card(&hall_dir, boxed).unwrap().chip;
    let zone = dg1::decode(chip.file(FileId::Dg(1)).unwrap()).unwrap().zone();
    // The last pack was never opened.
    let blank = inventory.cards.last().unwrap().blank.clone();
    let folder = dir.join("own-pcscd");
    let mut shown = Command::new(env!("CARGO_BIN_EXE_cardwright"))
        .args(["sim", "chip", boxed.as_str(), blank.as_str(), "--hall"])
        .arg(&hall_dir)
        .arg("--pcscd")
        .arg(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(shown.stdout.take().unwrap()).lines();
    let shown = Ending(shown);
    let exported = lines.next().unwrap().unwrap();
    let socket = PathBuf::from(exported.strip_prefix("export PCSCLITE_CSOCK_NAME=").unwrap());
    let laid: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    for (number, (line, blank)) in laid.iter().zip([boxed, &blank]).enumerate() {
        assert!(
            line.contains(blank.as_str()) && line.contains(&reader_name(number)),
            "{line}"
        );
    }

    runtime().block_on(async {
        let program = Path::new(env!("CARGO_BIN_EXE_cardwright"));
        let open = |number| {
            PcscEncoder::open(&reader_name(number), Some(socket.clone()), Clock::system())
                .with_program(program)
        };
        let profile = ChipProfile::built_in("rehearsal").unwrap();
        let request = || Request {
            read_max: Some(profile.apdu.read_max),
            ..Request::new(Password::Mrz(MrzKey::from_td1(&zone).unwrap()))
        };
        let seed = Entropy::seeded(1).secret().unwrap();
        let mut card = open(0);
        card.power_on().await.unwrap();
        let inspection = with_chip(&mut card, inspect(request(), &seed)).await.unwrap();
        assert_eq!(inspection.active_authentication, Verdict::Genuine);
        let read = dg1::decode(inspection.files.get(&FileId::Dg(1)).unwrap()).unwrap();
        assert_eq!(read.zone(), zone);
        let mut blank = open(1);
        blank.power_on().await.unwrap();
        assert!(
            with_chip(&mut blank, inspect(request(), &seed)).await.is_err(),
            "a blank opens"
        );
    });
    let strangers = dir.join("strangers");
    std::fs::create_dir(&strangers).unwrap();
    let card = InReader {
        service: &socket,
        reader: &reader_name(0),
        chip: &chip,
        trust: &beside_the_crl(dir),
    };
    accept_over_pcsc(&strangers, &card);
    shown.ends_well();
    assert!(!socket.exists(), "its pcscd ended with it");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Machines 1 and 2 have each other's reader: both stand before a card is written wrongly, and the others go on.
#[test]
fn swapped_readers_are_found_at_the_first_blank() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let made = cardwright(dir, &["rehearse", "--readers", "pcsc", "--cards", "0"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", told(&made));
    let file = dir.join("cardwright.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    // Each pcscd has readers of these names.
    let [first, second] = [0, 1].map(|number| format!("{}\", socket = \"hall/pcscd/0/", reader_name(number)));
    let swapped = settings
        .replace(&first, "between")
        .replace(&second, &first)
        .replace("between", &second);
    std::fs::write(&file, swapped).unwrap();
    std::fs::remove_file(dir.join("admitted")).unwrap();

    let text = told(&rehearse(dir).output().unwrap());
    assert!(text.contains("\n     1  LIN-021"), "{text}");
    assert!(text.contains("\nbalanced"), "{text}");
    let inventory = hall::inventory(&dir.join("hall")).unwrap();
    assert!(
        !inventory.boxes.is_empty(),
        "the other machines made nothing\n{text}"
    );
    let aside: Vec<_> = inventory
        .cards
        .iter()
        .filter(|card| card.spot == Spot::Quarantine)
        .collect();
    assert_eq!(aside.len(), 1, "one blank told what is wrong");
    let card = hall::card(&dir.join("hall"), &aside[0].blank).unwrap();
    assert!(card.chip.file(FileId::Com).is_none(), "something was written");

    // Put right, all is made.
    std::fs::write(&file, settings).unwrap();
    settle_quarantined(dir);
    judge(dir, &finish(|| rehearse(dir), dir));
}

/// A hall of more places than a pcscd has readers.
#[test]
fn a_hall_takes_as_many_pcscds_as_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let plan = hall::Plan {
        stations: (0..READERS_MAX).map(|number| format!("S{number}")).collect(),
        desks: vec!["D1".to_owned()],
        virtual_readers: true,
        ..hall::Plan::default()
    };
    hall::create(dir.path(), plan).unwrap();
    let hall = open_hall(dir.path());
    let program = Path::new(env!("CARGO_BIN_EXE_cardwright"));
    // Six places each, and an entry of the driver always has two readers.
    for (place, count) in [(0, 6), (6, 6), (READERS_MAX, 6)] {
        let (socket, name) = hall::virtual_reader(place);
        let listed = runtime().block_on(cardwright::device::pcsc::readers_by(
            program,
            Some(&dir.path().join(socket)),
            Clock::system(),
        ));
        let listed = listed.unwrap();
        assert_eq!(listed.len(), count, "{listed:?}");
        assert!(
            listed
                .iter()
                .any(|reader| reader.name == name && !reader.occupied),
            "{listed:?}"
        );
    }
    hall.ends_well();
    let pid = std::fs::read_to_string(dir.path().join("pcscd/2/pid")).unwrap();
    assert!(
        !Path::new("/proc").join(pid.trim()).exists(),
        "its pcscd lives on"
    );
}
