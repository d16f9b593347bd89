//! Blanks that are no cards, and what becomes of them when somebody feeds them again.

use super::*;
use crate::base::Place;
use crate::job::fault::WRITTEN_OFF;
use crate::job::stock::Move;
use crate::port::Ledger;

/// One machine, packs of five, the first blank of the first pack odd.
async fn day_of(odd: Option<Oddity>) -> Day {
    let kit = Kit::new(7, 10, People::SmallChildren, CHIP).await.unwrap();
    let plan = Plan {
        stations: 1,
        odd: odd.into_iter().map(|oddity| (1, oddity)).collect(),
        ..plan(7, 10)
    };
    Day::with(&kit, plan).await.unwrap()
}

/// The day is lived through, the reject box's last blank being loaded together with the second pack.
async fn fed_again(odd: Oddity) -> Vec<Fact> {
    let day = day_of(Some(odd)).await;
    day.hall.mistake(Slip::RefeedSpoiled, 2);
    let outcome = storm::weather(&day, &Faults::default()).await.unwrap();
    assert_eq!(outcome.wrong, [""; 0], "{odd:?}");
    assert_eq!(day.hall.mistakes_made(), [Slip::RefeedSpoiled], "{odd:?}");
    day.ledger.entries().into_iter().map(|entry| entry.fact).collect()
}

fn named(facts: &[Fact]) -> usize {
    facts
        .iter()
        .filter(|fact| matches!(fact, Fact::WrittenOff { .. }))
        .count()
}

/// Its chip was read before it was rejected: it is known by name, and refused when it comes again.
#[test]
fn a_blank_that_was_written_off_by_name_is_refused_when_it_is_fed_again() {
    let facts = pass(fed_again(Oddity::Begun)).unwrap();
    assert_eq!(named(&facts), 1);
    let refused = |fact: &&Fact| matches!(fact, Fact::Stranger { code, .. } if code == WRITTEN_OFF.id);
    assert_eq!(facts.iter().filter(refused).count(), 1);
}

/// Its chip says nothing: fed twice it is counted twice, until somebody reads its number and counts the waste.
#[test]
fn a_mute_blank_that_is_fed_again_is_counted_once_in_the_end() {
    let facts = pass(fed_again(Oddity::Foreign)).unwrap();
    assert_eq!(named(&facts), 1, "by the number on it");
}

/// A blank was counted as waste without a name and is not there: when its pack is used up by the books and one more of
/// it names itself, that must be the one, and it is as good as any.
#[test]
fn a_blank_too_many_is_one_that_was_written_off_without_a_name() {
    let lived = pass(async {
        let day = day_of(None).await;
        let pack = day.hall.lists()[0].pack.clone();
        let step = Move {
            pack: pack.clone(),
            from: Some(Place::Issued),
            to: Place::Defective,
            count: 1,
            by: Vec::new(),
            reason: "CHIP-005".to_owned(),
        };
        day.ledger
            .append(vec![Fact::Stock { step }], Vec::new())
            .await
            .unwrap();
        let outcome = storm::weather(&day, &Faults::default()).await.unwrap();
        assert_eq!(outcome.wrong, [""; 0]);
        day.ledger.stock().await.unwrap().count(&pack, &Place::Defective)
    });
    assert_eq!(lived.unwrap(), 0);
}
