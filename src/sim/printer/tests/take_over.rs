//! Taking over a printer from a session that died anywhere.

use super::bench::{Bench, faces};
use crate::printer::{Connect, Model, Outlet, fault};
use crate::sim::printer::{What, When};

#[test]
fn after_a_session_that_died_anywhere_in_a_frame() {
    let (front, _) = faces();
    let model = Model::default();
    let picture = model.download(&front).unwrap().encode();
    let cuts = (1..20).chain([21, 600, picture.len() - 2, picture.len() - 1, picture.len()]);
    for cut in cuts {
        let mut bench = Bench::new(model.clone(), 1);
        bench.run(Connect::new(&model)).unwrap();
        bench.feed().unwrap();
        bench.say(b"\x1bSs\r");
        bench.say(&picture[..cut]);
        let connected = bench.run(Connect::new(&model)).unwrap();
        assert_eq!(
            (connected.serial.as_str(), connected.firmware.as_str()),
            ("SIM0000001", "1.0"),
            "cut at {cut}"
        );
        assert_eq!(bench.printer.state().panels_printed, 0, "cut at {cut}");
        bench.deliver(Outlet::Reject).unwrap();
        assert_eq!(bench.tray.rejected.len(), 1);
    }
}

#[test]
fn a_cut_off_rejection_does_not_become_a_delivery() {
    let mut bench = Bench::new(Model::default(), 1);
    bench.run(Connect::new(&bench.model)).unwrap();
    bench.feed().unwrap();
    bench.say(b"\x1bSe"); // the controller died here, one letter before `Seb` was whole
    bench.run(Connect::new(&bench.model)).unwrap();
    assert!(bench.tray.good.is_empty() && bench.tray.inside.is_some());
}

#[test]
fn a_late_answer_of_the_former_session_is_let_pass() {
    let mut bench = Bench::new(Model::default(), 1);
    bench.run(Connect::new(&bench.model)).unwrap();
    bench.feed().unwrap();
    bench.printer.plan(When::Named("Ss".into(), 1), What::Hold);
    assert_eq!(
        bench.print(&faces().0, None).unwrap_err().code,
        &fault::POSITION_UNKNOWN
    );
    bench.run(Connect::new(&bench.model)).unwrap();
    assert!(bench.line.is_empty());
    bench.print(&faces().0, None).unwrap();
}

#[test]
fn old_text_on_the_line_is_not_taken_for_the_serial_number() {
    let mut bench = Bench::new(Model::default(), 1);
    bench
        .line
        .extend([b"1234\0".to_vec(), vec![0x06], b"SIM00".to_vec()]);
    assert_eq!(
        bench.run(Connect::new(&bench.model)).unwrap().serial,
        "SIM0000001"
    );
}

#[test]
fn a_printer_that_keeps_its_own_error_policy_is_refused() {
    for (policy, expected) in [("Pem;18", &fault::NOT_HOST_MANAGED), ("Pem;4", &fault::DESYNC)] {
        let mut bench = Bench::new(Model::default(), 1);
        bench.printer.plan(When::Named(policy.into(), 1), What::Pretend);
        let refused = bench.run(Connect::new(&bench.model)).unwrap_err();
        if policy == "Pem;18" {
            assert_eq!(refused.code, expected);
        } else {
            assert_eq!(refused.code, &fault::LEFT_HOST_MODE, "it still answers in words");
        }
    }
}
