//! Document signers, rolled over in the middle of production.
//!
//! A signer is *staged* when its certificate has been verified and its key has signed a test, *active* once two people
//! have said so, and *stopped* when a person or the line itself takes it out of use. Among the active ones the policy
//! chooses card by card ([`crate::pki::choose`]): the next takes over when one reaches its limit or the end of its
//! usage period, and no machine notices. What people said is in the ledger; this is its fold, kept at hand.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::job::{Event, Fact, SignerChange};
use crate::pki::policy::remaining;
use crate::pki::{Certificate, SignerKey, SigningRequest, choose, may_sign};

use super::Line;
use super::fault::unreadable;

/// Records read at once.
const PAGE: u32 = 500;

/// May a signer be used?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Two people have not said so yet.
    Staged,
    /// Yes.
    Active,
    /// It was taken out of use.
    Stopped,
}

/// A signer and what is left of it.
#[derive(Clone, Debug)]
pub struct SignerLeft {
    /// Its key's label.
    pub label: String,
    /// May it be used?
    pub standing: Standing,
    /// Whole days in which it may sign.
    pub days: i64,
    /// Cards until its limit, where it has one.
    pub cards: Option<u64>,
    /// Signatures made.
    pub signed: u64,
}

#[derive(Clone, Debug)]
struct Held {
    key: Arc<SignerKey>,
    standing: Standing,
    signed: u64,
}

/// All signers.
#[derive(Debug, Default)]
pub struct Signers(RwLock<Vec<Held>>);

impl Signers {
    /// Signers of which nobody has said anything yet.
    #[must_use]
    pub fn new(keys: Vec<SignerKey>) -> Self {
        let staged = |key| Held {
            key: Arc::new(key),
            standing: Standing::Staged,
            signed: 0,
        };
        Self(RwLock::new(keys.into_iter().map(staged).collect()))
    }

    /// Their labels.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.read().iter().map(|held| held.key.label.clone()).collect()
    }

    /// The certificate of a signer, whether it may be used or not.
    #[must_use]
    pub fn certificate(&self, label: &str) -> Option<Certificate> {
        let all = self.read();
        let held = all.iter().find(|held| held.key.label == label);
        held.map(|held| held.key.certificate.clone())
    }

    /// What two people, one person or the line have said about it last.
    #[must_use]
    pub fn standing(&self, label: &str) -> Option<Standing> {
        let all = self.read();
        all.iter()
            .find(|held| held.key.label == label)
            .map(|held| held.standing)
    }

    /// What is left of each.
    #[must_use]
    pub fn left(&self, now: time::OffsetDateTime) -> Vec<SignerLeft> {
        let left = |held: &Held| {
            let left = remaining(&held.key, held.signed, now);
            SignerLeft {
                label: held.key.label.clone(),
                standing: held.standing,
                days: left.days,
                cards: left.cards,
                signed: held.signed,
            }
        };
        self.read().iter().map(left).collect()
    }

    /// Takes in another signer, staged; one of this label is replaced, and must be said to be good again.
    pub fn stage(&self, key: SignerKey, signed: u64) {
        let mut all = self.write();
        all.retain(|held| held.key.label != key.label);
        all.push(Held {
            key: Arc::new(key),
            standing: Standing::Staged,
            signed,
        });
    }

    /// The signer for this card, with one signature of its limit taken: two machines never share the last one.
    ///
    /// # Errors
    /// `PKI-038` with each active signer's reason.
    pub fn take(&self, request: &SigningRequest) -> Result<Arc<SignerKey>, Fault> {
        let mut all = self.write();
        let active = all
            .iter()
            .filter(|held| held.standing == Standing::Active)
            .map(|held| (&*held.key, held.signed));
        let label = choose(active, request)?.label.clone();
        let taken = all.iter_mut().find(|held| held.key.label == label);
        let taken = taken.ok_or_else(|| Fault::new(&crate::pki::fault::NO_SIGNER, label))?;
        taken.signed += 1;
        Ok(Arc::clone(&taken.key))
    }

    /// A signature is asked for once more, for a card whose signer was chosen before a crash: what could be chosen then
    /// may be used up or over now.
    ///
    /// # Errors
    /// Why the key may not sign: `PKI-030` to `PKI-037`; `PKI-038` for one that is not here.
    pub fn take_again(&self, label: &str, request: &SigningRequest) -> Result<(), Fault> {
        let mut all = self.write();
        let held = all.iter_mut().find(|held| held.key.label == label);
        let held = held.ok_or_else(|| Fault::new(&crate::pki::fault::NO_SIGNER, label))?;
        may_sign(&held.key, held.signed, request)?;
        held.signed += 1;
        Ok(())
    }

    /// Sets how many signatures a key has made, as the token or the ledger counts them.
    pub fn count(&self, label: &str, signed: u64) {
        self.change(label, |held| held.signed = signed);
    }

    fn stand(&self, label: &str, standing: Standing) {
        self.change(label, |held| held.standing = standing);
    }

    fn change(&self, label: &str, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.write().iter_mut().find(|held| held.key.label == label) {
            change(held);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Held>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Held>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// What was said about the signers before this program began.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn recall_signers(&self) -> Result<(), Fault> {
        for label in self.signers.labels() {
            let history = self.ports.ledger.history(&label).await?;
            let said = history.into_iter().rev().find_map(|entry| match entry.fact {
                Fact::Signer { change, .. } => Some(change),
                _ => None,
            });
            let standing = match said {
                None => Standing::Staged,
                Some(SignerChange::Activated) => Standing::Active,
                Some(SignerChange::Stopped) => Standing::Stopped,
            };
            self.signers.stand(&label, standing);
        }
        Ok(())
    }

    /// Counts the signatures asked of these keys, whose token does not, where a limit depends on it.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn count_signatures(&self, uncounted: &[String]) -> Result<(), Fault> {
        let mut asked: BTreeMap<String, u64> = self
            .signers
            .read()
            .iter()
            .filter(|held| held.key.limit.is_some() && uncounted.contains(&held.key.label))
            .map(|held| (held.key.label.clone(), 0))
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let page = self.ports.ledger.entries_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in page.iter().filter(|entry| entry.kind == "sign_intended") {
                let fact = serde_json::from_slice(&entry.body)
                    .map_err(|error| unreadable(format!("record {}: {error}", entry.seq)))?;
                if let Fact::Attempt {
                    event: Event::SignIntended { signer, .. },
                    ..
                } = fact
                    && let Some(count) = asked.get_mut(&signer)
                {
                    *count += 1;
                }
            }
        }
        for (label, count) in asked {
            self.signers.count(&label, count);
        }
        Ok(())
    }

    /// Puts on record what was said about a signer, and goes by it from then on.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn signer_changes(
        &self,
        label: &str,
        change: SignerChange,
        code: Option<&'static str>,
        by: Vec<PersonId>,
    ) -> Result<(), Fault> {
        let fact = Fact::Signer {
            label: label.to_owned(),
            change,
            code: code.map(str::to_owned),
            by,
        };
        if change == SignerChange::Stopped {
            // Not one more signature while the record is written.
            self.signers.stand(label, Standing::Stopped);
        }
        self.record(vec![fact], Vec::new()).await?;
        if change == SignerChange::Activated {
            self.signers.stand(label, Standing::Active);
            self.work.notify_waiters();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
