//! Encoders over PC/SC: the real pcscd with virtual readers, the real worker processes, simulated chips.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::sync::Arc;
use std::time::Duration;

use cardwright::base::clock::Stopwatch;
use cardwright::base::ids::MachineId;
use cardwright::base::{Clock, Fault, limits};
use cardwright::device::pcsc::{PcscEncoder, PcscFields, ReaderId, Watched, fault, readers_by};
use cardwright::port::{Encoder, Fields, Seen, succeeded};
use cardwright::sim::pcscd::{Pcscd, READERS_MAX, reader_name};
use cardwright::sim::vpicc::Leaves;
use zeroize::Zeroizing;

use bench::{Place, chip, program};

mod bench;

/// GET DATA for the CPLC data, which blank chips answer at once.
const ASK: [u8; 5] = [0x80, 0xCA, 0x9F, 0x7F, 0x00];
/// Tag, length, 42 bytes, status word.
const ANSWER_BYTES: usize = 3 + 42 + 2;
/// SELECT of the eMRTD application.
const SELECT: [u8; 12] = [
    0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01,
];
const SOON: Duration = Duration::from_secs(2);
/// Law: past the deadline the position stands within this time.
const STANDS_WITHIN: Duration = Duration::from_secs(2);

fn encoder(pcscd: &Pcscd, reader: usize) -> PcscEncoder {
    PcscEncoder::open(&reader_name(reader), Some(pcscd.socket()), Clock::system()).with_program(program())
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> &'static str {
    outcome.unwrap_err().code.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_the_power_and_a_card_may_go_and_come() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::start(dir.path(), 2).unwrap();
    let (one, two) = (Place::new(Some(chip(1))), Place::new(None));
    let _cards = [one.connect(&pcscd, 0), two.connect(&pcscd, 1)];
    let (mut first, mut second) = (encoder(&pcscd, 0), encoder(&pcscd, 1));

    let atr = first.power_on().await.unwrap();
    assert_eq!(atr, chip(1).power_on());
    let answer = first.transmit(&ASK, SOON).await.unwrap();
    assert_eq!(
        answer,
        [&[0x9F, 0x7F, 42], chip(1).cplc(), &[0x90, 0x00]].concat()
    );
    assert_eq!(first.transmit(&SELECT, SOON).await.unwrap(), [0x90, 0x00]);
    assert_eq!(code(second.power_on().await), fault::NO_CARD.id);

    // The longest commands and answers pass whole: the chip refuses what is no file of its own.
    let long = [&[0x00, 0xD6, 0x00, 0x00, 0x00, 0x80, 0x00][..], &[0; 0x8000]].concat();
    assert_eq!(first.transmit(&long, SOON).await.unwrap().len(), 2);

    first.power_off().await.unwrap();
    // The driver does not wait for the card to hear of it.
    let watch = Stopwatch::start();
    while one.look(|chip| !chip.unwrap().transmit(&ASK).is_empty()) {
        assert!(watch.elapsed() < SOON, "the chip has power");
        Clock::system().sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(code(first.transmit(&ASK, SOON).await), fault::FIELD_OFF.id);

    // A card that takes the place of another is another, at once.
    one.put(Some(chip(7)));
    first.power_on().await.unwrap();
    one.put(None);
    assert_eq!(code(first.transmit(&ASK, SOON).await), fault::REMOVED.id);
    assert_eq!(code(first.power_on().await), fault::NO_CARD.id);
    two.put(Some(chip(2)));
    second.power_on().await.unwrap();
    assert_eq!(second.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_is_for_one_program_and_its_absence_has_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::start(dir.path(), 1).unwrap();
    let place = Place::new(Some(chip(1)));
    let _card = place.connect(&pcscd, 0);
    let (mut owner, mut other) = (encoder(&pcscd, 0), encoder(&pcscd, 0));
    owner.power_on().await.unwrap();
    assert_eq!(code(other.power_on().await), fault::SHARED.id);
    assert_eq!(
        owner.transmit(&ASK, SOON).await.unwrap().len(),
        ANSWER_BYTES,
        "the owner is not disturbed"
    );

    let listed = readers_by(program(), Some(&pcscd.socket()), Clock::system())
        .await
        .unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|reader| (reader.name.as_str(), reader.occupied, reader.held))
        .collect();
    // An entry of the driver always has two.
    let (first, second) = (reader_name(0), reader_name(1));
    assert_eq!(
        names,
        [(first.as_str(), true, true), (second.as_str(), false, false)]
    );

    owner.power_off().await.unwrap();
    other.power_on().await.unwrap();
    other.power_off().await.unwrap();
    let absent = ReaderId {
        usb: Some("1-2.3".to_owned()),
        ..ReaderId::default()
    };
    let mut absent = PcscEncoder::new(absent, Some(pcscd.socket()), Clock::system()).with_program(program());
    assert_eq!(code(absent.power_on().await), fault::NO_READER.id);
    drop(pcscd);
    assert_eq!(code(owner.power_on().await), fault::NO_SERVICE.id);
    assert_eq!(
        code(readers_by(program(), Some(dir.path()), Clock::system()).await),
        fault::NO_SERVICE.id
    );
    let mut nowhere = encoder_without_program();
    assert_eq!(code(nowhere.power_on().await), fault::NOT_STARTED.id);
}

fn encoder_without_program() -> PcscEncoder {
    PcscEncoder::open("none", None, Clock::system()).with_program("/nowhere".as_ref())
}

/// Row 12 of the faults to be tested: whenever the card leaves, the fault says so, and the next session is a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_leaves_in_the_middle_of_a_command_is_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let mut pcscd = Pcscd::start(dir.path(), 1).unwrap();
    let place = Place::new(Some(chip(1)));
    let _card = place.connect(&pcscd, 0);
    let mut encoder = encoder(&pcscd, 0);
    // A message is a length of two bytes and the answer. A short answer is cut at each of its bytes; a longer one in
    // the length, at its end, in the answer, before its last bytes, or at each byte if somebody has the time.
    let every = std::env::var_os("CARDWRIGHT_BYTES").is_some();
    let cuts = |answer: usize| -> Vec<usize> {
        let some = [0, 1, 2, 3, answer / 2, answer, answer + 1];
        if every || answer < 4 {
            (0..answer + 2).collect()
        } else {
            some.to_vec()
        }
    };
    let asks = cuts(ANSWER_BYTES).into_iter().map(|said| (&ASK[..], said));
    let selects = cuts(2).into_iter().map(|said| (&SELECT[..], said));
    let moments = asks
        .chain(selects)
        .map(|(command, said)| (command, Leaves::After(said)))
        .chain([Leaves::Before, Leaves::Within].map(|moment| (&ASK[..], moment)));
    for (command, moment) in moments {
        encoder.power_on().await.unwrap();
        let before = place.commands();
        place.leave_once(moment);
        // What of an answer was begun may be the reader's trouble to pcscd, or is handed on as if it were the whole:
        // then its last two bytes are no status word that anybody believes.
        let is_begun = matches!(moment, Leaves::After(1..));
        match encoder.transmit(command, SOON).await {
            Err(fault) => {
                let is_known = *fault.code == fault::REMOVED || is_begun && *fault.code == fault::READER;
                assert!(is_known && !fault.code.safe_to_repeat, "{moment:?}: {fault}");
                assert_eq!(code(encoder.transmit(&ASK, SOON).await), fault::FIELD_OFF.id);
            }
            Ok(part) => {
                assert!(is_begun && !succeeded(&part), "{moment:?}: {part:?}");
                assert!(encoder.transmit(&ASK, SOON).await.is_err(), "{moment:?}");
            }
        }
        assert_eq!(
            place.commands(),
            before + 1,
            "{moment:?}: sent once, and never again"
        );
        if is_begun {
            // vpcd waits for the rest for ever, as a reader that hangs: it is plugged out and in.
            pcscd.kill().unwrap();
            assert!(pcscd.revive().unwrap());
        }
        place.come_back();
    }
    encoder.power_on().await.unwrap();
    // A card that leaves when it has said all is missed at the next command only.
    place.leave_once(Leaves::After(2 + ANSWER_BYTES));
    assert_eq!(encoder.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
    assert_eq!(code(encoder.transmit(&ASK, SOON).await), fault::REMOVED.id);
    place.come_back();
    encoder.power_on().await.unwrap();
    assert_eq!(encoder.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
}

/// Commands that go together are sent one upon the other, as long as each succeeds; one that tears is the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_commands_that_go_together_none_follows_a_refusal_or_a_tear() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::start(dir.path(), 1).unwrap();
    let place = Place::new(Some(chip(1)));
    let _card = place.connect(&pcscd, 0);
    let mut encoder = encoder(&pcscd, 0);
    let no_file = [0x00, 0xA4, 0x02, 0x0C, 0x02, 0x01, 0x01];
    let together = |commands: &[&[u8]]| -> Vec<Zeroizing<Vec<u8>>> {
        commands
            .iter()
            .map(|command| Zeroizing::new(command.to_vec()))
            .collect()
    };

    encoder.power_on().await.unwrap();
    let before = place.commands();
    let answers = encoder
        .transmit_all(&together(&[&ASK, &SELECT, &no_file, &ASK, &ASK]), SOON)
        .await
        .unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(
        (answers[0].len(), &answers[1][..], &answers[2][..]),
        (ANSWER_BYTES, &[0x90, 0x00][..], &[0x6A, 0x82][..])
    );
    assert_eq!(place.commands(), before + 3, "two were not sent");
    assert_eq!(
        encoder.transmit(&SELECT, SOON).await.unwrap(),
        [0x90, 0x00],
        "the session goes on"
    );

    let before = place.commands();
    place.leave_once(Leaves::Within);
    assert_eq!(
        code(
            encoder
                .transmit_all(&together(&[&SELECT, &SELECT, &SELECT]), SOON)
                .await
        ),
        fault::REMOVED.id
    );
    assert_eq!(place.commands(), before + 1);
    place.come_back();

    // Each has the deadline for itself, and those that came in time do not help the one that hangs. pcscd asks for the
    // card in between, which takes as long.
    encoder.power_on().await.unwrap();
    place.pace(Duration::from_millis(300));
    let short = Duration::from_secs(1);
    let answers = encoder.transmit_all(&together(&[&SELECT[..]; 5]), short).await;
    assert_eq!(answers.unwrap().len(), 5);
    place.pace(2 * short);
    let late = encoder.transmit_all(&together(&[&SELECT[..]; 2]), short).await;
    assert_eq!(code(late), fault::SILENT.id);
}

/// What the eyes see once it is as wanted, and that it came within this time.
async fn see(eyes: &PcscFields, within: Duration, wanted: impl Fn(&Seen) -> bool) -> Seen {
    let mut seen = eyes.seen().await;
    let clock = Clock::system();
    let told = clock.within(within, async {
        while !wanted(&seen) {
            seen = eyes.other_than(&seen).await;
            // A neighbour behind another pcscd never notices.
            assert!(seen[&MachineId::new("far")].is_ok(), "{seen:?}");
        }
    });
    let told = told.await.is_some();
    assert!(told, "{seen:?}");
    seen
}

fn sight(seen: &Seen, machine: &str) -> Result<bool, &'static str> {
    let sight = &seen[&MachineId::new(machine)];
    sight.as_ref().copied().map_err(|fault| fault.code.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_cards_that_come_and_go_are_told_at_once() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut pcscd = Pcscd::start(dirs[0].path(), 4).unwrap();
    let elsewhere = Pcscd::start(dirs[1].path(), 1).unwrap();
    let (place, far) = (Place::new(None), Place::new(None));
    let _cards = [place.connect(&pcscd, 2), far.connect(&elsewhere, 0)];
    let watched = [("one", 0, &pcscd), ("two", 2, &pcscd), ("far", 0, &elsewhere)];
    let watched = watched.map(|(machine, reader, pcscd)| Watched {
        machine: MachineId::new(machine),
        reader: ReaderId {
            name: Some(reader_name(reader)),
            ..ReaderId::default()
        },
        socket: Some(pcscd.socket()),
    });
    let eyes = PcscFields::new(watched.to_vec(), Clock::system()).with_program(program());
    let empty = |machine: &'static str| move |seen: &Seen| sight(seen, machine) == Ok(false);
    see(&eyes, SOON, |seen| {
        ["one", "two", "far"]
            .iter()
            .all(|one| sight(seen, one) == Ok(false))
    })
    .await;

    // pcscd looks for cards 2.5 times a second.
    place.put(Some(chip(1)));
    see(&eyes, SOON, |seen| sight(seen, "two") == Ok(true)).await;
    place.put(None);
    see(&eyes, SOON, empty("two")).await;

    pcscd.unplug(0).unwrap();
    see(&eyes, SOON, |seen| {
        sight(seen, "one") == Err(fault::NO_READER.id) && sight(seen, "two") == Ok(false)
    })
    .await;
    pcscd.plug().unwrap();
    see(&eyes, SOON, empty("one")).await;

    pcscd.hold(true).unwrap();
    let hung = limits::READERS_TOLD + limits::READERS_HUSHED + SOON;
    see(&eyes, hung, |seen| sight(seen, "one") == Err(fault::SILENT.id)).await;
    far.put(Some(chip(2)));
    see(&eyes, SOON, |seen| sight(seen, "far") == Ok(true)).await;
    pcscd.hold(false).unwrap();
    see(&eyes, SOON, empty("one")).await;

    pcscd.kill().unwrap();
    see(&eyes, SOON, |seen| sight(seen, "one").is_err()).await;
    assert!(pcscd.revive().unwrap());
    see(&eyes, SOON, empty("one")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_hangs_is_left_and_the_others_never_notice() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::start(dir.path(), 2).unwrap();
    let (slow, quick) = (Place::new(Some(chip(1))), Place::new(Some(chip(2))));
    let _cards = [slow.connect(&pcscd, 0), quick.connect(&pcscd, 1)];
    let (mut hanging, mut other) = (encoder(&pcscd, 0), encoder(&pcscd, 1));
    hanging.power_on().await.unwrap();
    other.power_on().await.unwrap();
    let worker = hanging.pid().unwrap();
    slow.pace(Duration::from_secs(4));

    let deadline = Duration::from_millis(300);
    let neighbour = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            let watch = Stopwatch::start();
            assert_eq!(other.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
            longest = longest.max(watch.elapsed());
        }
        longest
    });
    let watch = Stopwatch::start();
    assert_eq!(code(hanging.transmit(&ASK, deadline).await), fault::SILENT.id);
    assert!(
        watch.elapsed() < deadline + STANDS_WITHIN,
        "{:?}",
        watch.elapsed()
    );
    assert!(
        !std::path::Path::new(&format!("/proc/{worker}")).exists(),
        "the worker lives"
    );
    let longest = neighbour.await.unwrap();
    assert!(longest < STANDS_WITHIN, "the neighbour waited {longest:?}");

    // pcscd gives the reader free when its driver comes back.
    slow.pace(Duration::ZERO);
    let mut begun = hanging.power_on().await;
    for _ in 0..5 {
        if begun.is_ok() {
            break;
        }
        begun = hanging.power_on().await;
    }
    begun.unwrap();
    assert_eq!(hanging.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pcscd_that_dies_hangs_or_comes_back_is_told_apart() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut pcscd = Pcscd::start(dirs[0].path(), 1).unwrap();
    let elsewhere = Pcscd::start(dirs[1].path(), 1).unwrap();
    let (place, far) = (Place::new(Some(chip(1))), Place::new(Some(chip(2))));
    let _cards = [place.connect(&pcscd, 0), far.connect(&elsewhere, 0)];
    let (mut near, mut other) = (encoder(&pcscd, 0), encoder(&elsewhere, 0));
    near.power_on().await.unwrap();
    other.power_on().await.unwrap();

    pcscd.kill().unwrap();
    assert_eq!(code(near.transmit(&ASK, SOON).await), fault::SERVICE_LOST.id);
    assert_eq!(other.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
    assert!(pcscd.revive().unwrap());
    near.power_on().await.unwrap();
    assert_eq!(near.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);

    pcscd.hold(true).unwrap();
    let (watch, deadline) = (Stopwatch::start(), Duration::from_millis(200));
    assert_eq!(code(near.transmit(&ASK, deadline).await), fault::SILENT.id);
    assert!(watch.elapsed() < deadline + STANDS_WITHIN);
    let watch = Stopwatch::start();
    assert_eq!(code(near.power_on().await), fault::SILENT.id);
    assert!(watch.elapsed() < limits::READER_DEADLINE + STANDS_WITHIN);
    assert_eq!(other.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
    pcscd.hold(false).unwrap();
    near.power_on().await.unwrap();
    assert_eq!(near.transmit(&ASK, SOON).await.unwrap().len(), ANSWER_BYTES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_readers_of_one_pcscd_work_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Arc::new(Pcscd::start(dir.path(), READERS_MAX).unwrap());
    let mut work = tokio::task::JoinSet::new();
    for reader in 0..READERS_MAX {
        let pcscd = Arc::clone(&pcscd);
        work.spawn(async move {
            let serial = u32::try_from(reader).unwrap() + 1;
            let place = Place::new(Some(chip(serial)));
            let _card = place.connect(&pcscd, reader);
            let mut encoder = encoder(&pcscd, reader);
            encoder.power_on().await.unwrap();
            let profile = cardwright::chip::ChipProfile::built_in("rehearsal").unwrap();
            let identity =
                cardwright::line::talk::with_chip(&mut encoder, cardwright::chip::identify(&profile));
            let cplc = cardwright::base::hex::encode(chip(serial).cplc());
            assert_eq!(identity.await.unwrap().cplc, cplc, "reader {reader}");
            encoder.power_off().await.unwrap();
        });
    }
    while let Some(outcome) = work.join_next().await {
        outcome.unwrap();
    }
}

/// Whoever kills the controller finds no process left that holds its readers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ends_with_its_controller_even_if_it_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::start(dir.path(), 1).unwrap();
    pcscd.hold(true).unwrap();
    let mut worker = std::process::Command::new(program())
        .args(["encoder-worker", "--name", &reader_name(0)])
        .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Begin a session: length 1, kind 11.
    std::io::Write::write_all(worker.stdin.as_mut().unwrap(), &[0, 0, 0, 1, 0x11]).unwrap();
    Clock::system().sleep(Duration::from_millis(200)).await;
    assert!(worker.try_wait().unwrap().is_none(), "it hangs in pcscd");
    drop(worker.stdin.take());
    let watch = Stopwatch::start();
    while worker.try_wait().unwrap().is_none() {
        assert!(watch.elapsed() < limits::PROCESS_ENDS + SOON, "it lives on");
        Clock::system().sleep(Duration::from_millis(20)).await;
    }
}
