use super::*;
use crate::base::ids::{AttemptId, LotId, MachineId, OrderKey, SodHash};
use crate::job::{apply, fault};

#[test]
fn print_is_never_repeated_whatever_the_fault_says() {
    for code in fault::ALL {
        for tries in 0..3 {
            assert_eq!(
                after(Step::Print, &Fault::new(code, ""), tries).card,
                Card::Spoil,
                "{}",
                code.id
            );
        }
    }
}

#[test]
fn an_empty_feeder_harms_nobody() {
    let verdict = after(Step::Bind, &Fault::new(&FEEDER_EMPTY, ""), 1);
    assert_eq!(
        verdict,
        Verdict {
            card: Card::Wait,
            position: Position::GoOn
        }
    );
}

#[test]
fn a_bug_stops_everything() {
    assert_eq!(
        after(Step::Encode, &Fault::new(&fault::ILLEGAL, ""), 1).position,
        Position::StopAll
    );
}

/// What is repeatable in doubt is repeated, once; what is not leaves by the reject output.
#[test]
fn what_a_reader_interrupts_is_done_again_once_while_its_position_stands() {
    let reader = Fault::new(&STEP_IN_DOUBT, "");
    assert_eq!(reader.blame(), Blame::Device);
    for step in [Step::Encode, Step::Verify] {
        let first = after(step, &reader, 1);
        assert_eq!(
            (first.card, first.position),
            (Card::Again, Position::Stop),
            "{step}"
        );
        assert_eq!(after(step, &reader, 2).card, Card::Spoil, "{step}");
        let chip = Fault::new(&fault::CONTENT_DIFFERS, "");
        assert_eq!(after(step, &chip, 1).card, Card::Spoil, "{step}");
    }
    // What cannot be undone is asked about first.
    assert_eq!(after(Step::Seal, &reader, 1).card, Card::Ask);
}

#[test]
fn at_a_desk_only_a_reader_is_asked_twice_and_only_a_bad_card_is_waste() {
    let reader = Fault::new(&STEP_IN_DOUBT, "");
    assert_eq!(after(Step::Prove, &reader, 1).card, Card::Again);
    assert_eq!(after(Step::Prove, &reader, 2).card, Card::Quarantine);
    let mixed_up = Fault::new(&fault::FACE_DIFFERS, "");
    assert_eq!(after(Step::Prove, &mixed_up, 1).card, Card::Spoil);
    let elsewhere = Fault::new(&fault::WRONG_CARD, "");
    assert_eq!(after(Step::Prove, &elsewhere, 1).card, Card::Quarantine);
}

#[test]
fn a_card_that_the_registry_stops_is_waste_and_its_machine_goes_on() {
    let verdict = after(Step::Deliver, &Fault::new(&fault::STOPPED_BY_REGISTRY, ""), 1);
    assert_eq!(
        verdict,
        Verdict {
            card: Card::Spoil,
            position: Position::GoOn
        }
    );
}

/// An attempt that did all steps before this one, and is at it now.
fn doing(step: Step, aim: Option<Aim>) -> Attempt {
    let machine = MachineId::new("S1");
    let mut events = vec![
        Event::Planned {
            lot: LotId(1),
            machine: machine.clone(),
            replaces: None,
        },
        Event::SignIntended {
            signer: "ds".into(),
            digest: "00".into(),
            chip_key: None,
        },
        Event::Signed {
            nonce: None,
            sod: SodHash("00".into()),
        },
    ];
    for earlier in Step::ALL.into_iter().take_while(|earlier| *earlier < step) {
        events.push(intended(earlier, &machine, None));
        let evidence = match earlier {
            Step::Bind => bind(),
            Step::Encode => Evidence::Encode {
                commands: 1,
                bytes: 1,
            },
            Step::Seal => Evidence::Seal,
            Step::Verify => Evidence::Verify { commands: 1 },
            Step::Print => Evidence::Print {
                panels_before: 0,
                panels_after: 2,
            },
            _ => Evidence::Deliver { output: Output::Good },
        };
        events.push(Event::Done { evidence });
    }
    events.push(intended(step, &machine, aim));
    folded(&events)
}

fn folded(events: &[Event]) -> Attempt {
    let id = AttemptId {
        order: OrderKey(1),
        number: 1,
    };
    let fold = |state: Option<Attempt>, event| Some(apply(state.as_ref(), id, event).unwrap());
    events.iter().fold(None, fold).unwrap()
}

fn intended(step: Step, machine: &MachineId, aim: Option<Aim>) -> Event {
    let machine = machine.clone();
    Event::Intended { step, machine, aim }
}

fn bind() -> Evidence {
    Evidence::Bind {
        chip: ChipId::new("C1"),
        blank: BlankId::new("B1"),
        pack: PackId::new("P1"),
    }
}

fn unused() -> SeenChip {
    SeenChip::Unused {
        chip: ChipId::new("C1"),
        blank: BlankId::new("B1"),
        pack: PackId::new("P1"),
    }
}

