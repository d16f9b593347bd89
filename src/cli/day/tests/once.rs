//! Nothing is made twice, whatever a crash left in the books.

use super::*;
use crate::base::ids::{AttemptId, PersonId, SodHash};
use crate::job::lot::Lot;
use crate::job::{Event, Evidence, Step};
use crate::line::prepare::prepare;
use crate::line::settle::settle_once;
use crate::pki::SignerKey;
use crate::port::{Attempts, Standing};

/// The first order, given to a machine as a lot of its own.
pub(super) async fn first_lot(day: &Day, line: &Line) -> Lot {
    let machine = day.hall.stations().next().unwrap();
    let lot = day.book.claim("first", machine, 1).await.unwrap().unwrap();
    let claimed = Fact::LotClaimed { lot: lot.clone() };
    line.record(vec![claimed], Vec::new()).await.unwrap();
    lot
}

/// The lot's order is given back.
fn waits(lot: &Lot, remake: bool) -> Standing {
    Standing {
        lot: lot.id,
        order: lot.orders[0],
        state: OrderState::Waiting,
        remake,
    }
}

fn planned(lot: &Lot, number: u16) -> (AttemptId, Fact) {
    let id = AttemptId {
        order: lot.orders[0],
        number,
    };
    let replaces = (number > 1).then(|| AttemptId {
        number: number - 1,
        ..id
    });
    let event = Event::Planned {
        lot: lot.id,
        machine: lot.machine.clone(),
        replaces,
    };
    (id, Fact::attempt(id, event))
}

