//! The control socket: a line on ports in memory, a real socket, and whatever a peer may send.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use cardwright::base::ids::{MachineId, OfficeCode, OrderKey, PersonId};
use cardwright::base::{Clock, Entropy, Fault, Mode};
use cardwright::chip::ChipProfile;
use cardwright::control::client::Connection;
use cardwright::control::people::myself;
use cardwright::control::serve::Server;
use cardwright::control::wire::{Call, Refusal};
use cardwright::control::{Answer, Control, Name, Request, card, order, position, whereabouts};
use cardwright::document::face::Press;
use cardwright::dossier::name::Glyphs;
use cardwright::dossier::office::OfficeKind;
use cardwright::dossier::{Holidays, Office, OfficeTable};
use cardwright::job::Fact;
use cardwright::line::context::KeyLabels;
use cardwright::line::{Line, Ports, Rules};
use cardwright::pki::TrustStore;
use cardwright::port::{Admission, KeyPurpose, NewOrder, OrderState, Signer};
use cardwright::sim::memory::{
    MemoryLedger, MemoryOrderBook, MemoryPapers, MemoryRegistry, MemorySigner, Power,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use time::macros::date;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

const NUMBER: &str = "001099000017";

/// A line that makes no cards: its books, its token and its rules are all that people's requests need.
async fn line(mode: Mode) -> Arc<Line> {
    line_at(mode, Clock::system()).await
}

/// The rules of a line that makes no cards.
pub(crate) fn rules(mode: Mode) -> Rules {
    let label = str::to_owned;
    Rules {
        facility: label("Hall 1"),
        mode,
        profiles: BTreeMap::new(),
        trust: TrustStore::default(),
        keys: KeyLabels {
            wrap: label("wrap"),
            lookup: label("lookup"),
            manifest: label("manifest"),
            checkpoint: label("checkpoint"),
            intake: label("intake"),
            chips: None,
        },
        manifest_key: [0; 65],
        offices: OfficeTable::new(vec![office()]).unwrap(),
        glyphs: Glyphs::of(cardwright::base::font::SANS).unwrap(),
        holidays: Holidays::viet_nam().unwrap(),
        dossier_trust: Vec::new(),
        chip: ChipProfile::built_in("rehearsal").unwrap(),
        fingerprints: None,
        lot_cards: 20,
        box_cards: 100,
        working_days: 5,
        term: cardwright::job::Term::default(),
    }
}

/// The same, at another time.
pub(crate) async fn line_at(mode: Mode, clock: Clock) -> Arc<Line> {
    let power = Power::new(clock);
    let signer = MemorySigner::new(Arc::clone(&power), 7);
    signer.generate("lookup", KeyPurpose::Lookup).await.unwrap();
    let ports = Ports {
        ledger: Arc::new(MemoryLedger::new(Arc::clone(&power), "Hall 1/K1")),
        book: Arc::new(MemoryOrderBook::new(Arc::clone(&power))),
        registry: Arc::new(MemoryRegistry::new(Arc::clone(&power))),
        signer: Arc::new(signer),
        papers: Arc::new(MemoryPapers::new(power)),
    };
    let opened = Fact::Opened {
        facility: "Hall 1".to_owned(),
        mode,
    };
    ports.ledger.append(vec![opened], Vec::new()).await.unwrap();
    let press = Press::builtin().unwrap();
    Arc::new(Line::new(ports, rules(mode), clock, Entropy::seeded(7), press))
}

/// The one office there is.
fn office() -> Office {
    Office {
        code: OfficeCode::new("HN-01"),
        name: "Công an Phường Mẫu".to_owned(),
        kind: OfficeKind::Commune,
        province: "01".to_owned(),
        valid_from: date!(2025 - 03 - 01),
        valid_to: None,
        successor: None,
    }
}

async fn new_order(line: &Line, request: &str, number: &str) -> NewOrder {
    NewOrder {
        request: request.to_owned(),
        version: 1,
        person: line.person_hash(number).await.unwrap(),
        content: String::new(),
        office: OfficeCode::new("HN-01"),
        profile: "cc-2024".to_owned(),
        priority: 4,
        place: "01".to_owned(),
        received: date!(2026 - 11 - 16),
        admitted: date!(2026 - 11 - 17),
        due: date!(2030 - 11 - 23),
        hold: None,
        flags: None,
        epoch: "wrap".to_owned(),
        wrapped_key: vec![1],
        sealed: vec![2],
    }
}

async fn order(line: &Line, request: &str, number: &str) -> OrderKey {
    let new = new_order(line, request, number).await;
    match line.ports.book.admit(new).await.unwrap() {
        Admission::New(key) => key,
        other => panic!("{other:?}"),
    }
}

/// A server that ends with the test.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(path: &Path, line: &Arc<Line>) -> Serving {
    let control = Arc::new(Control::new(Arc::clone(line)));
    let server = Server::bind(path, control).await.unwrap();
    Serving(tokio::spawn(server.run()))
}

