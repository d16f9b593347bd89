//! The seam to what readers see.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::base::Fault;
use crate::base::ids::MachineId;

/// What the readers of machines and desks say of their fields, of those that can tell: is there a card? Or why the
/// reader cannot work: it is not plugged in, or its service does not answer.
pub type Seen = BTreeMap<MachineId, Result<bool, Fault>>;

/// The eyes of all readers. Nothing is touched by looking.
#[async_trait]
pub trait Fields: Send + Sync {
    /// What they see now; a reader that does not answer delays nobody for longer than its deadline, and that once.
    async fn seen(&self) -> Seen;
    /// What they see as soon as it is not this.
    async fn other_than(&self, known: &Seen) -> Seen;
}
