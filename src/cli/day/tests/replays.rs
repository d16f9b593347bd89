//! What the registry sends may come twice, late, in any order, or bent on its way: nobody gets a card more or less.

use super::*;
use crate::sim::dossiers::Request;

/// Times that each document is sent.
const TIMES: usize = 6;

/// A number below the bound.
fn below(bound: usize, dice: &Entropy) -> usize {
    usize::try_from(u32::from_be_bytes(dice.bytes().unwrap())).unwrap() % bound
}

/// The morning's documents, each several times, in any order; of three one has a bit turned over.
fn replayed(day: &Day, dice: &Entropy) -> Vec<Request> {
    let once = day.requests().iter();
    let mut sent: Vec<Request> = once.flat_map(|request| vec![request.clone(); TIMES]).collect();
    for last in (1..sent.len()).rev() {
        sent.swap(last, below(last + 1, dice));
    }
    for request in &mut sent {
        if below(3, dice) == 0 {
            let place = below(request.body.len(), dice);
            request.body[place] ^= 1 << below(8, dice);
        }
    }
    sent
}

/// What the order book says of each request.
async fn orders(day: &Day) -> BTreeMap<String, (u32, OrderState)> {
    let mut orders = BTreeMap::new();
    let states = [
        OrderState::Waiting,
        OrderState::Held,
        OrderState::InLot,
        OrderState::Boxed,
        OrderState::Cancelled,
    ];
    for state in states {
        for order in day.book.in_state(state, OrderKey(0), u32::MAX).await.unwrap() {
            let twin = orders.insert(order.request.clone(), (order.version, state));
            assert_eq!(twin, None, "{} has two orders", order.request);
        }
    }
    orders
}

#[test]
fn messages_that_are_replayed_reordered_or_forged_change_nothing() {
    pass(async {
        let kit = Kit::new(7, 12, People::SmallChildren, CHIP).await.unwrap();
        let once = Day::with(&kit, plan(7, 12)).await.unwrap();
        once.admit(once.requests()).await.unwrap();
        let wanted = orders(&once).await;
        assert!(wanted.len() > 8, "{wanted:?}");
        for seed in 0..4 {
            let dice = Entropy::seeded(seed);
            let day = Day::with(&kit, plan(7, 12)).await.unwrap();
            day.admit(&replayed(&day, &dice)).await.unwrap();
            assert_eq!(orders(&day).await, wanted, "seed {seed}");
            assert_eq!(day.work(None).await.unwrap(), End::Done);
            let (made, attempts) = (orders(&day).await, day.ledger.all_attempts());
            // The same again, when all cards lie in their boxes.
            day.admit(&replayed(&day, &dice)).await.unwrap();
            assert_eq!(day.work(None).await.unwrap(), End::Done);
            assert_eq!(orders(&day).await, made, "seed {seed}");
            assert_eq!(day.ledger.all_attempts(), attempts, "seed {seed}");
            assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
            assert_eq!(day.broken(), [""; 0]);
        }
    })
    .unwrap();
}
