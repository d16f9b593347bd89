//! Cards through the whole hall, over its real sockets and cables.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::base::ids::{BlankId, BoxId, LotId, PackId};
use crate::base::{Clock, Dialogue, Reply, Step};
use crate::chip::{ChipProfile, LifeCycle, identify};
use crate::device::serial::{SerialConfig, SerialPort};
use crate::job::stock::SupplierList;
use crate::port::{Answer, Instruction, Serial};
use crate::printer::{Connect, Deliver, Feed, Model, Outlet, Print};
use crate::sim::printer::Position;

const LOT: LotId = LotId(7);
const SOON: Duration = Duration::from_secs(20);

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start(dir: &Path) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (place, clock) = (dir.to_owned(), Clock::system());
        let task = tokio::spawn(async move { run(&place, stopped).await });
        while !dir.join("ready").exists() {
            assert!(!task.is_finished(), "{:?}", task.await);
            clock.sleep(Duration::from_millis(2)).await;
        }
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn tiny() -> (TempDir, Vec<SupplierList>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        stations: vec!["S01".into()],
        desks: vec!["D1".into()],
        packs: 2,
        blanks_per_pack: 3,
        seed: 42,
        ..Plan::default()
    };
    let lists = create(folder.path(), plan).unwrap();
    (folder, lists)
}

