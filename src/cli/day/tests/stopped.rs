//! Positions that are stopped.

use async_trait::async_trait;

use super::*;
use crate::base::ids::MachineId;
use crate::job::{Attempt, Step};
use crate::line::progress::Activity;
use crate::line::recover::stopped_for;
use crate::port::Serial;

/// Nobody comes to this controller's machines.
async fn work_alone(day: &Day) -> Arc<Line> {
    let line = Arc::new(day.controller());
    let (stations, desks) = (day.stations().unwrap(), day.desks().unwrap());
    line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained)
        .await
        .unwrap();
    line
}

async fn stop(day: &Day, machines: &[&MachineId]) {
    let facts = machines.iter().map(|machine| Fact::PositionStopped {
        machine: (*machine).clone(),
        code: "JOB-009".to_owned(),
        by: Vec::new(),
    });
    day.ledger.append(facts.collect(), Vec::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stopped_machine_stands_still_after_a_restart_until_a_person_lets_it_go_on() {
    let day = Day::new(plan(11, 2)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let machines: Vec<&MachineId> = day.hall.stations().collect();
    stop(&day, &machines).await;
    for _ in 0..2 {
        let line = work_alone(&day).await;
        for machine in &machines {
            assert!(line.progress.is_stopped(machine));
            let shown = line.progress.snapshot().machines[*machine].activity;
            assert_eq!(shown, Activity::Stopped("JOB-021"));
        }
        let begun = |attempt: &Attempt| attempt.chip.is_some();
        assert!(!day.ledger.all_attempts().iter().any(begun));
    }
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    let line = work_alone(&day).await;
    assert!(!machines.iter().any(|machine| line.progress.is_stopped(machine)));
}

#[tokio::test(start_paused = true)]
async fn the_rehearsals_supervisor_has_looked_before_the_next_run() {
    let day = Day::new(plan(12, 1)).await.unwrap();
    let machines: Vec<MachineId> = day.hall.stations().cloned().collect();
    stop(&day, &[&machines[0]]).await;
    let line = day.controller();
    assert_eq!(
        stopped_for(&line, &machines[0]).await.unwrap().unwrap(),
        "JOB-009"
    );
    crate::cli::rehearse::people::resume(&line, &machines)
        .await
        .unwrap();
    for machine in &machines {
        assert_eq!(stopped_for(&line, machine).await.unwrap(), None);
    }
    let resumed = |entry: &&Entry| matches!(entry.fact, Fact::PositionResumed { .. });
    assert_eq!(day.ledger.entries().iter().filter(resumed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_desk_packs_nothing() {
    let day = Day::new(plan(13, 3)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let desks: Vec<&MachineId> = day.hall.desks().collect();
    stop(&day, &desks).await;
    work_alone(&day).await;
    let attempts = day.ledger.all_attempts();
    assert!(attempts.iter().any(|attempt| attempt.done.has(Step::Deliver)));
    assert!(!attempts.iter().any(Attempt::is_good));
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
}

/// A scanner with a broken window.
struct Blind;

#[async_trait]
impl Serial for Blind {
    async fn send(&mut self, _bytes: &[u8], _deadline: Duration) -> Result<(), Fault> {
        Ok(())
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        Clock::system().sleep(deadline).await;
        Ok(Vec::new())
    }
}

/// A day whose first desk is blind, to its end without a supervisor.
async fn with_a_blind_desk(plan: Plan) -> (Day, Arc<Line>, MachineId) {
    let day = Day::new(plan).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let line = Arc::new(day.controller());
    let (stations, mut desks) = (day.stations().unwrap(), day.desks().unwrap());
    desks[0].scanner = Box::new(Blind);
    let blind = desks[0].id.clone();
    line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained)
        .await
        .unwrap();
    (day, line, blind)
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_refuses_card_after_card_stops_itself() {
    let (day, line, blind) = with_a_blind_desk(plan(18, 8)).await;
    assert!(line.progress.is_stopped(&blind));
    assert_eq!(stopped_for(&line, &blind).await.unwrap().unwrap(), "JOB-009");
    let spoiled = |attempt: &Attempt| attempt.phase == crate::job::Phase::Spoiled;
    assert!(
        !day.ledger.all_attempts().iter().any(spoiled),
        "put aside, not wasted"
    );
}

#[tokio::test(start_paused = true)]
async fn another_desk_takes_up_what_a_stopped_one_has_left() {
    let two_desks = Plan {
        desks: 2,
        ..plan(21, 8)
    };
    let (day, line, blind) = with_a_blind_desk(two_desks).await;
    assert!(line.progress.is_stopped(&blind));
    let made = day
        .ledger
        .all_attempts()
        .iter()
        .filter(|attempt| attempt.is_good())
        .count();
    assert!(made >= 4, "{made}");
}
