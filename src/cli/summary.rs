//! What a supervisor wants at the end: made, spoiled, returned, boxes, the count equation, and whether all balances.

use std::collections::BTreeMap;
use std::path::Path;

use crate::audit::Balance;
use crate::base::Place;
use crate::base::ids::OrderKey;
use crate::job::Phase;
use crate::line::Line;
use crate::line::progress::Activity;
use crate::port::{Ledger, OrderBook, OrderState};
use crate::sim::hall;

use super::codes;
use super::facility::Facility;
use super::hall_books::{Compared, compare};

/// Prints the summary; false if something does not balance.
///
/// # Errors
/// The ledger's or the order book's.
pub async fn print(facility: &Facility, line: &Line) -> anyhow::Result<bool> {
    let mut states = Tally::default();
    for office in facility.order_book.counts(line.clock.today()).await?.values() {
        for (state, count) in &office.orders {
            states.add(format!("{state:?}").to_lowercase(), *count);
        }
    }
    let mut held = Tally::default();
    for order in facility
        .order_book
        .in_state(OrderState::Held, OrderKey(0), u32::MAX)
        .await?
    {
        held.add(order.hold.unwrap_or_default(), 1);
    }
    let mut returned = Tally::default();
    for dossier in facility.order_book.returns().await? {
        // One that has several findings comes back once.
        let codes: Vec<&str> = dossier.codes.iter().map(String::as_str).collect();
        returned.add(codes.join(" "), 1);
    }
    let mut spoiled = Tally::default();
    for attempt in facility.ledger.all_attempts().await? {
        if matches!(
            attempt.phase,
            Phase::Spoiled | Phase::Quarantined | Phase::NotFound
        ) {
            spoiled.add(attempt.code.unwrap_or_default(), 1);
        }
    }
    println!();
    println!("Orders:   {}", states.on_one_line());
    held.print("Held");
    spoiled.print("Spoiled");
    returned.print("Returned");
    println!("Boxes:");
    for state in facility.ledger.boxes(true).await? {
        println!(
            "  {:<16} {:>4} cards  {:?}",
            state.label.as_str(),
            state.cards,
            state.standing
        );
    }
    println!(
        "Manifests: {}",
        facility
            .config
            .path(&facility.config.paths.papers.join("boxes"))
            .display()
    );
    let stock = facility.ledger.stock().await?;
    let balance = Balance::of(facility.ledger.received().await?, stock.rows());
    let total = balance.total();
    let places: Vec<String> = by_name(total.places.iter().map(|(place, count)| (place.clone(), *count)))
        .into_iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    println!("Count:    {} received = {}", total.came_in(), places.join(" + "));
    let discrepancies = balance.check();
    for discrepancy in &discrepancies {
        println!("NOT BALANCED: {discrepancy}");
    }
    if discrepancies.is_empty() {
        println!("balanced");
    }
    Ok(discrepancies.is_empty())
}

/// For a run that ends when there is no work: says how many orders are not made all the same, because the machines that
/// could make them stand, a person must say what becomes of a card, or somebody ended the run; true if there are none.
///
/// # Errors
/// The order book's.
pub async fn is_all_made(line: &Line) -> anyhow::Result<bool> {
    let book = &line.ports.book;
    let waiting = super::run::orders_in(&[OrderState::Waiting], &**book, line.clock.today()).await?;
    // What others were given is theirs to make.
    let given = u64::try_from(book.given(OrderKey(0), u32::MAX).await?.len())?;
    if waiting + given > 0 {
        println!(
            "Left:     {} orders, {waiting} waiting and {given} given to machines",
            waiting + given
        );
        // This line is over: who stood in it is asked now or never.
        for (machine, state) in line.progress.snapshot().machines {
            if let Activity::Stopped(code) = state.activity {
                let words = codes::find(code)
                    .map_or_else(String::new, |code| format!(" {}. {}", code.en, code.next_en));
                println!("  {machine} stands: {code}{words}");
            }
        }
    }
    Ok(waiting + given == 0)
}

/// Compares the ledger with what physically lies in the hall, by the hall's own books.
///
/// # Errors
/// When the books cannot be read.
pub async fn against_hall(facility: &Facility, hall_dir: &Path) -> anyhow::Result<bool> {
    let inventory = hall::inventory(hall_dir)?;
    let (attempts, stock) = (
        facility.ledger.all_attempts().await?,
        facility.ledger.stock().await?,
    );
    let Compared { boxed, differences } = compare(&inventory, &attempts, &stock);
    println!(
        "Hall:     {} cards lie in boxes, the ledger says {boxed}{}",
        inventory.boxes.len(),
        if differences.is_empty() {
            ""
        } else {
            ": NOT THE SAME"
        }
    );
    for difference in &differences {
        println!("  {difference}");
    }
    Ok(differences.is_empty())
}

fn by_name(places: impl Iterator<Item = (Place, u64)>) -> BTreeMap<&'static str, u64> {
    let mut names = BTreeMap::new();
    for (place, count) in places {
        *names.entry(place.name()).or_default() += count;
    }
    names
}

/// Counts by code or word.
#[derive(Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn add(&mut self, what: String, count: u64) {
        *self.0.entry(what).or_default() += count;
    }

    fn on_one_line(&self) -> String {
        let words: Vec<String> = self
            .0
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// A line per fault code, or codes that came together, told in words.
    fn print(&self, title: &str) {
        println!("{:<9} {}", format!("{title}:"), self.0.values().sum::<u64>());
        for (code, count) in &self.0 {
            let words: Vec<&str> = code
                .split(' ')
                .filter_map(codes::find)
                .map(|code| code.en)
                .collect();
            println!("  {count:>4}  {code}  {}", words.join("; "));
        }
    }
}
