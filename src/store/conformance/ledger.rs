//! What a ledger promises.

use crate::audit::Hash;
use crate::audit::chain::{ChainEntry, extend, genesis};
use crate::base::Place;
use crate::base::ids::{
    AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, OfficeCode, OrderKey, PackId, SodHash,
};
use crate::job::fact::Blank;
use crate::job::lot::Lot;
use crate::job::stock::Move;
use crate::job::{Aim, Event, Evidence, Fact, Output, Phase, Step};
use crate::port::{Attempts, BoxStanding, BundlePart, Ledger, Part};

use super::refused;

fn id(order: u64, number: u16) -> AttemptId {
    AttemptId {
        order: OrderKey(order),
        number,
    }
}

fn machine() -> MachineId {
    MachineId::new("S01")
}

fn pack() -> PackId {
    PackId::new("P1")
}

fn office() -> OfficeCode {
    OfficeCode::new("A")
}

fn received(pack: &str, blanks: &[(&str, &str)]) -> Fact {
    let blank = |(blank, chip): &(&str, &str)| Blank {
        blank: BlankId::new(*blank),
        chip: ChipId::new(*chip),
    };
    Fact::PackReceived {
        pack: PackId::new(pack),
        blank_type: "rehearsal".to_owned(),
        blanks: blanks.iter().map(blank).collect(),
        by: Vec::new(),
    }
}

fn moved(from: Place, to: Place, count: u32) -> Fact {
    let step = Move {
        pack: pack(),
        from: Some(from),
        to,
        count,
        by: Vec::new(),
        reason: "suite".to_owned(),
    };
    Fact::Stock { step }
}

fn planned(attempt: AttemptId, lot: u64) -> Fact {
    let event = Event::Planned {
        lot: LotId(lot),
        machine: machine(),
        replaces: None,
    };
    Fact::attempt(attempt, event)
}

/// Planned, signed, ready; `mark` makes digest, chip key and EF.SOD its own.
fn made_ready(attempt: AttemptId, lot: u64, mark: &str) -> Vec<Fact> {
    let intended = Event::SignIntended {
        signer: "ds-1".to_owned(),
        digest: format!("digest {mark}"),
        chip_key: Some(format!("chip key {mark}")),
    };
    let signed = Event::Signed {
        nonce: None,
        sod: SodHash(format!("sod {mark}")),
    };
    vec![
        planned(attempt, lot),
        Fact::attempt(attempt, intended),
        Fact::attempt(attempt, signed),
    ]
}

fn step(attempt: AttemptId, evidence: Evidence) -> [Fact; 2] {
    let intended = Event::Intended {
        step: evidence.step(),
        machine: machine(),
        aim: match &evidence {
            Evidence::Deliver { output } => Some(Aim::Output(*output)),
            _ => None,
        },
    };
    let done = Event::Done { evidence };
    [Fact::attempt(attempt, intended), Fact::attempt(attempt, done)]
}

fn bound(attempt: AttemptId, chip: &str, blank: &str) -> [Fact; 2] {
    let evidence = Evidence::Bind {
        chip: ChipId::new(chip),
        blank: BlankId::new(blank),
        pack: pack(),
    };
    step(attempt, evidence)
}

fn boxed(attempt: AttemptId, label: &str, slot: u16) -> [Fact; 2] {
    let label = BoxId::new(label);
    step(attempt, Evidence::Box { label, slot })
}

/// From bound to verified.
fn written(attempt: AttemptId) -> Vec<Fact> {
    let encode = Evidence::Encode {
        commands: 1,
        bytes: 1,
    };
    let steps = [encode, Evidence::Seal, Evidence::Verify { commands: 1 }];
    steps
        .into_iter()
        .flat_map(|evidence| step(attempt, evidence))
        .collect()
}

/// From verified to proven at a desk.
fn finished(attempt: AttemptId) -> Vec<Fact> {
    let print = Evidence::Print {
        panels_before: 0,
        panels_after: 2,
    };
    let deliver = Evidence::Deliver { output: Output::Good };
    let steps = [print, deliver, Evidence::Prove { desk: machine() }];
    steps
        .into_iter()
        .flat_map(|evidence| step(attempt, evidence))
        .collect()
}

async fn append(ledger: &dyn Ledger, facts: impl IntoIterator<Item = Fact>) {
    ledger
        .append(facts.into_iter().collect(), Vec::new())
        .await
        .unwrap();
}

