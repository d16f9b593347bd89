//! The stores in memory keep the promises of the real ones, and so does the registry of the rehearsal.

use super::*;
use crate::base::Clock;
use crate::store::{SqliteRegistry, conformance};

fn power() -> std::sync::Arc<Power> {
    Power::new(Clock::starting_at(time::macros::datetime!(2026-11-23 00:00 UTC)))
}

#[tokio::test(start_paused = true)]
async fn the_ledger_keeps_its_promises() {
    conformance::ledger(&MemoryLedger::new(power(), "suite/K1")).await;
}

#[tokio::test(start_paused = true)]
async fn the_order_book_keeps_its_promises() {
    conformance::order_book(&MemoryOrderBook::new(power())).await;
}

#[tokio::test(start_paused = true)]
async fn the_order_book_keeps_its_promises_to_several_controllers() {
    let power = power();
    let first = MemoryOrderBook::new(std::sync::Arc::clone(&power));
    let second = first.beside("K2");
    conformance::leases(&first, &second, async || {
        power.clock().sleep(crate::base::limits::BOOK_LEASE / 2).await;
        crate::port::OrderBook::renew(&second).await.unwrap();
        power.clock().sleep(crate::base::limits::BOOK_LEASE * 2 / 3).await;
    })
    .await;
    conformance::one_process(&second, &second.beside("K2")).await;
}

#[tokio::test(start_paused = true)]
async fn the_registry_keeps_its_promises() {
    let registry = MemoryRegistry::new(power());
    for request in ["R1", "R2", "R3"] {
        registry.approve(request);
    }
    registry.stop("R3", "held");
    conformance::registry(&registry).await;
    registry.go_away(1);
    let away = crate::port::Registry::stop_list(&registry).await;
    assert_eq!(away.unwrap_err().code.id, "STO-009");
}

#[tokio::test]
async fn the_registry_on_disk_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let authority = crate::sim::registry::Registry::open(&path).await.unwrap();
    let requests = ["R1", "R2", "R3"].map(str::to_owned);
    authority.approve(&requests).await.unwrap();
    authority.stop("R3", "held").await.unwrap();
    let registry = SqliteRegistry::open(&path).await.unwrap();
    conformance::registry(&registry).await;
    registry.close().await;
    authority.close().await;
}

#[tokio::test(start_paused = true)]
async fn power_is_cut_before_an_act_or_after_it() {
    use crate::port::Ledger;
    let facts = || vec![crate::job::Fact::Stopped];
    for (moment, written) in [(0, 0), (1, 1), (2, 1), (3, 2)] {
        let power = power();
        let ledger = MemoryLedger::new(std::sync::Arc::clone(&power), "suite/K1");
        power.restore(Some(moment));
        tokio::select! {
            biased;
            () = power.failed() => {}
            () = async { for _ in 0..3 { ledger.append(facts(), Vec::new()).await.unwrap(); } } => panic!("it goes on"),
        }
        assert_eq!(ledger.entries().len(), written, "cut at moment {moment}");
        power.restore(None);
        assert_eq!(ledger.size().await.unwrap(), u64::try_from(written).unwrap());
    }
}
