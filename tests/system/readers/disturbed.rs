//! The line with a pcscd that hangs, dies and comes back, and with readers that are unplugged. The hall has two pcscds:
//! the first serves machines 1 to 6, the second machines 7 and 8 and the desks.

use std::process::Child;

use cardwright::base::ids::MachineId;
use cardwright::base::limits;
use cardwright::job::{Event, Fact};
use cardwright::port::RawEntry;
use cardwright::sim::pcscd::Pcscd;
use serde_json::Value;
use time::OffsetDateTime;

use super::*;

/// Machines behind the pcscd that is disturbed, and the places behind the other one.
const DISTURBED: [&str; 6] = ["S01", "S02", "S03", "S04", "S05", "S06"];
const UNDISTURBED: [&str; 6] = ["S07", "S08", "D1", "D2", "D3", "D4"];
/// pcscd is held for longer than a command may take, and the 2 s after which its position must stand.
const HELD: Duration = Duration::from_millis(7_500);
/// pcscd dies this often in one run.
const DEATHS: usize = 3;
/// Past a deadline the position stands within this time.
const STANDS_WITHIN: Duration = Duration::from_secs(2);
/// A position that is idle stands, or goes on, within this time; a verb's own time is in it.
const NOTICED_WITHIN: Duration = Duration::from_secs(4);
/// Whatever a test waits for has come by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a supervisor looks.
const ROUND: Duration = Duration::from_millis(300);

fn wait(time: Duration) {
    block_on(Clock::system().sleep(time));
}

/// Starts a run and returns when its machines start.
fn making(mut command: Command) -> Ending {
    let mut controller = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(controller.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("Making cards") {
        line.clear();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "it ended before the machines started"
        );
    }
    // Whoever reads nothing holds the writer up.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    Ending(controller)
}

/// What the controller says of its positions.
fn positions(dir: &Path) -> Option<Value> {
    let output = cardwright(dir, &["position", "list", "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).ok()?;
    told.get("machines").cloned()
}

/// Asks for the positions until they are as wanted; answers how long that took.
fn see(dir: &Path, within: Duration, wanted: impl Fn(&Value) -> bool) -> Duration {
    let watch = Stopwatch::start();
    loop {
        let told = positions(dir);
        if told.as_ref().is_some_and(&wanted) {
            return watch.elapsed();
        }
        assert!(watch.elapsed() < within, "{told:#?}");
        wait(Duration::from_millis(50));
    }
}

/// A supervisor who lets every stopped position go on whose reader is there, until the run ends by itself: what is not
/// made then waits for people to say what became of its card.
fn supervise(dir: &Path, controller: &mut Child) {
    let watch = Stopwatch::start();
    while controller.try_wait().unwrap().is_none() {
        let machines = positions(dir).unwrap_or_default();
        assert!(watch.elapsed() < PATIENCE, "the run does not end: {machines:#}");
        for (machine, state) in machines.as_object().into_iter().flatten() {
            if state["stopped"] == true && state["reader"].is_null() {
                // It may have ended meanwhile.
                let _ = cardwright(dir, &["position", "resume", machine])
                    .output()
                    .unwrap();
            }
        }
        wait(ROUND);
    }
}

/// Everything on record: when, and what.
fn record(dir: &Path) -> Vec<(OffsetDateTime, Fact)> {
    block_on(async {
        let ledger = ledger(dir).await;
        let entries = ledger.entries_after(0, u32::MAX).await.unwrap();
        ledger.close().await;
        let read = |entry: RawEntry| {
            let at = OffsetDateTime::from_unix_timestamp_nanos(entry.at_unix_ns.into()).unwrap();
            (at, serde_json::from_slice(&entry.body).unwrap())
        };
        entries.into_iter().map(read).collect()
    })
}

/// Which of these positions were stopped, for which code, and when.
fn stops<'a>(
    record: &'a [(OffsetDateTime, Fact)],
    places: &[&str],
) -> Vec<(&'a MachineId, &'a str, OffsetDateTime)> {
    let mut stops = Vec::new();
    for (at, fact) in record {
        if let Fact::PositionStopped { machine, code, .. } = fact
            && places.contains(&machine.as_str())
        {
            stops.push((machine, code.as_str(), *at));
        }
    }
    stops
}

/// When this machine began the last step before then.
fn begun(record: &[(OffsetDateTime, Fact)], machine: &MachineId, before: OffsetDateTime) -> OffsetDateTime {
    let mut intents = record.iter().filter(|(at, fact)| {
        *at < before
            && matches!(fact, Fact::Attempt { event: Event::Intended { machine: of, .. }, .. } if of == machine)
    });
    intents.next_back().unwrap().0
}

/// Row 13 of the faults to be tested: held for longer than any deadline, then killed in the middle of cards.
#[test]
fn with_a_pcscd_that_hangs_or_dies_nothing_is_lost_and_nothing_made_twice() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let pid = || -> u32 {
        let written = std::fs::read_to_string(dir.join("hall/pcscd/0/pid")).unwrap();
        written.trim().parse().unwrap()
    };
    let mut controller = making(rehearse(dir));
    let at_chips = |machines: &Value| {
        let at_chip = |machine: &&&str| {
            let step = machines[**machine]["activity"]["step"].as_str();
            step.is_some_and(|step| ["encode", "seal", "verify"].contains(&step))
        };
        DISTURBED.iter().filter(at_chip).count() > 1
    };
    see(dir, PATIENCE, at_chips);

    let held = Clock::system().now();
    assert!(signal(pid(), Signal::STOP));
    wait(HELD);
    assert!(signal(pid(), Signal::CONT));
    let released = Clock::system().now();

    // The run may be over, and pcscd with its hall.
    let crash = || signal(pid(), Signal::KILL);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..DEATHS {
                let dice = u16::from_be_bytes(Entropy::system().bytes().unwrap());
                wait(Duration::from_millis(1_000 + u64::from(dice % 1_500)));
                crash();
            }
        });
        supervise(dir, &mut controller.0);
    });
    let record = record(dir);
    let hung: Vec<_> = stops(&record, &DISTURBED)
        .into_iter()
        .filter(|(_, code, at)| *code == "PCSC-008" && *at < released + STANDS_WITHIN)
        .collect();
    assert!(!hung.is_empty(), "{:#?}", stops(&record, &DISTURBED));
    for (machine, _, at) in hung {
        // Until it is known that pcscd hangs, a machine may begin a step, which has a deadline of its own.
        let stood = at - begun(&record, machine, at).max(held);
        assert!(
            stood < limits::APDU_DEADLINE + STANDS_WITHIN,
            "{machine} stood after {stood}"
        );
    }
    let others = stops(&record, &UNDISTURBED);
    assert!(others.is_empty(), "{others:#?}");
    judge(dir, &finish(|| rehearse(dir), dir));
}