/// The whole append is refused with this code and leaves no trace.
async fn refuses(ledger: &dyn Ledger, code: &str, facts: impl IntoIterator<Item = Fact>) {
    let (size, stock) = (ledger.size().await.unwrap(), ledger.stock().await.unwrap());
    let open = ledger.attempts(Attempts::Open).await.unwrap();
    // A good fact before the bad one must not survive it.
    let facts: Vec<_> = std::iter::once(Fact::Stopped).chain(facts).collect();
    assert_eq!(refused(ledger.append(facts, Vec::new()).await), code);
    assert_eq!(ledger.size().await.unwrap(), size);
    assert!(ledger.stock().await.unwrap().rows().eq(stock.rows()));
    assert_eq!(ledger.attempts(Attempts::Open).await.unwrap(), open);
}

async fn ids(ledger: &dyn Ledger, which: Attempts) -> Vec<AttemptId> {
    let found = ledger.attempts(which).await.unwrap();
    found.into_iter().map(|attempt| attempt.id).collect()
}

/// Asks an empty ledger.
pub(crate) async fn ledger(ledger: &dyn Ledger) {
    blanks(ledger).await;
    bundles(ledger).await;
    chips(ledger).await;
    boxes(ledger).await;
    remakes(ledger).await;
    waste(ledger).await;
    lots(ledger).await;
    erasure(ledger).await;
    records(ledger).await;
}

async fn blanks(ledger: &dyn Ledger) {
    assert_eq!(ledger.size().await.unwrap(), 0);
    append(
        ledger,
        [received("P1", &[("B1", "C1"), ("B2", "C2"), ("B3", "C3")])],
    )
    .await;
    let feeder = Place::Feeder(machine());
    append(
        ledger,
        [
            moved(Place::Vault, Place::Issued, 3),
            moved(Place::Issued, feeder, 3),
        ],
    )
    .await;
    assert_eq!(ledger.received().await.unwrap(), [(pack(), 3)]);
    let found = ledger.blank(&ChipId::new("C2")).await.unwrap();
    assert_eq!(found, Some((BlankId::new("B2"), pack())));
    assert_eq!(ledger.blank(&ChipId::new("C9")).await.unwrap(), None);
    refuses(ledger, "STO-003", [received("P2", &[("B8", "C8"), ("B9", "C1")])]).await;
    refuses(ledger, "STO-003", [received("P2", &[("B1", "C9")])]).await;
    assert_eq!(ledger.blank(&ChipId::new("C8")).await.unwrap(), None);
    refuses(ledger, "JOB-017", [moved(Place::Vault, Place::Issued, 1)]).await;
}

async fn bundles(ledger: &dyn Ledger) {
    let part = |part, sealed: &[u8]| BundlePart {
        attempt: id(1, 1),
        part,
        sealed: sealed.to_vec(),
    };
    refuses(ledger, "JOB-016", [Fact::attempt(id(1, 1), Event::Reported)]).await;
    let ready = made_ready(id(1, 1), 7, "one");
    ledger
        .append(
            ready,
            vec![part(Part::Content, b"content"), part(Part::Keys, b"keys")],
        )
        .await
        .unwrap();
    let kept = ledger.part(id(1, 1), Part::Content).await.unwrap();
    assert_eq!(kept.as_deref(), Some(&b"content"[..]));
    assert_eq!(ledger.part(id(1, 1), Part::Signed).await.unwrap(), None);
    // A part is written once, and with it the whole append is refused.
    let size = ledger.size().await.unwrap();
    let again = ledger.append(vec![Fact::Stopped], vec![part(Part::Content, b"other")]);
    assert_eq!(refused(again.await), "STO-003");
    assert_eq!(ledger.size().await.unwrap(), size);
    assert_eq!(ledger.part(id(1, 1), Part::Content).await.unwrap(), kept);
    // Law 2: one live attempt. Law 4: one digest. No two chips have one key, no two cards one signed object.
    refuses(ledger, "STO-003", [planned(id(1, 2), 7)]).await;
    refuses(ledger, "JOB-016", [planned(id(1, 1), 7)]).await;
    refuses(ledger, "STO-003", made_ready(id(2, 1), 3, "one")).await;
    append(ledger, made_ready(id(2, 1), 3, "two")).await;
    assert_eq!(
        ids(ledger, Attempts::OfSod(SodHash("sod two".into()))).await,
        [id(2, 1)]
    );
    // In the order of lot, order and number.
    assert_eq!(ids(ledger, Attempts::Open).await, [id(2, 1), id(1, 1)]);
    assert_eq!(ids(ledger, Attempts::InLot(LotId(7))).await, [id(1, 1)]);
}

