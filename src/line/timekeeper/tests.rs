use time::macros::datetime;

use super::*;

const WALL: OffsetDateTime = datetime!(2026-11-22 04:00 UTC);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_nanos(1);

fn reading(wall: OffsetDateTime, boot: Duration, boot_id: &str) -> Reading {
    Reading {
        wall,
        boot,
        boot_id: boot_id.to_owned(),
    }
}

#[test]
fn the_bound_between_the_sources_is_exact() {
    let anchor = reading(WALL, HOUR, "a");
    let later = |wall| judge(Some(&anchor), Some(WALL), &reading(wall, HOUR * 10, "a"));
    let expected = WALL + HOUR * 9;
    assert_eq!(later(expected), Standing::Agreed);
    assert_eq!(later(expected + CLOCKS_DIFFER), Standing::Agreed);
    assert_eq!(later(expected - CLOCKS_DIFFER), Standing::Agreed);
    let more = CLOCKS_DIFFER + MOMENT;
    assert_eq!(later(expected + more), Standing::Ahead(more));
    assert_eq!(later(expected - more), Standing::Backward(more));
    // However long ago the anchor is: within one start of the machine there is no holdover.
    let year = HOUR * 24 * 365;
    assert_eq!(
        judge(Some(&anchor), Some(WALL), &reading(WALL + year, HOUR + year, "a")),
        Standing::Agreed
    );
}

#[test]
fn a_machine_started_anew_is_believed_for_a_while_unless_its_clock_is_behind_the_ledger() {
    let anchor = reading(WALL, HOUR, "a");
    let newest = Some(WALL + HOUR * 5);
    let anew = |wall, boot| judge(Some(&anchor), newest, &reading(wall, boot, "b"));
    let later = WALL + HOUR * 48;
    assert_eq!(anew(later, HOUR), Standing::Holdover(HOUR));
    assert_eq!(anew(later, CLOCK_HOLDOVER), Standing::Holdover(CLOCK_HOLDOVER));
    assert_eq!(
        anew(later, CLOCK_HOLDOVER + MOMENT),
        Standing::Lost(CLOCK_HOLDOVER + MOMENT)
    );
    assert_eq!(
        anew(WALL + HOUR * 4, HOUR),
        Standing::Backward(HOUR),
        "an empty battery sets the clock back"
    );
    assert_eq!(anew(WALL + HOUR * 5, HOUR), Standing::Holdover(HOUR));
    // A machine that does not tell its starts apart has one source.
    let nameless = reading(WALL, HOUR, "");
    assert_eq!(
        judge(Some(&nameless), None, &reading(WALL + HOUR, HOUR * 2, "")),
        Standing::Holdover(HOUR * 2)
    );
}

#[test]
fn only_what_is_known_stops_signing() {
    let permits = |standing: Standing| standing.permits().map_err(|fault| fault.code.id);
    assert_eq!(permits(Standing::Agreed), Ok(()));
    assert_eq!(permits(Standing::Holdover(HOUR)), Ok(()));
    assert_eq!(permits(Standing::Backward(HOUR)), Err("LIN-032"));
    assert_eq!(permits(Standing::Ahead(HOUR)), Err("LIN-033"));
    assert_eq!(permits(Standing::Lost(HOUR)), Err("LIN-033"));
    assert!(Standing::Agreed.is_certain() && !Standing::Holdover(HOUR).is_certain());
    for code in [&CLOCK_BACKWARD, &CLOCK_LOST] {
        assert!(crate::job::decide::is_waited_for(&Fault::new(code, "")));
    }
}
