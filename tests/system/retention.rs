//! Retention on a virtual clock: months pass in a moment, and what is due goes on its day and no other.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::sync::Arc;
use std::time::Duration;

use cardwright::base::ids::{AttemptId, LotId, MachineId, OfficeCode, OrderKey, PersonId};
use cardwright::base::{Clock, Mode};
use cardwright::control::wire::Call;
use cardwright::control::{Control, Request, privacy};
use cardwright::dossier::Dossier;
use cardwright::job::fact::RETENTION;
use cardwright::job::{Epoch, EpochChange, Event, Fact};
use cardwright::line::{Line, retention};
use cardwright::port::{Admission, KeyPurpose, NewOrder, OrderChange, OrderState, Standing};
use cardwright::sim::dossiers::{Plan, generate};
use time::macros::{date, datetime};

use super::control::line_at;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn line() -> Arc<Line> {
    let clock = Clock::starting_at(datetime!(2026-11-22 02:00 UTC));
    line_at(Mode::Rehearsal, clock).await
}

/// A person as the registry sends them.
fn person(number: usize) -> Dossier {
    let plan = Plan {
        seed: 5,
        count: 1,
        issued: date!(2026 - 11 - 22),
        intake: None,
    };
    generate(plan).of_small_children().truth(number)
}

async fn admitted(line: &Line, number: usize) -> OrderKey {
    in_the_book(line, &person(number)).await
}

/// Admits a dossier as it is.
pub(super) async fn in_the_book(line: &Line, dossier: &Dossier) -> OrderKey {
    let at_rest = line.seal_dossier(dossier).await.unwrap();
    let order = NewOrder {
        request: dossier.request.clone(),
        version: dossier.version,
        person: dossier.request.clone(),
        content: String::new(),
        office: OfficeCode::new("HN-01"),
        profile: dossier.profile.clone(),
        priority: 4,
        place: "01".to_owned(),
        received: dossier.received,
        admitted: dossier.received,
        due: dossier.received,
        hold: None,
        flags: None,
        epoch: at_rest.epoch,
        wrapped_key: at_rest.wrapped_key,
        sealed: at_rest.sealed,
    };
    match line.ports.book.admit(order).await.unwrap() {
        Admission::New(key) => key,
        other => panic!("{other:?}"),
    }
}

async fn cancelled(line: &Line, number: usize) -> OrderKey {
    let order = admitted(line, number).await;
    line.ports.book.change(order, OrderChange::Cancel).await.unwrap();
    order
}

async fn opens(line: &Line, order: OrderKey) -> Result<(), &'static str> {
    line.dossier(order)
        .await
        .map(|_| ())
        .map_err(|fault| fault.code.id)
}

/// Everything that is due today.
async fn settled(line: &Line) {
    while line.retain().await.unwrap() {}
}

async fn days_pass(line: &Line, days: u32) {
    for _ in 0..days {
        line.clock.sleep(DAY).await;
        settled(line).await;
    }
}

/// Labels of the wrapping keys in the HSM.
async fn keys(line: &Line) -> Vec<String> {
    let keys = line.ports.signer.keys().await.unwrap();
    keys.into_iter()
        .filter(|key| key.purpose == KeyPurpose::Wrap)
        .map(|key| key.label)
        .collect()
}

/// What the ledger says of the epochs.
async fn said(line: &Line) -> Vec<(String, EpochChange)> {
    let history = line.ports.ledger.history(RETENTION).await.unwrap();
    let said = history.into_iter().map(|entry| match entry.fact {
        Fact::Epoch { label, change, .. } => (label, change),
        other => panic!("{other:?}"),
    });
    said.collect()
}