async fn chips(ledger: &dyn Ledger) {
    append(ledger, bound(id(1, 1), "C1", "B1")).await;
    let stock = ledger.stock().await.unwrap();
    assert_eq!(stock.count(&pack(), &Place::Feeder(machine())), 2);
    assert_eq!(stock.count(&pack(), &Place::Machine(machine())), 1);
    // Law 3: a chip belongs to one attempt for ever, a blank is used once.
    refuses(ledger, "STO-003", bound(id(2, 1), "C1", "B2")).await;
    refuses(ledger, "STO-003", bound(id(2, 1), "C2", "B1")).await;
    assert_eq!(ids(ledger, Attempts::OfChip(ChipId::new("C1"))).await, [id(1, 1)]);
    assert_eq!(
        ids(ledger, Attempts::OfBlank(BlankId::new("B1"))).await,
        [id(1, 1)]
    );
    // The chip's keys are erased once they are proven on the chip, and not before.
    refuses(ledger, "JOB-016", [Fact::attempt(id(1, 1), Event::KeysErased)]).await;
    assert!(ledger.part(id(1, 1), Part::Keys).await.unwrap().is_some());
    append(ledger, written(id(1, 1))).await;
    append(ledger, [Fact::attempt(id(1, 1), Event::KeysErased)]).await;
    assert_eq!(ledger.part(id(1, 1), Part::Keys).await.unwrap(), None);
    assert!(ledger.part(id(1, 1), Part::Content).await.unwrap().is_some());
    assert!(ledger.attempt(id(1, 1)).await.unwrap().unwrap().keys_erased);
    assert_eq!(ledger.attempt(id(9, 1)).await.unwrap(), None);
    append(ledger, finished(id(1, 1))).await;
    let stock = ledger.stock().await.unwrap();
    assert_eq!(stock.count(&pack(), &Place::Hopper(machine())), 1);
    assert!(ledger.stock_of(&pack()).await.unwrap().rows().eq(stock.rows()));
    let other = ledger.stock_of(&PackId::new("no such pack")).await.unwrap();
    assert_eq!(other.rows().count(), 0);
    // By place, and no more packs than are asked for.
    for (_, place, _) in stock.rows() {
        let there = ledger.stock_in(place, u32::MAX).await.unwrap();
        let all = stock.rows().filter(|(_, all, _)| *all == place);
        assert!(there.rows().eq(all), "{place:?}");
        assert_eq!(ledger.stock_in(place, 0).await.unwrap().rows().count(), 0);
    }
    let nowhere = Place::Feeder(MachineId::new("no such machine"));
    assert_eq!(ledger.stock_in(&nowhere, 9).await.unwrap().rows().count(), 0);
}

