//! One thread with one session, and the ladder it climbs when the session fails.
//!
//! Rung 1: a new session. Rung 2: log in and find the keys again. Rung 3: finalize and initialize the library. Each
//! rung is tried at most once per request, so a request ends after at most four tries; only what changes nothing in the
//! HSM is tried again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::fault;
use super::library::{Age, Library, Trouble, close, is_logged_in};
use super::queue::{Queue, Turn};
use crate::base::Fault;

/// Work for whichever thread is free.
pub(super) type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// A thread's belongings.
pub(super) struct Worker {
    loaded: Arc<Library>,
    connection: Option<Connection>,
    /// The age of the library in which the last call was made: only that age may be ended because the call failed.
    seen: u64,
}

/// A session with the keys found in it.
pub(super) struct Connection {
    /// The session itself.
    pub(super) session: Session,
    /// The library it belongs to.
    pub(super) loaded: Arc<Library>,
    age: u64,
    keys: HashMap<String, (ObjectClass, ObjectHandle)>,
}

/// The ways to recover, from the mildest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rung {
    Session,
    Login,
    Library,
}

impl Worker {
    /// Opens the thread's session and logs in.
    pub(super) fn open(library: Arc<Library>) -> Result<Self, Fault> {
        let mut worker = Self {
            loaded: library,
            connection: None,
            seen: 0,
        };
        worker.climb(Rung::Login).map_err(|trouble| match trouble {
            Trouble::Final(fault) => fault,
            Trouble::Device(error) | Trouble::Interrupted(error) => {
                Fault::new(&fault::LOST, error.to_string())
            }
        })?;
        Ok(worker)
    }

    /// Does jobs until the queue is closed and empty. Network HSMs, and firewalls before them, forget a session that is
    /// silent for some minutes: it is asked for its state so that it is there, or found lost and recovered, before the
    /// next card needs it.
    pub(super) fn run(mut self, jobs: &Queue, keep_alive: Duration) {
        loop {
            let job = match jobs.take(keep_alive) {
                Turn::Job(job) => job,
                Turn::Idle => {
                    if let Err(fault) = self.perform(|connection| connection.need_login()) {
                        tracing::warn!(code = fault.code.id, "an idle HSM session is lost: {fault}");
                    }
                    continue;
                }
                Turn::Closed => return,
            };
            if catch_unwind(AssertUnwindSafe(|| job(&mut self))).is_err() {
                // The caller is told by its dropped reply; the session may be in the middle of anything.
                tracing::error!("an HSM operation panicked");
                self.disconnect(true);
            }
        }
    }

    /// Does one piece of work, recovering and doing it again where that is allowed.
    pub(super) fn perform<T>(
        &mut self,
        mut work: impl FnMut(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        let mut last: Option<Rung> = None;
        let mut outcome = self.attempt(&mut work);
        loop {
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(fault)) => return Err(fault),
                Err(Trouble::Interrupted(error)) => {
                    self.disconnect(!is_gone(&error));
                    return Err(Fault::new(&fault::INTERRUPTED, error.to_string()));
                }
                Err(Trouble::Device(error)) => error,
            };
            let Some(wanted) = rung_for(&error) else {
                return Err(fault::refused(&error));
            };
            let next = match last {
                None => wanted,
                Some(Rung::Session) => wanted.max(Rung::Login),
                Some(Rung::Login) => Rung::Library,
                Some(Rung::Library) => return Err(Fault::new(&fault::LOST, error.to_string())),
            };
            tracing::warn!(%error, rung = ?next, "recovering an HSM session");
            last = Some(next);
            if is_gone(&error)
                && let Some(connection) = self.connection.take()
            {
                // Its handle is no longer ours to close.
                drop(connection);
            }
            outcome = match self.climb(next) {
                Ok(()) => self.attempt(&mut work),
                Err(trouble) => Err(trouble),
            };
        }
    }

    fn attempt<T>(
        &mut self,
        work: &mut impl FnMut(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let library = Arc::clone(&self.loaded);
        let age = library.age();
        let connection = self.connect(&library, &age)?;
        work(connection)
    }

    /// The session, opened anew if there is none or another thread has restarted the library.
    fn connect(&mut self, library: &Arc<Library>, age: &Age) -> Result<&mut Connection, Trouble> {
        self.seen = age.number;
        let current = self
            .connection
            .take()
            .filter(|connection| connection.age == age.number);
        let connection = match current {
            Some(connection) => connection,
            None => {
                let session = library.open(age)?;
                Connection {
                    session,
                    loaded: Arc::clone(library),
                    age: age.number,
                    keys: HashMap::new(),
                }
            }
        };
        Ok(self.connection.insert(connection))
    }

    fn climb(&mut self, rung: Rung) -> Result<(), Trouble> {
        self.disconnect(true);
        if rung == Rung::Library {
            self.loaded.restart(self.seen)?;
        }
        let library = Arc::clone(&self.loaded);
        let age = library.age();
        let connection = self.connect(&library, &age)?;
        if rung >= Rung::Login {
            library.login(&connection.session, &age)?;
        }
        Ok(())
    }

    fn disconnect(&mut self, closing: bool) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let age = self.loaded.age();
        if closing && connection.age == age.number {
            close(connection.session);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.disconnect(true);
    }
}

