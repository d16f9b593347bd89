//! What an order book promises.

use std::sync::atomic::{AtomicU64, Ordering};

use time::Date;
use time::macros::date;

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::job::lot::Lot;
use crate::port::{Admission, NewOrder, OrderBook, OrderChange, OrderState, Returned, Standing};

use super::refused;

const DAY: Date = date!(2026 - 11 - 23);

pub(super) fn new(request: &str, person: &str, office: &str, place: &str) -> NewOrder {
    NewOrder {
        request: request.to_owned(),
        version: 2,
        person: person.to_owned(),
        content: String::new(),
        office: OfficeCode::new(office),
        profile: "cc-2024".to_owned(),
        priority: 5,
        place: place.to_owned(),
        received: DAY,
        admitted: DAY,
        due: DAY,
        hold: None,
        flags: None,
        epoch: "wrap-1".to_owned(),
        wrapped_key: b"key".to_vec(),
        sealed: request.as_bytes().to_vec(),
    }
}

pub(super) async fn admitted(book: &dyn OrderBook, order: NewOrder) -> OrderKey {
    match book.admit(order).await.unwrap() {
        Admission::New(key) => key,
        other => panic!("{other:?}"),
    }
}

async fn claimed(book: &dyn OrderBook, cards: usize) -> Option<(String, Vec<OrderKey>)> {
    let lot = claim(book, cards).await?;
    Some((lot.office.0, lot.orders))
}

/// A lot claimed under a ticket that nobody else has.
pub(super) async fn claim(book: &dyn OrderBook, cards: usize) -> Option<Lot> {
    static TICKETS: AtomicU64 = AtomicU64::new(0);
    let ticket = format!("ticket {}", TICKETS.fetch_add(1, Ordering::Relaxed));
    let machine = MachineId::new("S01");
    let lot = book.claim(&ticket, &machine, cards).await.unwrap()?;
    assert_eq!(lot.machine, machine);
    // Asked again, it is the same lot; and the book has it so.
    assert_eq!(
        book.claim(&ticket, &machine, cards).await.unwrap().as_ref(),
        Some(&lot)
    );
    assert_eq!(book.lot(lot.id).await.unwrap().as_ref(), Some(&lot));
    Some(lot)
}

/// The lot an order was last claimed in; one that was never claimed is in none, and then any may speak of it.
async fn lot_of(book: &dyn OrderBook, key: OrderKey) -> LotId {
    let order = book.order(key).await.unwrap();
    order.and_then(|order| order.lot).unwrap_or(LotId(77))
}

pub(super) async fn stands(
    book: &dyn OrderBook,
    order: OrderKey,
    state: OrderState,
    remake: bool,
) -> Standing {
    Standing {
        lot: lot_of(book, order).await,
        order,
        state,
        remake,
    }
}

async fn set_state(
    book: &dyn OrderBook,
    order: OrderKey,
    state: OrderState,
    remake: bool,
) -> Result<(), Fault> {
    book.set_state(stands(book, order, state, remake).await).await
}

/// Asks an empty order book.
pub(crate) async fn order_book(book: &dyn OrderBook) {
    admission(book).await;
    claims(book).await;
    changes(book).await;
    returns_and_counts(book).await;
    super::retention::retention(book).await;
}

