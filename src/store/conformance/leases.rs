//! What an order book promises to several controllers.

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OrderKey};
use crate::port::{Order, OrderBook, OrderState, Renewed, Standing};

use super::order_book::{admitted, claim, new, stands};
use super::refused;

/// Three orders of one office.
async fn three(book: &dyn OrderBook, office: &str) -> Vec<OrderKey> {
    let mut keys = Vec::new();
    for number in 1..=3 {
        let (request, person) = (format!("{office}{number}"), format!("{office} {number}"));
        keys.push(admitted(book, new(&request, &person, office, &number.to_string())).await);
    }
    keys
}

async fn order(book: &dyn OrderBook, key: OrderKey) -> Order {
    book.order(key).await.unwrap().unwrap()
}

/// Asks an empty order book that both have in hand. `pass` lets the first one's lease end, and not the second one's.
pub(crate) async fn leases<P: Future<Output = ()>>(
    first: &dyn OrderBook,
    second: &dyn OrderBook,
    pass: impl Fn() -> P,
) {
    tokens(first, second).await;
    ends_of_leases(first, second, &pass).await;
    given_back(first, second).await;
    reclaimed(first, second).await;
    given_up(first, second, &pass).await;
}

/// One whose ledger has a card takes its order back from whoever has only claimed it, and from nobody else.
async fn reclaimed(first: &dyn OrderBook, second: &dyn OrderBook) {
    let keys = three(first, "M").await;
    let machine = MachineId::new("S01");
    let theirs = claim(second, 2).await.unwrap();
    let mut mine = stands(first, keys[0], OrderState::InLot, false).await;
    mine.lot = LotId(5_000);
    assert!(first.reclaim(mine, &machine).await.unwrap());
    assert!(first.reclaim(mine, &machine).await.unwrap(), "again is harmless");
    assert_eq!(refused(second.grant(theirs.id).await), "BOOK-002");
    assert_eq!(order(first, keys[1]).await.state, OrderState::Waiting);
    let lot = first.lot(LotId(5_000)).await.unwrap().unwrap();
    assert_eq!((lot.machine, lot.orders), (machine.clone(), keys[..1].to_vec()));
    assert_eq!(first.given(OrderKey(0), 9).await.unwrap().len(), 1);
    // What was granted is not taken, and an order that is not there is told.
    assert_eq!(
        refused(
            second
                .reclaim(
                    Standing {
                        lot: LotId(6_000),
                        ..mine
                    },
                    &machine
                )
                .await
        ),
        "BOOK-002"
    );
    let lost = Standing {
        order: OrderKey(777),
        ..mine
    };
    assert!(!first.reclaim(lost, &machine).await.unwrap());
    first
        .set_state(Standing {
            state: OrderState::Boxed,
            ..mine
        })
        .await
        .unwrap();
    let rest = claim(second, 9).await.unwrap();
    assert_eq!(rest.orders, keys[1..]);
    second.grant(rest.id).await.unwrap();
    for key in rest.orders {
        let boxed = stands(second, key, OrderState::Boxed, false).await;
        second.set_state(boxed).await.unwrap();
    }
}

/// Two people have looked for the cards of a controller that is lost; it never comes back.
async fn given_up<P: Future<Output = ()>>(
    first: &dyn OrderBook,
    second: &dyn OrderBook,
    pass: &impl Fn() -> P,
) {
    let keys = three(first, "L").await;
    let lot = claim(first, 2).await.unwrap();
    first.grant(lot.id).await.unwrap();
    let loose = claim(first, 9).await.unwrap();
    assert_eq!(loose.orders, keys[2..]);
    assert_eq!(refused(second.give_up("K1").await), "BOOK-004", "it lives");
    assert!(second.orphans("K1").await.unwrap().is_empty());
    assert_eq!(refused(second.release_orphan("K1", keys[0]).await), "STO-007");
    assert_eq!(refused(second.give_up("nobody").await), "STO-006");
    pass().await;
    second.give_up("K1").await.unwrap();
    assert_eq!(refused(first.renew().await), "BOOK-003");
    let late = stands(first, keys[0], OrderState::Boxed, false).await;
    assert_eq!(refused(first.set_state(late).await), "BOOK-003");
    // What it had only claimed is free; what it was granted waits for the people.
    assert_eq!(claim(second, 9).await.unwrap().orders, keys[2..]);
    let orphans = second.orphans("K1").await.unwrap();
    assert_eq!(
        orphans.iter().map(|order| order.key).collect::<Vec<_>>(),
        keys[..2]
    );
    second.release_orphan("K1", keys[0]).await.unwrap();
    assert_eq!(refused(second.release_orphan("K1", keys[0]).await), "STO-007");
    assert_eq!(
        refused(second.release_orphan("K1", keys[2]).await),
        "STO-007",
        "it is another's"
    );
    let again = claim(second, 9).await.unwrap();
    assert_eq!(again.orders, keys[..1]);
    let remade = order(second, keys[0]).await;
    assert_eq!((remade.tries, remade.remake), (2, true));
    let controllers = second.controllers().await.unwrap();
    assert!(
        controllers
            .iter()
            .any(|one| one.name == "K1" && one.given_up && one.given == 1)
    );
}

