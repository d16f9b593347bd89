//! Positions that are stopped.

use super::*;
use crate::base::ids::MachineId;
use crate::job::{Attempt, Step};
use crate::line::progress::Activity;
use crate::line::recover::stopped_for;

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
