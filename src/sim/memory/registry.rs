//! The authority's registry in memory: its own books, kept by its own rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{Power, locked};
use crate::base::Fault;
use crate::base::ids::{ChipId, SodHash};
use crate::port::fault::NOT_TAKEN;
use crate::port::{Outcome, Registry, Report, Statement, StopList};
use crate::store::fault::REGISTRY;

/// An exchange with the authority takes this long.
const EXCHANGE: Duration = Duration::from_millis(20);

/// The registry.
pub struct MemoryRegistry {
    power: Arc<Power>,
    books: Mutex<Books>,
}

#[derive(Clone, Default)]
struct Books {
    requests: BTreeMap<String, Request>,
    stops: BTreeMap<String, String>,
    reports: BTreeMap<String, Report>,
    refused: BTreeMap<ChipId, String>,
    /// Exchanges that will fail.
    away: u32,
    /// Requests that are stopped after so many exchanges, and why.
    later: Vec<(u32, String, String)>,
}

#[derive(Clone)]
struct Request {
    status: &'static str,
    sod: Option<SodHash>,
}

impl MemoryRegistry {
    /// A registry that knows no request.
    #[must_use]
    pub fn new(power: Arc<Power>) -> Self {
        Self {
            power,
            books: Mutex::default(),
        }
    }

    /// Enters a request that was approved; one it knows stays as it is.
    pub fn approve(&self, request: &str) {
        let mut books = locked(&self.books);
        books.requests.entry(request.to_owned()).or_insert(Request {
            status: "PENDING",
            sod: None,
        });
    }

    /// Loses a request, as a register that was restored from an old copy.
    pub fn forget(&self, request: &str) {
        locked(&self.books).requests.remove(request);
    }

    /// Puts a request on the stop list.
    pub fn stop(&self, request: &str, reason: &str) {
        let mut books = locked(&self.books);
        books.stops.insert(request.to_owned(), reason.to_owned());
    }

    /// Puts a request on the stop list after so many more exchanges.
    pub fn stop_later(&self, exchanges: u32, request: &str, reason: &str) {
        let stop = (exchanges, request.to_owned(), reason.to_owned());
        locked(&self.books).later.push(stop);
    }

    /// Does not answer the next so many exchanges.
    pub fn go_away(&self, exchanges: u32) {
        locked(&self.books).away = exchanges;
    }

    /// Reports as they were first received, by their keys.
    #[must_use]
    pub fn reports(&self) -> BTreeMap<String, Report> {
        locked(&self.books).reports.clone()
    }

    async fn exchange<T>(&self, act: impl FnOnce(&mut Books) -> Result<T, Fault>) -> Result<T, Fault> {
        self.power
            .act(EXCHANGE, || {
                let mut books = locked(&self.books);
                books.time_passes();
                if books.away > 0 {
                    books.away -= 1;
                    return Err(Fault::new(&REGISTRY, "no answer"));
                }
                act(&mut books)
            })
            .await
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn stop_list(&self) -> Result<StopList, Fault> {
        self.exchange(|books| {
            Ok(StopList {
                requests: books.stops.clone(),
            })
        })
        .await
    }

    async fn stopped(&self, requests: &[String]) -> Result<BTreeMap<String, String>, Fault> {
        self.exchange(|books| {
            let asked = books
                .stops
                .iter()
                .filter(|(request, _)| requests.contains(request));
            Ok(asked
                .map(|(request, reason)| (request.clone(), reason.clone()))
                .collect())
        })
        .await
    }

    async fn report(&self, reports: &[Report]) -> Result<(), Fault> {
        self.exchange(|books| {
            let mut changed = books.clone();
            for report in reports {
                changed.receive(report)?;
            }
            *books = changed;
            Ok(())
        })
        .await
    }

    async fn statement(&self, after: &str, limit: u32) -> Result<Vec<Statement>, Fault> {
        self.exchange(|books| {
            let later = books
                .requests
                .iter()
                .filter(|(request, _)| request.as_str() > after);
            let page = later.take(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(page.map(|(request, row)| books.state(request, row)).collect())
        })
        .await
    }
}

impl Books {
    /// One exchange later.
    fn time_passes(&mut self) {
        for (exchanges, ..) in &mut self.later {
            *exchanges = exchanges.saturating_sub(1);
        }
        for (_, request, reason) in self.later.extract_if(.., |(exchanges, ..)| *exchanges == 0) {
            self.stops.insert(request, reason);
        }
    }

    fn receive(&mut self, report: &Report) -> Result<(), Fault> {
        if self.reports.contains_key(&report.key) {
            return Ok(());
        }
        let request = self.requests.get_mut(&report.request);
        let request = request.ok_or_else(|| Fault::new(&NOT_TAKEN, report.request.clone()))?;
        match (report.outcome, &report.chip) {
            (Outcome::Made, _) if request.sod.is_none() => {
                (request.status, request.sod) = ("ISSUED", report.sod.clone());
            }
            // A card that was counted as valid and is waste or lost now is owed again.
            (Outcome::Spoiled | Outcome::NotFound, _)
                if request.sod.is_some() && request.sod == report.sod =>
            {
                (request.status, request.sod) = ("PENDING", None);
            }
            _ => {}
        }
        self.reports.insert(report.key.clone(), report.clone());
        if let Some(chip) = &report.chip {
            if report.outcome != Outcome::Made {
                let first = self.refused.entry(chip.clone());
                first.or_insert_with(|| report.request.clone());
            } else if !self.is_burnt(chip) {
                self.refused.remove(chip);
            }
        }
        Ok(())
    }

    /// Was this chip reported as waste or not found? Then nothing makes it good again.
    fn is_burnt(&self, chip: &ChipId) -> bool {
        let burns = |report: &Report| matches!(report.outcome, Outcome::Spoiled | Outcome::NotFound);
        let mut told = self.reports.values();
        told.any(|report| report.chip.as_ref() == Some(chip) && burns(report))
    }

    fn state(&self, request: &str, row: &Request) -> Statement {
        let refused = self.refused.iter().filter(|(_, of)| of.as_str() == request);
        Statement {
            request: request.to_owned(),
            status: row.status.to_owned(),
            sod: row.sod.clone(),
            refused: refused.map(|(chip, _)| chip.clone()).collect(),
        }
    }
}

impl std::fmt::Debug for MemoryRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "MemoryRegistry({} requests)",
            locked(&self.books).requests.len()
        )
    }
}
