use proptest::prelude::*;
use time::macros::date;

use super::*;

const TERM: Term = Term {
    epoch_days: 7,
    keep_days: 14,
};

fn epoch(first: Date) -> Epoch {
    Epoch { first, turn: 1 }
}

#[test]
fn a_label_names_one_epoch_and_an_epoch_has_one_label() {
    let first = epoch(date!(2026 - 11 - 22));
    assert_eq!(first.label("wrap"), "wrap-2026-11-22");
    let third = Epoch { turn: 3, ..first };
    assert_eq!(third.label("wrap"), "wrap-2026-11-22.3");
    for epoch in [first, third] {
        assert_eq!(Epoch::parse("wrap", &epoch.label("wrap")), Some(epoch));
    }
    for strange in [
        "wrap",
        "wrap-",
        "wrap-2026-11-22.1",
        "wrap-2026-11-22.03",
        "wrap-2026-1-2",
        "wrap-2026-02-30",
        "wrap-2026-11-22-1",
        "unwrap-2026-11-22",
        "wrap-+2026-11-22",
    ] {
        assert_eq!(Epoch::parse("wrap", strange), None, "{strange}");
    }
    assert_eq!(Epoch::beginning(first.first, &[first, third]).turn, 4);
    assert_eq!(Epoch::beginning(date!(2026 - 11 - 23), &[first, third]).turn, 1);
}

#[test]
fn an_epoch_takes_in_for_its_days_and_closes_when_its_orders_are_erased() {
    let first = epoch(date!(2026 - 11 - 01));
    let open = [first];
    assert_eq!(TERM.current(&open, date!(2026 - 10 - 31)), None);
    assert_eq!(TERM.current(&open, date!(2026 - 11 - 01)), Some(first));
    assert_eq!(TERM.current(&open, date!(2026 - 11 - 07)), Some(first));
    assert_eq!(TERM.current(&open, date!(2026 - 11 - 08)), None);
    // The next key is made on its last day, once.
    assert_eq!(TERM.ahead(&open, date!(2026 - 11 - 06)), None);
    let next = epoch(date!(2026 - 11 - 08));
    assert_eq!(TERM.ahead(&open, date!(2026 - 11 - 07)), Some(next.first));
    assert_eq!(TERM.ahead(&[first, next], date!(2026 - 11 - 07)), None);
    // The last order it took in may have ended on its last day: that is erased on the 21st.
    assert_eq!(TERM.until(date!(2026 - 11 - 07)), date!(2026 - 11 - 21));
    assert!(TERM.due(&[first, next], date!(2026 - 11 - 21)).is_empty());
    assert_eq!(TERM.due(&[first, next], date!(2026 - 11 - 22)), [first]);
}

#[test]
fn the_newest_of_two_on_one_day_takes_in() {
    let first = epoch(date!(2026 - 11 - 01));
    let second = Epoch { turn: 2, ..first };
    assert_eq!(
        TERM.current(&[second, first], date!(2026 - 11 - 03)),
        Some(second)
    );
}

#[test]
fn what_a_wrong_clock_made_is_closed_and_takes_nothing_in() {
    let (now, far) = (epoch(date!(2026 - 11 - 01)), epoch(date!(2036 - 11 - 01)));
    let today = date!(2026 - 11 - 02);
    assert_eq!(TERM.current(&[now, far], today), Some(now));
    assert_eq!(TERM.due(&[now, far], today), [far]);
    // One that was made ahead is not strange.
    let next = epoch(date!(2026 - 11 - 08));
    assert!(TERM.due(&[now, next], date!(2026 - 11 - 07)).is_empty());
}

#[test]
fn no_term_at_all_is_a_term() {
    let term = Term {
        epoch_days: 1,
        keep_days: 0,
    };
    let first = epoch(date!(2026 - 11 - 01));
    assert_eq!(term.until(first.first), first.first);
    assert_eq!(term.due(&[first], date!(2026 - 11 - 01)), []);
    assert_eq!(term.due(&[first], date!(2026 - 11 - 02)), [first]);
}

/// One order's way through a year: admitted on a day, over on a later one, and the epochs of a facility that keeps its
/// rules every day. The last day on which a copy of it, taken at any time, could be opened.
fn last_readable(term: Term, admitted: u16, over: u16) -> (u16, u16) {
    let start = date!(2026 - 01 - 01);
    let day = |number: u16| after(start, number);
    let mut open = Vec::new();
    let mut known = Vec::new();
    let mut under: Option<Epoch> = None;
    let mut copies = Vec::new();
    let (mut erased, mut until) = (None, None);
    for number in 0..over + 400 {
        let today = day(number);
        if term.current(&open, today).is_none() {
            let new = Epoch::beginning(today, &known);
            open.push(new);
            known.push(new);
        }
        if let Some(first) = term.ahead(&open, today) {
            let new = Epoch::beginning(first, &known);
            open.push(new);
            known.push(new);
        }
        if number == admitted {
            under = term.current(&open, today);
        }
        if number == over {
            until = Some(term.until(today));
        }
        if until.is_some_and(|until| today >= until) && under.is_some() {
            (under, erased) = (None, Some(number));
        }
        for due in term.due(&open, today) {
            open.retain(|epoch| *epoch != due);
            if under == Some(due) {
                under = term.home(&open, today, until);
                assert!(under.is_some(), "nowhere to go on {today}");
            }
        }
        // A backup of today.
        copies.extend(under);
        copies.sort();
        copies.dedup();
        if number > over && copies.iter().all(|copy| !open.contains(copy)) {
            return (erased.unwrap_or(u16::MAX), number);
        }
    }
    panic!("{term:?}: a copy of an order of {admitted}, over on {over}, can be opened for ever");
}

proptest! {
    #[test]
    fn no_copy_outlives_both_spans_together(
        epoch_days in 1u16..32,
        keep_days in 0u16..60,
        admitted in 0u16..200,
        takes in 0u16..200,
    ) {
        let term = Term { epoch_days, keep_days };
        let over = admitted + takes;
        let (erased, unreadable) = last_readable(term, admitted, over);
        prop_assert_eq!(erased, over + keep_days);
        prop_assert!(unreadable > over && unreadable <= over + epoch_days + keep_days + 1,
            "over on {}, a copy opens until {}", over, unreadable);
    }

    #[test]
    fn any_text_is_a_label_or_not(text in ".{0,30}") {
        if let Some(epoch) = Epoch::parse("wrap", &text) {
            prop_assert_eq!(epoch.label("wrap"), text);
        }
    }
}