/// What the record says of the first try at a lot's order whose card is in its machine, bound and no further.
pub(super) fn bound(day: &Day, lot: &Lot) -> (AttemptId, Vec<Fact>) {
    let list = day.hall.lists().remove(0);
    let (id, begun) = planned(lot, 1);
    let step = Move {
        pack: list.pack.clone(),
        from: Some(Place::Issued),
        to: Place::Feeder(lot.machine.clone()),
        count: 1,
        by: Vec::new(),
        reason: String::new(),
    };
    let events = [
        Event::SignIntended {
            signer: "ds-1".to_owned(),
            digest: "00".to_owned(),
            chip_key: None,
        },
        Event::Signed {
            nonce: None,
            sod: SodHash("00".to_owned()),
        },
        Event::Intended {
            step: Step::Bind,
            machine: lot.machine.clone(),
            aim: None,
        },
        Event::Done {
            evidence: Evidence::Bind {
                chip: list.blanks[0].chip.clone(),
                blank: list.blanks[0].blank.clone(),
                pack: list.pack.clone(),
            },
        },
    ];
    let mut facts = vec![begun, Fact::Stock { step }];
    facts.extend(events.map(|event| Fact::attempt(id, event)));
    (id, facts)
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_remake_has_begun_is_not_given_to_a_second_machine() {
    let day = Day::new(plan(14, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = day.controller();
    let lot = first_lot(&day, &line).await;
    let (first, mut facts) = bound(&day, &lot);
    let spoiled = Event::Spoiled {
        code: "CHIP-003".to_owned(),
        by: Vec::new(),
    };
    facts.push(Fact::attempt(first, spoiled));
    // The registry was told, the order waited and was claimed again, the remake was planned, and then the power was
    // cut before the record that the registry knows.
    facts.push(planned(&lot, 2).1);
    line.record(facts, Vec::new()).await.unwrap();

    assert_eq!(settle_once(&line).await.unwrap(), 1);
    let order = day.book.order(first.order).await.unwrap().unwrap();
    assert_eq!(order.state, OrderState::InLot);
    assert!(day.ledger.attempt(first).await.unwrap().unwrap().reported);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_made_in_its_own_lot_only_and_else_a_person_is_asked() {
    let day = Day::new(plan(14, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = day.controller();
    line.recall_signers().await.unwrap();
    let lot = first_lot(&day, &line).await;
    prepare(&line, planned(&lot, 1).0, lot.id, &lot.machine, None)
        .await
        .unwrap();
    // As no book should ever say: its lot is closed, the order waits, and is under way.
    line.record(vec![Fact::LotClosed { lot: lot.id }], Vec::new())
        .await
        .unwrap();
    day.book.set_state(waits(&lot, false)).await.unwrap();
    drop(line);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let attempts = day.ledger.attempts(Attempts::Of(lot.orders[0])).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].chip, None);
    let order = day.book.order(lot.orders[0]).await.unwrap().unwrap();
    assert_eq!(
        (order.state, order.hold.as_deref()),
        (OrderState::Held, Some("JOB-006"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_remake_in_a_later_lot_is_left_alone_by_the_first_which_is_still_open() {
    let day = Day::new(plan(14, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = day.controller();
    line.recall_signers().await.unwrap();
    let first = first_lot(&day, &line).await;
    // The remake's lot is another machine's; the first lot is not closed yet when the power is cut.
    let order = first.orders[0];
    day.book.set_state(waits(&first, true)).await.unwrap();
    let other = day.hall.stations().nth(1).unwrap();
    let lot = day.book.claim("second", other, 1).await.unwrap().unwrap();
    let claimed = Fact::LotClaimed { lot: lot.clone() };
    line.record(vec![claimed], Vec::new()).await.unwrap();
    prepare(&line, planned(&lot, 1).0, lot.id, other, None)
        .await
        .unwrap();
    drop(line);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let attempts = day.ledger.attempts(Attempts::Of(order)).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].is_good() && attempts[0].lot == lot.id);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_with_a_token_that_does_not_count() {
    let day = Day::new(plan(19, 5)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let limited = day.kit.issued.signers.iter().cloned().map(|key| SignerKey {
        limit: Some(100),
        ..key
    });
    let line = day.controller().with_signers(limited.collect());
    line.count_signatures(&line.signers.labels()).await.unwrap();
    let asked = |label: &str| {
        let by_this = |entry: &Entry| match &entry.fact {
            Fact::Attempt {
                event: Event::SignIntended { signer, .. },
                ..
            } => signer == label,
            _ => false,
        };
        let count = day.ledger.entries().iter().filter(|entry| by_this(entry)).count();
        u64::try_from(count).unwrap()
    };
    let left = line.signers.left(line.clock.now());
    assert!(left.iter().any(|signer| signer.signed > 0));
    for signer in left {
        assert_eq!(signer.signed, asked(&signer.label), "{}", signer.label);
        assert_eq!(signer.cards, Some(100 - signer.signed));
    }
}

/// What the record says of a card whose signer ended while the controller was away.
/// What a person asked of an order is on record before the order book knows it. Killed in between, the next start does
/// what was asked, unless the record says that it was refused.
#[tokio::test(start_paused = true)]
async fn what_was_asked_of_an_order_before_a_crash_is_done() {
    for (told, made) in [
        (&["cancel"][..], false),
        (&["hold"], false),
        (&["cancel", "cancel refused"], true),
        (&["hold", "release"], true),
        (&["cancel", "cancel done"], true),
        (&["priority 9"], true),
    ] {
        let day = Day::new(plan(23, 1)).await.unwrap();
        day.admit(day.requests()).await.unwrap();
        let orders = day
            .book
            .in_state(OrderState::Waiting, OrderKey(0), 9)
            .await
            .unwrap();
        let order = orders[0].key;
        for change in told {
            let asked = Fact::OrderChanged {
                order,
                change: (*change).to_owned(),
                reason: "moved away".to_owned(),
                by: vec![PersonId::new("an")],
            };
            day.ledger.append(vec![asked], Vec::new()).await.unwrap();
        }
        assert_eq!(day.work(None).await.unwrap(), End::Done, "{told:?}");
        let found = day.book.order(order).await.unwrap().unwrap();
        assert_eq!(found.state == OrderState::Boxed, made, "{told:?}: {found:?}");
        assert_eq!(found.priority == 9, told == ["priority 9"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_card_whose_signer_is_used_up_is_called_back_and_made_with_another() {
    let day = Day::new(plan(23, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    // Killed at every moment, until it dies between the intent to sign and the signature.
    let mut moment = 1;
    let id = loop {
        assert_eq!(day.work(Some(moment)).await.unwrap(), End::Cut);
        let open = day.ledger.all_attempts();
        if let Some(signing) = open
            .iter()
            .find(|attempt| attempt.phase == crate::job::Phase::Signing)
        {
            break signing.id;
        }
        moment += 1;
    };
    day.power.restore(None);
    let used_up = day.kit.issued.signers.iter().cloned().map(|key| SignerKey {
        limit: Some(0),
        ..key
    });
    let line = Arc::new(day.controller().with_signers(used_up.collect()));
    let (stations, desks) = (day.stations().unwrap(), day.desks().unwrap());
    line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained)
        .await
        .unwrap();
    let last = day.ledger.attempt(id).await.unwrap().unwrap();
    assert_eq!(last.phase, crate::job::Phase::Withdrawn);
    assert_eq!(last.code.as_deref(), Some("PKI-037"));
    drop(line);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
}
