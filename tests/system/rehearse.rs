//! The whole journey with the real binary, the real PKCS#11 module, real sockets and pseudo-terminals. The judge is the hall: its
//! books say what physically lies where.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CARDS: &str = "50";

fn rehearse(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    command.env_remove("HSM_SIM_DIR").args(["rehearse", "--cards", CARDS, "--dir"]).arg(dir);
    command
}

/// One good card per order: no two cards in boxes name the same person.
fn judge(dir: &Path, output: &str) -> usize {
    let inventory = cardwright::sim::hall::inventory(&dir.join("hall")).expect("the hall's books");
    let mut documents: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for boxed in &inventory.boxes {
        let card = cardwright::sim::hall::card(&dir.join("hall"), &boxed.blank).expect("a boxed card's books");
        let dg1 = card.chip.file(cardwright::document::FileId::Dg(1)).expect("a boxed chip has DG1").to_vec();
        *documents.entry(dg1).or_default() += 1;
    }
    let twins: Vec<_> = documents.values().filter(|count| **count > 1).collect();
    assert!(twins.is_empty(), "{} people have two good cards\n{output}", twins.len());
    inventory.boxes.len()
}

#[test]
fn approved_dossiers_become_proven_cards_in_boxes() {
    let dir = tempfile::tempdir().unwrap();
    let run = rehearse(dir.path()).output().unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{output}");
    assert!(output.contains("\nbalanced"), "{output}");
    let first = judge(dir.path(), &output);
    assert!(first >= 40, "only {first} cards in boxes\n{output}");
    // Run again, it continues: nothing is made twice.
    let again = rehearse(dir.path()).output().unwrap();
    assert!(again.status.success());
    assert_eq!(judge(dir.path(), &output), first);
}

#[test]
fn killed_at_random_moments_it_ends_balanced() {
    let dir = tempfile::tempdir().unwrap();
    for moment in [2_500u64, 1_900, 2_300] {
        let mut child = rehearse(dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = rehearse(dir.path()).output().unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(output.contains("\nbalanced"), "{output}");
    judge(dir.path(), &output);
}
