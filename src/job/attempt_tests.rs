use proptest::prelude::*;

use super::*;
use crate::base::ids::{OrderKey, PersonId};

fn id() -> AttemptId {
    AttemptId {
        order: OrderKey(7),
        number: 1,
    }
}

fn run(events: &[Event]) -> Result<Attempt, IllegalTransition> {
    let mut state = None;
    for event in events {
        state = Some(apply(state.as_ref(), id(), event)?);
    }
    Ok(state.expect("at least one event"))
}

fn intended(step: Step) -> Event {
    Event::Intended {
        step,
        machine: MachineId::new("S1"),
        aim: None,
    }
}

fn evidence(step: Step) -> Evidence {
    match step {
        Step::Bind => Evidence::Bind {
            chip: ChipId::new("C1"),
            blank: BlankId::new("B1"),
            pack: PackId::new("P1"),
        },
        Step::Encode => Evidence::Encode {
            commands: 40,
            bytes: 30_000,
        },
        Step::Seal => Evidence::Seal,
        Step::Verify => Evidence::Verify { commands: 25 },
        Step::Print => Evidence::Print {
            panels_before: 0,
            panels_after: 2,
        },
        Step::Deliver => Evidence::Deliver { output: Output::Good },
        Step::Prove => Evidence::Prove {
            desk: MachineId::new("D1"),
        },
        Step::Box => Evidence::Box {
            label: BoxId::new("X1"),
            slot: 1,
        },
    }
}

fn ready() -> Vec<Event> {
    vec![
        Event::Planned {
            lot: LotId(1),
            machine: MachineId::new("S1"),
            replaces: None,
        },
        Event::SignIntended {
            signer: "ds".into(),
            digest: "AA".into(),
            chip_key: None,
        },
        Event::Signed {
            nonce: None,
            sod: SodHash::new("SS"),
        },
    ]
}

fn through(last: Step) -> Vec<Event> {
    let mut events = ready();
    for step in Step::ALL {
        events.push(intended(step));
        events.push(Event::Done {
            evidence: evidence(step),
        });
        if step == last {
            break;
        }
    }
    events
}

#[test]
fn a_card_goes_through_the_house() {
    let card = run(&through(Step::Box)).unwrap();
    assert!(card.is_good() && card.is_over() && card.must_be_reported());
    assert_eq!(card.place, Some(Place::Boxed));
}

#[test]
fn a_second_digest_for_one_attempt_is_refused() {
    let mut events = ready()[..2].to_vec();
    events.push(Event::SignIntended {
        signer: "ds".into(),
        digest: "AA".into(),
        chip_key: None,
    });
    assert!(run(&events).is_ok(), "the same digest may be asked for again");
    events.push(Event::SignIntended {
        signer: "ds".into(),
        digest: "BB".into(),
        chip_key: None,
    });
    assert_eq!(
        run(&events).unwrap_err().why,
        "a different digest for the same attempt"
    );
}

#[test]
fn print_cannot_be_undone_or_repeated() {
    let mut events = through(Step::Verify);
    events.push(intended(Step::Print));
    for bad in [
        intended(Step::Print),
        Event::Undone {
            step: Step::Print,
            because: "hope".into(),
        },
    ] {
        let mut events = events.clone();
        events.push(bad);
        assert!(run(&events).is_err());
    }
}

#[test]
fn nothing_is_withdrawn_once_a_blank_may_be_touched() {
    let withdrawn = Event::Withdrawn {
        code: "JOB-010".into(),
    };
    let mut events = ready();
    events.push(withdrawn.clone());
    assert_eq!(run(&events).unwrap().phase, Phase::Withdrawn);
    let mut events = ready();
    events.extend([intended(Step::Bind), withdrawn]);
    assert!(run(&events).is_err());
}

#[test]
fn an_unverified_card_is_never_good() {
    let mut events = through(Step::Seal);
    events.push(intended(Step::Deliver));
    assert!(run(&events).is_err(), "deliver needs verify and print");
    let mut events = through(Step::Seal);
    events.extend([
        intended(Step::Verify),
        Event::Failed {
            step: Step::Verify,
            code: "JOB-004".into(),
            detail: String::new(),
        },
        intended(Step::Deliver),
        Event::Done {
            evidence: Evidence::Deliver { output: Output::Good },
        },
    ]);
    assert_eq!(
        run(&events).unwrap_err().why,
        "an unfinished card in the good output"
    );
}