/// Leaves `A1` (key 1) and `B1` (key 2) waiting for office A.
async fn admission(book: &dyn OrderBook) {
    let first = admitted(book, new("A1", "ann", "A", "2")).await;
    assert_eq!(
        book.admit(new("A1", "ann", "A", "2")).await.unwrap(),
        Admission::Known(first)
    );
    let other = |version| NewOrder {
        version,
        content: "other".to_owned(),
        ..new("A1", "ann", "A", "2")
    };
    let same_version = new("A1", "ann", "A", "2").version;
    let contradicts = Admission::Contradicts(first);
    assert_eq!(book.admit(other(same_version)).await.unwrap(), contradicts);
    let older = NewOrder {
        version: 1,
        ..new("A1", "ann", "A", "2")
    };
    assert_eq!(book.admit(older).await.unwrap(), Admission::Outdated(first));
    let second = Admission::SecondForPerson(first);
    assert_eq!(book.admit(new("A2", "ann", "A", "2")).await.unwrap(), second);
    let bob = admitted(book, new("B1", "bob", "A", "1")).await;
    // A correction replaces dossier and place; one that names a person with another live order is refused like a new
    // order would be.
    let correction = |person, version| NewOrder {
        version,
        sealed: b"corrected".to_vec(),
        ..new("A1", person, "A", "3")
    };
    assert_eq!(
        book.admit(correction("ann", 3)).await.unwrap(),
        Admission::Replaced(first)
    );
    // What the correction said counts from then on.
    assert_eq!(book.admit(other(3)).await.unwrap(), contradicts);
    assert_eq!(
        book.admit(correction("ann", 3)).await.unwrap(),
        Admission::Known(first)
    );
    assert_eq!(
        book.admit(correction("bob", 4)).await.unwrap(),
        Admission::SecondForPerson(bob)
    );
    let order = book.by_request("A1").await.unwrap().unwrap();
    assert_eq!((order.key, order.version, order.place.as_str()), (first, 3, "3"));
    assert_eq!(book.order(first).await.unwrap().unwrap(), order);
    let at_rest = book.sealed(first).await.unwrap().unwrap();
    assert_eq!((at_rest.request.as_str(), at_rest.version), ("A1", 3));
    assert_eq!(
        (at_rest.wrapped_key, at_rest.sealed),
        (b"key".to_vec(), b"corrected".to_vec())
    );
    assert!(book.order(OrderKey(99)).await.unwrap().is_none());
    assert!(book.by_request("Z").await.unwrap().is_none());
    assert!(book.sealed(OrderKey(99)).await.unwrap().is_none());
}

/// A remake calls for the others of its office and waits behind them, but not behind those that are due later. All of
/// them end in lots.
async fn remakes_wait(book: &dyn OrderBook) -> [OrderKey; 3] {
    let again = admitted(book, new("R1", "hal", "D", "0")).await;
    set_state(book, again, OrderState::Waiting, true).await.unwrap();
    let young = admitted(book, new("S1", "ida", "D", "2")).await;
    let later = NewOrder {
        due: date!(2026 - 12 - 01),
        ..new("T1", "jon", "D", "1")
    };
    let later = admitted(book, later).await;
    for order in [young, again, later] {
        assert_eq!(claimed(book, 1).await, Some(("D".to_owned(), vec![order])));
    }
    [again, young, later]
}

/// Lot follows lot in the office's order, although one that comes later there is due a little sooner.
async fn in_the_offices_order(book: &dyn OrderBook) -> [OrderKey; 2] {
    let due = |request, person, place, due| NewOrder {
        due,
        ..new(request, person, "D", place)
    };
    let second = admitted(book, due("K1", "kim", "2", date!(2026 - 12 - 10))).await;
    let first = admitted(book, due("L1", "lan", "1", date!(2026 - 12 - 12))).await;
    for order in [first, second] {
        assert_eq!(claimed(book, 1).await, Some(("D".to_owned(), vec![order])));
    }
    [second, first]
}

