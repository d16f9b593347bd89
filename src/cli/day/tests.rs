//! Whole days of the hall.

use super::*;
use crate::port::Entry;

fn plan(seed: u64, dossiers: usize) -> Plan {
    Plan {
        seed,
        dossiers,
        stations: 2,
        desks: 1,
        pack: 5,
        lot: 4,
        box_cards: 3,
    }
}

async fn whole_day(plan: Plan) -> (Day, Vec<Entry>) {
    let day = Day::new(plan).await.unwrap();
    day.admit(&day.requests()).await.unwrap();
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    let facts = day.ledger.entries();
    (day, facts)
}

#[tokio::test(start_paused = true)]
async fn dossiers_become_boxed_cards_in_memory() {
    let watch = crate::base::clock::Stopwatch::start();
    let (day, _) = whole_day(plan(7, 8)).await;
    println!(
        "{:?}, virtual {:?}, {} records",
        watch.elapsed(),
        day.power.clock().elapsed(),
        day.ledger.entries().len()
    );
    assert!(
        day.hall.inventory().boxes.len() >= 6,
        "{:?}",
        day.hall.inventory().packs
    );
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_day() {
    let (_, first) = whole_day(plan(8, 3)).await;
    let (_, second) = whole_day(plan(8, 3)).await;
    assert_eq!(first, second);
}