#[test]
fn a_probe_that_saw_nothing_takes_the_intent_back() {
    let mut events = through(Step::Encode);
    events.extend([
        intended(Step::Seal),
        Event::Undone {
            step: Step::Seal,
            because: "still open".into(),
        },
    ]);
    assert_eq!(run(&events).unwrap().phase, Phase::Did(Step::Encode));
    let mut events = ready();
    events.extend([
        intended(Step::Bind),
        Event::Undone {
            step: Step::Bind,
            because: "no card".into(),
        },
    ]);
    let state = run(&events).unwrap();
    assert_eq!((state.phase, state.place), (Phase::Ready, None));
}

#[test]
fn not_found_needs_two_different_people() {
    let mut events = through(Step::Print);
    events.extend([
        intended(Step::Deliver),
        Event::Quarantined {
            code: "JOB-006".into(),
        },
    ]);
    for (by, allowed) in [
        (vec!["an"], false),
        (vec!["an", "an"], false),
        (vec!["an", "binh"], true),
    ] {
        let mut events = events.clone();
        events.push(Event::NotFound {
            by: by.into_iter().map(PersonId::new).collect(),
        });
        assert_eq!(run(&events).is_ok(), allowed);
    }
}

/// The registry is told of a chip that is out of sight, and again of what became of it.
#[test]
fn the_registry_hears_of_a_card_in_quarantine_and_again_of_its_end() {
    let by = vec![PersonId::new("an"), PersonId::new("binh")];
    let mut events = through(Step::Print);
    events.push(Event::Quarantined { code: "X".into() });
    assert!(run(&events).unwrap().must_be_reported());
    events.push(Event::Reported);
    let told = run(&events).unwrap();
    assert!(!told.must_be_reported() && told.is_live());

    let spoiled = Event::Spoiled {
        code: "X".into(),
        by: Vec::new(),
    };
    for end in [spoiled, Event::NotFound { by: by.clone() }] {
        assert!(apply(Some(&told), id(), &end).unwrap().must_be_reported());
    }
    let found = apply(Some(&told), id(), &Event::Found { by }).unwrap();
    assert!(
        !found.must_be_reported() && !found.reported,
        "it is told once it is boxed"
    );
    assert!(apply(Some(&found), id(), &Event::Reported).is_err());
    let again = apply(Some(&found), id(), &Event::Quarantined { code: "X".into() }).unwrap();
    assert!(again.must_be_reported());

    // No chip was bound: there is nothing to refuse yet.
    let mut unbound = ready();
    unbound.extend([intended(Step::Bind), Event::Quarantined { code: "X".into() }]);
    assert!(!run(&unbound).unwrap().must_be_reported());
}

/// Law 5: it was proven, got out of sight, and is proven once more before it enters a box.
#[test]
fn a_card_that_was_out_of_sight_is_proven_anew() {
    let mut events = through(Step::Prove);
    events.push(Event::Quarantined {
        code: "JOB-020".into(),
    });
    events.push(Event::Found {
        by: vec![PersonId::new("an")],
    });
    let found = run(&events).unwrap();
    assert_eq!(found.phase, Phase::Did(Step::Deliver));
    assert!(apply(Some(&found), id(), &intended(Step::Box)).is_err());
    assert!(apply(Some(&found), id(), &intended(Step::Prove)).is_ok());
}

