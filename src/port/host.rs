//! The seam to the computer that the controller runs on.

use async_trait::async_trait;

use crate::base::Fault;

/// What a host has left for this controller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Left {
    /// Bytes of disk, on the fullest of the disks that it writes to.
    pub disk: u64,
    /// Bytes of memory, by the tightest limit that it runs under.
    pub memory: u64,
    /// Files and sockets that it may open yet.
    pub handles: u64,
}

/// The computer that the controller runs on.
#[async_trait]
pub trait Host: std::fmt::Debug + Send + Sync {
    /// What it has left now.
    async fn left(&self) -> Result<Left, Fault>;
}
