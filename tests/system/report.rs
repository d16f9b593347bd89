//! The morning figures of days that are past: they stand as they stood, whatever has happened since.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::time::Duration;

use cardwright::base::ids::{
    AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, OfficeCode, OrderKey, PackId, PersonId, SodHash,
};
use cardwright::base::{Clock, Mode, Place};
use cardwright::control::{Request, Who, act, report};
use cardwright::job::fact::Blank;
use cardwright::job::lot::Lot;
use cardwright::job::stock::{Move, SupplierList};
use cardwright::job::{Aim, Event, Evidence, Fact, Output};
use cardwright::line::Line;
use cardwright::port::{Admission, NewOrder, OrderState, Standing};
use serde_json::{Value, json};
use time::Date;
use time::macros::{date, datetime};

use super::control::line_at;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const OFFICE: &str = "HN-01";
const BOX: &str = "HN-01-001";
const PACK: &str = "P1";
const BLANKS: u16 = 2;

/// An order that an office took in a day before it came to us, and that is due on the day after.
async fn order(line: &Line, number: u16, admitted: Date) -> OrderKey {
    let new = NewOrder {
        request: format!("R{number}"),
        version: 1,
        person: format!("person {number}"),
        content: String::new(),
        office: OfficeCode::new(OFFICE),
        profile: "cc-2024".to_owned(),
        priority: 4,
        place: format!("{number:02}"),
        received: admitted.previous_day().unwrap(),
        admitted,
        due: admitted.next_day().unwrap(),
        hold: None,
        flags: None,
        epoch: "wrap".to_owned(),
        wrapped_key: vec![1],
        sealed: vec![2],
    };
    match line.ports.book.admit(new).await.unwrap() {
        Admission::New(key) => key,
        other => panic!("{other:?}"),
    }
}

fn blank(number: u16) -> Blank {
    Blank {
        blank: BlankId::new(format!("B{number}")),
        chip: ChipId::new(format!("AA{number}")),
    }
}

/// A pack comes in and goes into the feeder of S01.
fn loaded(by: &[PersonId]) -> Vec<Fact> {
    let (pack, count) = (PackId::new(PACK), u32::from(BLANKS));
    let list = SupplierList {
        pack: pack.clone(),
        blank_type: "rehearsal".to_owned(),
        blanks: (1..=BLANKS).map(blank).collect(),
    };
    let issued = Move::issued(pack.clone(), count, by.to_vec());
    let loaded = Move {
        pack,
        from: Some(Place::Issued),
        to: Place::Feeder(MachineId::new("S01")),
        count,
        by: by.to_vec(),
        reason: "loaded".to_owned(),
    };
    let moves = [issued, loaded].map(|step| Fact::Stock { step });
    [list.received(by.to_vec())].into_iter().chain(moves).collect()
}

/// The first try at an order, from its lot to its place in the box.
fn made(order: OrderKey, number: u16) -> Vec<Fact> {
    let Blank { blank, chip } = blank(number);
    let (station, desk) = (MachineId::new("S01"), MachineId::new("D1"));
    let (pack, label) = (PackId::new(PACK), BoxId::new(BOX));
    let mut events = vec![
        Event::Planned {
            lot: LotId(1),
            machine: station.clone(),
            replaces: None,
        },
        Event::SignIntended {
            signer: "ds-1".to_owned(),
            digest: format!("D{number}"),
            chip_key: None,
        },
        Event::Signed {
            nonce: None,
            sod: SodHash(format!("S{number}")),
        },
    ];
    let (commands, bytes, output) = (1, 1, Output::Good);
    let steps = [
        (Evidence::Bind { chip, blank, pack }, None),
        (Evidence::Encode { commands, bytes }, None),
        (Evidence::Seal, None),
        (Evidence::Verify { commands }, None),
        (
            Evidence::Print {
                panels_before: 0,
                panels_after: 2,
            },
            None,
        ),
        (Evidence::Deliver { output }, Some(Aim::Output(output))),
        (Evidence::Prove { desk: desk.clone() }, None),
        (
            Evidence::Box {
                label: label.clone(),
                slot: number,
            },
            Some(Aim::Slot(label, number)),
        ),
    ];
    for (evidence, aim) in steps {
        let at_desk = matches!(evidence, Evidence::Prove { .. } | Evidence::Box { .. });
        events.push(Event::Intended {
            step: evidence.step(),
            machine: if at_desk { desk.clone() } else { station.clone() },
            aim,
        });
        events.push(Event::Done { evidence });
    }
    let id = AttemptId { order, number: 1 };
    events.into_iter().map(|event| Fact::attempt(id, event)).collect()
}

