//! What an order book promises about personal data.

use time::macros::date;

use super::order_book::stands;
use crate::base::ids::{OfficeCode, OrderKey};
use crate::port::{Admission, Kept, NewOrder, OrderBook, OrderChange, OrderState};

const UNTIL: time::Date = date!(2026 - 12 - 07);

fn new(request: &str, epoch: &str, sealed: &[u8]) -> NewOrder {
    NewOrder {
        request: request.to_owned(),
        version: 1,
        person: request.to_owned(),
        content: String::new(),
        office: OfficeCode::new("R"),
        profile: "cc-2024".to_owned(),
        priority: 5,
        place: "village and team".to_owned(),
        received: UNTIL,
        admitted: UNTIL,
        due: UNTIL,
        hold: None,
        flags: None,
        epoch: epoch.to_owned(),
        wrapped_key: format!("key of {request}").into_bytes(),
        sealed: sealed.to_vec(),
    }
}

async fn admitted(book: &dyn OrderBook, order: NewOrder) -> OrderKey {
    match book.admit(order).await.unwrap() {
        Admission::New(key) | Admission::Replaced(key) => key,
        other => panic!("{other:?}"),
    }
}

/// Two cancelled orders with this sealed content.
pub(super) async fn two(book: &dyn OrderBook, first: &[u8], second: &[u8]) -> (OrderKey, OrderKey) {
    let first = admitted(book, new("first", "wrap-1", first)).await;
    let second = admitted(book, new("second", "wrap-1", second)).await;
    for order in [first, second] {
        book.change(order, OrderChange::Cancel).await.unwrap();
    }
    (first, second)
}

/// Asks an order book in which orders are boxed, cancelled and live.
pub(super) async fn retention(book: &dyn OrderBook) {
    terms(book).await;
    erasing(book).await;
    wrapping_anew(book).await;
}

async fn stand(book: &dyn OrderBook, order: OrderKey, state: OrderState, remake: bool) {
    book.set_state(stands(book, order, state, remake).await)
        .await
        .unwrap();
}

async fn terms(book: &dyn OrderBook) {
    // What is over and has no term: the suite's two boxed orders and the cancelled one.
    assert!(book.due(UNTIL, OrderKey(0), 99).await.unwrap().is_empty());
    assert_eq!(book.begin_terms(UNTIL, 2).await.unwrap(), 2);
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 1);
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 0);
    let day_before = UNTIL.previous_day().unwrap();
    assert!(book.due(day_before, OrderKey(0), 99).await.unwrap().is_empty());
    let due = book.due(UNTIL, OrderKey(0), 99).await.unwrap();
    assert_eq!((due.len(), due.is_sorted()), (3, true));
    assert_eq!(book.due(UNTIL, due[0], 1).await.unwrap(), due[1..2]);
    // An order that is live again has no term until it is over again.
    stand(book, due[0], OrderState::Held, true).await;
    assert_eq!(book.due(UNTIL, OrderKey(0), 99).await.unwrap(), due[1..]);
    stand(book, due[0], OrderState::Boxed, false).await;
    assert_eq!(book.due(UNTIL, OrderKey(0), 99).await.unwrap(), due[1..]);
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 1);
}

async fn erasing(book: &dyn OrderBook) {
    let due = book.due(UNTIL, OrderKey(0), 99).await.unwrap();
    let live = book.in_state(OrderState::InLot, OrderKey(0), 1).await.unwrap()[0].key;
    assert!(book.erased(99).await.unwrap().is_empty());
    // What is live is left as it is, and so is what does not exist.
    let asked = [due[0], live, OrderKey(999)];
    assert_eq!(book.erase(&asked).await.unwrap(), [due[0]]);
    assert!(book.sealed(due[0]).await.unwrap().is_none());
    assert!(book.sealed(live).await.unwrap().is_some());
    let left = book.order(due[0]).await.unwrap().unwrap();
    assert_eq!((left.state, left.place.as_str()), (OrderState::Boxed, ""));
    assert_eq!(book.due(UNTIL, OrderKey(0), 99).await.unwrap(), due[1..]);
    // Until it is told, the answer stays the same.
    assert_eq!(book.erased(99).await.unwrap(), [due[0]]);
    assert_eq!(book.erase(&due).await.unwrap(), due);
    assert_eq!(book.erased(2).await.unwrap(), due[..2]);
    book.told_erased(&due[..1]).await.unwrap();
    assert_eq!(book.erased(99).await.unwrap(), due[1..]);
    assert_eq!(book.erase(&due).await.unwrap(), due[1..]);
    book.told_erased(&due).await.unwrap();
    assert!(book.erased(99).await.unwrap().is_empty());
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 0);
    // A new dossier may come for an order whose card was lost after its data was erased.
    stand(book, due[0], OrderState::Held, true).await;
    let request = left.request.as_str();
    let correction = NewOrder {
        version: left.version + 1,
        ..new(request, "wrap-9", b"anew")
    };
    assert_eq!(admitted(book, correction).await, due[0]);
    assert_eq!(book.sealed(due[0]).await.unwrap().unwrap().sealed, b"anew");
    book.change(due[0], OrderChange::Cancel).await.unwrap();
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 1);
    assert_eq!(book.erase(&due[..1]).await.unwrap(), due[..1]);
    book.told_erased(&due[..1]).await.unwrap();
}

async fn wrapping_anew(book: &dyn OrderBook) {
    let (first, second) = two(book, b"one", b"two").await;
    let third = admitted(book, new("third", "wrap-3", b"three")).await;
    let other_epochs = |kept: &Kept| ["wrap-2", "wrap-3"].contains(&kept.epoch.as_str());
    let before = book.wrapped_under("wrap-3", 9).await.unwrap();
    assert_eq!((before.len(), before[0].order, before[0].until), (1, third, None));
    let moved = &before[0];
    assert_eq!((moved.request.as_str(), moved.version), ("third", 1));
    assert!(book.rewrap(moved, "wrap-2", b"anew").await.unwrap());
    // The same again finds another key there, and changes nothing.
    assert!(!book.rewrap(moved, "wrap-3", b"once more").await.unwrap());
    let at_rest = book.sealed(third).await.unwrap().unwrap();
    assert_eq!(
        (
            at_rest.epoch.as_str(),
            &at_rest.wrapped_key[..],
            &at_rest.sealed[..]
        ),
        ("wrap-2", &b"anew"[..], &b"three"[..])
    );
    assert!(book.wrapped_under("wrap-3", 9).await.unwrap().is_empty());
    let kept = book.kept().await.unwrap();
    let kept: Vec<&Kept> = kept.iter().filter(|kept| other_epochs(kept)).collect();
    let expected = Kept {
        epoch: "wrap-2".to_owned(),
        orders: 1,
        live: 1,
        soonest: None,
    };
    assert_eq!(kept, [&expected]);
    assert_eq!(book.begin_terms(UNTIL, 99).await.unwrap(), 2);
    let under = book.wrapped_under("wrap-1", 99).await.unwrap();
    let of = |order| under.iter().find(|wrapped| wrapped.order == order).unwrap();
    assert_eq!([of(first).until, of(second).until], [Some(UNTIL); 2]);
    assert_eq!(book.wrapped_under("wrap-1", 1).await.unwrap(), under[..1]);
    let soonest = book
        .kept()
        .await
        .unwrap()
        .into_iter()
        .find(|kept| kept.epoch == "wrap-1");
    assert_eq!(soonest.unwrap().soonest, Some(UNTIL));
}
