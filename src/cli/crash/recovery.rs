//! How long a controller takes from its start to its first record about a card, by the ledger's own times.

use std::time::Duration;

use time::OffsetDateTime;

use crate::base::Fault;
use crate::config::Config;
use crate::job::Fact;
use crate::port::Ledger;
use crate::store::SqliteLedger;

/// Records read at once.
const PAGE: u32 = 500;

/// The time from `begun` to the first record about a card behind so many records, if there is one.
pub(in crate::cli) async fn first_card(
    config: &Config,
    begun: OffsetDateTime,
    behind: u64,
) -> Result<Option<Duration>, Fault> {
    let ledger = open(config).await?;
    let (mut seq, mut first) = (behind, None);
    while first.is_none() {
        let page = ledger.entries_after(seq, PAGE).await?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        let card = page
            .iter()
            .find(|entry| matches!(serde_json::from_slice(&entry.body), Ok(Fact::Attempt { .. })));
        first = card.map(|entry| entry.at_unix_ns);
    }
    ledger.close().await;
    let since = |at: i64| i128::from(at) - begun.unix_timestamp_nanos();
    Ok(first.map(|at| Duration::from_nanos(u64::try_from(since(at)).unwrap_or(0))))
}

/// Records in the ledger.
pub(in crate::cli) async fn records(config: &Config) -> Result<u64, Fault> {
    let ledger = open(config).await?;
    let size = ledger.size().await;
    ledger.close().await;
    size
}

/// The ledger, to read it beside whoever holds it.
pub(in crate::cli) async fn open(config: &Config) -> Result<SqliteLedger, Fault> {
    SqliteLedger::read(&config.path(&config.paths.ledger), &config.ledger_name()).await
}