/// Asks one thing; nothing if no controller runs.
async fn ask(path: &Path, call: &Call) -> Result<Option<Answer>, Box<Refusal>> {
    match Connection::open(path, Clock::system()).await? {
        Some(mut connection) => connection.ask(call).await.map(Some),
        None => Ok(None),
    }
}

async fn asked(path: &Path, request: Request) -> Result<Answer, String> {
    let call = Call::new(request, None);
    match ask(path, &call).await {
        Ok(answer) => Ok(answer.expect("a controller runs")),
        Err(refusal) => Err(refusal.code),
    }
}

fn show(what: &str) -> Request {
    Request::Order(order::Request::Show {
        what: Name(what.to_owned()),
    })
}

/// All that comes back for these bytes until the controller closes the connection.
async fn raw(path: &Path, bytes: &[u8]) -> Vec<serde_json::Value> {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // A controller that has heard enough closes before all is written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut back = Vec::new();
    let _ = stream.read_to_end(&mut back).await;
    let lines = back.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[tokio::test]
async fn the_socket_is_the_owners_and_goes_with_the_controller() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let line = line(Mode::Rehearsal).await;
    let hello = Call::new(Request::Hello, None);
    assert_eq!(ask(&path, &hello).await.unwrap(), None, "nobody answers yet");

    let serving = serve(&path, &line).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        asked(&path, Request::Hello).await.unwrap().data["facility"],
        "Hall 1"
    );
    // A second controller is refused, and the first goes on.
    let second = Server::bind(&path, Arc::new(Control::new(Arc::clone(&line)))).await;
    assert_eq!(second.unwrap_err().code.id, "CTL-005");
    assert!(asked(&path, Request::Hello).await.is_ok());

    serving.0.abort();
    while !serving.0.is_finished() {
        line.clock.sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(!path.exists());
    // What a killed controller leaves is a socket that nobody answers on: it is taken over.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(Connection::open(&path, line.clock).await.unwrap().is_none());
    let _serving = serve(&path, &line).await;
    assert!(asked(&path, Request::Hello).await.is_ok());
}

#[tokio::test]
async fn a_broken_request_gets_a_fault_and_the_connection_and_the_line_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let line = line(Mode::Rehearsal).await;
    let _serving = serve(&path, &line).await;
    let bytes = b"\x00\xff\n{}\n[1]\n{\"v\":2}\n\n{\"v\":1,\"request\":{\"room\":\"hello\"}}\n";
    let back = raw(&path, bytes).await;
    let codes: Vec<_> = back
        .iter()
        .map(|reply| reply["refusal"]["code"].as_str())
        .collect();
    let garbled = Some("CTL-001");
    assert_eq!(codes, [garbled, garbled, garbled, Some("CTL-003"), garbled, None]);
    assert_eq!(back[5]["answer"]["good"], true);
    // A line without an end is refused as soon as it is too long, and nothing after it is believed.
    let endless = vec![b'x'; (1 << 20) + 100];
    let back = raw(&path, &endless).await;
    assert!(back.len() <= 1);
    assert!(back.iter().all(|reply| reply["refusal"]["code"] == "CTL-002"));
    assert!(asked(&path, Request::Hello).await.is_ok());
    assert!(!line.is_stopping());
}