async fn boxes(ledger: &dyn Ledger) {
    let label = || BoxId::new("A-001");
    let opened = || Fact::BoxOpened {
        label: label(),
        office: office(),
    };
    let sealed = || Fact::BoxSealed {
        label: label(),
        cards: 1,
        manifest: "00".to_owned(),
    };
    refuses(ledger, "STO-003", boxed(id(1, 1), "A-001", 1)).await;
    append(ledger, [opened()]).await;
    refuses(ledger, "STO-003", [opened()]).await;
    // Boxes are filled in order.
    refuses(ledger, "STO-003", boxed(id(1, 1), "A-001", 2)).await;
    let mut putting: Vec<_> = boxed(id(1, 1), "A-001", 1).into_iter().collect();
    let put = putting.pop().unwrap();
    append(ledger, putting).await;
    assert_eq!(ids(ledger, Attempts::Boxing).await, [id(1, 1)]);
    append(ledger, [put]).await;
    assert!(ids(ledger, Attempts::Boxing).await.is_empty());
    let attempt = ledger.attempt(id(1, 1)).await.unwrap().unwrap();
    assert!(attempt.is_good() && attempt.boxed == Some((label(), 1)));
    assert_eq!(ids(ledger, Attempts::InBox(label())).await, [id(1, 1)]);
    assert_eq!(ids(ledger, Attempts::Open).await, [id(2, 1)]);
    let state = ledger.boxes(false).await.unwrap().remove(0);
    assert_eq!(
        (state.cards, state.standing, &state.office),
        (1, BoxStanding::Open, &office())
    );
    assert_eq!(ledger.boxes_of(&office()).await.unwrap(), [state]);
    assert!(ledger.boxes_of(&OfficeCode::new("B")).await.unwrap().is_empty());
    let dispatched = || Fact::BoxDispatched {
        label: label(),
        consignment: "X".to_owned(),
        by: Vec::new(),
    };
    refuses(ledger, "STO-007", [dispatched()]).await;
    append(ledger, [sealed()]).await;
    refuses(ledger, "STO-007", [sealed()]).await;
    append(ledger, [dispatched()]).await;
    assert!(ledger.boxes(false).await.unwrap().is_empty());
    assert_eq!(
        ledger.boxes(true).await.unwrap()[0].standing,
        BoxStanding::Dispatched
    );
    let lost = Fact::BoxLost {
        label: label(),
        by: Vec::new(),
    };
    append(ledger, [lost]).await;
    assert_eq!(ledger.boxes(true).await.unwrap()[0].standing, BoxStanding::Lost);
    // Its end is told once.
    assert_eq!(ids(ledger, Attempts::Unreported(9)).await, [id(1, 1)]);
    assert!(ids(ledger, Attempts::Unreported(0)).await.is_empty());
    append(ledger, [Fact::attempt(id(1, 1), Event::Reported)]).await;
    assert!(ids(ledger, Attempts::Unreported(9)).await.is_empty());
    // A boxed card stays live: no other may follow it, until it is revoked; then its end is told again.
    refuses(ledger, "STO-003", [planned(id(1, 2), 7)]).await;
    let revoked = Event::Revoked {
        code: "JOB-010".to_owned(),
        lost: false,
        by: Vec::new(),
    };
    append(ledger, [Fact::attempt(id(1, 1), revoked)]).await;
    assert_eq!(ids(ledger, Attempts::Unreported(9)).await, [id(1, 1)]);
    assert_eq!(
        ids(ledger, Attempts::InBox(label())).await,
        [id(1, 1)],
        "its place is never used again"
    );
}

async fn remakes(ledger: &dyn Ledger) {
    append(ledger, bound(id(2, 1), "C2", "B2")).await;
    let failed = Event::Failed {
        step: Step::Encode,
        code: "CHIP-001".to_owned(),
        detail: String::new(),
    };
    let [intended, _] = step(
        id(2, 1),
        Evidence::Encode {
            commands: 0,
            bytes: 0,
        },
    );
    append(ledger, [intended, Fact::attempt(id(2, 1), failed)]).await;
    let output = Output::Reject;
    append(ledger, step(id(2, 1), Evidence::Deliver { output })).await;
    assert_eq!(
        ledger.attempt(id(2, 1)).await.unwrap().unwrap().phase,
        Phase::Spoiled
    );
    assert_eq!(ledger.stock().await.unwrap().count(&pack(), &Place::Spoiled), 2);
    // Now another may follow, but never on the same chip.
    append(ledger, made_ready(id(2, 2), 3, "three")).await;
    refuses(ledger, "STO-003", bound(id(2, 2), "C2", "B3")).await;
    assert_eq!(ids(ledger, Attempts::Of(OrderKey(2))).await, [id(2, 1), id(2, 2)]);
    assert_eq!(ids(ledger, Attempts::Unreported(1)).await, [id(1, 1)]);
    assert_eq!(
        ids(ledger, Attempts::After(id(0, 0), 2)).await,
        [id(1, 1), id(2, 1)]
    );
    assert_eq!(ids(ledger, Attempts::After(id(2, 1), 9)).await, [id(2, 2)]);
}

