//! A door that fails stops its own position, and nothing else.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;

use super::once::{bound, first_lot};
use super::*;
use crate::base::ids::{MachineId, PackId};
use crate::device::hall::fault::NOBODY;
use crate::job::{Event, Phase, Step};
use crate::port::{Answer, Attempts, BoxStanding, Instruction, Ledger, Screen};

/// What a person does with an instruction before it is followed.
type Whim = Box<dyn FnMut(&Instruction) -> Option<Result<Answer, Fault>> + Send>;

/// A screen before which somebody has a will of their own.
struct Willful {
    screen: Box<dyn Screen>,
    whim: Whim,
}

#[async_trait]
impl Screen for Willful {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        match (self.whim)(instruction) {
            Some(answer) => answer,
            None => self.screen.ask(instruction).await,
        }
    }
}

/// Nobody comes when one of these is asked for the first time.
fn nobody_at_first(kinds: &[fn(&Instruction) -> bool]) -> Whim {
    let mut coming = kinds.to_vec();
    Box::new(move |instruction| {
        let struck = coming.iter().position(|kind| kind(instruction))?;
        coming.remove(struck);
        Some(Err(Fault::new(&NOBODY, "")))
    })
}

/// A day whose supervisor is never far.
fn watched(seed: u64, dossiers: usize) -> Plan {
    Plan {
        round: Duration::from_secs(1),
        ..plan(seed, dossiers)
    }
}

fn stops(day: &Day, machine: &MachineId) -> usize {
    let stopped =
        |entry: &&Entry| matches!(&entry.fact, Fact::PositionStopped { machine: of, .. } if of == machine);
    day.ledger.entries().iter().filter(stopped).count()
}

