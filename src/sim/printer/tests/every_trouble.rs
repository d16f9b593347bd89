//! How: one card is made with every kind of trouble at every command of its way; then the plastic is looked at, not the
//! controller's opinion.

use super::bench::{Bench, Noise, faces};
use crate::base::{Bitmap, Fault};
use crate::printer::{Connect, Model, Outlet, ReadForm, Used};
use crate::sim::printer::{What, When};

/// How far the controller believes to have come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Reached {
    Nothing,
    Printing,
    Counting,
    Printed,
    Delivered,
}

fn one_card(bench: &mut Bench, front: &Bitmap, back: &Bitmap) -> (Reached, Result<(), Fault>) {
    let mut reached = Reached::Nothing;
    let mut job = || -> Result<(), Fault> {
        bench.run(Connect::new(&bench.model))?;
        let before = bench.counters()?;
        bench.feed()?;
        reached = Reached::Printing;
        bench.print(front, Some(back))?;
        reached = Reached::Counting;
        let used = bench.counters()?.since(&before)?;
        assert_eq!(used.cards, 1);
        if used != (Used { cards: 1, panels: 2 }) {
            return Err(Fault::new(
                &crate::printer::fault::DESYNC,
                "the counters disagree",
            ));
        }
        reached = Reached::Printed;
        bench.deliver(Outlet::Good)?;
        reached = Reached::Delivered;
        Ok(())
    };
    let outcome = job();
    (reached, outcome)
}

fn commands_of(bench: &Bench) -> Vec<String> {
    let frames = bench.log.lines().filter_map(|line| line.strip_prefix("> <ESC> "));
    frames
        .map(|frame| frame.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_plastic_never_contradicts_the_controller() {
    let (front, back) = faces();
    for reads in [ReadForm::Text, ReadForm::AckThenText] {
        let model = Model {
            reads,
            ..Model::default()
        };
        let mut bench = Bench::new(model.clone(), 3);
        let (reached, outcome) = one_card(&mut bench, &front, &back);
        assert_eq!((reached, outcome), (Reached::Delivered, Ok(())), "{}", bench.log);
        let commands = commands_of(&bench);
        assert!(commands.len() > 30, "{commands:?}");

        let troubles = [
            What::Refuse('T'),
            What::Refuse('R'),
            What::Break('T'),
            What::Break('R'),
            What::Mute,
            What::LoseReply,
            What::Pretend,
            What::DropByte,
            What::Repeat,
            What::Hold,
            What::Noise(vec![0x06]),
            What::Noise(vec![0xFF, 0x00, 0x41]),
            What::PowerLoss(false),
            What::PowerLoss(true),
        ];
        // Where a read is announced by an ACK, only what multiplies, shifts or loses answers can make a difference.
        let differs = |what: &&What| {
            reads == ReadForm::Text
                || !matches!(
                    what,
                    What::Refuse(_) | What::Break(_) | What::Mute | What::PowerLoss(_) | What::Pretend
                )
        };
        // The abandoned wreck before the first command counts as one for the printer.
        for (index, command) in commands.iter().enumerate() {
            for what in troubles.iter().filter(differs) {
                let mut bench = Bench::new(model.clone(), 3);
                bench.printer.plan(When::Command(index as u64 + 2), what.clone());
                let (reached, outcome) = one_card(&mut bench, &front, &back);
                let case = format!(
                    "{what:?} at {index} {command}: {reached:?} {outcome:?}\n{}",
                    bench.log
                );
                judge(&bench, command, what, reached, &outcome, (&front, &back), &case);
            }
        }
    }
}

fn judge(
    bench: &Bench,
    command: &str,
    what: &What,
    reached: Reached,
    outcome: &Result<(), Fault>,
    (front, back): (&Bitmap, &Bitmap),
    case: &str,
) {
    let inked: Vec<_> = bench
        .cards()
        .into_iter()
        .filter(|card| card.front.ink() + card.back.ink() > 0)
        .collect();
    assert_eq!(bench.cards().len(), 3, "plastic is conserved: {case}");
    assert!(inked.len() <= 1, "a twin: {case}");
    assert!(
        bench.printer.state().panels_printed <= 2,
        "a panel too many: {case}"
    );
    if let Err(fault) = outcome
        && fault.code.safe_to_repeat
        && reached <= Reached::Printing
    {
        assert!(
            inked.is_empty(),
            "declared repeatable with ink on plastic: {case}"
        );
    }
    // A printer that acknowledges a picture and drops it cannot be found out on the line; the desk reads the face.
    let unfaithful =
        *what == What::Pretend && (command.starts_with("Dbc") || command == "Sr" || command == "Sv");
    if reached >= Reached::Printed && !unfaithful {
        assert_eq!(inked.len(), 1, "{case}");
        assert_eq!((&inked[0].front, &inked[0].back), (front, back), "{case}");
    }
    if reached == Reached::Delivered && !unfaithful {
        assert_eq!(bench.tray.good.len(), 1, "{case}");
        assert_eq!(bench.tray.good[0].number, inked[0].number, "{case}");
    }
}

#[test]
fn a_noisy_line_may_stall_but_never_prints_more_than_it_was_asked() {
    let (front, back) = faces();
    let mut delivered = 0;
    for (seed, one_in) in [400, 4_000, 40_000]
        .into_iter()
        .flat_map(|rate| (1..=25).map(move |seed| (seed, rate)))
    {
        let mut bench = Bench::new(Model::default(), 3);
        bench.noise = Some(Noise::new(seed, one_in));
        let (reached, outcome) = one_card(&mut bench, &front, &back);
        let case = format!("seed {seed}, one byte in {one_in}: {reached:?} {outcome:?}");
        let inked = bench
            .cards()
            .into_iter()
            .filter(|card| card.front.ink() + card.back.ink() > 0)
            .count();
        assert!(bench.cards().len() == 3 && inked <= 1, "{case}");
        assert!(bench.printer.state().panels_printed <= 2, "{case}");
        // The language has no checksum: a picture may suffer on the line, and the desk reads every face.
        if reached == Reached::Delivered {
            delivered += 1;
            assert!(
                bench.tray.good.len() == 1 && bench.printer.state().panels_printed == 2,
                "{case}"
            );
        }
    }
    assert!(
        delivered > 20,
        "most cards survive a little noise, {delivered} did"
    );
}
