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

    /// Names of all papers in a folder, in order.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        let sheets = locked(&self.sheets);
        let inside = sheets.keys().filter(|(place, _)| place == folder);
        inside.map(|(_, name)| name.clone()).collect()
    }

    /// One paper.
    #[must_use]
    pub fn paper(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        let sheets = locked(&self.sheets);
        sheets.get(&(folder.to_owned(), name.to_owned())).cloned()
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
}

impl fmt::Debug for MemoryPapers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryPapers({} sheets)", locked(&self.sheets).len())
    }
}
