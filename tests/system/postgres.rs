//! Several controllers and one order book on PostgreSQL: real processes, each with a hall and a ledger of its own, on a
//! cluster that these tests start. The judges are the halls: their books say which cards physically exist.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwright::base::clock::{Stopwatch, pause};
use cardwright::base::ids::BlankId;
use cardwright::base::{Clock, Secret};
use cardwright::document::FileId;
use cardwright::port::Ledger;
use cardwright::sim::hall::{self, Spot, Whereabouts};
use cardwright::sim::postgres::proxy::Proxy;
use cardwright::sim::postgres::{Postgres, url};
use cardwright::store::postgres::{Server, version};
use rustix::process::Signal;

use super::hsm::block_on;
use super::processes::{Ending, cardwright, end_hall, freeze, ledger, signal, tell_standstill, told};

/// Enough for a dozen lots of four.
const CARDS: &str = "48";
/// A run takes half a minute; a machine that does other work besides may need several times that.
const ENDS: Duration = Duration::from_secs(200);
const LOOK: Duration = Duration::from_millis(20);

/// Two controllers and their order book.
struct House {
    dir: tempfile::TempDir,
    postgres: Postgres,
    proxy: Proxy,
}

/// A controller at work; a test that fails leaves none behind.
struct Controller {
    dir: PathBuf,
    child: Child,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        end_hall(&self.dir.join("hall"));
    }
}

impl House {
    /// Both are set up, and the dossiers admitted; nobody works yet.
    fn build(lease: &str) -> Self {
        let postgres = Postgres::start().unwrap();
        let proxy = Proxy::start(postgres.port()).unwrap();
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
            postgres,
            proxy,
        };
        let secret = house.postgres.password_file();
        let (secret, url) = (secret.to_str().unwrap(), url(house.proxy.port()));
        let small = ["--stations", "2", "--desks", "1", "--prepare"];
        let first = house.path("K1");
        let mut command = rehearse(&first);
        command
            .args(small)
            .args(["--cards", CARDS, "--lot", "4", "--lease", lease]);
        command.args(["--order-book", &url, "--order-book-password", secret]);
        must(&mut command);
        let mut command = rehearse(&house.path("K2"));
        command
            .args(small)
            .args(["--cards", CARDS, "--seed", "77", "--controller", "K2", "--beside"]);
        must(command.arg(&first));
        house
    }

    fn path(&self, controller: &str) -> PathBuf {
        self.dir.path().join(controller)
    }

    fn start(&self, controller: &str) -> Controller {
        let dir = self.path(controller);
        let log = File::create(self.dir.path().join(format!("{controller}.log"))).unwrap();
        let mut command = rehearse(&dir);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let child = command.spawn().unwrap();
        Controller { dir, child }
    }

    fn log(&self, controller: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{controller}.log"))).unwrap_or_default()
    }

    /// Waits for its end, which must be a balanced one.
    fn ends(&self, mut controller: Controller) {
        let name = controller.dir.file_name().unwrap().to_str().unwrap().to_owned();
        let patience = Stopwatch::start();
        while patience.elapsed() < ENDS {
            if let Some(status) = controller.child.try_wait().unwrap() {
                assert!(status.success(), "{name}: {status}\n{}", self.log(&name));
                return;
            }
            pause(LOOK);
        }
        panic!("{name} does not end\n{}", self.log(&name));
    }

    fn ask(&self, question: &str) -> String {
        self.postgres.ask(question).unwrap()
    }

    /// Waits until the order book says so.
    fn until(&self, postgres: &Postgres, question: &str) {
        let patience = Stopwatch::start();
        while postgres.ask(question).unwrap() != "t" {
            assert!(
                patience.elapsed() < ENDS,
                "{question}\n{}\n{}",
                self.log("K1"),
                self.log("K2")
            );
            pause(LOOK);
        }
    }

    /// Every order has exactly one good card in exactly one of the halls, and the order book says so. Answers how many
    /// lie in each.
    fn judge(&self, postgres: &Postgres) -> [usize; 2] {
        let mut people: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        let mut boxed = [0; 2];
        for (hall_of, count) in ["K1", "K2"].iter().zip(&mut boxed) {
            tell_standstill(&self.path(hall_of));
            let dir = self.path(hall_of).join("hall");
            for card in hall::inventory(&dir).expect("the hall's books").boxes {
                let books = hall::card(&dir, &card.blank).expect("a boxed card's books");
                let zone = books
                    .chip
                    .file(FileId::Dg(1))
                    .expect("a boxed chip has DG1")
                    .to_vec();
                let here = format!("{hall_of} {}", card.blank);
                if let Some(twin) = people.insert(zone, here.clone()) {
                    panic!("{twin} and {here} are for one person");
                }
                *count += 1;
            }
        }
        let states = "SELECT string_agg(state || ' ' || n, ' ' ORDER BY state) FROM
            (SELECT state, count(*) AS n FROM orders WHERE state IN ('waiting', 'in_lot', 'boxed') GROUP BY state) s";
        let told = [self.log("K1"), self.log("K2")].join("\n");
        assert_eq!(
            postgres.ask(states).unwrap(),
            format!("boxed {}", people.len()),
            "{told}"
        );
        assert!(people.len() > 40, "{} cards", people.len());
        boxed
    }
}