/// Ends with nothing waiting; `A1` and `B1` are in a lot.
async fn claims(book: &dyn OrderBook) {
    let (ann, bob) = (OrderKey(1), OrderKey(2));
    let remake = admitted(book, new("C1", "cid", "A", "0")).await;
    set_state(book, remake, OrderState::Waiting, true).await.unwrap();
    let held = NewOrder {
        hold: Some("DOS-001".to_owned()),
        ..new("D1", "dan", "A", "0")
    };
    let held = admitted(book, held).await;
    let urgent = NewOrder {
        priority: 9,
        ..new("E1", "eve", "B", "9")
    };
    let urgent = admitted(book, urgent).await;
    let early = admitted(book, new("F1", "fay", "B", "1")).await;
    let late = NewOrder {
        due: date!(2026 - 12 - 01),
        ..new("G1", "gus", "C", "1")
    };
    let late = admitted(book, late).await;
    // The most urgent order names the office and is never cut off; its neighbours come in the office's order.
    assert_eq!(claimed(book, 1).await, Some(("B".to_owned(), vec![urgent])));
    // Then by due date and age: office A, in its own order, the remake last, the held one not at all.
    assert_eq!(claimed(book, 2).await, Some(("A".to_owned(), vec![bob, ann])));
    assert_eq!(claimed(book, 5).await, Some(("A".to_owned(), vec![remake])));
    assert_eq!(claimed(book, 5).await, Some(("B".to_owned(), vec![early])));
    assert_eq!(claimed(book, 5).await, Some(("C".to_owned(), vec![late])));
    assert_eq!(claimed(book, 5).await, None);
    let [second, first] = in_the_offices_order(book).await;
    let [again, young, later] = remakes_wait(book).await;
    let in_lot = book.in_state(OrderState::InLot, OrderKey(0), 11).await.unwrap();
    let keys: Vec<_> = in_lot.iter().map(|order| order.key).collect();
    assert_eq!(
        keys,
        [
            ann, bob, remake, urgent, early, late, second, first, again, young, later
        ]
    );
    let page = book.in_state(OrderState::InLot, bob, 2).await.unwrap();
    assert_eq!(page, in_lot[2..4]);
    let waits = book.in_state(OrderState::Held, OrderKey(0), 9).await.unwrap();
    assert_eq!(
        (waits.len(), waits[0].key, waits[0].hold.as_deref()),
        (1, held, Some("DOS-001"))
    );
    // Too late for a newer version.
    let newer = NewOrder {
        version: 9,
        ..new("A1", "ann", "A", "2")
    };
    assert_eq!(book.admit(newer).await.unwrap(), Admission::TooLate(ann));
}

/// This order, request D1 of dan, is held at its admission.
async fn a_new_version_undoes_no_word_of_a_person(book: &dyn OrderBook, held: OrderKey) {
    let admit = async |version, hold: Option<&str>| {
        let newer = NewOrder {
            version,
            hold: hold.map(str::to_owned),
            priority: 2,
            ..new("D1", "dan", "A", "0")
        };
        assert_eq!(book.admit(newer).await.unwrap(), Admission::Replaced(held));
        let order = book.order(held).await.unwrap().unwrap();
        (order.state, order.hold, order.priority)
    };
    let stands = |state, hold: &str, priority| (state, Some(hold.to_owned()), priority);
    assert_eq!(
        admit(3, Some("DOS-002")).await,
        stands(OrderState::Held, "DOS-002", 2)
    );
    book.change(held, OrderChange::Hold("fraud?".into()))
        .await
        .unwrap();
    book.change(held, OrderChange::Priority(7)).await.unwrap();
    assert_eq!(admit(4, None).await, stands(OrderState::Held, "fraud?", 7));
    assert_eq!(
        admit(5, Some("DOS-002")).await,
        stands(OrderState::Held, "fraud?, DOS-002", 7)
    );
    book.change(held, OrderChange::Release).await.unwrap();
    assert_eq!(admit(6, None).await, (OrderState::Waiting, None, 7));
    assert_eq!(
        admit(7, Some("DOS-001")).await,
        stands(OrderState::Held, "DOS-001", 7)
    );
}