async fn in_the_end_all_is_well(day: &Day) {
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(day).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_screen_that_nobody_answers_stops_its_position_alone() {
    let day = Day::new(Plan {
        stations: 1,
        ..watched(16, 5)
    })
    .await
    .unwrap();
    day.admit(day.requests()).await.unwrap();
    let at_machine: [fn(&Instruction) -> bool; 2] = [
        |asked| matches!(asked, Instruction::LoadPack { .. }),
        |asked| matches!(asked, Instruction::EmptyHopper { .. }),
    ];
    let at_desk: [fn(&Instruction) -> bool; 3] = [
        |asked| matches!(asked, Instruction::TakeTray { .. }),
        |asked| matches!(asked, Instruction::NextCard),
        |asked| matches!(asked, Instruction::PutInBox { .. }),
    ];
    let (mut stations, mut desks) = (day.stations().unwrap(), day.desks().unwrap());
    for station in &mut stations {
        let screen = day.hall.screen(&station.id).unwrap();
        let whim = nobody_at_first(&at_machine);
        station.screen = Box::new(Willful { screen, whim });
    }
    for desk in &mut desks {
        let screen = day.hall.screen(&desk.id).unwrap();
        let whim = nobody_at_first(&at_desk);
        desk.screen = Box::new(Willful { screen, whim });
    }
    let (machine, desk) = (stations[0].id.clone(), desks[0].id.clone());
    assert_eq!(day.work_with(stations, desks).await.unwrap(), End::Done);
    assert_eq!(stops(&day, &machine), 2);
    assert!(stops(&day, &desk) >= 3);
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_nobody_answers_leaves_its_boxes_to_the_others() {
    let day = Day::new(Plan {
        desks: 2,
        // Too few to fill a box: it is closed in the evening.
        ..watched(21, 2)
    })
    .await
    .unwrap();
    day.admit(day.requests()).await.unwrap();
    let mut desks = day.desks().unwrap();
    let unanswered = Arc::new(Mutex::new(0));
    let screen = day.hall.screen(&desks[0].id).unwrap();
    let count = Arc::clone(&unanswered);
    let whim: Whim = Box::new(move |asked| {
        let counts = matches!(asked, Instruction::CountBox { .. });
        *count.lock().unwrap() += u32::from(counts);
        counts.then(|| Err(Fault::new(&NOBODY, "")))
    });
    desks[0].screen = Box::new(Willful { screen, whim });
    let stations = day.stations().unwrap();
    assert_eq!(day.work_with(stations, desks).await.unwrap(), End::Done);
    assert_eq!(*unanswered.lock().unwrap(), 1);
    let boxes = day.ledger.boxes(true).await.unwrap();
    assert!(
        boxes.iter().all(|state| state.standing == BoxStanding::Sealed),
        "{boxes:?}"
    );
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn a_pack_that_was_not_loaded_is_offered_again() {
    let day = Day::new(watched(17, 3)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let mut stations = day.stations().unwrap();
    for station in &mut stations {
        let screen = day.hall.screen(&station.id).unwrap();
        let mut refused: BTreeSet<PackId> = BTreeSet::new();
        let whim: Whim = Box::new(move |instruction| match instruction {
            Instruction::LoadPack { pack } if refused.insert(pack.clone()) => Some(Ok(Answer::Nothing)),
            _ => None,
        });
        station.screen = Box::new(Willful { screen, whim });
    }
    let desks = day.desks().unwrap();
    assert_eq!(day.work_with(stations, desks).await.unwrap(), End::Done);
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_blanks_stands_and_says_so_and_goes_on_when_it_has_some() {
    let day = Day::new(watched(21, 4)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let mut stations = day.stations().unwrap();
    for station in &mut stations {
        let screen = day.hall.screen(&station.id).unwrap();
        let whim: Whim = Box::new(|instruction| match instruction {
            Instruction::LoadPack { .. } => Some(Ok(Answer::Nothing)),
            _ => None,
        });
        station.screen = Box::new(Willful { screen, whim });
    }
    let desks = day.desks().unwrap();
    let machines = stations.len();
    day.work_with(stations, desks).await.unwrap();
    let tries = |entry: &&Entry| {
        matches!(
            &entry.fact,
            Fact::Attempt {
                event: Event::Undone { because, .. },
                ..
            } if because == "JOB-018"
        )
    };
    let entries = day.ledger.entries();
    let tried = entries.iter().filter(tries).count();
    assert!(
        (1..=machines).contains(&tried),
        "{tried} tries of {machines} machines"
    );
    assert!(day.hall.inventory().boxes.is_empty());
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_away_is_waited_for_and_stops_nobody() {
    let day = Day::new(watched(18, 4)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    day.signer.go_away(30);
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    let stopped: usize = day.hall.stations().map(|machine| stops(&day, machine)).sum();
    assert_eq!(stopped, 0);
    let spoiled = |entry: &Entry| {
        matches!(
            &entry.fact,
            Fact::Attempt {
                event: Event::Spoiled { .. },
                ..
            }
        )
    };
    assert!(!day.ledger.entries().iter().any(spoiled));
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_boxed_is_on_record_while_the_packer_is_away() {
    let day = Day::new(plan(19, 4)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let in_doubt = Arc::new(Mutex::new(0));
    let mut desks = day.desks().unwrap();
    for desk in &mut desks {
        let (screen, ledger) = (day.hall.screen(&desk.id).unwrap(), Arc::clone(&day.ledger));
        desk.screen = Box::new(Slow {
            screen,
            clock: day.clock,
            ledger,
            in_doubt: Arc::clone(&in_doubt),
        });
    }
    assert_eq!(
        day.work_with(day.stations().unwrap(), desks).await.unwrap(),
        End::Done
    );
    assert_eq!(*in_doubt.lock().unwrap(), 0);
    in_the_end_all_is_well(&day).await;
}

/// A packer who takes a rest before every card.
struct Slow {
    screen: Box<dyn Screen>,
    clock: Clock,
    ledger: Arc<MemoryLedger>,
    /// Cards that lay in a box and were not on record after the rest.
    in_doubt: Arc<Mutex<usize>>,
}

#[async_trait]
impl Screen for Slow {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        if *instruction == Instruction::NextCard {
            self.clock.sleep(Duration::from_secs(60)).await;
            let attempts = self.ledger.all_attempts();
            let doubts = attempts
                .iter()
                .filter(|attempt| attempt.phase == Phase::Doing(Step::Box));
            *self.in_doubt.lock().unwrap() += doubts.count();
        }
        self.screen.ask(instruction).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_that_the_registry_stops_on_its_way_leaves_by_the_reject_output() {
    let day = Day::new(plan(14, 1)).await.unwrap();
    let requests = day.requests();
    day.admit(requests).await.unwrap();
    let line = Arc::new(day.controller());
    let (stations, desks) = (day.stations().unwrap(), day.desks().unwrap());
    let working = line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained);
    let authority = async {
        let under_way = |attempt: &Attempt| attempt.phase == Phase::Doing(Step::Verify);
        while !day.ledger.all_attempts().iter().any(under_way) {
            line.clock.sleep(Duration::from_millis(1)).await;
        }
        day.registry.stop(&requests[0].request_id, "deceased");
        line.refresh_stop_list().await.unwrap();
    };
    let (ended, ()) = tokio::join!(working, authority);
    ended.unwrap();
    let attempts = day.ledger.all_attempts();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (attempts[0].phase, attempts[0].code.as_deref()),
        (Phase::Spoiled, Some("JOB-010"))
    );
    assert!(!attempts[0].done.has(Step::Prove));
    let order = day.book.order(attempts[0].id.order).await.unwrap().unwrap();
    assert_eq!(order.state, OrderState::Cancelled);
    in_the_end_all_is_well(&day).await;
}

#[tokio::test(start_paused = true)]
async fn a_card_in_a_machine_that_is_gone_is_for_a_person() {
    let day = Day::new(plan(14, 1)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = Arc::new(day.controller());
    let lot = first_lot(&day, &line).await;
    let (id, facts) = bound(&day, &lot);
    line.record(facts, Vec::new()).await.unwrap();
    let mut stations = day.stations().unwrap();
    stations.retain(|station| station.id != lot.machine);
    let working = line::run(
        Arc::clone(&line),
        stations,
        day.desks().unwrap(),
        Ending::WhenStopped,
    );
    let stopping = async {
        line.clock.sleep(Duration::from_secs(5)).await;
        line.stop();
    };
    tokio::join!(working, stopping).0.unwrap();
    let attempts = day.ledger.attempts(Attempts::Of(id.order)).await.unwrap();
    assert_eq!(attempts[0].phase, Phase::Quarantined);
    assert_eq!(attempts[0].code.as_deref(), Some("JOB-006"));
}

/// Whoever stood before this screen has gone home.
struct Deserted;

#[async_trait]
impl Screen for Deserted {
    async fn ask(&mut self, _instruction: &Instruction) -> Result<Answer, Fault> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stops_does_not_wait_for_people_who_have_gone() {
    for (at_machines, at_desks) in [(true, false), (false, true)] {
        let day = Day::new(plan(20, 4)).await.unwrap();
        day.admit(day.requests()).await.unwrap();
        let (mut stations, mut desks) = (day.stations().unwrap(), day.desks().unwrap());
        for station in stations.iter_mut().filter(|_| at_machines) {
            station.screen = Box::new(Deserted);
        }
        for desk in desks.iter_mut().filter(|_| at_desks) {
            desk.screen = Box::new(Deserted);
        }
        let line = Arc::new(day.controller());
        let working = line::run(Arc::clone(&line), stations, desks, Ending::WhenStopped);
        let stopping = async {
            line.clock.sleep(Duration::from_secs(600)).await;
            line.stop();
            line.clock.elapsed()
        };
        let (ended, told) = tokio::join!(working, stopping);
        ended.unwrap();
        assert!(line.clock.elapsed() - told < Duration::from_secs(60));
        drop(line);
        // The next shift finds out.
        while !day.is_done().await.unwrap() {
            assert_eq!(day.work(None).await.unwrap(), End::Done);
        }
        in_the_end_all_is_well(&day).await;
    }
}
