//! A whole line of a production facility: keys in SoftHSM2, readers at pcscd, screens that are answered, and a second
//! account for what takes two people. Cards, printers and hands alone are a rehearsal's hall.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwright::base::Clock;
use rustix::process::Signal;
use serde_json::Value;

use super::super::hsm::block_on;
use super::super::processes::signal;
use super::{Site, with_a_signer};

const CARDWRIGHT: &str = env!("CARGO_BIN_EXE_cardwright");
/// Where the hall has its machine's things, and its desk's.
const PLACES: [(&str, &str); 2] = [("S01", "stations/S01"), ("D1", "desks/D1")];

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        signal(self.0.id(), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = block_on(async { Clock::system() });
    while !holds() {
        assert!(clock.elapsed() < Duration::from_secs(100), "{what}");
        block_on(clock.sleep(Duration::from_millis(100)));
    }
}

/// The facility's machine and desk are the hall's, but for their screens; its cards are of Viet Nam; its registry, and
/// who signs for it, are the hall's too.
fn equip(site: &Site, rehearsal: &str) {
    let machines = rehearsal.split_once("[[stations]]").unwrap().1;
    let machines = format!("[[stations]]{machines}").replace("\"hall/", "\"../hallside/hall/");
    let machines = PLACES.iter().fold(machines, |text, (id, place)| {
        text.replace(
            &format!("../hallside/hall/{place}/screen.sock"),
            &format!("screens/{id}"),
        )
    });
    site.settings(|text| {
        text.replace(
            "\nregistry = \"registry.db\"",
            "\nregistry = \"../hallside/registry.db\"",
        )
        .replace("# profiles = ", "profiles = ")
            + &machines
    });
    for folder in ["screens", "profiles", "dossier-trust"] {
        std::fs::create_dir_all(site.path("site").join(folder)).unwrap();
    }
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/document/profiles");
    for profile in std::fs::read_dir(built_in).unwrap() {
        let profile = profile.unwrap();
        let text = std::fs::read_to_string(profile.path()).unwrap();
        let text = text.replace("state_code = \"UTO\"", "state_code = \"VNM\"");
        std::fs::write(site.path("site/profiles").join(profile.file_name()), text).unwrap();
    }
    for file in ["offices.json", "dossier-trust/registry.der"] {
        std::fs::copy(site.path("hallside").join(file), site.path("site").join(file)).unwrap();
    }
}

/// Whoever stands before a screen of the facility does what it says in the hall.
fn stand_before(site: &Site, position: &str, place: &str) -> Running {
    let words = format!("position screen {position} --json --facility site");
    let mut command = site.command(CARDWRIGHT, &words, "");
    let mut screen = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut say, asked) = (screen.stdin.take().unwrap(), screen.stdout.take().unwrap());
    let mut hands = UnixStream::connect(site.path("hallside/hall").join(place).join("screen.sock")).unwrap();
    let mut done = BufReader::new(hands.try_clone().unwrap()).lines();
    assert!(done.next().unwrap().unwrap().contains("simulation"));
    std::thread::spawn(move || {
        for asked in BufReader::new(asked).lines().map_while(Result::ok) {
            if asked == "null" {
                continue;
            }
            if writeln!(hands, "{asked}").is_err() {
                return;
            }
            let Some(Ok(done)) = done.next() else { return };
            if writeln!(say, "{done}").is_err() {
                return;
            }
        }
    });
    Running(screen)
}

#[test]
fn a_production_line_makes_cards() {
    if !rustix::process::getuid().is_root() {
        eprintln!("not root: nobody can be the second account, and no signer comes into use");
        return;
    }
    let site = with_a_signer();
    let words = "rehearse --facility hallside --cards 3 --stations 1 --desks 1 --readers pcsc --prepare";
    site.run(CARDWRIGHT, words, "").unwrap();
    let rehearsal = std::fs::read_to_string(site.path("hallside/cardwright.toml")).unwrap();
    let mut hall: Command = site.command(CARDWRIGHT, "sim hall hallside/hall", "");
    let _hall = Running(hall.stdout(Stdio::null()).spawn().unwrap());
    for (_, place) in PLACES {
        let screen = site.path("hallside/hall").join(place).join("screen.sock");
        until("the hall opens", || UnixStream::connect(&screen).is_ok());
    }
    equip(&site, &rehearsal);
    let _screens = PLACES.map(|(position, place)| stand_before(&site, position, place));

    let controller = site.controller();
    site.by_two("signer activate ds-1");
    site.by_two("clock accept");
    let doctor = site.cardwright("doctor").unwrap_err();
    assert!(doctor.contains("screens      2 open"), "{doctor}");
    let words = "sim dossiers --facility hallside --from 1100 --count 8 --dir new";
    site.run(CARDWRIGHT, words, "").unwrap();
    site.good("stock receive hallside/hall/packs/P0001.json");
    site.good("stock issue P0001");
    site.good("admit new");
    let orders = || -> Value { serde_json::from_str(&site.good("status --json")).unwrap() };
    let count = |of: &str| orders()["orders"][of].as_u64().unwrap_or_default();
    until("every card is boxed or held", || {
        count("boxed") + count("held") == 8
    });
    let (boxed, status) = (count("boxed"), orders());
    assert!(boxed >= 5 && status["blanks"]["spoiled"].is_null(), "{status}");
    // People without expiry wait for a signer of theirs, and keep nobody from a card.
    let held = site.good("order list");
    let waiting = held
        .lines()
        .filter(|line| line.starts_with('O') && line.ends_with(": PKI-041"));
    assert_eq!(waiting.count() as u64, 8 - boxed, "{held}");
    for packed in status["boxes"].as_array().unwrap() {
        site.good(&format!("box seal {}", packed["label"].as_str().unwrap()));
    }
    let reconciled = site.good("reconcile");
    assert!(reconciled.contains("balanced"), "{reconciled}");
    assert!(signal(controller.id(), Signal::INT));
    assert!(controller.wait_with_output().unwrap().status.success());
    site.good("audit verify");
    let physically = site.run(CARDWRIGHT, "sim inventory hallside/hall", "").unwrap();
    let physically: Value = serde_json::from_str(&physically).unwrap();
    let cards = physically["boxes"].as_array().map(Vec::len);
    assert_eq!(cards, usize::try_from(boxed).ok(), "{physically}");
}
