//! The whole way of one card through a real serial port of the system.

use std::time::Duration;

use super::bench::faces;
use crate::base::{Clock, Dialogue, Fault, Reply, Step};
use crate::device::serial::{SerialConfig, SerialPort};
use crate::port::Serial;
use crate::printer::{Connect, Deliver, Feed, Model, Outlet, Print, ReadCounters, Used};
use crate::sim::printer::{Effect, Printer, Setup, State, Tray};
use crate::sim::pty::Pty;

async fn run<D: Dialogue>(port: &mut SerialPort, mut dialogue: D) -> Result<D::Evidence, Fault> {
    let mut step = dialogue.next(Reply::Start)?;
    loop {
        let time = match step {
            Step::Send(bytes, time) => {
                port.send(&bytes, time).await?;
                time
            }
            Step::Wait(time) => time,
            Step::Done(evidence) => return Ok(evidence),
        };
        let bytes = port.receive(time).await?;
        step = dialogue.next(if bytes.is_empty() {
            Reply::Elapsed
        } else {
            Reply::Bytes(&bytes)
        })?;
    }
}

/// The hall's side: feeds the printer what arrives, in pieces of its own, until the cable is no longer needed.
async fn serve(pty: &Pty, clock: Clock, printer: &mut Printer, tray: &mut Tray) {
    let mut buffer = [0; 777];
    loop {
        let length = pty.read(&mut buffer).await.unwrap();
        for effect in printer.input(&buffer[..length], tray) {
            match effect {
                Effect::Pause(time) => clock.sleep(time).await,
                Effect::Reply(bytes) => pty.write_all(&bytes).await.unwrap(),
            }
        }
    }
}

#[tokio::test]
async fn one_card_over_a_pseudo_terminal() {
    let (front, back) = faces();
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open(&folder.path().join("printer-1")).unwrap();
    let clock = Clock::system();
    let setup = Setup {
        feed_ms: 5,
        panel_ms: 5,
        flip_ms: 5,
        eject_ms: 5,
        ..Setup::default()
    };
    let mut printer = Printer::new(setup, State::default());
    let mut tray = Tray::with_blanks(2);

    let controller = async {
        let config = SerialConfig {
            path: pty.path().to_owned(),
            baud: 115_200,
        };
        let model = Model::default();
        let mut port = SerialPort::open(&config, clock)?;
        assert_eq!(run(&mut port, Connect::new(&model)).await?.serial, "SIM0000001");
        let before = run(&mut port, ReadCounters::new(&model)).await?;
        run(&mut port, Feed::new(&model)).await?;
        run(&mut port, Print::new(&model, &front, Some(&back))?).await?;
        drop(port);
        // The controller was restarted; printing left the card inside.
        let mut port = SerialPort::open(&config, clock)?;
        run(&mut port, Connect::new(&model)).await?;
        run(&mut port, Deliver::new(&model, Outlet::Good)).await?;
        run(&mut port, ReadCounters::new(&model)).await?.since(&before)
    };
    let outcome = tokio::select! {
        outcome = clock.within(Duration::from_secs(30), controller) => outcome.unwrap(),
        () = serve(&pty, clock, &mut printer, &mut tray) => unreachable!(),
    };
    assert_eq!(outcome, Ok(Used { cards: 1, panels: 2 }));
    assert_eq!((&tray.good[0].front, &tray.good[0].back), (&front, &back));
}
