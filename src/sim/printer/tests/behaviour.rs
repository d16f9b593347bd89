//! One behaviour after the other.

use std::time::Duration;

use super::bench::{Bench, faces};
use crate::printer::{
    Connect, DownloadForm, Model, Outlet, RasterSize, ReadForm, RejectBox, Station, Status, Used, fault,
};
use crate::sim::printer::{Effect, Position, Printer, Setup, State, Tray, What, When};

fn connected(model: Model, blanks: u32) -> Bench {
    let mut bench = Bench::new(model, blanks);
    bench.run(Connect::new(&bench.model)).unwrap();
    bench
}

#[test]
fn a_card_gets_its_faces_on_every_model() {
    let (front, back) = faces();
    for (download, reads, raster) in [
        (DownloadForm::Compressed, ReadForm::Text, RasterSize::EXACT),
        (
            DownloadForm::CompressedFromLine,
            ReadForm::AckThenText,
            RasterSize::PADDED,
        ),
        (DownloadForm::Plain, ReadForm::AckThenText, RasterSize::EXACT),
        (DownloadForm::Plain, ReadForm::Text, RasterSize::PADDED),
    ] {
        let (reject, station) = (RejectBox::UnderOutput, Station::Contact);
        let model = Model {
            download,
            reads,
            raster,
            reject,
            station,
            ..Model::default()
        };
        let mut bench = connected(model, 2);
        let before = bench.counters().unwrap();
        bench.feed().unwrap();
        assert_eq!(bench.tray.position, Some(Position::Station));
        bench.print(&front, Some(&back)).unwrap();
        assert_eq!(
            bench.tray.position,
            Some(Position::PrintModule),
            "printing does not eject"
        );
        bench.deliver(Outlet::Good).unwrap();
        let after = bench.counters().unwrap();
        assert_eq!(after.since(&before), Ok(Used { cards: 1, panels: 2 }));
        assert_eq!(after.ribbon_left + 2, before.ribbon_left);
        assert_eq!(
            (&bench.tray.good[0].front, &bench.tray.good[0].back),
            (&front, &back)
        );

        bench.feed().unwrap();
        bench.deliver(Outlet::Reject).unwrap();
        assert_eq!(
            (bench.tray.rejected[0].number, bench.tray.rejected[0].front.ink()),
            (2, 0)
        );
    }
}

#[test]
fn printing_twice_puts_ink_on_ink() {
    let (front, back) = faces();
    let mut bench = connected(Model::default(), 1);
    bench.feed().unwrap();
    bench.print(&front, None).unwrap();
    bench.print(&back, None).unwrap();
    let mut both = front.clone();
    both.overlay(&back);
    assert_eq!(bench.tray.inside.as_ref().unwrap().front, both);
    assert!(both.ink() > front.ink());
}

#[test]
fn an_empty_feeder_uses_no_card_and_feeding_may_be_repeated() {
    let mut bench = connected(Model::default(), 0);
    let refused = bench.feed().unwrap_err();
    assert_eq!(refused.code, &fault::FEEDER_EMPTY);
    assert!(refused.code.safe_to_repeat && bench.printer.state().cards_inserted == 0);
    bench.tray = Tray::with_blanks(1);
    bench.feed().unwrap();
    assert_eq!(bench.feed().unwrap_err().code, &fault::PATH_OCCUPIED);
    assert_eq!(bench.printer.state().cards_inserted, 1);
}

#[test]
fn an_open_cover_stops_before_anything_moves() {
    let mut bench = connected(Model::default(), 1);
    bench.printer.set_cover(true);
    assert_eq!(bench.feed().unwrap_err().code, &fault::COVER_OPEN);
    bench.printer.set_cover(false);
    bench.feed().unwrap();
}

#[test]
fn a_card_that_is_not_there_is_neither_printed_nor_delivered() {
    let (front, _) = faces();
    let mut bench = connected(Model::default(), 1);
    assert_eq!(bench.print(&front, None).unwrap_err().code, &fault::NO_CARD);
    assert_eq!(bench.deliver(Outlet::Good).unwrap_err().code, &fault::NO_CARD);
    assert_eq!(bench.cards().len(), 1);
    assert_eq!(
        bench.printer.state().cards_inserted,
        0,
        "the printer was not tempted to draw one in"
    );
}

#[test]
fn a_broken_ribbon_leaves_half_a_face_for_the_reject_box() {
    let (front, back) = faces();
    let mut bench = connected(Model::default(), 2);
    bench.feed().unwrap();
    bench
        .printer
        .plan(When::Named("Sp;k".into(), 1), What::Break('R'));
    assert_eq!(
        bench.print(&front, Some(&back)).unwrap_err().code,
        &fault::RIBBON_OUT_IN_PRINT
    );
    let card = bench.tray.inside.as_ref().unwrap();
    assert!(card.front.ink() > 0 && card.front.ink() < front.ink() && card.back.ink() == 0);
    assert_eq!(
        bench.deliver(Outlet::Good).unwrap_err().code,
        &fault::RIBBON_OUT,
        "in error nothing leaves as good"
    );
    bench.deliver(Outlet::Reject).unwrap();
    assert_eq!((bench.tray.good.len(), bench.tray.rejected.len()), (0, 1));
}

#[test]
fn a_used_up_ribbon_is_noticed_by_the_print_command() {
    let mut bench = connected(Model::default(), 1);
    bench.printer.set_ribbon(0);
    bench.feed().unwrap();
    assert_eq!(
        bench.print(&faces().0, None).unwrap_err().code,
        &fault::RIBBON_OUT_IN_PRINT
    );
    assert_eq!(
        bench.printer.state().panels_printed,
        0,
        "the counter tells that there is no ink"
    );
}