/// Recovers against a machine in this state; what was asked, and what came of it.
fn recover(attempt: &Attempt, inside: bool, chip: &SeenChip, sealed: bool) -> (Vec<Question>, Doubt) {
    let (mut asked, mut seen) = (Vec::new(), Seen::default());
    loop {
        match in_doubt(attempt, &seen) {
            Doubt::Ask(question) => {
                assert!(!asked.contains(&question), "{question:?} is asked twice");
                asked.push(question);
                match question {
                    Question::Path => seen.inside = Some(inside),
                    Question::Chip => seen.chip = Some(chip.clone()),
                    Question::Seal => seen.sealed = Some(sealed),
                }
            }
            outcome => return (asked, outcome),
        }
    }
}

fn word(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Settled(event) => event.name(),
        Doubt::GoOn => "goes on",
        Doubt::Person(_) => "person",
        Doubt::Ask(_) => "asks",
    }
}

#[test]
fn a_step_in_doubt_is_settled_as_its_class_says() {
    let good = || Some(Aim::Output(Output::Good));
    let reject = || Some(Aim::Output(Output::Reject));
    let other = SeenChip::Other(ChipId::new("C2"));
    // Step, aim, card inside, chip, sealed: questions, outcome.
    let table = [
        (Step::Bind, None, false, unused(), false, 1, "undone"),
        (Step::Bind, None, true, unused(), false, 2, "done"),
        (Step::Bind, None, true, other.clone(), false, 2, "person"),
        (Step::Encode, None, false, SeenChip::Bound, false, 1, "person"),
        (Step::Encode, None, true, SeenChip::Bound, false, 2, "goes on"),
        (Step::Encode, None, true, other.clone(), false, 2, "person"),
        (Step::Encode, None, true, unused(), false, 2, "person"),
        (Step::Seal, None, false, SeenChip::Bound, true, 1, "person"),
        (Step::Seal, None, true, SeenChip::Bound, true, 3, "done"),
        (Step::Seal, None, true, SeenChip::Bound, false, 3, "undone"),
        (Step::Seal, None, true, other.clone(), true, 2, "person"),
        (Step::Verify, None, false, SeenChip::Bound, true, 1, "person"),
        (Step::Verify, None, true, SeenChip::Bound, true, 2, "goes on"),
        (Step::Verify, None, true, other, true, 2, "person"),
        (Step::Print, None, false, SeenChip::Bound, true, 1, "person"),
        (Step::Print, None, true, SeenChip::Bound, true, 1, "failed"),
        (Step::Deliver, good(), false, SeenChip::Bound, true, 1, "done"),
        (Step::Deliver, good(), true, SeenChip::Bound, true, 1, "undone"),
        (Step::Deliver, None, false, SeenChip::Bound, true, 1, "person"),
    ];
    for (step, aim, inside, chip, sealed, questions, outcome) in table {
        let attempt = doing(step, aim);
        let (asked, settled) = recover(&attempt, inside, &chip, sealed);
        let row = format!("{step}, inside: {inside}, {chip:?}, sealed: {sealed}");
        assert_eq!((asked.len(), word(&settled)), (questions, outcome), "{row}");
        if let Doubt::Settled(event) = settled {
            apply(Some(&attempt), attempt.id, &event).unwrap();
        }
    }
    // A card that leaves by the reject output is waste wherever it is found.
    let mut events = Vec::new();
    let machine = MachineId::new("S1");
    let waste = doing(Step::Encode, None);
    for event in [
        Event::Failed {
            step: Step::Encode,
            code: "CHIP-003".into(),
            detail: String::new(),
        },
        intended(Step::Deliver, &machine, reject()),
    ] {
        events.push(event);
    }
    let waste = events.iter().fold(waste, |state, event| {
        apply(Some(&state), state.id, event).unwrap()
    });
    for (inside, outcome) in [(false, "done"), (true, "failed")] {
        let (_, settled) = recover(&waste, inside, &SeenChip::Bound, false);
        assert_eq!(word(&settled), outcome);
        let Doubt::Settled(event) = settled else {
            unreachable!("both are events")
        };
        let next = apply(Some(&waste), waste.id, &event).unwrap();
        assert_eq!(next.code.as_deref(), Some("CHIP-003"));
    }
}

#[test]
fn a_card_that_is_in_no_machine_is_not_asked_for() {
    let in_tray = doing(Step::Prove, None);
    assert_eq!(in_doubt(&in_tray, &Seen::default()), Doubt::GoOn);
}

#[test]
fn a_seal_in_doubt_is_asked_about_once_and_another_card_is_put_aside() {
    let silent = Fault::new(&FEEDER_EMPTY, "");
    assert!(silent.code.safe_to_repeat);
    assert_eq!(after(Step::Seal, &silent, 1).card, Card::Ask);
    assert_eq!(after(Step::Seal, &silent, 2).card, Card::Spoil);
    for step in [Step::Encode, Step::Seal, Step::Verify] {
        let other = after(step, &Fault::new(&WRONG_CHIP, ""), 1);
        assert_eq!((other.card, other.position), (Card::Quarantine, Position::Stop));
    }
}
