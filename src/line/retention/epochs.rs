//! Wrapping keys: made ahead, used while their epoch lasts, destroyed when it closes.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use super::super::Line;
use super::super::fault::{NEEDED, NO_EPOCH};
use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::job::fact::RETENTION;
use crate::job::{Epoch, EpochChange, Fact};
use crate::port::KeyPurpose;

/// The epochs whose keys may be used; nothing before the HSM was asked.
#[derive(Debug, Default)]
pub struct Epochs(Mutex<Option<Vec<Epoch>>>);

impl Line {
    /// Label of the key that wraps the keys of new orders today. It is made now if nobody made it before.
    ///
    /// # Errors
    /// The HSM's and the ledger's.
    pub async fn wrapping_key(&self) -> Result<String, Fault> {
        let mut open = self.epochs.0.lock().await;
        let known = self.known(&mut open).await?;
        let today = self.clock.today();
        let epoch = match self.rules.term.current(known, today) {
            Some(epoch) => epoch,
            None => self.make_epoch(known, today).await?,
        };
        Ok(epoch.label(&self.rules.keys.wrap))
    }

    /// All epochs whose keys may be used, in their order.
    ///
    /// # Errors
    /// The HSM's and the ledger's.
    pub async fn open_epochs(&self) -> Result<Vec<Epoch>, Fault> {
        let mut open = self.epochs.0.lock().await;
        self.known(&mut open).await.map(|known| known.clone())
    }

    /// Looks at the HSM again, and makes today's key and, a day before it is needed, the next.
    pub(super) async fn make_epochs(&self) -> Result<(), Fault> {
        self.look_at_epochs_again().await;
        self.wrapping_key().await?;
        let mut open = self.epochs.0.lock().await;
        let known = self.known(&mut open).await?;
        if let Some(first) = self.rules.term.ahead(known, self.clock.today()) {
            self.make_epoch(known, first).await?;
        }
        Ok(())
    }

    /// What is known of the HSM's keys may not be true any more.
    pub(in crate::line) async fn look_at_epochs_again(&self) {
        *self.epochs.0.lock().await = None;
    }

    pub(super) async fn epochs_but(&self, epoch: Epoch) -> Result<Vec<Epoch>, Fault> {
        let mut open = self.open_epochs().await?;
        open.retain(|other| *other != epoch);
        Ok(open)
    }

    /// Closes an epoch before its day because these two people ask for it: a copy of the databases may be in wrong
    /// hands. What is still needed is wrapped anew first; the one that takes in new orders gets a successor. How many
    /// orders were moved.
    ///
    /// # Errors
    /// `LIN-043` if no open epoch has this label; the HSM's, the books'.
    pub async fn close_early(&self, label: &str, by: Vec<PersonId>) -> Result<u64, Fault> {
        let epoch = Epoch::parse(&self.rules.keys.wrap, label)
            .filter(|epoch| epoch.label(&self.rules.keys.wrap) == label);
        let today = self.clock.today();
        let epoch = {
            let mut open = self.epochs.0.lock().await;
            let known = self.known(&mut open).await?;
            let epoch = epoch.filter(|epoch| known.contains(epoch));
            let epoch = epoch.ok_or_else(|| Fault::new(&NO_EPOCH, label))?;
            if self.rules.term.current(known, today) == Some(epoch) {
                self.make_epoch(known, today).await?;
            }
            epoch
        };
        let moved = self.empty_wholly(epoch).await?;
        self.close_epoch(epoch, by).await?;
        Ok(moved)
    }

    /// Destroys the key of an epoch that nothing needs any more (law 1: the intent is on record before).
    ///
    /// # Errors
    /// `LIN-041` if an order is under it, the HSM's and the ledger's.
    pub(super) async fn close_epoch(&self, epoch: Epoch, by: Vec<PersonId>) -> Result<(), Fault> {
        let label = epoch.label(&self.rules.keys.wrap);
        if !self.ports.book.wrapped_under(&label, 1).await?.is_empty() {
            return Err(Fault::new(&NEEDED, label));
        }
        if let Some(known) = &mut *self.epochs.0.lock().await {
            known.retain(|other| *other != epoch);
        }
        self.epoch_changes(&label, EpochChange::Closing, by.clone())
            .await?;
        self.destroy_epoch(epoch, by).await
    }