#[test]
fn left_to_itself_the_printer_makes_twins_and_under_pem_18_it_does_not() {
    let (front, _) = faces();
    let picture = Model::default().download(&front).unwrap().encode();
    let job: [&[u8]; 5] = [b"\x1bSi\r", b"\x1bSs\r", &picture, b"\x1bSp;k\r", b"\x1bSe\r"];
    let inked = |policy: &[u8]| {
        let mut bench = Bench::new(Model::default(), 3);
        bench.say(policy);
        bench.printer.plan(When::Named("Sp".into(), 1), What::Break('T'));
        job.iter().for_each(|frame| bench.say(frame));
        bench.cards().iter().filter(|card| card.front.ink() > 0).count()
    };
    assert_eq!(
        inked(b"\x1bPem;0\r"),
        2,
        "the printer repeats the job on another card"
    );
    assert_eq!(inked(b"\x1bPem;18\r"), 1);
}

#[test]
fn the_guide_s_own_job_prints_at_the_end_of_the_sequence_and_what_is_left_in_memory_stays_there() {
    let (front, _) = faces();
    let picture = Model::default().download(&front).unwrap().encode();
    let mut bench = Bench::new(Model::default(), 2);
    for frame in [b"\x1bSs\r".as_slice(), b"\x1bSr\r", &picture, b"\x1bSe\r"] {
        bench.say(frame);
    }
    assert_eq!((bench.tray.good.len(), &bench.tray.good[0].front), (1, &front));
    for frame in ["\x1bSs\r", "\x1bSp;k\r", "\x1bSe\r"] {
        bench.say(frame.as_bytes());
    }
    assert_eq!(
        bench.tray.good[1].front, front,
        "the former card's picture, for want of a download"
    );
}

#[test]
fn unknown_commands_and_wrong_parameters_have_their_codes() {
    let mut bench = connected(
        Model {
            flip_over: false,
            ..Model::default()
        },
        1,
    );
    for (frame, code) in [
        ("\x1bXyz\r", b'1'),
        ("\x1bSc\r", b'1'),
        ("\x1bSv\r", b'1'),
        ("\x1bSp;k\r", b'1'),
        ("\x1bPem;77\r", b'2'),
        ("\x1bPr;ymcko\r", b'2'),
        ("\x1bDbc;k;2;3;abc\r", b'2'),
        ("\x1bDbc;y;64;1;a\r", b'2'),
        ("\x1bDbc;k;2;99999999;a\r", b'2'),
    ] {
        bench.line.clear();
        bench.say(frame.as_bytes());
        assert_eq!(bench.line, [vec![0x15, code]], "{frame:?}");
    }
}

#[test]
fn status_tells_what_the_sensors_see() {
    let mut bench = connected(Model::default(), 1_001);
    let status = bench.run(Status::new(&bench.model)).unwrap();
    assert!(!status.card_inside && !status.cleaning_due && status.last_reply == "OK");
    for _ in 0..1_000 {
        bench.say(b"\x1bSi\r\x1bSe\r");
        bench.line.clear();
        bench.tray.good.clear();
    }
    bench.feed().unwrap();
    bench.printer.plan(When::Command(1), What::Refuse('T'));
    bench.say(b"\x1bSs\r");
    bench.line.clear();
    let status = bench.run(Status::new(&bench.model)).unwrap();
    assert!(status.card_inside && status.cleaning_due && status.last_reply == "ERR T");
    bench.printer.clean();
    assert!(!bench.run(Status::new(&bench.model)).unwrap().cleaning_due);
}

#[test]
fn counters_and_troubles_survive_the_hall_s_restart() {
    let mut bench = connected(Model::default(), 2);
    bench.feed().unwrap();
    bench.printer.plan(When::Command(9), What::PowerLoss(true));
    let kept = serde_json::to_string(bench.printer.state()).unwrap();
    let state: State = serde_json::from_str(&kept).unwrap();
    assert_eq!(&state, bench.printer.state());
    bench.printer = Printer::new(Setup::default(), state);
    assert_eq!(bench.printer.state().card, Some(Position::Station));
    assert_eq!(bench.printer.state().saved_policy, 18, "the policy was saved");
    assert_eq!(
        bench.deliver(Outlet::Reject).unwrap_err().code,
        &fault::LEFT_HOST_MODE
    );
    bench.line.clear();
    let cut_short = bench.run(Connect::new(&bench.model)).unwrap_err();
    assert_eq!(
        cut_short.code,
        &fault::SILENT,
        "the trouble that was planned before the restart"
    );
    assert!(
        bench.tray.inside.is_none() && bench.tray.good.len() == 1,
        "it cleared its path into the good output"
    );
    bench.run(Connect::new(&bench.model)).unwrap();
}

#[test]
fn time_is_told_and_never_taken() {
    let setup = Setup {
        wire_time: true,
        panel_ms: 900,
        ..Setup::default()
    };
    let mut printer = Printer::new(
        setup,
        State {
            saved_policy: 18,
            ..State::default()
        },
    );
    let mut tray = Tray::with_blanks(1);
    printer.input(b"\x1bPem;4\r\x1bSs\r", &mut tray);
    let effects = printer.input(b"\x1bSp;k\r", &mut tray);
    assert_eq!(
        effects,
        [
            Effect::Pause(Duration::from_micros(520)), // six bytes
            Effect::Pause(Duration::from_millis(900)),
            Effect::Pause(Duration::from_micros(86)), // one byte
            Effect::Reply(vec![0x06])
        ]
    );
    let effects = printer.input(&vec![0; 82_296], &mut tray);
    assert_eq!(effects, [Effect::Pause(Duration::from_micros(7_143_750))]);
}
