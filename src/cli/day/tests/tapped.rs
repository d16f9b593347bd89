//! Cards in somebody's hand, tapped at a desk.

use super::*;
use crate::base::ids::{BlankId, MachineId};
use crate::control::card::{Request, act};
use crate::control::{Answer, Who};
use crate::line::tap;

/// Holds a card onto the reader of a desk at which nobody packs, and asks what it is.
async fn tapped(day: &Day, line: &Line, desk: &MachineId, blank: &BlankId) -> Result<Answer, Fault> {
    assert!(day.hall.hold(desk, blank).unwrap(), "{blank} is out of reach");
    let request = Request::Tap { desk: desk.clone() };
    let who = Who::new(PersonId::new("an"));
    let answer = tokio::select! {
        biased;
        never = tap::serve(line, desk, day.hall.encoder(desk).unwrap()) => match never {},
        answer = act(line, &who, request) => answer,
    };
    day.hall.put_down(desk).unwrap();
    answer
}

/// A day's end: one order has its good card, and another card was spoiled on the way.
async fn evening() -> Day {
    let plan = Plan {
        stations: 1,
        ..plan(14, 1)
    };
    let day = Day::new(plan).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    for station in day.hall.stations() {
        // The step is tried once more, and the reader vanishes again.
        for command in [40, 42] {
            day.hall
                .reader_trouble(station, command, crate::sim::memory::ReaderTrouble::Vanish);
        }
    }
    assert_eq!(day.work(None).await.unwrap(), End::Done);
    while !day.is_done().await.unwrap() {
        assert_eq!(day.work(None).await.unwrap(), End::Done);
    }
    day
}

#[tokio::test(start_paused = true)]
async fn a_tapped_card_says_what_it_is_and_where_it_belongs() {
    let day = evening().await;
    let line = day.controller();
    let desk = day.hall.desks().next().unwrap().clone();
    let attempts = day.ledger.all_attempts();
    let spoiled = attempts
        .iter()
        .find(|attempt| attempt.pack.is_some() && !attempt.is_good())
        .unwrap();
    let good = attempts.iter().find(|attempt| attempt.is_good()).unwrap();

    let answer = tapped(&day, &line, &desk, good.blank.as_ref().unwrap())
        .await
        .unwrap();
    assert!(answer.good, "{}", answer.text);
    assert_eq!(answer.data["belongs"], "in_its_box");
    assert_eq!(answer.data["chip"]["life_cycle"], "sealed");
    assert!(answer.text.contains("it belongs in its box"), "{}", answer.text);

    let answer = tapped(&day, &line, &desk, spoiled.blank.as_ref().unwrap())
        .await
        .unwrap();
    assert!(!answer.good && answer.text.contains("waste"), "{}", answer.text);

    let used = |blank: &BlankId| {
        attempts
            .iter()
            .any(|attempt| attempt.blank.as_ref() == Some(blank))
    };
    let cards = day.hall.inventory().cards;
    let unused = cards.iter().rfind(|card| !used(&card.blank)).unwrap();
    let answer = tapped(&day, &line, &desk, &unused.blank).await.unwrap();
    assert!(
        answer.good && answer.text.contains("an unused blank"),
        "{}",
        answer.text
    );

    // No card lies there: whoever asked is told so.
    let request = Request::Tap { desk: desk.clone() };
    let who = Who::new(PersonId::new("an"));
    let none = tokio::select! {
        biased;
        never = tap::serve(&line, &desk, day.hall.encoder(&desk).unwrap()) => match never {},
        answer = act(&line, &who, request) => answer,
    };
    assert_eq!(none.unwrap_err().code.id, "ENC-002");
    let elsewhere = Request::Tap {
        desk: MachineId::new("D99"),
    };
    assert_eq!(act(&line, &who, elsewhere).await.unwrap_err().code.id, "LIN-007");
    // The hall is as it was.
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_free_desk_of_a_running_line_reads_a_tapped_card() {
    let day = evening().await;
    let attempts = day.ledger.all_attempts();
    let good = attempts.iter().find(|attempt| attempt.is_good()).unwrap();
    let desk = day.hall.desks().next().unwrap().clone();
    let line = Arc::new(day.controller());
    let working = line::run(
        Arc::clone(&line),
        day.stations().unwrap(),
        day.desks().unwrap(),
        Ending::WhenStopped,
    );
    let asking = async {
        line.clock.sleep(Duration::from_secs(5)).await;
        assert!(day.hall.hold(&desk, good.blank.as_ref().unwrap()).unwrap());
        let request = Request::Tap { desk: desk.clone() };
        let answer = act(&line, &Who::new(PersonId::new("an")), request).await.unwrap();
        day.hall.put_down(&desk).unwrap();
        line.stop();
        answer
    };
    let (ended, answer) = tokio::join!(working, asking);
    ended.unwrap();
    assert_eq!(answer.data["belongs"], "in_its_box");
}
