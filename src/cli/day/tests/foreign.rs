//! Another kind of chip in the field.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::chip::ChipProfile;
use crate::document::FileId;
use crate::job::{Attempt, Event, Phase, Step};
use crate::port::Encoder;
use crate::sim::chip::Chip;

/// A reader in whose field another kind of chip lies at first.
struct ForeignFirst {
    reader: Box<dyn Encoder>,
    foreign: bool,
    /// Commands that the foreign chip was sent.
    heard: Arc<Mutex<usize>>,
}

#[async_trait]
impl Encoder for ForeignFirst {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        let atr = self.reader.power_on().await?;
        Ok(if self.foreign {
            vec![0x3B, 0x80, 0x80, 0x01, 0x01]
        } else {
            atr
        })
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        if self.foreign {
            *self.heard.lock().unwrap() += 1;
        }
        self.reader.transmit(command, deadline).await
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.foreign = false;
        self.reader.power_off().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_chip_of_another_kind_is_not_sent_a_single_command() {
    let day = Day::new(plan(10, 3)).await.unwrap();
    day.admit(day.requests()).await.unwrap();
    let heard = Arc::new(Mutex::new(0));
    let stations = day.stations().unwrap().into_iter().map(|mut station| {
        station.encoder = Box::new(ForeignFirst {
            reader: station.encoder,
            foreign: true,
            heard: Arc::clone(&heard),
        });
        station
    });
    assert_eq!(
        day.work_with(stations.collect(), day.desks().unwrap())
            .await
            .unwrap(),
        End::Done
    );
    assert_eq!(*heard.lock().unwrap(), 0);
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    let entries = day.ledger.entries();
    let refused = entries.iter().filter(|entry| {
        matches!(&entry.fact, Fact::Attempt { event: Event::Undone { because, .. }, .. } if because == "CHIP-005")
    });
    assert!(refused.count() > 0);
}

/// A reader in whose field another kind of chip lies at some of the times when a blank is bound.
struct NowAndThen {
    reader: Box<dyn Encoder>,
    ledger: Arc<MemoryLedger>,
    bound: usize,
    foreign: fn(usize) -> bool,
}

#[async_trait]
impl Encoder for NowAndThen {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        let atr = self.reader.power_on().await?;
        let binding = |attempt: &Attempt| attempt.phase == Phase::Doing(Step::Bind);
        if !self.ledger.all_attempts().iter().any(binding) {
            return Ok(atr);
        }
        self.bound += 1;
        Ok(if (self.foreign)(self.bound) {
            vec![0x3B]
        } else {
            atr
        })
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        self.reader.transmit(command, deadline).await
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.reader.power_off().await
    }
}

/// How often the brake stopped the only machine of a day with such blanks.
async fn braked(foreign: fn(usize) -> bool) -> usize {
    let day = Day::new(Plan {
        stations: 1,
        round: Duration::from_secs(1),
        ..plan(16, 5)
    })
    .await
    .unwrap();
    day.admit(day.requests()).await.unwrap();
    let stations = day.stations().unwrap().into_iter().map(|mut station| {
        station.encoder = Box::new(NowAndThen {
            reader: station.encoder,
            ledger: Arc::clone(&day.ledger),
            bound: 0,
            foreign,
        });
        station
    });
    let ended = day.work_with(stations.collect(), day.desks().unwrap()).await;
    assert_eq!(ended.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    let braked =
        |entry: &&Entry| matches!(&entry.fact, Fact::PositionStopped { code, .. } if code == "JOB-009");
    day.ledger.entries().iter().filter(braked).count()
}

#[tokio::test(start_paused = true)]
async fn the_brake_counts_failures_in_a_row_and_not_for_ever() {
    assert_eq!(braked(|number| number <= 3).await, 1);
    assert_eq!(braked(|number| number % 2 == 1 && number <= 7).await, 0);
}

/// A reader with two cards in its field once: the other one answers this session.
struct TwoInOneField {
    reader: Box<dyn Encoder>,
    other: Arc<Mutex<Chip>>,
    answers: Option<usize>,
}

#[async_trait]
impl Encoder for TwoInOneField {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.answers = self.answers.and_then(|sessions| sessions.checked_sub(1));
        if self.answers == Some(0) {
            return Ok(self.other.lock().unwrap().power_on());
        }
        self.reader.power_on().await
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        if self.answers == Some(0) {
            return Ok(self.other.lock().unwrap().transmit(command));
        }
        self.reader.transmit(command, deadline).await
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.other.lock().unwrap().power_off();
        self.reader.power_off().await
    }
}

/// The second session of a card is the one in which it is read back.
#[tokio::test(start_paused = true)]
async fn two_cards_in_one_field_stop_the_position_and_neither_is_taken_for_the_other() {
    let day = Day::new(Plan {
        stations: 1,
        round: Duration::from_secs(1),
        ..plan(6, 5)
    })
    .await
    .unwrap();
    day.admit(day.requests()).await.unwrap();
    let profile = ChipProfile::built_in(day.plan.chip).unwrap();
    let other = Arc::new(Mutex::new(Chip::blank(99_000_000, 1, &profile)));
    let stations = day.stations().unwrap().into_iter().map(|mut station| {
        station.encoder = Box::new(TwoInOneField {
            reader: station.encoder,
            other: Arc::clone(&other),
            answers: Some(2),
        });
        station
    });
    let ended = day.work_with(stations.collect(), day.desks().unwrap()).await;
    assert_eq!(ended.unwrap(), End::Done);
    assert!(day.is_done().await.unwrap());
    assert_eq!(judge::judge(&day).await.unwrap(), [""; 0]);
    assert!(other.lock().unwrap().file(FileId::Com).is_none(), "written");
    let entries = day.ledger.entries();
    let stops = entries
        .iter()
        .filter(|entry| matches!(&entry.fact, Fact::PositionStopped { code, .. } if code == "JOB-007"));
    assert_eq!(stops.count(), 1);
    let aside = entries.iter().filter(
        |entry| matches!(&entry.fact, Fact::Attempt { event: Event::Quarantined { code }, .. } if code == "JOB-007"),
    );
    assert_eq!(aside.count(), 1);
}
