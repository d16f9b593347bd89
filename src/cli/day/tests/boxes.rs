//! What becomes of boxes: cards that are taken out again, offices that close, reports that nobody takes.

use super::once::{bound, first_lot};
use super::*;
use crate::audit::Manifest;
use crate::cli::hall_books::compare;
use crate::dossier::{Office, OfficeTable};
use crate::port::{Attempts, BoxStanding, BoxState, Ledger, OrderBook};
use crate::sim::hall::Inventory;
use crate::sim::memory::ReaderTrouble;

/// How often somebody looks.
const LOOK: Duration = Duration::from_millis(50);

/// The first card of the first open box that has two; the box is told to be closed later.
async fn first_of_two(day: &Day) -> (BoxState, Attempt) {
    loop {
        Clock::system().sleep(LOOK).await;
        for state in day.ledger.boxes(false).await.unwrap() {
            if state.standing == BoxStanding::Open && state.cards == 2 {
                let cards = day.ledger.attempts(Attempts::InBox(state.label.clone())).await;
                return (state, cards.unwrap().remove(0));
            }
        }
    }
}

#[test]
fn a_box_from_which_a_card_was_taken_goes_out_without_it() {
    pass(async {
        let kit = Kit::new(7, 12, People::SmallChildren, CHIP).await.unwrap();
        let day = Day::with(&kit, plan(15, 12)).await.unwrap();
        day.admit(day.requests()).await.unwrap();
        let stopping = async {
            let (state, card) = first_of_two(&day).await;
            let order = day.book.order(card.id.order).await.unwrap().unwrap();
            day.registry.stop(&order.request, "cancelled");
            (state.label, card)
        };
        let (end, (label, card)) = tokio::join!(day.work(None), stopping);
        assert_eq!(end.unwrap(), End::Done);
        let boxes = day.ledger.boxes(true).await.unwrap();
        let state = boxes.iter().find(|state| state.label == label).unwrap();
        assert_eq!(state.standing, BoxStanding::Sealed);
        let json = day.papers.get("boxes", &format!("{label}.json")).unwrap();
        let manifest = Manifest::from_json(&json).unwrap();
        let slots: Vec<u16> = manifest.lines.iter().map(|line| line.slot).collect();
        assert_eq!(slots.first(), Some(&2), "{slots:?}");
        let order = day.book.order(card.id.order).await.unwrap().unwrap();
        assert_eq!(order.state, OrderState::Cancelled);
        assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
        assert_eq!(day.broken(), [""; 0]);
    })
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_cards_of_an_office_that_has_closed_go_to_its_successor() {
    let day = Day::new(plan(16, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let mut line = day.controller();
    let lot = first_lot(&day, &line).await;
    assert_eq!(line.destination(&lot.office), lot.office);
    let mut offices: Vec<Office> = line.rules.offices.iter().cloned().collect();
    let successor = offices
        .iter()
        .find(|other| other.code != lot.office && other.takes_part(line.clock.today()));
    let successor = successor.unwrap().code.clone();
    let closed = offices
        .iter_mut()
        .find(|office| office.code == lot.office)
        .unwrap();
    closed.valid_to = line.clock.today().previous_day();
    closed.successor = Some(successor.clone());
    line.rules.offices = OfficeTable::new(offices).unwrap();
    line.tray(lot.clone());
    assert_eq!(line.floor.take_tray(|_| false).unwrap().lot.office, successor);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_the_registry_does_not_take_keeps_no_other_from_being_told() {
    let day = Day::new(plan(17, 4)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let unknown = day.requests()[1].request_id.clone();
    day.registry.forget(&unknown);
    let end = day.work(None).await.unwrap();
    assert_eq!(end, End::Done);
    let untold = |day: &Day| -> Vec<Attempt> {
        let mut attempts = day.ledger.all_attempts();
        attempts.retain(Attempt::must_be_reported);
        attempts
    };
    let left = untold(&day);
    assert_eq!(left.len(), 1, "{left:?}");
    let order = day.book.order(left[0].id.order).await.unwrap().unwrap();
    assert_eq!(order.request, unknown);
    assert!(left[0].is_good());

    // The authority finds it again: the next start tells it.
    day.registry.approve(&unknown);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    assert_eq!(untold(&day), []);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    assert_eq!(day.broken(), [""; 0]);
}

/// A card whose chip is spoiled once it is bound, of a request that the registry has lost: nobody may make another.
#[tokio::test(start_paused = true)]
async fn a_report_of_waste_that_is_not_taken_keeps_no_line_from_ending() {
    let day = Day::new(plan(22, 3)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = day.controller();
    let lot = first_lot(&day, &line).await;
    let order = day.book.order(lot.orders[0]).await.unwrap().unwrap();
    day.registry.forget(&order.request);
    let (first, mut facts) = bound(&day, &lot);
    let code = "CHIP-003".to_owned();
    facts.push(Fact::attempt(first, Event::Spoiled { code, by: Vec::new() }));
    facts.push(Fact::LotClosed { lot: lot.id });
    line.record(facts, Vec::new()).await.unwrap();
    drop(line);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let attempts = day.ledger.attempts(Attempts::Of(order.key)).await.unwrap();
    assert!(attempts.len() == 1 && attempts[0].must_be_reported(), "law 2");
    day.registry.approve(&order.request);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let attempts = day.ledger.attempts(Attempts::Of(order.key)).await.unwrap();
    assert!(attempts.len() == 2 && attempts[1].is_good(), "{attempts:?}");
}

#[test]
fn what_lies_elsewhere_than_the_ledger_says_is_told() {
    let (day, _) = pass(whole_day(People::SmallChildren, plan(20, 8))).unwrap();
    let (attempts, inventory) = (day.ledger.all_attempts(), day.hall.inventory());
    let stock = pass(day.ledger.stock()).unwrap().unwrap();
    let differences = |inventory: &Inventory| compare(inventory, &attempts, &stock).differences;
    assert_eq!(differences(&inventory), [""; 0]);

    let mut swapped = inventory.clone();
    let other = swapped
        .boxes
        .iter()
        .position(|card| card.label != swapped.boxes[0].label);
    let (one, two) = (0, other.unwrap());
    let blank = swapped.boxes[one].blank.clone();
    swapped.boxes[one].blank = std::mem::replace(&mut swapped.boxes[two].blank, blank);
    assert_eq!(differences(&swapped).len(), 2);

    let mut missing = inventory.clone();
    missing.boxes.remove(0);
    assert!(differences(&missing)[0].contains("nothing lies there"));

    let mut thrown_away = inventory;
    let pack = thrown_away
        .packs
        .values_mut()
        .find(|pack| pack.contains_key("feeder"));
    let pack = pack.unwrap();
    *pack.get_mut("feeder").unwrap() -= 1;
    *pack.entry("reject".to_owned()).or_default() += 1;
    assert!(differences(&thrown_away)[0].starts_with("pack "));
}

/// Cards that are as urgent as each other lie in their office's boxes as its lists have them, remakes at the end,
/// whichever machine was the fastest.
#[test]
fn cards_lie_in_their_boxes_in_the_order_of_their_office() {
    pass(async {
        let kit = Kit::new(7, 60, People::SmallChildren, CHIP).await.unwrap();
        let plan = Plan {
            stations: 3,
            desks: 2,
            pack: 30,
            box_cards: 30,
            ..plan(21, 60)
        };
        let day = Day::with(&kit, plan).await.unwrap();
        for station in day.hall.stations() {
            day.hall.reader_trouble(station, 20, ReaderTrouble::Says(0x6581));
        }
        // The first machine takes its time: lots that were begun after its own are through before.
        let slow = day.hall.stations().next().unwrap();
        for print in 1..60 {
            let when = When::Named("Sp".to_owned(), print);
            day.hall.printer_trouble(slow, when, What::Delay(3_000));
        }
        day.admit(day.requests()).await.unwrap();
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);

        let mut boxes = BTreeMap::new();
        let mut remade = 0;
        for attempt in day.ledger.all_attempts() {
            let Some((label, slot)) = attempt.boxed.clone() else {
                continue;
            };
            let order = day.book.order(attempt.id.order).await.unwrap().unwrap();
            let is_remake = attempt.id.number > 1;
            remade += usize::from(is_remake);
            let batch = boxes.entry((order.office, order.priority, order.due));
            let batch = batch.or_insert_with(Vec::new);
            batch.push(((label, slot), (is_remake, order.place)));
        }
        assert!(remade > 0, "nothing was made again");
        assert!(
            boxes.values().any(|cards| cards.len() > 4),
            "no batch needs two lots"
        );
        for ((office, ..), mut cards) in boxes {
            cards.sort();
            assert!(cards.is_sorted_by_key(|(_, place)| place), "{office}: {cards:?}");
        }
    })
    .unwrap();
}