impl Connection {
    /// The handle of the one key of this class and label.
    pub(super) fn key(&mut self, class: ObjectClass, label: &str) -> Result<ObjectHandle, Trouble> {
        if let Some((known, handle)) = self.keys.get(label)
            && *known == class
        {
            return Ok(*handle);
        }
        match self.find(class, label)?.as_slice() {
            [one] => {
                self.keys.insert(label.to_owned(), (class, *one));
                Ok(*one)
            }
            found => Err(Trouble::Final(Fault::new(
                &fault::KEY_UNKNOWN,
                format!("{label}: {} found", found.len()),
            ))),
        }
    }

    /// All keys of this class and label.
    pub(super) fn find(&self, class: ObjectClass, label: &str) -> Result<Vec<ObjectHandle>, Trouble> {
        self.logged_in(|| {
            Ok(self.session.find_objects(&[
                Attribute::Token(true),
                Attribute::Class(class),
                Attribute::Label(label.as_bytes().to_vec()),
            ])?)
        })
    }

    /// What a search finds from whose beginning to whose end the user was logged in: without login private keys are
    /// not there, and nobody says so. If somebody logged in meanwhile, somebody may have been logged out as well.
    pub(super) fn logged_in<T>(&self, search: impl Fn() -> Result<T, Trouble>) -> Result<T, Trouble> {
        loop {
            let logins = self.loaded.logins();
            let found = search()?;
            self.need_login()?;
            if self.loaded.logins() == logins {
                return Ok(found);
            }
        }
    }

    /// Private keys can be seen now.
    pub(super) fn need_login(&self) -> Result<(), Trouble> {
        if is_logged_in(&self.session)? {
            Ok(())
        } else {
            let login = cryptoki::context::Function::Login;
            Err(Trouble::Device(Error::Pkcs11(RvError::UserNotLoggedIn, login)))
        }
    }

    /// Forgets where a key was.
    pub(super) fn forget(&mut self, label: &str) {
        self.keys.remove(label);
    }
}

/// The mildest rung that can help against an error; none if it is a plain refusal.
pub(super) fn recovers(error: &Error) -> bool {
    rung_for(error).is_some()
}

fn rung_for(error: &Error) -> Option<Rung> {
    let Error::Pkcs11(code, _) = error else {
        return None;
    };
    match code {
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::OperationActive
        | RvError::OperationNotInitialized
        | RvError::DeviceError
        | RvError::DeviceMemory
        | RvError::HostMemory
        | RvError::FunctionFailed
        | RvError::GeneralError => Some(Rung::Session),
        RvError::UserNotLoggedIn | RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => {
            Some(Rung::Login)
        }
        RvError::CryptokiNotInitialized
        | RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::SlotIdInvalid => Some(Rung::Library),
        _ => None,
    }
}

/// The session behind this error does not exist any more.
fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(RvError::SessionHandleInvalid | RvError::SessionClosed, _)
    )
}