/// Whose lot an order is, and who may speak of it.
async fn tokens(first: &dyn OrderBook, second: &dyn OrderBook) {
    let keys = three(first, "A").await;
    let lot = claim(first, 2).await.unwrap();
    assert_eq!(lot.orders, keys[..2]);
    assert_eq!(order(second, keys[0]).await.lot, Some(lot.id));
    assert_eq!(order(second, keys[0]).await.tries, 1);
    // Each gets other orders, and is told of its own only.
    let other = claim(second, 9).await.unwrap();
    assert_eq!(other.orders, keys[2..]);
    assert!(other.id > lot.id, "a fencing token only grows");
    let given = async |book: &dyn OrderBook| -> Vec<OrderKey> {
        let given = book.given(OrderKey(0), 9).await.unwrap();
        given.into_iter().map(|order| order.key).collect()
    };
    assert_eq!(given(first).await, keys[..2]);
    assert_eq!(given(second).await, keys[2..]);
    assert_eq!(first.given(keys[0], 9).await.unwrap().len(), 1);
    assert_eq!(first.given(OrderKey(0), 1).await.unwrap().len(), 1);
    // A lot is granted to its own controller, as often as it asks.
    assert_eq!(refused(second.grant(lot.id).await), "BOOK-002");
    assert_eq!(refused(first.grant(LotId(9_999)).await), "BOOK-002");
    first.grant(lot.id).await.unwrap();
    first.grant(lot.id).await.unwrap();
    // A token that is not the order's changes nothing, in a batch neither.
    let mut wrong = stands(first, keys[1], OrderState::Boxed, false).await;
    wrong.lot = other.id;
    assert_eq!(refused(second.set_state(wrong).await), "BOOK-002");
    let right = stands(first, keys[2], OrderState::Boxed, false).await;
    assert_eq!(refused(second.set_states(&[wrong, right]).await), "BOOK-002");
    assert_eq!(order(first, keys[1]).await.state, OrderState::InLot);
    assert_eq!(order(first, keys[2]).await.state, OrderState::InLot);
    assert_eq!(
        refused(second.hold(other.id, keys[1], "JOB-015").await),
        "BOOK-002"
    );
    // The right one may be said twice: its answer may have been lost.
    for _ in 0..2 {
        second.set_states(&[right]).await.unwrap();
    }
    let controllers = first.controllers().await.unwrap();
    let told: Vec<_> = controllers
        .iter()
        .map(|one| (one.name.as_str(), one.given, one.claimed))
        .collect();
    assert_eq!(told, [("K1", 2, 0), ("K2", 0, 0)]);
    assert!(
        controllers
            .iter()
            .all(|one| one.lease.is_some() && one.vouched && !one.given_up)
    );
}

/// Leaves `A1` and `A2` with the first, granted.
async fn ends_of_leases<P: Future<Output = ()>>(
    first: &dyn OrderBook,
    second: &dyn OrderBook,
    pass: &impl Fn() -> P,
) {
    let granted = first.given(OrderKey(0), 9).await.unwrap();
    let keys = three(first, "B").await;
    let lot = claim(first, 9).await.unwrap();
    assert_eq!(lot.orders, keys);
    // As long as it beats, nobody takes anything.
    assert_eq!(first.renew().await.unwrap(), Renewed::Same);
    assert!(claim(second, 9).await.is_none());
    pass().await;
    let gone = second.controllers().await.unwrap();
    assert!(
        gone.iter()
            .any(|one| one.name == "K1" && one.lease.is_none() && one.claimed == 3)
    );
    // What was only claimed is another's, what was granted never is.
    let taken = claim(second, 9).await.unwrap();
    assert_eq!(taken.orders, keys);
    assert_eq!(
        order(first, keys[0]).await.tries,
        2,
        "its attempt has a name of its own"
    );
    assert!(claim(second, 9).await.is_none());
    assert_eq!(first.given(OrderKey(0), 9).await.unwrap(), granted);
    // It wakes: its token is old, for the grant and for every word.
    assert_eq!(first.renew().await.unwrap(), Renewed::Same);
    assert_eq!(refused(first.grant(lot.id).await), "BOOK-002");
    let mut late = stands(first, keys[0], OrderState::Boxed, false).await;
    late.lot = lot.id;
    for state in [OrderState::Boxed, OrderState::Waiting, OrderState::Cancelled] {
        late.state = state;
        assert_eq!(refused(first.set_state(late).await), "BOOK-002");
    }
    assert_eq!(refused(first.hold(lot.id, keys[0], "x").await), "BOOK-002");
    second.grant(taken.id).await.unwrap();
    assert_eq!(order(first, keys[0]).await.lot, Some(taken.id));
    // What it was granted is still its own to speak of.
    let mine = stands(first, granted[0].key, OrderState::Boxed, false).await;
    first.set_state(mine).await.unwrap();
}

