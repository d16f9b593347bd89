//! A host that runs short is given less.

use super::*;
use crate::base::limits::DISK_PER_CARD;
use crate::port::{Host, Left};

/// Lots as they were claimed: when, and of how many cards.
fn claims(day: &Day) -> Vec<usize> {
    let entries = day.ledger.entries();
    let lots = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::LotClaimed { lot } => Some(lot.orders.len()),
        _ => None,
    });
    lots.collect()
}

async fn a_tight_day(cards: u64, length: Duration) -> Day {
    let plan = plan(7, 8);
    let kit = Kit::new(7, plan.dossiers, People::All, plan.chip).await.unwrap();
    let day = Day::with(&kit, plan).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    day.host.run_short(Duration::ZERO, length, cards);
    day
}

#[test]
fn a_nearly_full_disk_makes_smaller_lots() {
    let lived = pass(async {
        let day = a_tight_day(3, Duration::MAX / 2).await;
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        assert!(day.is_done().await.unwrap());
        assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
        claims(&day)
    });
    let lots = lived.unwrap();
    assert!(lots.len() > 2 && lots.iter().all(|cards| *cards <= 3), "{lots:?}");
}

#[test]
fn without_room_nothing_is_claimed_and_with_room_work_goes_on() {
    pass(async {
        let day = a_tight_day(0, Duration::from_secs(3600)).await;
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        assert_eq!(claims(&day), [0; 0]);
        assert!(!day.is_done().await.unwrap());
        day.clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        assert!(day.is_done().await.unwrap());
        assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    })
    .unwrap();
}

/// Two machines that ask at the same moment do not both get the same room.
#[test]
fn room_is_promised_once() {
    pass(async {
        let day = a_tight_day(4, Duration::from_secs(3600)).await;
        let left: Left = day.host.left().await.unwrap();
        assert_eq!(left.disk, DISK_KEPT + 4 * DISK_PER_CARD);
        let line = day.controller();
        let first = line.room_for_a_lot().await.unwrap().unwrap();
        assert_eq!(first.cards(), 4);
        assert!(line.room_for_a_lot().await.unwrap().is_none());
        assert_eq!(line.headroom.short().unwrap().code.id, "LIN-050");
        drop(first);
        assert_eq!(line.room_for_a_lot().await.unwrap().unwrap().cards(), 4);
        assert_eq!(line.headroom.short(), None);
    })
    .unwrap();
}

/// A disk that hangs gives no work, and keeps nobody waiting for longer than its deadline.
#[test]
fn a_disk_that_hangs_is_no_room() {
    pass(async {
        let day = a_tight_day(8, Duration::from_secs(3600)).await;
        let line = day.controller();
        day.host.hang(true);
        assert!(line.room_for_a_lot().await.unwrap().is_none());
        assert_eq!(line.headroom.short().unwrap().code.id, "LIN-053");
        let refused = line.admit(b"{}", &|_| None).await.unwrap_err();
        assert_eq!(refused.code.id, "LIN-053");
        assert_eq!(day.work(None).await.unwrap(), End::Done);
        day.host.hang(false);
        assert!(line.room_for_a_lot().await.unwrap().is_some());
    })
    .unwrap();
}