#[tokio::test]
async fn an_order_is_found_by_every_name_and_changed_by_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let line = line(Mode::Rehearsal).await;
    let key = order(&line, "R-1", NUMBER).await;
    let _serving = serve(&path, &line).await;

    for name in [&key.to_string(), "R-1", NUMBER, &format!("{key}.1"), " R-1 "] {
        let answer = asked(&path, show(name)).await.unwrap();
        assert_eq!(answer.data["orders"][0]["order"]["request"], "R-1", "{name}");
        assert!(!answer.text.contains(NUMBER));
    }
    assert_eq!(asked(&path, show("R-2")).await, Err("CTL-009".to_owned()));
    let number = Name(NUMBER.to_owned());
    let place = asked(&path, Request::Where(whereabouts::Request { number }))
        .await
        .unwrap();
    assert_eq!(place.data["orders"][0]["where"], "waiting for a machine");

    let change = |request: order::Request| asked(&path, Request::Order(request));
    let (order, reason) = (key.to_string(), "the office asks".to_owned());
    let hold = order::Request::Hold {
        order: order.clone(),
        reason: reason.clone(),
    };
    assert_eq!(change(hold.clone()).await.unwrap().data["order"]["state"], "held");
    let list = |state, after| change(order::Request::List { state, after });
    let held = list(OrderState::Held, OrderKey(0)).await.unwrap();
    assert!(held.text.contains(&order) && held.text.contains("the office asks"));
    assert_eq!(held.data["orders"][0]["request"], "R-1");
    for (state, after) in [(OrderState::Waiting, OrderKey(0)), (OrderState::Held, key)] {
        let none = list(state, after).await.unwrap();
        assert_eq!(none.data["orders"], serde_json::json!([]), "{}", none.text);
    }
    let priority = order::Request::Priority {
        order: order.clone(),
        priority: 200,
        reason: reason.clone(),
    };
    assert_eq!(change(priority).await.unwrap().data["order"]["priority"], 9);
    let release = order::Request::Release {
        order: order.clone(),
        reason,
    };
    assert_eq!(change(release).await.unwrap().data["order"]["state"], "waiting");
    let told = asked(&path, show(&order)).await.unwrap();
    let me = myself();
    assert!(
        told.text.contains(&format!("hold, by {me}: the office asks")),
        "{}",
        told.text
    );

    // Given to a machine, it is made: law 9.
    let lot = line
        .ports
        .book
        .claim("t1", &MachineId::new("S01"), 20)
        .await
        .unwrap();
    assert_eq!(lot.unwrap().orders, [key]);
    let before = line.ports.ledger.size().await.unwrap();
    assert_eq!(change(hold).await, Err("STO-007".to_owned()));
    assert_eq!(
        line.ports.ledger.size().await.unwrap(),
        before,
        "nothing was recorded"
    );
    // For an office that nobody knows no card is made.
    let homeless = NewOrder {
        office: OfficeCode::new("HN-99"),
        hold: Some("DOSSIER-701".to_owned()),
        flags: Some("DOSSIER-712".to_owned()),
        ..new_order(&line, "R-9", "001099999999").await
    };
    let Admission::New(homeless) = line.ports.book.admit(homeless).await.unwrap() else {
        panic!("a new order");
    };
    let release = order::Request::Release {
        order: homeless.to_string(),
        reason: "the office says it is new".to_owned(),
    };
    assert_eq!(change(release).await, Err("CTL-073".to_owned()));
    let told = asked(&path, show(&homeless.to_string())).await.unwrap().text;
    for words in [
        "held: DOSSIER-701 the office is unknown",
        "noted at admission: DOSSIER-712 the data were entered by hand",
        "taken in by its office on 2026-11-16, admitted on 2026-11-17",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let leaking = order::Request::Cancel {
        order,
        reason: format!("for {NUMBER}"),
    };
    assert_eq!(change(leaking).await, Err("CTL-010".to_owned()));
}

