//! Days with other chips, odd blanks and trouble at chips.

use super::*;
use crate::job::Event;
use crate::sim::memory::ReaderTrouble;

/// Through a card manager: keys from the token's masters, a supplier's of either kind, and another set of them after
/// seal.
#[tokio::test(start_paused = true)]
async fn a_lot_is_made_through_card_managers() {
    for chip in ["rehearsal-gp", "rehearsal-emv", "rehearsal-scp02"] {
        let (day, _) = whole_day(People::All, Plan { chip, ..plan(7, 4) }).await;
        let inventory = day.hall.inventory();
        assert!(inventory.boxes.len() >= 3, "{chip}: {:?}", inventory.packs);
        for boxed in &inventory.boxes {
            let seen = day.hall.look_at(&boxed.blank, |card| {
                (card.chip.key_version(), card.chip.failed_authentications())
            });
            assert_eq!(seen, Some((Some(49), 0)), "{chip}");
        }
    }
}

/// Every kind of chip that the program knows becomes a card of this line, as far as that kind goes: with short commands
/// or long ones, EF.CardAccess here or there, PACE or none.
#[tokio::test(start_paused = true)]
async fn a_lot_is_made_of_every_kind_of_chip() {
    for chip in crate::chip::profile::NAMES {
        let (day, _) = whole_day(People::SmallChildren, Plan { chip, ..plan(7, 3) }).await;
        assert!(day.hall.inventory().boxes.len() >= 2, "{chip}");
    }
}

/// Blanks that are not what their pack says lie in every feeder: each is refused before it is bound, with its reason,
/// and costs nobody a card.
#[tokio::test(start_paused = true)]
async fn odd_blanks_are_refused_before_a_write() {
    for (chip, reasons) in [
        (
            "rehearsal-gp",
            &[
                (Oddity::Foreign, "CHIP-005"),
                (Oddity::NoApplication, "CHIP-006"),
                (Oddity::Begun, "CHIP-007"),
                (Oddity::Sealed, "CHIP-008"),
                (Oddity::OtherKeys, "CHIP-031"),
                (Oddity::IssuerKeys, "CHIP-036"),
                (Oddity::Terminated, "CHIP-035"),
                (Oddity::TwoNames, "CHIP-038"),
            ][..],
        ),
        (
            "rehearsal",
            &[
                (Oddity::Foreign, "CHIP-005"),
                (Oddity::NoApplication, "CHIP-006"),
                (Oddity::Begun, "CHIP-007"),
                (Oddity::Sealed, "CHIP-008"),
            ],
        ),
    ] {
        // Every second blank from the first pack on; whichever machine feeds them.
        let odd = (1..).step_by(2).zip(reasons.iter().map(|(oddity, _)| *oddity));
        let plan = Plan {
            chip,
            stations: 1,
            pack: 20,
            odd: odd.collect(),
            ..plan(12, 8)
        };
        let (day, facts) = whole_day(People::All, plan).await;
        let refused = |code: &str| {
            let undone = facts.iter().filter_map(|entry| match &entry.fact {
                Fact::Attempt {
                    event: Event::Undone { because, .. },
                    ..
                } => Some(because),
                _ => None,
            });
            undone.filter(|because| *because == code).count()
        };
        for (oddity, code) in reasons {
            assert_eq!(refused(code), 1, "{chip}: {oddity:?}");
        }
        let good = day.ledger.all_attempts();
        assert!(
            good.iter().all(|attempt| attempt.code.is_none()),
            "{}",
            codes(&day)
        );
    }
}

/// Controllers come until nothing is left to do: one that stops a position for trouble may leave the rest to the next.
async fn finish(day: &Day) {
    for _ in 0..4 {
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        if day.is_done().await.unwrap() {
            return;
        }
    }
    panic!("four controllers did not get it done: {}", codes(day));
}