/// An order that one spoiled is made by the other, under the next number; a person's word ends a lot's.
async fn given_back(first: &dyn OrderBook, second: &dyn OrderBook) {
    let spoiled = first.given(OrderKey(0), 9).await.unwrap().remove(0);
    let owed = stands(first, spoiled.key, OrderState::Waiting, true).await;
    for _ in 0..2 {
        first.set_state(owed).await.unwrap();
    }
    let lot = claim(second, 9).await.unwrap();
    assert_eq!(lot.orders, [spoiled.key]);
    let again = order(second, spoiled.key).await;
    assert_eq!((again.tries, again.remake), (spoiled.tries + 1, true));
    assert_eq!(refused(first.set_state(owed).await), "BOOK-002");
    let owed = stands(second, spoiled.key, OrderState::Waiting, true).await;
    second.set_state(owed).await.unwrap();
    second
        .change(spoiled.key, crate::port::OrderChange::Cancel)
        .await
        .unwrap();
    assert_eq!(refused(second.set_state(owed).await), "BOOK-002");
    assert_eq!(order(second, spoiled.key).await.state, OrderState::Cancelled);
}

/// Many claim at one moment: every order has one holder, and none is left.
pub(crate) async fn race<B: OrderBook + 'static>(books: Vec<std::sync::Arc<B>>, orders: usize, cards: usize) {
    for number in 0..orders {
        let (request, office) = (format!("R{number}"), format!("O{}", number % 7));
        admitted(&*books[0], new(&request, &request, &office, &request)).await;
    }
    let mut racing = tokio::task::JoinSet::new();
    for (number, book) in books.iter().cloned().enumerate() {
        racing.spawn(async move {
            let machine = MachineId::new(format!("S{number:02}"));
            let mut lots = Vec::new();
            for round in 0..usize::MAX {
                let ticket = format!("{number}/{round}");
                // Asked twice at one moment, as after a lost answer while the first is still under way.
                let (one, other) = tokio::join!(
                    book.claim(&ticket, &machine, cards),
                    book.claim(&ticket, &machine, cards)
                );
                let (one, other) = (one.unwrap(), other.unwrap());
                match (one, other) {
                    (Some(one), Some(other)) => {
                        assert_eq!(one, other);
                        lots.push(one);
                    }
                    // Between the two, others took what was left, or gave it back.
                    (Some(one), None) | (None, Some(one)) => lots.push(one),
                    (None, None) => break,
                }
            }
            lots
        });
    }
    let mut holders = std::collections::BTreeMap::new();
    while let Some(lots) = racing.join_next().await {
        for lot in lots.unwrap() {
            for order in &lot.orders {
                assert_eq!(holders.insert(*order, lot.id), None, "{order} has two holders");
            }
        }
    }
    assert_eq!(holders.len(), orders);
    for (key, lot) in holders {
        let known = order(&*books[0], key).await;
        assert_eq!(
            (known.state, known.lot, known.tries),
            (OrderState::InLot, Some(lot), 1)
        );
    }
}

/// A name has one process: the next one of it shuts the last one out.
pub(crate) async fn one_process(old: &dyn OrderBook, new: &dyn OrderBook) {
    let keys = three(new, "P").await;
    let silenced: [Result<(), Fault>; 4] = [
        old.renew().await.map(|_| ()),
        old.claim("late", &MachineId::new("S01"), 9).await.map(|_| ()),
        old.grant(LotId(1)).await,
        old.set_state(stands(new, keys[0], OrderState::Boxed, false).await)
            .await,
    ];
    for outcome in silenced {
        assert_eq!(refused(outcome), "BOOK-003");
    }
    assert_eq!(claim(new, 9).await.unwrap().orders, keys);
}