/// A blank that was written off is never used, and one that was used is never written off; whoever asks for its history
/// is told.
async fn waste(ledger: &dyn Ledger) {
    let off = |blank: &str, from: Place| Fact::WrittenOff {
        blank: BlankId::new(blank),
        pack: pack(),
        from,
        code: "CTL-001".to_owned(),
        by: Vec::new(),
    };
    let feeder = || Place::Feeder(machine());
    assert_eq!(ledger.pack_of(&BlankId::new("B3")).await.unwrap(), Some(pack()));
    assert_eq!(ledger.pack_of(&BlankId::new("B9")).await.unwrap(), None);
    refuses(ledger, "STO-003", [off("B1", feeder())]).await;
    refuses(ledger, "STO-003", [off("B3", feeder()), off("B3", feeder())]).await;
    refuses(
        ledger,
        "STO-003",
        std::iter::once(off("B3", feeder())).chain(bound(id(2, 2), "C3", "B3")),
    )
    .await;
    assert!(ledger.history("B3").await.unwrap().is_empty());
    let before = ledger.stock().await.unwrap();
    append(ledger, [off("B3", feeder())]).await;
    let after = ledger.stock().await.unwrap();
    let count = |stock: &crate::job::stock::Stock, place: &Place| stock.count(&pack(), place);
    assert_eq!(count(&after, &feeder()), count(&before, &feeder()) - 1);
    assert_eq!(count(&after, &Place::Defective), 1);
    assert_eq!(ledger.history("B3").await.unwrap()[0].fact, off("B3", feeder()));
    refuses(ledger, "STO-003", [off("B3", feeder())]).await;
    refuses(ledger, "STO-003", bound(id(2, 2), "C3", "B3")).await;
}

async fn lots(ledger: &dyn Ledger) {
    let lot = |number| Lot {
        id: LotId(number),
        office: office(),
        profile: "cc-2024".to_owned(),
        machine: machine(),
        orders: vec![OrderKey(1), OrderKey(2)],
    };
    let claimed = |number| Fact::LotClaimed { lot: lot(number) };
    append(ledger, [claimed(8), claimed(7)]).await;
    refuses(ledger, "STO-003", [claimed(7)]).await;
    assert_eq!(ledger.open_lots().await.unwrap(), [lot(7), lot(8)]);
    append(ledger, [Fact::LotClosed { lot: LotId(7) }]).await;
    assert_eq!(ledger.open_lots().await.unwrap(), [lot(8)]);
}

async fn erasure(ledger: &dyn Ledger) {
    let erased = |order| Fact::OrderErased {
        order: OrderKey(order),
        reason: String::new(),
        by: Vec::new(),
    };
    // The registry does not know yet that the first card is revoked; the second order's second card is under way.
    refuses(ledger, "JOB-016", [erased(1)]).await;
    refuses(ledger, "JOB-016", [erased(2)]).await;
    assert!(ledger.part(id(1, 1), Part::Content).await.unwrap().is_some());
    append(ledger, [Fact::attempt(id(1, 1), Event::Reported), erased(1)]).await;
    for part in [Part::Content, Part::Keys, Part::Signed] {
        assert_eq!(ledger.part(id(1, 1), part).await.unwrap(), None);
    }
    // What became of the card stays on record, and so does this.
    assert!(ledger.attempt(id(1, 1)).await.unwrap().unwrap().sod.is_some());
    let history = ledger.history(&OrderKey(1).to_string()).await.unwrap();
    assert_eq!(history.last().map(|entry| &entry.fact), Some(&erased(1)));
    // An order of which nothing was made is erased as well.
    append(ledger, [erased(9)]).await;
}

/// Everything was recorded once, in order, and chained.
async fn records(ledger: &dyn Ledger) {
    let size = ledger.size().await.unwrap();
    let mut hash = genesis(ledger.name());
    let (mut after, mut count) = (0, 0);
    loop {
        let page = ledger.entries_after(after, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in page {
            count += 1;
            assert_eq!(entry.seq, count);
            let fact: Fact = serde_json::from_slice(&entry.body).unwrap();
            assert_eq!(
                (entry.kind.as_str(), entry.subject.clone()),
                (fact.kind(), fact.subject())
            );
            let link = ChainEntry {
                seq: entry.seq,
                controller: &entry.controller,
                at_unix_ns: entry.at_unix_ns,
                kind: &entry.kind,
                body: &entry.body,
            };
            hash = extend(&hash, &link);
            assert_eq!(Hash::from_slice(&entry.hash), Some(hash));
        }
    }
    assert_eq!(count, size);
    let history = ledger.history(&id(2, 1).to_string()).await.unwrap();
    let kinds: Vec<_> = history.iter().map(|entry| entry.fact.kind()).collect();
    let life = [
        "planned",
        "sign_intended",
        "signed",
        "intended",
        "done",
        "intended",
        "failed",
        "intended",
        "done",
    ];
    assert_eq!(kinds, life);
    assert!(history.is_sorted_by_key(|entry| entry.seq));
    assert!(ledger.history("nothing").await.unwrap().is_empty());
}