/// What goes wrong at a card manager's chip, and what becomes of its card.
#[tokio::test(start_paused = true)]
async fn trouble_at_a_chip_costs_at_most_its_card() {
    // 9 commands identify and test a blank; then it is identified again, its channel opened, files and secrets stored;
    // again identified, and sealed with 8.
    for (command, trouble) in [
        (3, ReaderTrouble::Says(0x6581)),
        (9, ReaderTrouble::Bend),
        (17, ReaderTrouble::TearAfter(0)),
        (19, ReaderTrouble::Bend),
        (20, ReaderTrouble::TearAfter(60)),
        (21, ReaderTrouble::Says(0x6581)),
        (30, ReaderTrouble::LoseAnswer),
        (34, ReaderTrouble::LoseAnswer),
    ] {
        let plan = Plan {
            chip: "rehearsal-gp",
            stations: 1,
            ..plan(13, 1)
        };
        let day = Day::new(plan).await.unwrap();
        day.admit(day.requests()).await.unwrap();
        let station = day.hall.stations().next().unwrap().clone();
        day.hall.reader_trouble(&station, command, trouble);
        finish(&day).await;
        let judged = judge::judge(&day).await.unwrap();
        assert_eq!(judged, [""; 0], "{trouble:?} at {command}");
        println!("{trouble:?} at {command}: {}", codes(&day));
    }
}

/// Bad days are no worse behind card managers.
#[tokio::test(start_paused = true)]
async fn bad_days_with_card_managers_end_balanced() {
    let kit = Kit::new(9, 4, People::SmallChildren, "rehearsal-gp")
        .await
        .unwrap();
    let faults = Faults::named("bad-day").unwrap();
    let mut bad = Vec::new();
    for seed in [1, 2] {
        let plan = Plan {
            chip: "rehearsal-gp",
            ..plan(seed, 4)
        };
        let day = Day::with(&kit, plan).await.unwrap();
        // Beside what every bad day brings.
        for (number, station) in (0..).zip(day.hall.stations()) {
            let command = 20 + 31 * seed + 7 * number;
            day.hall
                .reader_trouble(station, command, ReaderTrouble::TearAfter(60));
            day.hall
                .reader_trouble(station, command + 80, ReaderTrouble::Bend);
        }
        let outcome = storm::weather(&day, &faults).await.unwrap();
        println!("seed {seed}: {}; {}", outcome.ends(), codes(&day));
        bad.extend(
            outcome
                .wrong
                .into_iter()
                .map(|what| format!("seed {seed}: {what}")),
        );
        for boxed in &day.hall.inventory().boxes {
            let failures = day
                .hall
                .look_at(&boxed.blank, |card| card.chip.failed_authentications());
            assert_eq!(failures, Some(0));
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

/// The count of authentications that may have failed outlives crashes: it is the ledger's.
#[tokio::test(start_paused = true)]
async fn a_chip_that_may_have_refused_twice_is_not_asked_a_third_time() {
    for (chip, third) in [("rehearsal-gp", Some("CHIP-034")), ("rehearsal", None)] {
        let (day, _) = whole_day(People::All, Plan { chip, ..plan(14, 1) }).await;
        let line = day.controller();
        let mut attempt = day.ledger.all_attempts().pop().unwrap();
        assert_eq!(attempt.unproven, 0, "what succeeded is proven");
        for (begun, refused) in [(1, None), (2, None), (3, third)] {
            attempt.unproven = begun;
            let asked = line.may_authenticate(&attempt).err().map(|fault| fault.code.id);
            assert_eq!(asked, refused, "{chip} {begun}");
        }
    }
}

/// Two cards in one field, or another one after an outage: whoever's they are, both are put aside.
#[tokio::test(start_paused = true)]
async fn another_chip_in_the_field_puts_the_card_aside() {
    for (chip, command) in [("rehearsal", 6), ("rehearsal-gp", 10), ("rehearsal-gp", 24)] {
        let plan = Plan {
            chip,
            stations: 1,
            ..plan(13, 1)
        };
        let day = Day::new(plan).await.unwrap();
        day.admit(day.requests()).await.unwrap();
        let station = day.hall.stations().next().unwrap().clone();
        day.hall.reader_trouble(&station, command, ReaderTrouble::Swap);
        finish(&day).await;
        assert_eq!(judge::judge(&day).await.unwrap(), [""; 0], "{chip} at {command}");
        let facts = day.ledger.entries();
        let aside = facts.iter().any(|entry| {
            matches!(&entry.fact, Fact::Attempt { event: Event::Quarantined { code }, .. } if code == "JOB-007")
        });
        assert!(aside, "{chip} at {command}: {}", codes(&day));
    }
}