async fn ask(dir: &Path, place: &str, instruction: Instruction) -> Answer {
    let stream = UnixStream::connect(dir.join(place).join("screen.sock"))
        .await
        .unwrap();
    let mut stream = BufReader::new(stream);
    let line = serde_json::to_string(&instruction).unwrap() + "\n";
    stream.write_all(line.as_bytes()).await.unwrap();
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

async fn request(stream: &mut UnixStream, payload: &[u8]) -> Vec<u8> {
    stream
        .write_u32(u32::try_from(payload.len()).unwrap())
        .await
        .unwrap();
    stream.write_all(payload).await.unwrap();
    let mut answer = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

fn port(dir: &Path, cable: &str) -> SerialPort {
    let config = SerialConfig {
        path: dir.join(cable),
        baud: 115_200,
    };
    SerialPort::open(&config, Clock::system()).unwrap()
}

async fn talk<D: Dialogue>(port: &mut SerialPort, mut dialogue: D) -> D::Evidence {
    let mut step = dialogue.next(Reply::Start).unwrap();
    loop {
        let time = match step {
            Step::Send(bytes, time) => {
                port.send(&bytes, time).await.unwrap();
                time
            }
            Step::Wait(time) => time,
            Step::Done(evidence) => return evidence,
        };
        let bytes = port.receive(time).await.unwrap();
        let reply = if bytes.is_empty() {
            Reply::Elapsed
        } else {
            Reply::Bytes(&bytes)
        };
        step = dialogue.next(reply).unwrap();
    }
}

async fn scanned(port: &mut SerialPort) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(b"END\r") {
        let bytes = port.receive(SOON).await.unwrap();
        assert!(!bytes.is_empty(), "the scanner is silent");
        heard.extend(bytes);
    }
    String::from_utf8(heard).unwrap()
}

async fn identity(reader: &mut UnixStream) -> crate::chip::Identity {
    let profile = ChipProfile::built_in("rehearsal").unwrap();
    let mut conversation = identify(&profile);
    let mut step = conversation.next(Reply::Start).unwrap();
    loop {
        match step {
            Step::Send(apdu, _) => {
                let answer = request(reader, &[&[0x02], apdu.as_slice()].concat()).await;
                step = conversation.next(Reply::Bytes(&answer)).unwrap();
            }
            Step::Wait(_) => panic!("nothing to wait for"),
            Step::Done(identity) => return identity,
        }
    }
}

fn counts(dir: &Path, pack: &str) -> serde_json::Value {
    json!(inventory(dir).unwrap().packs[&PackId::new(pack)])
}

#[tokio::test]
async fn one_card_from_its_pack_into_its_box() {
    let (folder, lists) = tiny();
    let dir = folder.path();
    assert_eq!(
        create(dir, Plan::default()).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    let first = &lists[0].blanks[0];
    let hall = Running::start(dir).await;
    assert_eq!(
        run(dir, async {}).await.unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );

    let pack = lists[0].pack.clone();
    let load = || Instruction::LoadPack { pack: pack.clone() };
    assert_eq!(ask(dir, "stations/S01", load()).await, Answer::Done);
    assert_eq!(
        ask(dir, "stations/S01", load()).await,
        Answer::Nothing,
        "only once"
    );
    assert_eq!(counts(dir, "P0001"), json!({"feeder": 3}));
    assert_eq!(counts(dir, "P0002"), json!({"vault": 3}));

    let encoder = dir.join("stations/S01/encoder.sock");
    let mut reader = UnixStream::connect(&encoder).await.unwrap();
    assert!(
        request(&mut reader, &[0x01]).await.is_empty(),
        "no card, no answer to reset"
    );
    let model = Model::default();
    let mut printer = port(dir, "stations/S01/printer");
    talk(&mut printer, Connect::new(&model)).await;
    talk(&mut printer, Feed::new(&model)).await;
    assert_eq!(counts(dir, "P0001"), json!({"feeder": 2, "machine": 1}));
    assert!(!request(&mut reader, &[0x01]).await.is_empty());
    let found = identity(&mut reader).await;
    assert_eq!((&found.chip, found.life_cycle), (&first.chip, LifeCycle::Blank));

    // A controller that dies takes the field with it; the next one finds the card where it was.
    drop(reader);
    let mut reader = UnixStream::connect(&encoder).await.unwrap();
    assert!(
        request(&mut reader, &[0x02, 0, 0x84, 0, 0, 8]).await.is_empty(),
        "no power, no answer"
    );
    assert!(!request(&mut reader, &[0x01]).await.is_empty());

    // What is printed is found on the card, and under the print head the chip is out of reach.
    let (width, height) = (
        crate::printer::raster::FACE_WIDTH,
        crate::printer::raster::FACE_HEIGHT,
    );
    let mut front = crate::base::Bitmap::new(width, height);
    front.fill(100, 50, 300, 20);
    let mut back = crate::base::Bitmap::new(width, height);
    back.fill(0, 0, 9, 9);
    talk(&mut printer, Print::new(&model, &front, Some(&back)).unwrap()).await;
    assert!(request(&mut reader, &[0x01]).await.is_empty());
    talk(&mut printer, Deliver::new(&model, Outlet::Good)).await;
    assert_eq!(counts(dir, "P0001"), json!({"feeder": 2, "hopper": 1}));
    let plastic = card(dir, &first.blank).unwrap();
    assert_eq!((&plastic.front, &plastic.back), (&front, &back));
    assert_eq!(plastic.chip_id(), first.chip);

    let empty = || Instruction::EmptyHopper { lot: LOT };
    assert_eq!(ask(dir, "stations/S01", empty()).await, Answer::Done);
    assert_eq!(
        ask(dir, "stations/S01", empty()).await,
        Answer::Done,
        "twice is once"
    );
    let desk = "desks/D1";
    let label = BoxId::new("HN-01");
    let put = |slot| Instruction::PutInBox {
        label: BoxId::new("HN-01"),
        slot,
    };
    let look = |slot| Instruction::LookInBox {
        label: BoxId::new("HN-01"),
        slot,
    };
    assert_eq!(
        ask(dir, desk, Instruction::TakeTray { lot: LotId(8) }).await,
        Answer::Nothing
    );
    assert_eq!(
        ask(dir, desk, Instruction::TakeTray { lot: LOT }).await,
        Answer::Done
    );
    assert_eq!(
        ask(dir, desk, put(1)).await,
        Answer::Nothing,
        "nothing on the reader"
    );
    assert_eq!(ask(dir, desk, Instruction::NextCard).await, Answer::Done);
    let mut scanner = port(dir, "desks/D1/scanner");
    assert_eq!(scanned(&mut scanner).await, "END\r");
    assert_eq!(ask(dir, desk, Instruction::ScanAgain).await, Answer::Done);
    assert_eq!(scanned(&mut scanner).await, "END\r");
    let mut reader = UnixStream::connect(dir.join("desks/D1/reader.sock"))
        .await
        .unwrap();
    assert!(!request(&mut reader, &[0x01]).await.is_empty());
    assert_eq!(identity(&mut reader).await.chip, first.chip);
    assert_eq!(ask(dir, desk, look(1)).await, Answer::Nothing);
    assert_eq!(ask(dir, desk, put(1)).await, Answer::Done);
    assert_eq!(ask(dir, desk, look(1)).await, Answer::Done);
    assert_eq!(ask(dir, desk, Instruction::NextCard).await, Answer::Nothing);
    let close = Instruction::CloseBox { label: label.clone() };
    assert_eq!(ask(dir, desk, close).await, Answer::Done);
    hall.stop().await;

    let inventory = inventory(dir).unwrap();
    assert_eq!(
        json!(inventory.packs),
        json!({"P0001": {"feeder": 2, "boxed": 1}, "P0002": {"vault": 3}})
    );
    let boxed = Boxed {
        label: label.clone(),
        slot: 1,
        blank: first.blank.clone(),
        chip: first.chip.clone(),
    };
    assert_eq!(inventory.boxes, [boxed]);
    assert!(inventory.closed.contains(&label));
    assert_eq!(inventory.cards.len(), 6);
    assert_eq!(
        card(dir, &BlankId::new("../hall")).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_hall_goes_on_where_it_stopped() {
    let (folder, lists) = tiny();
    let dir = folder.path();
    let blanks: Vec<_> = lists[0].blanks.iter().map(|blank| blank.blank.clone()).collect();
    let model = Model::default();
    let pack = lists[0].pack.clone();
    let hall = Running::start(dir).await;
    ask(dir, "stations/S01", Instruction::LoadPack { pack }).await;
    let mut printer = port(dir, "stations/S01/printer");
    talk(&mut printer, Connect::new(&model)).await;
    talk(&mut printer, Feed::new(&model)).await;
    talk(&mut printer, Deliver::new(&model, Outlet::Good)).await;
    talk(&mut printer, Feed::new(&model)).await;
    talk(&mut printer, Deliver::new(&model, Outlet::Reject)).await;
    talk(&mut printer, Feed::new(&model)).await;
    ask(dir, "stations/S01", Instruction::EmptyHopper { lot: LOT }).await;
    ask(dir, "desks/D1", Instruction::TakeTray { lot: LOT }).await;
    assert_eq!(ask(dir, "desks/D1", Instruction::NextCard).await, Answer::Done);
    hall.stop().await;
    assert!(!dir.join("ready").exists());

    // A line that a killed hall did not finish never happened.
    let journal = dir.join("journal.jsonl");
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, [whole.as_slice(), br#"{"act":"cl"#].concat()).unwrap();
    let hall = Running::start(dir).await;
    assert_eq!(std::fs::read(&journal).unwrap(), whole);
    assert_eq!(
        counts(dir, "P0001"),
        json!({"machine": 1, "reject": 1, "tray": 1})
    );

    let mut encoder = UnixStream::connect(dir.join("stations/S01/encoder.sock"))
        .await
        .unwrap();
    assert!(!request(&mut encoder, &[0x01]).await.is_empty());
    assert_eq!(identity(&mut encoder).await.chip, lists[0].blanks[2].chip);
    assert_eq!(
        ask(dir, "stations/S01", Instruction::ClearPath).await,
        Answer::Done
    );
    assert_eq!(
        ask(dir, "stations/S01", Instruction::ClearPath).await,
        Answer::Done
    );

    // The card still lies on the reader; a new session finds it at the front of its tray.
    let mut reader = UnixStream::connect(dir.join("desks/D1/reader.sock"))
        .await
        .unwrap();
    assert!(!request(&mut reader, &[0x01]).await.is_empty());
    assert_eq!(
        ask(dir, "desks/D1", Instruction::TakeTray { lot: LOT }).await,
        Answer::Done
    );
    assert!(request(&mut reader, &[0x01]).await.is_empty());
    assert_eq!(ask(dir, "desks/D1", Instruction::NextCard).await, Answer::Done);
    let aside = Instruction::PutAside { code: "X-1".into() };
    assert_eq!(ask(dir, "desks/D1", aside).await, Answer::Done);
    let spots: Vec<_> = inventory(dir)
        .unwrap()
        .cards
        .into_iter()
        .map(|card| card.spot)
        .collect();
    assert_eq!(spots[..3], [Spot::Quarantine, Spot::Reject, Spot::Quarantine]);
    assert!(dir.join(format!("cards/{}.back.png", blanks[2])).exists());
    hall.stop().await;
}

#[tokio::test]
async fn planned_trouble_is_found_by_the_hall() {
    let (folder, lists) = tiny();
    let dir = folder.path();
    let mut state = crate::sim::printer::State {
        ribbon_left: 1,
        card: Some(Position::PrintModule),
        ..Default::default()
    };
    state.plan.add(
        crate::sim::printer::When::Command(1),
        crate::sim::printer::What::Mute,
    );
    set_printer(dir, "S01", &state).unwrap();
    let hall = Running::start(dir).await;
    let mut printer = port(dir, "stations/S01/printer");
    printer.send(b"\x1bRtp\r", SOON).await.unwrap();
    assert!(
        printer
            .receive(Duration::from_millis(100))
            .await
            .unwrap()
            .is_empty()
    );
    printer.send(b"\x1bRtp\r", SOON).await.unwrap();
    assert!(!printer.receive(SOON).await.unwrap().is_empty());
    let pack = lists[1].pack.clone();
    ask(dir, "stations/S01", Instruction::LoadPack { pack }).await;
    hall.stop().await;
    let left: crate::sim::printer::State = disk::last_json(&dir.join("stations/S01/printer.jsonl"))
        .unwrap()
        .unwrap();
    assert_eq!(left.plan, crate::sim::printer::Plan::default(), "it struck");
    assert!(
        left.ribbon_left >= 6,
        "whoever loads a pack looks after the ribbon"
    );
}