async fn changes(book: &dyn OrderBook) {
    let (ann, bob, held) = (OrderKey(1), OrderKey(2), OrderKey(4));
    // What a machine has is not a person's to change; a machine gives it up in one step.
    for change in [
        OrderChange::Hold("no".into()),
        OrderChange::Release,
        OrderChange::Priority(1),
        OrderChange::Cancel,
    ] {
        assert_eq!(
            refused(book.change(ann, change.clone()).await),
            "STO-007",
            "{change:?}"
        );
    }
    book.hold(lot_of(book, ann).await, ann, "JOB-015").await.unwrap();
    let order = book.order(ann).await.unwrap().unwrap();
    assert_eq!(
        (order.state, order.hold.as_deref(), order.remake),
        (OrderState::Held, Some("JOB-015"), true)
    );
    let order = book.change(ann, OrderChange::Release).await.unwrap();
    assert_eq!((order.state, order.hold), (OrderState::Waiting, None));
    assert_eq!(
        refused(book.hold(lot_of(book, ann).await, ann, "x").await),
        "STO-007"
    );
    assert_eq!(refused(book.change(ann, OrderChange::Release).await), "STO-007");
    assert_eq!(
        book.change(ann, OrderChange::Priority(9)).await.unwrap().priority,
        9
    );
    a_new_version_undoes_no_word_of_a_person(book, held).await;
    let order = book.change(held, OrderChange::Cancel).await.unwrap();
    assert_eq!((order.state, order.hold), (OrderState::Cancelled, None));
    for outcome in [
        set_state(book, OrderKey(99), OrderState::Boxed, false).await,
        book.hold(LotId(1), OrderKey(99), "x").await,
        book.change(OrderKey(99), OrderChange::Cancel).await.map(|_| ()),
    ] {
        assert_eq!(refused(outcome), "STO-006");
    }
    // One live order per person: a cancelled one makes room, and cannot come back beside its successor.
    let next = admitted(book, new("D2", "dan", "A", "0")).await;
    assert_eq!(
        refused(set_state(book, held, OrderState::Waiting, false).await),
        "STO-003"
    );
    let of_person: Vec<_> = book
        .by_person("dan")
        .await
        .unwrap()
        .iter()
        .map(|order| order.key)
        .collect();
    assert_eq!(of_person, [next, held]);
    let boxed = [
        stands(book, ann, OrderState::Boxed, false).await,
        stands(book, bob, OrderState::Boxed, false).await,
    ];
    book.set_states(&boxed).await.unwrap();
    let done = book.in_state(OrderState::Boxed, OrderKey(0), 9).await.unwrap();
    assert_eq!(done.iter().map(|order| order.key).collect::<Vec<_>>(), [ann, bob]);
}

async fn returns_and_counts(book: &dyn OrderBook) {
    let returned = |document: &str, office: Option<&str>| Returned {
        document: document.to_owned(),
        request: office.map(|office| format!("request of {office}")),
        person: office.map(|office| format!("person of {office}")),
        office: office.map(OfficeCode::new),
        codes: vec!["DOS-001".to_owned(), "DOS-002".to_owned()],
        notice: "{}".to_owned(),
        on: DAY,
    };
    let (first, second) = (returned("aa", Some("A")), returned("bb", None));
    assert!(book.keep_return(first.clone()).await.unwrap());
    assert!(book.keep_return(second.clone()).await.unwrap());
    assert!(!book.keep_return(first.clone()).await.unwrap());
    assert_eq!(book.returns().await.unwrap(), [first.clone(), second]);
    for name in ["request of A", "person of A"] {
        assert_eq!(book.returned(name).await.unwrap(), std::slice::from_ref(&first));
    }
    assert_eq!(book.returned("aa").await.unwrap(), []);
    let counts = book.counts(date!(2026 - 11 - 24)).await.unwrap();
    let office = |code: &str| counts[&OfficeCode::new(code)].clone();
    let a = office("A");
    assert_eq!(
        a.orders.into_iter().collect::<Vec<_>>(),
        [
            (OrderState::Waiting, 1),
            (OrderState::InLot, 1),
            (OrderState::Boxed, 2),
            (OrderState::Cancelled, 1)
        ]
    );
    assert_eq!((a.returned, a.late), (1, 2));
    assert_eq!(
        (office("?").returned, office("B").late, office("C").late),
        (1, 2, 0)
    );
}