#[tokio::test]
async fn a_stopped_position_is_let_go_on_by_a_person_and_the_record_says_who() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let line = line(Mode::Rehearsal).await;
    let _serving = serve(&path, &line).await;
    let machine = MachineId::new("S01");
    let change = |request: position::Request| asked(&path, Request::Position(request));
    let resume = || position::Request::Resume {
        machine: machine.clone(),
    };
    assert_eq!(change(resume()).await, Err("CTL-016".to_owned()), "nothing runs");
    line.progress.resumed(&machine);
    assert_eq!(change(resume()).await, Err("CTL-012".to_owned()));
    let other = position::Request::Resume {
        machine: MachineId::new("S99"),
    };
    assert_eq!(change(other).await, Err("CTL-011".to_owned()));
    let stop = position::Request::Stop {
        machine: machine.clone(),
    };
    assert!(change(stop.clone()).await.is_ok());
    let stopped = line.ports.ledger.history("S01").await.unwrap().pop().unwrap();
    assert_eq!(
        stopped.fact,
        Fact::PositionStopped {
            machine: machine.clone(),
            code: "CTL-018".to_owned(),
            by: vec![myself()]
        }
    );
    assert_eq!(change(stop).await, Err("CTL-015".to_owned()));
    assert!(!change(position::Request::List).await.unwrap().good);
    assert!(line.progress.is_stopped(&machine));
    assert!(change(resume()).await.unwrap().good);
    assert!(!line.progress.is_stopped(&machine));
    let last = line.ports.ledger.history("S01").await.unwrap().pop().unwrap();
    assert_eq!(
        last.fact,
        Fact::PositionResumed {
            machine,
            by: vec![myself()]
        }
    );
}

#[tokio::test]
async fn only_a_rehearsal_lets_a_request_name_its_person() {
    let call = || Call::new(Request::Hello, Some(PersonId::new("an")));
    let answer = async |mode| -> Result<Answer, Fault> {
        Control::new(line(mode).await)
            .answer(PersonId::new("binh"), call())
            .await
    };
    assert!(answer(Mode::Rehearsal).await.is_ok());
    assert_eq!(answer(Mode::Production).await.unwrap_err().code.id, "CTL-007");
}

#[tokio::test]
async fn a_strange_card_is_put_aside() {
    let control = Control::new(line(Mode::Rehearsal).await);
    let call = Call::new(
        Request::Card(card::Request::Chip {
            chip: cardwright::base::ids::ChipId::new("ab"),
        }),
        None,
    );
    let answer = control.answer(PersonId::new("an"), call).await.unwrap();
    assert!(!answer.good);
    assert_eq!(answer.data["belongs"], "aside");
}

/// Whatever bytes come, every line of them is answered, and the next peer is served.
#[test]
fn any_bytes_are_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let line = runtime.block_on(line(Mode::Rehearsal));
    let _serving = runtime.block_on(serve(&path, &line));
    // Half of the bytes are ends of lines and what JSON is made of.
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"\n\n{}[]\":1v,".to_vec())];
    TestRunner::default()
        .run(&proptest::collection::vec(byte, 0..300), |bytes| {
            let back = runtime.block_on(raw(&path, &bytes));
            let mut lines = bytes.split(|byte| *byte == b'\n').count();
            lines -= usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
            prop_assert_eq!(back.len(), lines);
            prop_assert!(back.iter().all(|reply| reply["refusal"]["code"].is_string()));
            prop_assert!(runtime.block_on(asked(&path, Request::Hello)).is_ok());
            Ok(())
        })
        .unwrap();
    assert!(!line.is_stopping());
}
