//! Cards with a card access number: drawn for each card, printed where the layout says, and good for opening the chip.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::Path;

use cardwright::document::profile::BUILTIN;
use cardwright::sim::chip::Chip;
use cardwright::sim::hall;

use super::inspection::verdicts;
use super::processes::{cardwright, told};
use super::strangers::{beside_the_crl, chip, on_a_reader};

/// The kind of card that most adults get.
const KIND: &str = "cc-2024";
const LAYOUT: &str = include_str!("../../src/document/face/layouts/cc-2024.toml");
const PLACE: &str =
    "field = [\n  { what = \"can\", x = 4.0, y = 49.3, w = 20.0, h = 3.4, size = 7.0, size_min = 6.5 },";

/// From now on cards of this kind have one.
fn with_access_numbers(dir: &Path) {
    let (_, profile) = BUILTIN.iter().find(|(id, _)| *id == KIND).unwrap();
    for (folder, text) in [
        ("profiles", profile.replace("can = false", "can = true")),
        ("layouts", LAYOUT.replacen("field = [", PLACE, 1)),
    ] {
        std::fs::create_dir(dir.join(folder)).unwrap();
        std::fs::write(dir.join(format!("{folder}/{KIND}.toml")), text).unwrap();
    }
    let file = dir.join("cardwright.toml");
    let mut settings = std::fs::read_to_string(&file).unwrap();
    for folder in ["profiles", "layouts"] {
        let (old, new) = (
            format!("# {folder} = \"{folder}\""),
            format!("{folder} = \"{folder}\""),
        );
        assert!(settings.contains(&old), "{settings}");
        settings = settings.replace(&old, &new);
    }
    std::fs::write(file, settings).unwrap();
}

/// What is in the chip, as only its maker can look.
fn number_in(chip: &Chip) -> String {
    let books = serde_json::to_value(chip).unwrap();
    books["memory"]["can"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_number_is_drawn_for_each_card_and_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rehearse = |more: &[&str]| {
        let words = [
            &["rehearse", "--cards", "10", "--stations", "1", "--desks", "1"],
            more,
        ]
        .concat();
        let output = cardwright(dir, &words).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        told(&output)
    };
    rehearse(&["--prepare"]);
    with_access_numbers(dir);
    let end = rehearse(&[]);
    assert!(end.contains("\nbalanced") && end.contains("Spoiled:  0"), "{end}");
    let mut cards: Vec<Chip> = hall::inventory(&dir.join("hall"))
        .unwrap()
        .boxes
        .iter()
        .map(|boxed| hall::card(&dir.join("hall"), &boxed.blank).unwrap().chip)
        .collect();
    cards.retain(|card| !number_in(card).is_empty());
    let mut numbers: Vec<String> = cards.iter().map(number_in).collect();
    let six_digits = |number: &String| number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    assert!(
        numbers.len() >= 3 && numbers.iter().all(six_digits),
        "{numbers:?}"
    );

    let trust = beside_the_crl(dir);
    let reader = on_a_reader(dir, "reader", cards.into_iter().next().unwrap());
    let verify = |number: &str| {
        let trust = trust.to_str().unwrap();
        chip("verify", &reader, &["--can", number, "--csca", trust, "--json"])
    };
    let good = verify(&numbers[0]);
    assert!(good.status.success(), "{}", told(&good));
    assert_eq!(verdicts(&good)["access"], "passed");
    let other = verify(&numbers[1]);
    assert_eq!(other.status.code(), Some(1), "{}", told(&other));
    numbers.sort();
    numbers.dedup();
    assert!(numbers.len() >= 3, "{numbers:?}");
}