fn rehearse(dir: &Path) -> Command {
    cardwright(dir, &["rehearse"])
}

fn must(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn two_controllers_share_the_work_and_a_name_is_one_process() {
    let house = House::build("5");
    let (first, second) = (house.start("K1"), house.start("K2"));
    house.until(
        &house.postgres,
        "SELECT count(DISTINCT controller) = 2 FROM lot WHERE granted",
    );
    // Somebody else under the name of one that works is refused, and does not shut it out.
    let mut command = rehearse(&house.path("again"));
    command.args([
        "--stations",
        "1",
        "--desks",
        "1",
        "--prepare",
        "--controller",
        "K1",
        "--beside",
    ]);
    let refused = command.arg(house.path("K1")).output().unwrap();
    assert!(
        !refused.status.success() && told(&refused).contains("BOOK-004"),
        "{}",
        told(&refused)
    );
    let status = cardwright(&house.path("K1"), &["status"]).output().unwrap();
    assert!(
        told(&status).contains("Order book K2: lease for"),
        "{}",
        told(&status)
    );
    house.ends(first);
    house.ends(second);
    let boxed = house.judge(&house.postgres);
    assert!(boxed.iter().all(|cards| *cards > 0), "{boxed:?}");
}

#[test]
fn a_frozen_controller_that_wakes_up_makes_no_second_card() {
    const LOOSE: &str = "SELECT count(*) FROM lot WHERE controller = 'K1' AND NOT granted AND NOT freed";
    let house = House::build("2");
    let first = house.start("K1");
    let process = first.child.id();
    // Frozen with a lot that it has claimed, and not given to its machine.
    let patience = Stopwatch::start();
    loop {
        if house.ask(LOOSE) != "0" {
            assert!(freeze(process));
            if house.ask(LOOSE) != "0" {
                break;
            }
            assert!(signal(process, Signal::CONT));
        }
        assert!(patience.elapsed() < ENDS, "{}", house.log("K1"));
    }
    let granted =
        house.ask("SELECT count(*) FROM orders JOIN lot ON lot.id = lot WHERE granted AND controller = 'K1'");
    // The other takes over what was only claimed, and makes all that is left; what was granted stays.
    let second = house.start("K2");
    house.ends(second);
    assert_ne!(
        house.ask("SELECT count(*) FROM lot WHERE controller = 'K1' AND freed"),
        "0"
    );
    let still =
        house.ask("SELECT count(*) FROM orders JOIN lot ON lot.id = lot WHERE granted AND controller = 'K1'");
    assert_eq!(granted, still);
    assert!(signal(process, Signal::CONT));
    house.ends(first);
    let boxed = house.judge(&house.postgres);
    assert!(boxed[1] > 0, "{boxed:?}");
}

#[test]
fn a_server_that_is_killed_and_comes_back_costs_nothing() {
    let mut house = House::build("5");
    let first = house.start("K1");
    house.until(&house.postgres, "SELECT count(*) >= 2 FROM lot WHERE granted");
    let mut second = None;
    for _ in 0..2 {
        house.postgres.kill().unwrap();
        // One that starts before the server is back waits for it, and says so.
        let second = second.get_or_insert_with(|| house.start("K2"));
        assert!(second.child.try_wait().unwrap().is_none(), "{}", house.log("K2"));
        // Granted lots are finished meanwhile.
        pause(Duration::from_secs(4));
        house.postgres.revive().unwrap();
        pause(Duration::from_secs(2));
    }
    house.ends(first);
    house.ends(second.unwrap());
    let told = house.log("K2");
    assert!(told.contains("waiting: BOOK-001"), "{told}");
    house.judge(&house.postgres);
}

/// One controller's network is cut for longer than its lease: what was given to its machines is finished without the
/// order book, and nobody else makes it; the rest is the other's.
#[test]
fn a_controller_that_is_cut_off_finishes_what_it_was_given_and_no_more() {
    const GIVEN: &str = "SELECT count(*) FROM orders JOIN lot ON lot.id = lot
        WHERE controller = 'K2' AND granted AND state = 'in_lot'";
    let house = House::build("2");
    let side = Proxy::start(house.postgres.port()).unwrap();
    let file = house.path("K2").join("cardwright.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let way = |port: u16| format!(":{port}/");
    let bent = text.replace(&way(house.proxy.port()), &way(side.port()));
    assert_ne!(text, bent);
    std::fs::write(&file, bent).unwrap();

    let second = house.start("K2");
    house.until(&house.postgres, &format!("SELECT ({GIVEN}) >= 4"));
    side.cut(true);
    let given = house.ask(GIVEN);
    assert_ne!(given, "0");
    // The other makes all that nobody was given, and what was only claimed once the lease is over.
    house.ends(house.start("K1"));
    assert_eq!(house.ask(GIVEN), given);
    let over =
        "SELECT lease < extract(epoch FROM clock_timestamp()) * 1000 FROM controller WHERE name = 'K2'";
    assert_eq!(house.ask(over), "t");
    let granted = house.ask("SELECT string_agg(id::text, ' ') FROM lot WHERE controller = 'K2' AND granted");
    let granted: Vec<u64> = granted.split(' ').map(|id| id.parse().unwrap()).collect();
    let open = || {
        block_on(async {
            let ledger = ledger(&house.path("K2")).await;
            let open = ledger.open_lots().await.unwrap();
            ledger.close().await;
            open.iter().filter(|lot| granted.contains(&lot.id.0)).count()
        })
    };
    let patience = Stopwatch::start();
    while open() > 0 {
        assert!(patience.elapsed() < ENDS, "{}", house.log("K2"));
        pause(LOOK);
    }
    // What is to be said of its cards waits.
    assert_eq!(house.ask(GIVEN), given);
    side.cut(false);
    house.ends(second);
    let boxed = house.judge(&house.postgres);
    assert!(boxed.iter().all(|cards| *cards > 0), "{boxed:?}");
}

#[test]
fn a_network_that_loses_answers_of_commits_loses_and_doubles_nothing() {
    let house = House::build("5");
    let (first, second) = (house.start("K1"), house.start("K2"));
    house.until(&house.postgres, "SELECT count(*) >= 1 FROM lot");
    for _ in 0..12 {
        house.proxy.lose_answers(1);
        pause(Duration::from_millis(700));
    }
    house.proxy.lose_answers(0);
    let cut = |time: Duration| {
        house.proxy.cut(true);
        pause(time);
        house.proxy.cut(false);
    };
    cut(Duration::from_secs(3));
    // And while the last boxes are sealed and the last cards told, in between looks whether there is more to do.
    house.until(
        &house.postgres,
        "SELECT count(*) = 0 FROM orders WHERE state IN ('waiting', 'in_lot')",
    );
    for _ in 0..12 {
        pause(Duration::from_millis(130));
        cut(Duration::from_millis(70));
    }
    assert!(house.proxy.lost() > 4, "{} answers were lost", house.proxy.lost());
    house.ends(first);
    house.ends(second);
    house.judge(&house.postgres);
}

#[test]
fn what_a_promoted_standby_has_lost_is_known_to_the_ledgers_and_not_made_again() {
    let mut house = House::build("5");
    let standby = house.postgres.standby().unwrap();
    let (first, second) = (house.start("K1"), house.start("K2"));
    house.until(&house.postgres, "SELECT count(*) >= 2 FROM lot WHERE granted");
    // From here on the standby knows nothing: claims, grants and boxed cards of the next moments are lost with the
    // server. Asynchronous replication promises no more.
    standby.fall_behind().unwrap();
    let known = standby.ask("SELECT count(*) FROM lot").unwrap();
    house.until(
        &house.postgres,
        &format!("SELECT count(*) >= {known} + 3 FROM lot WHERE granted"),
    );
    house.postgres.kill().unwrap();
    house.proxy.cut(true);
    house.proxy.lead_to(standby.port());
    standby.promote().unwrap();
    assert_eq!(standby.ask("SELECT count(*) FROM lot").unwrap(), known);
    house.proxy.cut(false);
    house.ends(first);
    house.ends(second);
    house.judge(&standby);
    let told = [house.log("K1"), house.log("K2")].join("\n");
    assert!(
        told.contains("the last server had lost where this order stands"),
        "{told}"
    );
}

/// The other choice of replication: what was confirmed is on the standby's disk too.
#[test]
fn a_synchronous_standby_that_is_promoted_has_lost_nothing() {
    let mut house = House::build("5");
    let standby = house.postgres.standby().unwrap();
    house.postgres.wait_for_standby().unwrap();
    let (first, second) = (house.start("K1"), house.start("K2"));
    house.until(&house.postgres, "SELECT count(*) >= 4 FROM lot WHERE granted");
    house.postgres.kill().unwrap();
    house.proxy.cut(true);
    house.proxy.lead_to(standby.port());
    standby.promote().unwrap();
    // Granted lots are finished meanwhile: what no server was told yet, none has lost.
    pause(Duration::from_secs(4));
    house.proxy.cut(false);
    house.ends(first);
    house.ends(second);
    house.judge(&standby);
    let told = [house.log("K1"), house.log("K2")].join("\n");
    assert!(!told.contains("the last server had lost"), "{told}");
}

/// A certificate authority, and a server's certificate of it for this name: both certificates and the server's key.
fn certified(folder: &Path, name: &str) -> [String; 3] {
    let openssl = |words: &str| {
        let output = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words}: {}", told(&output));
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("{new} -subj /CN=Utopia-CA -keyout ca.key -out ca.pem"));
    let extensions = format!("-addext subjectAltName=DNS:{name} -addext basicConstraints=critical,CA:FALSE");
    let signed = "-CA ca.pem -CAkey ca.key -keyout server.key -out server.pem";
    openssl(&format!("{new} -subj /CN={name} {extensions} {signed}"));
    ["ca.pem", "server.pem", "server.key"].map(|file| std::fs::read_to_string(folder.join(file)).unwrap())
}

#[test]
fn a_server_is_believed_under_its_own_name_and_authority_only() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = Postgres::start().unwrap();
    let [_, certificate, key] = certified(dir.path(), "localhost");
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    certified(&other, "localhost");
    let ask = |host: &str, authority: &Path| {
        let url = format!(
            "postgres://cardwright@{host}:{}/postgres?sslmode=verify-full&sslrootcert={}",
            postgres.port(),
            authority.display()
        );
        let server = Server {
            url: &url,
            password: Some(Secret::new(postgres.password().to_owned())),
        };
        block_on(version(&server, Clock::system()))
    };
    let (own, others) = (dir.path().join("ca.pem"), other.join("ca.pem"));
    assert!(ask("localhost", &own).is_err(), "it offers no TLS yet");
    postgres.offer_tls(&certificate, &key).unwrap();
    assert!(ask("localhost", &own).unwrap().starts_with("PostgreSQL "));
    assert!(ask("localhost", &others).is_err(), "another authority");
    assert!(ask("127.0.0.1", &own).is_err(), "another name");
}

