//! The supervisor of the house: taps the cards in doubt and lets stopped machines go on, with the verbs that a person
//! has.

use std::collections::BTreeMap;
use std::process::Stdio;

use super::house::House;
use super::recovery;
use crate::base::ids::{AttemptId, BlankId};
use crate::job::Phase;
use crate::port::{Attempts, Ledger};
use crate::sim::hall::{self, Spot};

/// Both people of the house.
const PEOPLE: [&str; 2] = ["an", "binh"];

/// One round; answers how many cards had to be looked for. What the controller refuses is tried again in the next.
pub(super) async fn make_a_round(house: &House) -> anyhow::Result<u32> {
    let ledger = recovery::open(&house.config).await?;
    let open = ledger.attempts(Attempts::Open).await;
    ledger.close().await;
    let inventory = hall::inventory(&house.hall_dir())?;
    let spots: BTreeMap<&BlankId, &Spot> = inventory
        .cards
        .iter()
        .map(|card| (&card.blank, &card.spot))
        .collect();
    let mut settled = 0;
    for attempt in open?.iter().filter(|attempt| attempt.phase == Phase::Quarantined) {
        let spot = attempt.blank.as_ref().and_then(|blank| spots.get(blank));
        settled += u32::from(settle(house, attempt.id, spot.copied()).await?);
    }
    for station in &house.config.stations {
        ask(house, PEOPLE[0], &["position", "resume", station.id.as_str()]).await?;
    }
    Ok(settled)
}

async fn settle(house: &House, attempt: AttemptId, spot: Option<&Spot>) -> anyhow::Result<bool> {
    let attempt = attempt.to_string();
    match spot {
        Some(Spot::Quarantine | Spot::Reject) => {
            let words = "found in the quarantine tray";
            ask(
                house,
                PEOPLE[0],
                &["spoil", &attempt, "--code", "damaged", "--reason", words],
            )
            .await
        }
        Some(_) => ask(house, PEOPLE[0], &["found", &attempt]).await,
        // No blank was ever bound: whatever was fed lies among the waste, or was never fed.
        None => {
            ask(house, PEOPLE[0], &["found", &attempt, "--not-found"]).await?;
            ask(house, PEOPLE[1], &["found", &attempt, "--not-found"]).await
        }
    }
}

async fn ask(house: &House, person: &str, words: &[&str]) -> anyhow::Result<bool> {
    let asked = tokio::process::Command::new(std::env::current_exe()?)
        .args(words)
        .args(["--as", person, "--facility"])
        .arg(&house.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await?;
    Ok(asked.success())
}
