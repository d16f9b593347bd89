//! Kill points with the real program: a sample of them here, all in `make crash`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::process::{Command, Output};

fn cardwright(arguments: &[&str]) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_cardwright"))
        .env_remove("HSM_SIM_DIR")
        .args(arguments)
        .output()
        .unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    (status.success(), told)
}

/// One moment of every kind: books only, HSM, chip, printer, person, registry, papers.
const SAMPLE: [&str; 12] = [
    "claim/before-outcome",
    "sign/mid-act",
    "load-pack/before-outcome",
    "bind/before-outcome",
    "encode/mid-act",
    "seal/before-outcome",
    "print/mid-act",
    "deliver/before-outcome",
    "empty-hopper/mid-act",
    "box/mid-act",
    "report/before-outcome",
    "seal-box/mid-act",
];

/// Moments at which the order book knows something that the ledger does not, or the other way round.
const OF_THE_BOOK: [&str; 4] = [
    "claim/after-outcome",
    "claim/before-outcome",
    "bind/before-intent",
    "report/before-outcome",
];

fn goes_on_after(points: &[&str], order_book: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let mut arguments = vec!["sim", "crash", "--dir", dir.path().to_str().unwrap()];
    arguments.extend(order_book);
    for point in points {
        arguments.extend(["--at", point]);
    }
    let (sound, told) = cardwright(&arguments);
    assert!(sound, "{told}");
    let kills = points.len();
    let sum = format!("{kills} kills at {kills} points, 0 breaks");
    assert!(told.contains(&sum), "{told}");
}

#[test]
fn killed_at_one_moment_of_each_kind_it_goes_on_without_a_break() {
    goes_on_after(&SAMPLE, &[]);
}

#[test]
fn so_it_does_with_its_orders_on_postgresql() {
    goes_on_after(&OF_THE_BOOK, &["--postgres"]);
}

#[test]
fn the_points_are_listed_and_others_are_refused() {
    let (listed, points) = cardwright(&["sim", "kill-points"]);
    assert!(listed);
    assert!(points.lines().count() >= 4 * 8, "{points}");
    assert!(
        SAMPLE
            .iter()
            .chain(&OF_THE_BOOK)
            .all(|point| points.lines().any(|line| line == *point))
    );
    let (accepted, told) = cardwright(&["sim", "crash", "--at", "print/at-noon"]);
    assert!(!accepted);
    assert!(told.contains("is no kill point"), "{told}");
}