#[tokio::test(start_paused = true)]
async fn data_goes_on_its_day_and_its_key_after_it_while_what_is_needed_moves_on() {
    let line = line().await;
    let waits = admitted(&line, 0).await;
    let over = cancelled(&line, 1).await;
    settled(&line).await;
    assert_eq!(keys(&line).await, ["wrap-2026-11-22"]);
    days_pass(&line, 13).await;
    assert_eq!(opens(&line, over).await, Ok(()));
    days_pass(&line, 1).await;
    assert_eq!(opens(&line, over).await, Err("LIN-040"));
    let told = line.ports.ledger.history(&over.to_string()).await.unwrap();
    assert!(matches!(&told[0].fact, Fact::OrderErased { by, .. } if by.is_empty()));
    assert_eq!(opens(&line, waits).await, Ok(()));
    // Its key lives until its last day's orders are gone.
    days_pass(&line, 6).await;
    assert!(keys(&line).await.contains(&"wrap-2026-11-22".to_owned()));
    days_pass(&line, 1).await;
    assert!(!keys(&line).await.contains(&"wrap-2026-11-22".to_owned()));
    // What waits for months is never lost, and no key outlives its time for it.
    days_pass(&line, 120).await;
    assert_eq!(opens(&line, waits).await, Ok(()));
    let open = keys(&line).await;
    assert!(open.len() <= 4, "{open:?}");
    let (first, last) = (said(&line).await, said(&line).await.pop().unwrap());
    assert_eq!(first[0], ("wrap-2026-11-22".to_owned(), EpochChange::Opened));
    assert_ne!(last.1, EpochChange::Closing, "every close has its outcome");
    for label in &open {
        assert!(Epoch::parse("wrap", label).is_some(), "{label}");
        assert!(!first.contains(&(label.clone(), EpochChange::Closed)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_runs_ahead_destroys_nothing() {
    let line = line().await;
    let over = cancelled(&line, 1).await;
    settled(&line).await;
    line.recall_clock(true).await.unwrap();
    // The ledger knows a later time than the clock shows: one of both is wrong.
    let mut later = line.hsm.time.anchor_now();
    later.wall += time::Duration::days(400);
    line.hsm.time.accept(later);
    assert_eq!(line.retain().await.unwrap_err().code.id, "LIN-032");
    assert_eq!(opens(&line, over).await, Ok(()));
    assert_eq!(keys(&line).await, ["wrap-2026-11-22"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_still_needed_is_not_erased_but_shown_as_overdue() {
    let line = line().await;
    let order = cancelled(&line, 1).await;
    let id = AttemptId { order, number: 1 };
    let planned = Event::Planned {
        lot: LotId(1),
        machine: MachineId::new("S01"),
        replaces: None,
    };
    line.event(id, planned).await.unwrap();
    days_pass(&line, 40).await;
    assert_eq!(opens(&line, order).await, Ok(()));
    let overdue = line.overdue().await.unwrap();
    assert_eq!(overdue[0].0, order);
    let request = Request::Privacy(privacy::Request::Show);
    let control = Control::new(Arc::clone(&line));
    let call = |request: &Request| Call::new(request.clone(), None);
    let shown = control.answer(PersonId::new("an"), call(&request)).await.unwrap();
    assert!(
        !shown.good && shown.text.contains("is not finished"),
        "{}",
        shown.text
    );
    let status = control
        .answer(PersonId::new("an"), call(&Request::Status))
        .await
        .unwrap();
    assert!(status.text.contains("1 OVERDUE"), "{}", status.text);
    // Nor by two people.
    let two = [PersonId::new("an"), PersonId::new("binh")];
    let refused = line.erase_order(order, "wanted", &two).await.unwrap_err();
    assert_eq!(refused.code.id, "LIN-041");
    let code = "JOB-010".to_owned();
    line.event(id, Event::Withdrawn { code }).await.unwrap();
    settled(&line).await;
    assert_eq!(opens(&line, order).await, Err("LIN-040"));
    assert!(line.overdue().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_people_erase_an_order_and_close_an_epoch_before_their_time() {
    let line = line().await;
    let control = Control::new(Arc::clone(&line));
    let (waits, over) = (admitted(&line, 0).await, cancelled(&line, 1).await);
    let ask = async |who: &str, request: &privacy::Request| {
        let call = Call::new(Request::Privacy(request.clone()), None);
        control.answer(PersonId::new(who), call).await
    };
    let erase = |order: OrderKey| privacy::Request::Erase {
        order: order.to_string(),
        reason: "request of the person".to_owned(),
    };
    assert!(
        !ask("an", &erase(over)).await.unwrap().good,
        "one person is not two"
    );
    assert_eq!(opens(&line, over).await, Ok(()));
    assert!(ask("binh", &erase(over)).await.unwrap().good);
    assert_eq!(opens(&line, over).await, Err("LIN-040"));
    ask("an", &erase(waits)).await.unwrap();
    assert_eq!(ask("binh", &erase(waits)).await.unwrap_err().code.id, "LIN-041");
    let told = line.ports.ledger.history(&over.to_string()).await.unwrap();
    assert!(
        matches!(&told[0].fact, Fact::OrderChanged { change, by, .. } if change == "erase" && by.len() == 2)
    );
    assert!(matches!(&told[1].fact, Fact::OrderErased { by, .. } if by.len() == 2));
    // The epoch of today has a successor on the same day, and what waits is under that.
    let close = privacy::Request::Close {
        label: "wrap-2026-11-22".to_owned(),
    };
    ask("an", &close).await.unwrap();
    assert!(ask("binh", &close).await.unwrap().good);
    assert_eq!(keys(&line).await, ["wrap-2026-11-22.2"]);
    assert_eq!(opens(&line, waits).await, Ok(()));
    let at_rest = line.ports.book.sealed(waits).await.unwrap().unwrap();
    assert_eq!(at_rest.epoch, "wrap-2026-11-22.2");
    ask("an", &close).await.unwrap();
    assert_eq!(ask("binh", &close).await.unwrap_err().code.id, "LIN-043");
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_cut_off_is_finished_at_the_next_start() {
    let line = line().await;
    let (waits, over) = (admitted(&line, 0).await, cancelled(&line, 1).await);
    let first = "wrap-2026-11-22".to_owned();
    let two = vec![PersonId::new("an"), PersonId::new("binh")];
    line.close_early(&first, two.clone()).await.unwrap();
    // The order book has erased, and the ledger was not told.
    assert_eq!(line.ports.book.erase(&[over]).await.unwrap(), [over]);
    // The intent to destroy is on record, and the key is still there; an order is even under it.
    let second = "wrap-2026-11-22.2".to_owned();
    line.ports
        .signer
        .generate("wrap-2026-11-22.3", KeyPurpose::Wrap)
        .await
        .unwrap();
    let closing = Fact::Epoch {
        label: second.clone(),
        change: EpochChange::Closing,
        by: two,
    };
    line.record(vec![closing], Vec::new()).await.unwrap();
    retention::recover(&line).await.unwrap();
    assert_eq!(keys(&line).await, ["wrap-2026-11-22.3"]);
    assert_eq!(opens(&line, waits).await, Ok(()));
    assert_eq!(
        said(&line).await.last(),
        Some(&(second.clone(), EpochChange::Closed))
    );
    let told = line.ports.ledger.history(&over.to_string()).await.unwrap();
    assert!(matches!(&told[..], [entry] if matches!(entry.fact, Fact::OrderErased { .. })));
    assert!(line.ports.book.erased(9).await.unwrap().is_empty());
    // Destroyed, and only the outcome was not recorded: nothing is left to destroy, and it is said.
    let third = "wrap-2026-11-22.3".to_owned();
    line.close_early(&third, Vec::new()).await.unwrap();
    let size = line.ports.ledger.size().await.unwrap();
    let closing = Fact::Epoch {
        label: second.clone(),
        change: EpochChange::Closing,
        by: Vec::new(),
    };
    line.record(vec![closing], Vec::new()).await.unwrap();
    retention::recover(&line).await.unwrap();
    assert_eq!(line.ports.ledger.size().await.unwrap(), size + 2);
    assert_eq!(said(&line).await.last(), Some(&(second, EpochChange::Closed)));
    // Finished twice is finished once.
    retention::recover(&line).await.unwrap();
    assert_eq!(line.ports.ledger.size().await.unwrap(), size + 2);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_card_is_lost_after_its_erasure_waits_for_a_new_dossier() {
    let line = line().await;
    let order = cancelled(&line, 1).await;
    days_pass(&line, 15).await;
    line.ports
        .book
        .set_state(Standing {
            lot: LotId(0),
            order,
            state: OrderState::Waiting,
            remake: true,
        })
        .await
        .unwrap();
    let fault = line.dossier(order).await.unwrap_err();
    // A fault of the dossier holds the order for a person; the lot goes on.
    assert_eq!(
        (fault.code.id, fault.blame()),
        ("LIN-040", cardwright::base::Blame::Dossier)
    );
}
