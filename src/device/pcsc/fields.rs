//! The eyes of all readers behind PC/SC. Each pcscd has a process and a task of its own, so that one that hangs blinds
//! the machines behind it and no others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::base::ids::MachineId;
use crate::base::{Clock, Fault, limits};
use crate::port::{Fields, Seen};

use super::THIS_PROGRAM;
use super::choose::ReaderId;
use super::fault;
use super::frame::{Answer, Reader, Request};
use super::host::Host;

/// A reader that is looked at.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Whose it is.
    pub machine: MachineId,
    /// Which it is.
    pub reader: ReaderId,
    /// The socket of its pcscd; without one, the system's own.
    pub socket: Option<PathBuf>,
}

/// Looks at fields without touching the cards in them, from the first question on.
#[derive(Debug)]
pub struct PcscFields {
    program: PathBuf,
    clock: Clock,
    services: BTreeMap<Option<PathBuf>, Vec<(MachineId, ReaderId)>>,
    seen: watch::Sender<BTreeMap<Option<PathBuf>, Seen>>,
    /// One for each service; they end when this is dropped.
    looking: OnceLock<JoinSet<()>>,
}

impl PcscFields {
    /// Eyes on these readers, to be used on a tokio runtime.
    #[must_use]
    pub fn new(watched: Vec<Watched>, clock: Clock) -> Self {
        let mut services: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Watched {
            machine,
            reader,
            socket,
        } in watched
        {
            services.entry(socket).or_default().push((machine, reader));
        }
        Self {
            program: PathBuf::from(THIS_PROGRAM),
            clock,
            services,
            seen: watch::Sender::default(),
            looking: OnceLock::new(),
        }
    }

    /// The same with another program file: for tests, which run in programs of their own.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// What all services have told, as soon as each has and it is as wanted.
    async fn when(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        self.looking.get_or_init(|| {
            let mut tasks = JoinSet::new();
            for (socket, machines) in &self.services {
                let service = Service {
                    program: self.program.clone(),
                    socket: socket.clone(),
                    machines: machines.clone(),
                    host: None,
                };
                tasks.spawn(service.look(self.clock, self.seen.clone()));
            }
            tasks
        });
        let mut told = self.seen.subscribe();
        let all = |told: &BTreeMap<_, Seen>| -> Seen { told.values().flat_map(Seen::clone).collect() };
        let services = self.services.len();
        let told = told.wait_for(|told| told.len() == services && wanted(&all(told)));
        // The sender lives as long as this.
        told.await.map(|told| all(&told)).unwrap_or_default()
    }
}

#[async_trait]
impl Fields for PcscFields {
    async fn seen(&self) -> Seen {
        self.when(|_| true).await
    }

    async fn other_than(&self, known: &Seen) -> Seen {
        self.when(|seen| seen != known).await
    }
}

/// One pcscd, the machines that are read through it, and the process that looks at their readers.
struct Service {
    program: PathBuf,
    socket: Option<PathBuf>,
    machines: Vec<(MachineId, ReaderId)>,
    host: Option<Host>,
}

impl Service {
    async fn look(mut self, clock: Clock, seen: watch::Sender<BTreeMap<Option<PathBuf>, Seen>>) {
        loop {
            let found = self.ask(clock).await;
            let sight = self.machines.iter().filter_map(|(machine, id)| {
                let sight = match &found {
                    Ok(readers) => id.choose(readers).map(|reader| reader.occupied),
                    Err(fault) => Err(fault.clone()),
                };
                match sight {
                    // Some program works with it, and that may be ours: it is there, and tells nothing.
                    Err(fault) if *fault.code == fault::SHARED => None,
                    sight => Some((machine.clone(), sight)),
                }
            });
            let sight: Seen = sight.collect();
            seen.send_if_modified(|told| told.insert(self.socket.clone(), sight.clone()) != Some(sight));
            if found.is_err() {
                clock.sleep(limits::READERS_AGAIN).await;
            }
        }
    }

    /// What is there now, when it is not what was there before, or a little later. After a fault the next look begins
    /// with a new process.
    async fn ask(&mut self, clock: Clock) -> Result<Vec<Reader>, Fault> {
        let ports = self.machines.iter().any(|(_, reader)| reader.asks_the_system());
        let (mut host, limit) = match self.host.take() {
            Some(host) => (host, limits::READERS_HUSHED),
            None => {
                let host = Host::start(&self.program, &ReaderId::default(), self.socket.as_deref())?;
                (host, limits::READER_DEADLINE)
            }
        };
        let told = clock.within(limit, host.ask(&Request::Watch { ports })).await;
        let fault = match told {
            Some(Ok(Answer::Readers(readers))) => {
                self.host = Some(host);
                return Ok(readers);
            }
            Some(Ok(Answer::Fault(fault)) | Err(fault)) => fault,
            Some(Ok(_)) => Fault::new(&fault::UNINTELLIGIBLE, "not a list of readers"),
            None => Fault::new(&fault::SILENT, "pcscd"),
        };
        host.end(clock).await;
        Err(fault)
    }
}