/// Stops a controller for good at a moment when a finished card of its hall lies in no box: which that is, and whose.
fn lost_with_a_card(controller: &mut Controller) -> (BlankId, String) {
    let hall = controller.dir.join("hall");
    let patience = Stopwatch::start();
    loop {
        assert!(freeze(controller.child.id()) && patience.elapsed() < ENDS);
        let cards = hall::inventory(&hall).unwrap().cards;
        let finished = |card: &&Whereabouts| matches!(card.spot, Spot::Hopper { .. } | Spot::Tray { .. });
        if let Some(card) = cards.iter().find(finished) {
            controller.child.kill().unwrap();
            controller.child.wait().unwrap();
            let books = hall::card(&hall, &card.blank).unwrap();
            let zone = books.chip.file(FileId::Dg(1)).expect("a finished chip has DG1");
            // TD1: the optional data of the first line hold the personal number (Doc 9303-5, section 4.2.2).
            let number = String::from_utf8(zone[zone.len() - 90..][15..27].to_vec()).unwrap();
            return (card.blank.clone(), number);
        }
        signal(controller.child.id(), Signal::CONT);
        pause(LOOK);
    }
}

/// A desk D9 of this facility on whose reader lie the cards that are tapped at D1 of that hall.
fn with_a_desk_in(hall: &Path, configuration: &str) -> String {
    let desk = hall.join("desks/D1");
    let (socket, port) = (desk.join("reader.sock"), desk.join("scanner"));
    let (reader, screen) = (socket.display(), desk.join("screen.sock"));
    format!(
        "{configuration}\n[[desks]]\nid = \"D9\"\nreader = {{ hall = \"{reader}\" }}\nscanner = \"{}\"\n\
         baud = 115200\nscreen = \"{}\"\n",
        port.display(),
        screen.display()
    )
}

