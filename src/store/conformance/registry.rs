//! What a registry promises the line.

use std::collections::BTreeMap;

use crate::base::ids::{BoxId, ChipId, SodHash};
use crate::port::{Outcome, Registry, Report, Statement};

use super::refused;

fn report(key: &str, request: &str, outcome: Outcome, chip: Option<&str>, sod: &str) -> Report {
    Report {
        key: key.to_owned(),
        request: request.to_owned(),
        version: 1,
        outcome,
        chip: chip.map(ChipId::new),
        sod: Some(SodHash(sod.to_owned())),
        label: (outcome == Outcome::Made).then(|| BoxId::new("X-001")),
    }
}

fn statement(request: &str, status: &str, sod: Option<&str>, refused: &[&str]) -> Statement {
    Statement {
        request: request.to_owned(),
        status: status.to_owned(),
        sod: sod.map(|sod| SodHash(sod.to_owned())),
        refused: refused.iter().copied().map(ChipId::new).collect(),
    }
}

/// Asks a registry that has approved `R1`, `R2` and `R3` and has stopped `R3` as `held`.
pub(crate) async fn registry(registry: &dyn Registry) {
    let held: BTreeMap<_, _> = [("R3".to_owned(), "held".to_owned())].into();
    assert_eq!(registry.stop_list().await.unwrap().requests, held);
    let asked = ["R1".to_owned(), "R3".to_owned(), "R9".to_owned()];
    assert_eq!(registry.stopped(&asked).await.unwrap(), held);
    assert!(registry.stopped(&asked[..1]).await.unwrap().is_empty());

    let spoiled = report("day/O1.1", "R1", Outcome::Spoiled, Some("C1"), "S1");
    let made = report("day/O1.2", "R1", Outcome::Made, Some("C2"), "S2");
    registry.report(&[spoiled.clone(), made.clone()]).await.unwrap();
    let issued = statement("R1", "ISSUED", Some("S2"), &["C1"]);
    let pending = statement("R2", "PENDING", None, &[]);
    assert_eq!(
        registry.statement("", 2).await.unwrap(),
        [issued.clone(), pending]
    );
    assert_eq!(registry.statement("R2", 9).await.unwrap().len(), 1);

    // The same key twice counts once, whatever else it says.
    let again = report("day/O1.2", "R1", Outcome::Spoiled, Some("C2"), "S2");
    registry.report(&[spoiled, again]).await.unwrap();
    assert_eq!(registry.statement("", 1).await.unwrap(), [issued]);

    // All or none; and that it answers is known, so that the line does not wait for it.
    let stranger = report("day/O9.1", "R9", Outcome::Made, Some("C9"), "S9");
    let fine = report("day/O2.1", "R2", Outcome::Made, Some("C3"), "S3");
    assert_eq!(refused(registry.report(&[fine, stranger]).await), "REG-001");
    let unmoved = statement("R2", "PENDING", None, &[]);
    assert_eq!(registry.statement("R1", 1).await.unwrap(), [unmoved]);

    // A card that was lost before its chip had named itself has no chip to refuse.
    let lost = report("day/O2.1", "R2", Outcome::NotFound, None, "S4");
    // A card that was counted as good is waste now: it is refused, and owed again.
    let revoked = report("day/O1.2/revoked", "R1", Outcome::Spoiled, Some("C2"), "S2");
    registry.report(&[lost, revoked]).await.unwrap();
    let owed = statement("R1", "PENDING", None, &["C1", "C2"]);
    let unmoved = statement("R2", "PENDING", None, &[]);
    assert_eq!(registry.statement("", 2).await.unwrap(), [owed, unmoved]);

    // Out of sight: refused until it lies in its box. Waste stays refused, whatever is said of it later.
    let doubted = report(
        "day/O2.2/quarantined",
        "R2",
        Outcome::Quarantined,
        Some("C4"),
        "S5",
    );
    let spoiled = report("day/O2.3", "R2", Outcome::Spoiled, Some("C5"), "S6");
    registry.report(&[doubted, spoiled]).await.unwrap();
    let refuses = statement("R2", "PENDING", None, &["C4", "C5"]);
    assert_eq!(registry.statement("R1", 1).await.unwrap(), [refuses]);
    let made = report("day/O2.2", "R2", Outcome::Made, Some("C4"), "S5");
    let never = report("day/O2.3/again", "R2", Outcome::Made, Some("C5"), "S6");
    registry.report(&[made, never]).await.unwrap();
    let issued = statement("R2", "ISSUED", Some("S5"), &["C5"]);
    assert_eq!(registry.statement("R1", 1).await.unwrap(), [issued]);
}