/// The one office's figures of a day; nothing if no office has any.
async fn day(line: &Line, date: Date) -> Option<Value> {
    let request = Request::Report(report::Request::Day { date: Some(date) });
    let answer = act(line, &Who::new(PersonId::new("an")), request).await.unwrap();
    assert_eq!(answer.data["day"], date.to_string());
    let mut office = answer.data["offices"].as_array().unwrap().first()?.clone();
    office
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "office" && name != "name");
    Some(office)
}

fn figures(received: u64, in_production: u64, boxed: u64, dispatched: u64, late: u64) -> Option<Value> {
    Some(json!({
        "received": received,
        "returned": 0,
        "in_production": in_production,
        "boxed": boxed,
        "dispatched": dispatched,
        "late": late,
    }))
}

#[tokio::test(start_paused = true)]
async fn a_past_day_stands_as_it_stood() {
    const MONDAY: Date = date!(2026 - 11 - 16);
    const TUESDAY: Date = date!(2026 - 11 - 17);
    const WEDNESDAY: Date = date!(2026 - 11 - 18);
    // 09:00 in Viet Nam.
    let morning = Clock::starting_at(datetime!(2026-11-16 02:00 UTC));
    let line = line_at(Mode::Rehearsal, morning).await;
    let (ledger, book) = (&line.ports.ledger, &line.ports.book);
    let (office, label) = (OfficeCode::new(OFFICE), BoxId::new(BOX));
    let by = vec![PersonId::new("an"), PersonId::new("binh")];
    let record = |facts: Vec<Fact>| ledger.append(facts, Vec::new());

    // On Monday three orders come; two cards are made and put into a box.
    let one = order(&line, 1, MONDAY).await;
    let two = order(&line, 2, MONDAY).await;
    order(&line, 3, MONDAY).await;
    let lot = Lot {
        id: LotId(1),
        office: office.clone(),
        profile: "cc-2024".to_owned(),
        machine: MachineId::new("S01"),
        orders: vec![one, two],
    };
    let mut facts = loaded(&by);
    facts.push(Fact::LotClaimed { lot });
    facts.push(Fact::BoxOpened {
        label: label.clone(),
        office,
    });
    facts.extend(made(one, 1));
    facts.extend(made(two, 2));
    record(facts).await.unwrap();
    for order in [one, two] {
        book.set_state(stands(order, OrderState::Boxed, false))
            .await
            .unwrap();
    }
    assert_eq!(day(&line, MONDAY).await, figures(3, 1, 2, 0, 0));

    // On Tuesday the box is closed and leaves, and one more order comes.
    line.clock.sleep(DAY).await;
    order(&line, 4, TUESDAY).await;
    let closed = Fact::BoxSealed {
        label: label.clone(),
        cards: 2,
        manifest: "00".to_owned(),
    };
    let left = Fact::BoxDispatched {
        label: label.clone(),
        consignment: "T1".to_owned(),
        by: by.clone(),
    };
    record(vec![closed, left]).await.unwrap();
    assert_eq!(day(&line, MONDAY).await, figures(3, 1, 2, 0, 0));
    assert_eq!(day(&line, TUESDAY).await, figures(1, 2, 0, 2, 0));

    // On Wednesday it turns out to be lost, and both cards are owed again.
    line.clock.sleep(DAY).await;
    let revoked = |order| {
        let lost = Event::Revoked {
            code: "CTL-051".to_owned(),
            lost: true,
            by: by.clone(),
        };
        Fact::attempt(AttemptId { order, number: 1 }, lost)
    };
    let lost = Fact::BoxLost {
        label,
        by: by.clone(),
    };
    record(vec![lost, revoked(one), revoked(two)]).await.unwrap();
    for order in [one, two] {
        book.set_state(stands(order, OrderState::Waiting, true))
            .await
            .unwrap();
    }
    assert_eq!(day(&line, date!(2026 - 11 - 15)).await, None);
    assert_eq!(day(&line, MONDAY).await, figures(3, 1, 2, 0, 0));
    assert_eq!(day(&line, TUESDAY).await, figures(1, 2, 0, 2, 0));
    // All four are in production now; the three of Monday were due yesterday.
    assert_eq!(day(&line, WEDNESDAY).await, figures(0, 4, 0, 0, 3));
}

fn stands(order: OrderKey, state: OrderState, remake: bool) -> Standing {
    Standing {
        lot: LotId(1),
        order,
        state,
        remake,
    }
}