#[test]
fn a_lost_controllers_orders_are_settled_by_two_people_and_made_again() {
    let house = House::build("2");
    let mut first = house.start("K1");
    let (card, number) = lost_with_a_card(&mut first);
    let (hall, second) = (first.dir.join("hall"), house.path("K2"));
    let boxed_before = hall::inventory(&hall).unwrap().boxes.len();
    let ask = |words: &str| {
        told(
            &cardwright(&second, &words.split(' ').collect::<Vec<_>>())
                .output()
                .unwrap(),
        )
    };
    let verb = |words: &str, person: &str| ask(&format!("controller {words} --as {person}"));
    // Two people, once its lease is over: whoever may still live is not given up.
    let patience = Stopwatch::start();
    verb("lost K1", "an");
    let mut answer = verb("lost K1", "binh");
    while answer.contains("BOOK-004") {
        assert!(patience.elapsed() < ENDS, "{answer}");
        answer = verb("lost K1", "binh");
    }
    assert!(answer.contains("orders were given to machines of K1"), "{answer}");
    let orphans = "SELECT string_agg(to_char(key, 'FM\"O\"0000000'), ' ') FROM orders WHERE state = 'in_lot'";
    let orphans = house.ask(orphans);
    // Whose card it is that was found, its face says: people look up that number.
    let shown = ask(&format!("order show {number}"));
    let tapped = orphans.split(' ').find(|order| shown.contains(*order));
    let tapped = tapped.unwrap_or_else(|| panic!("{shown}\nis none of {orphans}"));

    let file = second.join("cardwright.toml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, with_a_desk_in(&hall, &configuration)).unwrap();
    let words = format!("card K1 {tapped} --tap D9");
    verb(&words, "an");
    assert!(verb(&words, "binh").contains("ENC-002"), "nothing lies there yet");
    let mut tap = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    tap.args(["sim", "tap", card.as_str(), "--desk", "D1", "--hall"])
        .arg(&hall);
    let mut tap = Ending(tap.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(tap.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("lies on the reader of D1"), "{line}");
    assert!(verb(&words, "an").contains("a second person"));
    let answer = verb(&words, "binh");
    assert!(
        answer.contains("is found and waste, chip") && answer.contains("Another card is owed"),
        "{answer}"
    );
    // It settles no other order.
    if let Some(other) = orphans.split(' ').find(|order| *order != tapped) {
        let words = format!("card K1 {other} --tap D9");
        verb(&words, "an");
        let answer = verb(&words, "binh");
        assert!(answer.contains("CTL-076"), "{answer}");
    }
    drop(tap.0.stdin.take());
    assert!(tap.0.wait().unwrap().success());
    std::fs::write(&file, configuration).unwrap();

    for order in orphans.split(' ').filter(|order| *order != tapped) {
        let words = format!("card K1 {order} --not-found");
        assert!(
            verb(&words, "an").contains("a second person"),
            "one person alone moves nothing"
        );
        let answer = verb(&words, "binh");
        assert!(answer.contains("Another card is owed"), "{answer}");
        assert!(verb(&words, "an").contains("a second person"));
        assert!(verb(&words, "binh").contains("CTL-009"), "once");
    }
    assert!(verb("orders K1", "an").contains("No order of K1 is in doubt"));
    house.ends(house.start("K2"));
    let boxed = house.judge(&house.postgres);
    assert_eq!(boxed[0], boxed_before, "the lost one's boxes stay as they were");
    let books = ask("reconcile");
    assert!(
        books.ends_with("balanced\n") || books.contains("\nbalanced"),
        "{books}"
    );
    // It never comes back.
    let again = rehearse(&house.path("K1")).output().unwrap();
    assert!(
        !again.status.success() && told(&again).contains("BOOK-005"),
        "{}",
        told(&again)
    );
}