fn any_event() -> impl Strategy<Value = Event> {
    let step = proptest::sample::select(Step::ALL.to_vec());
    prop_oneof![
        Just(ready()[0].clone()),
        Just(ready()[1].clone()),
        Just(ready()[2].clone()),
        step.clone().prop_map(intended),
        step.clone().prop_map(|step| Event::Done {
            evidence: evidence(step)
        }),
        step.clone().prop_map(|step| Event::Undone {
            step,
            because: String::new()
        }),
        step.prop_map(|step| Event::Failed {
            step,
            code: "X".into(),
            detail: String::new()
        }),
        Just(Event::Done {
            evidence: Evidence::Deliver {
                output: Output::Reject
            }
        }),
        Just(Event::Spoiled {
            code: "X".into(),
            by: vec![]
        }),
        Just(Event::Quarantined { code: "X".into() }),
        Just(Event::NotFound {
            by: vec![PersonId::new("a"), PersonId::new("b")]
        }),
        Just(Event::Found {
            by: vec![PersonId::new("a")]
        }),
        Just(Event::Withdrawn { code: "X".into() }),
        Just(Event::KeysErased),
        Just(Event::Reported),
    ]
}

proptest! {
    /// Whatever events come, refused ones aside, the laws hold in every state.
    #[test]
    fn laws_hold_in_every_reachable_state(events in proptest::collection::vec(any_event(), 0..120)) {
        let mut state: Option<Attempt> = None;
        let mut prints = 0;
        let mut signed = 0;
        for event in events {
            let Ok(next) = apply(state.as_ref(), id(), &event) else { continue };
            if event == intended(Step::Print) { prints += 1; }
            if matches!(event, Event::Signed { .. }) { signed += 1; }
            if next.is_good() {
                for step in Step::ALL { prop_assert!(next.done.has(step), "good without {step}"); }
            }
            if let Some(before) = &state {
                prop_assert!(before.chip.is_none() || before.chip == next.chip, "a chip was unbound");
                let recalled = before.is_good() && !before.reported && next.phase == Phase::Spoiled;
                prop_assert!(!before.is_over() || before.phase == next.phase || recalled, "an outcome changed");
                if next.phase == Phase::Withdrawn { prop_assert!(next.chip.is_none()); }
            }
            state = Some(next);
        }
        prop_assert!(prints <= 1, "printed {prints} times");
        prop_assert!(signed <= 1, "signed {signed} times");
    }
}

#[test]
fn a_boxed_card_is_revoked_by_two_people_if_it_is_lost_and_the_registry_hears_again() {
    let by = |names: &[&str]| names.iter().map(|name| PersonId::new(*name)).collect::<Vec<_>>();
    let revoked = |lost, by| Event::Revoked {
        code: "lost".into(),
        lost,
        by,
    };
    let mut boxed = through(Step::Box);
    boxed.push(Event::Reported);
    let state = run(&boxed).unwrap();
    for alone in [by(&[]), by(&["a"]), by(&["a", "a"])] {
        assert!(apply(Some(&state), id(), &revoked(true, alone)).is_err());
    }
    let lost = apply(Some(&state), id(), &revoked(true, by(&["a", "b"]))).unwrap();
    assert!(lost.must_be_reported() && lost.is_revoked() && !lost.is_live());
    assert_eq!(lost.place, Some(Place::NotFound));
    let waste = apply(Some(&state), id(), &revoked(false, by(&[]))).unwrap();
    assert_eq!(waste.phase, Phase::Spoiled);
    assert!(apply(Some(&waste), id(), &revoked(false, by(&[]))).is_err());
    assert!(
        apply(
            Some(&run(&through(Step::Prove)).unwrap()),
            id(),
            &revoked(false, by(&["a"]))
        )
        .is_err()
    );
}

#[test]
fn writing_that_was_begun_and_not_finished_is_counted_over_crashes_and_failures() {
    let mut events = through(Step::Bind);
    let failed = Event::Failed {
        step: Step::Encode,
        code: "CHIP-001".into(),
        detail: String::new(),
    };
    let mut seen = Vec::new();
    // A crash leaves an intent without an outcome; a fault leaves one with another outcome. Both may have cost a try.
    for more in [
        vec![intended(Step::Encode)],
        vec![intended(Step::Encode)],
        vec![failed, intended(Step::Encode)],
        vec![Event::Done {
            evidence: evidence(Step::Encode),
        }],
        vec![intended(Step::Seal)],
        vec![Event::Done {
            evidence: evidence(Step::Seal),
        }],
        vec![intended(Step::Verify)],
    ] {
        events.extend(more);
        seen.push(run(&events).unwrap().unproven);
    }
    assert_eq!(seen, [1, 2, 3, 0, 1, 0, 0]);
}
