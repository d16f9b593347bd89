//! The eyes of all readers behind PC/SC, with a process of their own for each pcscd.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::base::ids::MachineId;
use crate::base::{Clock, Fault, limits};
use crate::port::Fields;

use super::THIS_PROGRAM;
use super::choose::ReaderId;
use super::fault;
use super::frame::{Answer, Reader, Request};
use super::host::Host;

/// Looks at fields without touching the cards in them.
#[derive(Debug)]
pub struct PcscFields {
    clock: Clock,
    services: BTreeMap<Option<PathBuf>, Service>,
}

/// One pcscd and the machines that are read through it.
#[derive(Debug, Default)]
struct Service {
    machines: Vec<(MachineId, ReaderId)>,
    host: Mutex<Option<Host>>,
}

impl PcscFields {
    /// No eyes yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            services: BTreeMap::new(),
        }
    }

    /// This machine has this reader, at this pcscd or the system's own.
    pub fn watch(&mut self, machine: MachineId, reader: ReaderId, socket: Option<PathBuf>) {
        self.services
            .entry(socket)
            .or_default()
            .machines
            .push((machine, reader));
    }

    /// No machine is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    async fn readers(&self, socket: Option<&Path>, service: &Service) -> Result<Vec<Reader>, Fault> {
        let ports = service
            .machines
            .iter()
            .any(|(_, reader)| reader.asks_the_system());
        let mut place = service.host.lock().await;
        let mut host = match place.take() {
            Some(host) => host,
            None => Host::start(Path::new(THIS_PROGRAM), &ReaderId::default(), socket)?,
        };
        let request = Request::List { ports };
        match self
            .clock
            .within(limits::READER_DEADLINE, host.ask(&request))
            .await
        {
            Some(Ok(Answer::Readers(readers))) => {
                *place = Some(host);
                Ok(readers)
            }
            // The next look begins with a new process.
            Some(Ok(Answer::Fault(fault)) | Err(fault)) => Err(fault),
            Some(Ok(_)) => Err(Fault::new(&fault::UNINTELLIGIBLE, "not a list of readers")),
            None => Err(Fault::new(&fault::SILENT, "pcscd")),
        }
    }
}

#[async_trait]
impl Fields for PcscFields {
    async fn occupied(&self) -> BTreeMap<MachineId, bool> {
        let mut seen = BTreeMap::new();
        for (socket, service) in &self.services {
            let readers = match self.readers(socket.as_deref(), service).await {
                Ok(readers) => readers,
                Err(fault) => {
                    tracing::warn!(code = fault.code.id, "readers cannot be looked at: {fault}");
                    continue;
                }
            };
            for (machine, id) in &service.machines {
                if let Ok(reader) = id.choose(&readers) {
                    seen.insert(machine.clone(), reader.occupied);
                }
            }
        }
        seen
    }
}
