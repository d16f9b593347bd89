//! Papers in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{Power, locked};
use crate::base::Fault;
use crate::port::Papers;

/// A sheet is written in this time.
const SHEET: Duration = Duration::from_millis(1);

/// A cupboard of papers.
pub struct MemoryPapers {
    power: Arc<Power>,
    sheets: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl MemoryPapers {
    /// An empty cupboard.
    #[must_use]
    pub fn new(power: Arc<Power>) -> Self {
        Self {
            power,
            sheets: Mutex::default(),
        }
    }

    /// What is kept under this folder and name.
    #[must_use]
    pub fn get(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        let place = (folder.to_owned(), name.to_owned());
        locked(&self.sheets).get(&place).cloned()
    }
}

#[async_trait]
impl Papers for MemoryPapers {
    async fn keep(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), Fault> {
        let place = (folder.to_owned(), name.to_owned());
        let keep = || {
            locked(&self.sheets).insert(place, content.to_vec());
        };
        self.power.act(SHEET, keep).await;
        Ok(())
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Fault> {
        let place = (folder.to_owned(), name.to_owned());
        let remove = || {
            locked(&self.sheets).remove(&place);
        };
        self.power.act(SHEET, remove).await;
        Ok(())
    }
}

impl fmt::Debug for MemoryPapers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryPapers({} sheets)", locked(&self.sheets).len())
    }
}
