//! The order book keeps the same promises on PostgreSQL as in a file, on a cluster that these tests start; and what a
//! lost answer had done is found out by asking.

use std::sync::Arc;
use std::time::Duration;

use super::proxy::Proxy;
use super::{Postgres, url};
use crate::base::ids::{MachineId, OrderKey};
use crate::base::{Clock, Secret};
use crate::port::fault::AWAY;
use crate::port::{OrderBook, OrderState, Standing};
use crate::store::postgres::Server;
use crate::store::{Holder, SqlOrderBook, conformance};

const SHORT: Duration = Duration::from_millis(800);
const LONG: Duration = Duration::from_secs(60);

fn holder(controller: &str, lease: Duration) -> Holder {
    Holder {
        ledger: format!("suite/{controller}"),
        controller: controller.to_owned(),
        home: format!("host of {controller}"),
        lease,
    }
}

async fn open(postgres: &Postgres, port: u16, holder: &Holder) -> Result<SqlOrderBook, crate::base::Fault> {
    let server = Server {
        url: &url(port),
        password: Some(Secret::new(postgres.password().to_owned())),
    };
    SqlOrderBook::on_server(&server, Clock::system(), holder).await
}

/// Empties all tables, and numbers begin anew.
fn clear(postgres: &Postgres) {
    postgres
        .ask("TRUNCATE orders, dossier, lot, controller, returned RESTART IDENTITY")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_book_keeps_its_promises_on_postgresql() {
    let postgres = Postgres::start().unwrap();
    let clock = Clock::system();

    let book = open(&postgres, postgres.port(), &holder("K1", LONG))
        .await
        .unwrap();
    conformance::order_book(&book).await;
    book.close().await;

    clear(&postgres);
    let first = open(&postgres, postgres.port(), &holder("K1", SHORT))
        .await
        .unwrap();
    let second = open(&postgres, postgres.port(), &holder("K2", LONG))
        .await
        .unwrap();
    conformance::leases(&first, &second, async || clock.sleep(SHORT * 2).await).await;
    first.close().await;
    second.close().await;

    clear(&postgres);
    let mut books = Vec::new();
    for number in 1..=8 {
        let book = open(&postgres, postgres.port(), &holder(&format!("K{number}"), LONG)).await;
        books.push(Arc::new(book.unwrap()));
    }
    conformance::race(books, 400, 5).await;

    clear(&postgres);
    let home = holder("K1", LONG);
    let elsewhere = Holder {
        home: "another host".to_owned(),
        ..home.clone()
    };
    let old = open(&postgres, postgres.port(), &home).await.unwrap();
    let refused = open(&postgres, postgres.port(), &elsewhere).await.unwrap_err();
    assert_eq!(refused.code.id, "BOOK-004");
    let new = open(&postgres, postgres.port(), &home).await.unwrap();
    conformance::one_process(&old, &new).await;
    new.close().await;
    open(&postgres, postgres.port(), &elsewhere)
        .await
        .unwrap()
        .close()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_answer_had_done_is_found_out_by_asking() {
    let mut postgres = Postgres::start().unwrap();
    let proxy = Proxy::start(postgres.port()).unwrap();
    let book = open(&postgres, proxy.port(), &holder("K1", LONG)).await.unwrap();
    let order = |number: usize| conformance::an_order(&format!("R{number}"));
    let machine = MachineId::new("S01");

    // Admitted, and nobody said so: asked again, it is known.
    proxy.lose_answers(1);
    assert_eq!(*book.admit(order(1)).await.unwrap_err().code, AWAY);
    let known = book.admit(order(1)).await.unwrap();
    assert_eq!(known, crate::port::Admission::Known(OrderKey(1)));

    // Claimed, and nobody said so: by its ticket it is the same lot, and there is no second.
    book.admit(order(2)).await.unwrap();
    proxy.lose_answers(1);
    assert_eq!(*book.claim("t", &machine, 1).await.unwrap_err().code, AWAY);
    let lot = book.claim("t", &machine, 1).await.unwrap().unwrap();
    assert_eq!(lot.orders, [OrderKey(1)]);
    assert_eq!(postgres.ask("SELECT count(*) FROM lot").unwrap(), "1");

    // Granted, and nobody said so.
    proxy.lose_answers(1);
    assert_eq!(*book.grant(lot.id).await.unwrap_err().code, AWAY);
    book.grant(lot.id).await.unwrap();

    // Said where it stands, and no answer: saying it again is harmless.
    let boxed = Standing {
        lot: lot.id,
        order: OrderKey(1),
        state: OrderState::Boxed,
        remake: false,
    };
    proxy.lose_answers(1);
    assert_eq!(*book.set_state(boxed).await.unwrap_err().code, AWAY);
    book.set_state(boxed).await.unwrap();
    assert_eq!(proxy.lost(), 4);

    // Cut, nothing is known; mended, everything is as it was. A server that was killed is away, and comes back with
    // all it had confirmed.
    proxy.cut(true);
    assert_eq!(*book.order(OrderKey(1)).await.unwrap_err().code, AWAY);
    proxy.cut(false);
    assert!(book.order(OrderKey(1)).await.unwrap().is_some());
    postgres.kill().unwrap();
    assert_eq!(*book.renew().await.unwrap_err().code, AWAY);
    postgres.revive().unwrap();
    let order = book.order(OrderKey(1)).await.unwrap().unwrap();
    assert_eq!(order.state, OrderState::Boxed);
    book.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_promotion_nobody_claims_before_all_have_compared() {
    let mut first = Postgres::start().unwrap();
    let proxy = Proxy::start(first.port()).unwrap();
    let one = open(&first, proxy.port(), &holder("K1", LONG)).await.unwrap();
    let two = open(&first, proxy.port(), &holder("K2", LONG)).await.unwrap();
    let machine = MachineId::new("S01");
    for number in 1..=4 {
        one.admit(conformance::an_order(&format!("R{number}")))
            .await
            .unwrap();
    }
    let standby = first.standby().unwrap();
    // What is confirmed from now on is lost with the first server.
    standby.fall_behind().unwrap();
    let lot = one.claim("t1", &machine, 2).await.unwrap().unwrap();
    one.grant(lot.id).await.unwrap();
    first.kill().unwrap();
    let lost = standby.ask("SELECT count(*) FROM lot").unwrap();
    assert_eq!(lost, "0");
    // A standby does not take changes.
    proxy.lead_to(standby.port());
    assert_eq!(*one.renew().await.unwrap_err().code, AWAY);
    standby.promote().unwrap();

    assert_eq!(two.renew().await.unwrap(), crate::port::Renewed::Elsewhere);
    let refused = |outcome: Result<_, crate::base::Fault>| -> &'static str {
        outcome
            .map(|_: Option<crate::job::lot::Lot>| ())
            .unwrap_err()
            .code
            .id
    };
    assert_eq!(refused(two.claim("t2", &machine, 9).await), "BOOK-006");
    assert_eq!(
        two.admit(conformance::an_order("R9")).await.unwrap_err().code.id,
        "BOOK-006"
    );
    two.vouch().await.unwrap();
    assert_eq!(
        refused(two.claim("t2", &machine, 9).await),
        "BOOK-006",
        "the other has not compared"
    );
    // The first knows better, says so, and vouches: then the other gets what is really left.
    assert_eq!(one.renew().await.unwrap(), crate::port::Renewed::Elsewhere);
    for order in &lot.orders {
        let standing = Standing {
            lot: lot.id,
            order: *order,
            state: OrderState::InLot,
            remake: false,
        };
        assert!(one.reclaim(standing, &machine).await.unwrap());
    }
    one.vouch().await.unwrap();
    one.grant(lot.id).await.unwrap();
    let rest = two.claim("t2", &machine, 9).await.unwrap().unwrap();
    assert_eq!(rest.orders, [OrderKey(3), OrderKey(4)]);
    assert!(
        rest.id.0 > lot.id.0 + 1_000,
        "numbers that may have been given out are not given out again"
    );
    assert_eq!(one.renew().await.unwrap(), crate::port::Renewed::Same);
    one.close().await;
    two.close().await;
}
