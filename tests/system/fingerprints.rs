//! Cards with fingerprints: the line writes them behind terminal authentication, reads them back as the state's
//! terminal, and nobody else can.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use cardwright::document::profile::BUILTIN;
use cardwright::document::{FileId, dg3};
use cardwright::sim::hall;

use super::inspection::{authority, verdicts};
use super::processes::{cardwright, end_hall, told};
use super::strangers::{beside_the_crl, chip, on_a_reader, zone};

/// What a verb says, in the facility's own folder.
fn said(dir: &Path, words: &str) -> Output {
    let words: Vec<&str> = words.split_whitespace().collect();
    cardwright(dir, &words).current_dir(dir).output().unwrap()
}

fn good(dir: &Path, words: &str) -> String {
    let output = said(dir, words);
    let text = told(&output);
    assert!(output.status.success(), "{words}\n{text}");
    text
}

/// From now on adults' cards have DG3.
fn with_fingerprints(dir: &Path) {
    std::fs::create_dir(dir.join("profiles")).unwrap();
    for (id, text) in BUILTIN.iter().filter(|(id, _)| *id != "cc-2024-child") {
        let text = text.replace("data_groups = [1, 2, ", "data_groups = [1, 2, 3, ");
        std::fs::write(dir.join(format!("profiles/{id}.toml")), text).unwrap();
    }
    set(dir, "# profiles = \"profiles\"", "profiles = \"profiles\"");
}

/// A CVCA's terminals may read them, and one of them belongs to the house.
fn with_a_terminal(dir: &Path) {
    authority(&dir.join("terminal"));
    for entry in std::fs::read_dir(dir.join("terminal")).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), PermissionsExt::from_mode(0o600)).unwrap();
    }
    std::fs::copy(dir.join("terminal/UTCVCA00001.cvcert"), dir.join("cvca.cvcert")).unwrap();
    for line in [
        "[fingerprints]",
        "cvcas = [\"cvca.cvcert\"]",
        "terminal = \"terminal\"",
    ] {
        set(dir, &format!("# {line}"), line);
    }
}

fn set(dir: &Path, old: &str, new: &str) {
    let file = dir.join("cardwright.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    assert!(settings.contains(old), "{old}: {settings}");
    std::fs::write(file, settings.replace(old, new)).unwrap();
}

#[test]
fn fingerprints_are_written_and_proven_and_closed_to_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    good(dir, "rehearse --chip rehearsal-gp --cards 2");
    with_fingerprints(dir);
    good(dir, "sim dossiers --dir more --from 2 --count 5");
    good(dir, "admit more");

    // Without a terminal nobody could prove them: no blank is touched.
    let before = hall::inventory(&dir.join("hall")).unwrap();
    let held = told(&said(dir, "rehearse --cards 2"));
    assert!(held.contains("LIN-008"), "{held}");
    let after = hall::inventory(&dir.join("hall")).unwrap();
    assert_eq!(before.boxes.len(), after.boxes.len());

    with_a_terminal(dir);
    for order in 3..=7 {
        // Those that came back for a mistake have no order.
        let _ = said(dir, &format!("order release {order}"));
    }
    let made = good(dir, "rehearse --cards 2");
    assert!(
        made.contains("\nbalanced") && made.contains("Spoiled:  0"),
        "{made}"
    );

    let inventory = hall::inventory(&dir.join("hall")).unwrap();
    let chips = inventory
        .boxes
        .iter()
        .map(|boxed| hall::card(&dir.join("hall"), &boxed.blank).unwrap().chip);
    let with: Vec<_> = chips.filter(|chip| chip.file(FileId::Dg(3)).is_some()).collect();
    assert!(!with.is_empty(), "{made}");
    for chip in &with {
        assert!(!dg3::decode(chip.file(FileId::Dg(3)).unwrap()).unwrap().is_empty());
    }
    let card = with.into_iter().next().unwrap();
    let (zone, trust) = (zone(&card), beside_the_crl(dir));
    let reader = on_a_reader(dir, "reader.sock", card);
    let verify = |more: &[&str]| {
        let known = ["--mrz", &zone, "--json", "--csca", trust.to_str().unwrap()];
        let output = chip("verify", &reader, &[&known, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        verdicts(&output)
    };
    let closed = verify(&[]);
    assert_eq!(closed["chip authentication"], "passed");
    assert_eq!(closed["data group 3"], "absent");
    let open = verify(&["--terminal", dir.join("terminal").to_str().unwrap()]);
    assert_eq!(open["terminal authentication"], "passed");
    assert_eq!(open["data group 3"], "passed");
    end_hall(&dir.join("hall"));
}