/// Nobody makes a card meanwhile: what is idle must notice by itself.
#[test]
fn a_reader_that_is_unplugged_stops_its_idle_machine_and_lets_it_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let made = cardwright(dir, &["rehearse", "--readers", "pcsc", "--cards", "0"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", told(&made));
    // Machines 7 and 8 and the desks get readers that can be unplugged.
    let mut own = Pcscd::start(&dir.join("own"), UNDISTURBED.len()).unwrap();
    let file = dir.join("cardwright.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let socket = own.socket();
    let changed = settings.replace("hall/pcscd/1/pcscd.comm", socket.to_str().unwrap());
    assert_ne!(changed, settings);
    std::fs::write(&file, changed).unwrap();

    let hall = open_hall(&dir.join("hall"));
    let controller = Ending(
        cardwright(dir, &["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // A verb that comes before the controller would take the ledger for itself.
    let watch = Stopwatch::start();
    while !dir.join("control.sock").exists() {
        assert!(watch.elapsed() < PATIENCE, "the controller does not start");
        wait(Duration::from_millis(20));
    }
    let stand = |machines: &Value, standing: &[&str]| {
        let all = DISTURBED.iter().chain(&UNDISTURBED);
        machines.as_object().is_some_and(|machines| {
            machines.len() == 12
                && all
                    .clone()
                    .all(|place| machines[*place]["stopped"] == standing.contains(place))
        })
    };
    see(dir, PATIENCE, |machines| stand(machines, &[]));

    own.unplug(0).unwrap();
    let two = ["S07", "S08"];
    see(dir, NOTICED_WITHIN, |machines| {
        stand(machines, &two) && two.iter().all(|place| machines[*place]["reader"] == "PCSC-002")
    });
    let list = cardwright(dir, &["position", "list"]).output().unwrap();
    let text = told(&list);
    assert!(!list.status.success(), "{text}");
    let reason = "STOPPED (PCSC-002: the reader is not plugged in) until its reader is back. Plug it into";
    assert_eq!(text.matches(reason).count(), 2, "{text}");
    // A person cannot let it go on without its reader.
    let refused = cardwright(dir, &["position", "resume", "S07"]).output().unwrap();
    assert!(
        !refused.status.success() && told(&refused).contains("PCSC-002"),
        "{}",
        told(&refused)
    );

    own.plug().unwrap();
    see(dir, NOTICED_WITHIN, |machines| stand(machines, &[]));
    controller.ends_well();
    hall.ends_well();
    let record = record(dir);
    assert!(stops(&record, &UNDISTURBED).is_empty(), "a person was needed");
}