    /// Whoever took the key's label a moment before the intent may have put an order under it since: it moves, too.
    async fn destroy_epoch(&self, epoch: Epoch, by: Vec<PersonId>) -> Result<(), Fault> {
        let label = epoch.label(&self.rules.keys.wrap);
        if self.has_key(&label).await? {
            // There must be another one to go to: what the ledger says is closing takes nothing in any more.
            self.look_at_epochs_again().await;
            self.wrapping_key().await?;
            self.empty_wholly(epoch).await?;
            match self.ports.signer.destroy(&label).await {
                // Another controller of the facility, or an answer that was lost.
                Err(_) if !self.has_key(&label).await? => {}
                destroyed => destroyed?,
            }
        }
        self.epoch_changes(&label, EpochChange::Closed, by).await?;
        tracing::info!(%label, "the key of a retention epoch is destroyed");
        Ok(())
    }

    /// Closes that a crash cut off between intent and outcome.
    pub(super) async fn finish_closing(&self) -> Result<(), Fault> {
        let stem = &self.rules.keys.wrap;
        for (label, (change, by)) in self.recorded_epochs().await? {
            let closing = (change == EpochChange::Closing).then(|| Epoch::parse(stem, &label));
            if let Some(epoch) = closing.flatten() {
                tracing::warn!(%label, "the close of a retention epoch was cut off: it is finished");
                self.destroy_epoch(epoch, by).await?;
            }
        }
        Ok(())
    }

    /// The open epochs as they were read from the HSM. A key that a crash kept out of the ledger is entered now; one
    /// that is about to be destroyed is not open.
    async fn known<'a>(&self, open: &'a mut Option<Vec<Epoch>>) -> Result<&'a mut Vec<Epoch>, Fault> {
        if open.is_none() {
            let recorded = self.recorded_epochs().await?;
            let mut found = Vec::new();
            for key in self.ports.signer.keys().await? {
                let epoch = Epoch::parse(&self.rules.keys.wrap, &key.label);
                let Some(epoch) = epoch.filter(|_| key.purpose == KeyPurpose::Wrap) else {
                    continue;
                };
                match recorded.get(&key.label) {
                    Some((EpochChange::Opened, _)) => found.push(epoch),
                    Some(_) => {}
                    None => {
                        self.epoch_changes(&key.label, EpochChange::Opened, Vec::new())
                            .await?;
                        found.push(epoch);
                    }
                }
            }
            found.sort();
            *open = Some(found);
        }
        Ok(open.get_or_insert_default())
    }

    async fn make_epoch(&self, known: &mut Vec<Epoch>, first: time::Date) -> Result<Epoch, Fault> {
        let stem = &self.rules.keys.wrap;
        let recorded = self.recorded_epochs().await?;
        let mut ever: Vec<Epoch> = recorded
            .keys()
            .filter_map(|label| Epoch::parse(stem, label))
            .collect();
        ever.extend(known.iter());
        let epoch = Epoch::beginning(first, &ever);
        let label = epoch.label(stem);
        self.ports.signer.generate(&label, KeyPurpose::Wrap).await?;
        self.epoch_changes(&label, EpochChange::Opened, Vec::new())
            .await?;
        known.push(epoch);
        known.sort();
        Ok(epoch)
    }

    /// What the ledger last said of each epoch, and at whose wish. A few records a week.
    async fn recorded_epochs(&self) -> Result<BTreeMap<String, (EpochChange, Vec<PersonId>)>, Fault> {
        let history = self.ports.ledger.history(RETENTION).await?;
        let said = history.into_iter().filter_map(|entry| match entry.fact {
            Fact::Epoch { label, change, by } => Some((label, (change, by))),
            _ => None,
        });
        Ok(said.collect())
    }

    async fn epoch_changes(&self, label: &str, change: EpochChange, by: Vec<PersonId>) -> Result<(), Fault> {
        let fact = Fact::Epoch {
            label: label.to_owned(),
            change,
            by,
        };
        self.record(vec![fact], Vec::new()).await
    }

    async fn has_key(&self, label: &str) -> Result<bool, Fault> {
        let keys = self.ports.signer.keys().await?;
        Ok(keys.iter().any(|key| key.label == label))
    }
}
