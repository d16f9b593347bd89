//! The loaded library, shared by all sessions: its life, the one token, the one login.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::{HsmConfig, PinSource, fault};
use crate::base::{Code, Fault};

/// How an operation on the HSM can fail, before anybody has decided what to do about it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing to be done: this is the answer.
    Final(Fault),
    /// The library said no; perhaps a rung of the ladder helps.
    Device(Error),
    /// The library failed in the middle of a change that must not be repeated blindly.
    Interrupted(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

/// A PKCS#11 library between initialize and finalize.
pub(super) struct Library {
    context: Pkcs11,
    label: String,
    source: PinSource,
    age: RwLock<Age>,
    login: Mutex<Login>,
    changes: Mutex<()>,
}

/// The one login that all sessions share. Whoever logs in holds it.
#[derive(Default)]
struct Login {
    /// How often the PIN was accepted.
    times: u64,
    /// Why it was not, for good.
    refused: Option<&'static Code>,
}

/// Which initialization of the library this is, and where the token was found in it.
#[derive(Clone, Copy)]
pub(super) struct Age {
    /// Counts initializations; sessions of an older one are dead.
    pub(super) number: u64,
    slot: Slot,
}

impl Library {
    /// Loads and initializes the library and finds the token.
    pub(super) fn load(config: &HsmConfig) -> Result<Self, Fault> {
        let context = start(&config.module)?;
        match find_token(&context, &config.token) {
            Ok(slot) => Ok(Self {
                context,
                label: config.token.clone(),
                source: config.pin.clone(),
                age: RwLock::new(Age { number: 0, slot }),
                login: Mutex::default(),
                changes: Mutex::new(()),
            }),
            Err(trouble) => {
                let nothing_there = context.get_slots_with_token().is_ok_and(|slots| slots.is_empty());
                // Nothing was opened yet; what finalizing might say adds nothing to the fault.
                let _ = context.finalize();
                Err(match trouble {
                    // Without any token there is none whose label could be wrong.
                    Trouble::Final(_) if nothing_there => Fault::new(&fault::LOST, "no token is there"),
                    Trouble::Final(fault) => fault,
                    Trouble::Device(error) | Trouble::Interrupted(error) => absent(&error),
                })
            }
        }
    }

    /// Manufacturer and model as the token tells them.
    pub(super) fn maker(&self) -> Result<(String, String), Fault> {
        let info = self
            .context
            .get_token_info(self.age().slot)
            .map_err(|error| fault::refused(&error))?;
        Ok((
            info.manufacturer_id().trim_end().to_owned(),
            info.model().trim_end().to_owned(),
        ))
    }

    /// Keeps the library from being finalized while a call is under way.
    pub(super) fn age(&self) -> RwLockReadGuard<'_, Age> {
        self.age.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only one session makes or destroys keys at a time, so that two never make one label.
    pub(super) fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often this process has logged in so far; waits for a login under way.
    pub(super) fn logins(&self) -> u64 {
        self.login_state().times
    }

    fn login_state(&self) -> MutexGuard<'_, Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a read-write session. It is closed by [`close`] only: a handle of an earlier age may be somebody else's
    /// now.
    pub(super) fn open(&self, age: &Age) -> Result<Session, Error> {
        self.context.open_rw_session_no_drop(age.slot)
    }

    /// Sees to it that the user is logged in, trying the PIN at most once, and never again after a refusal.
    pub(super) fn login(&self, session: &Session, age: &Age) -> Result<(), Trouble> {
        let mut login = self.login_state();
        if let Some(code) = login.refused {
            return Err(Trouble::Final(Fault::new(code, "not tried again")));
        }
        if is_logged_in(session)? {
            return Ok(());
        }
        // Read anew for each login, of which there are few: so it lies in no memory meanwhile.
        let pin = self.source.pin().map_err(Trouble::Final)?;
        let pin = AuthPin::from(pin.expose().as_str());
        let tried = self.may_try(age).and_then(|()| {
            self.source.trying();
            let tried = session.login(UserType::User, Some(&pin));
            tried.map_err(Trouble::Device)
        });
        match tried {
            Ok(()) => {
                login.times += 1;
                self.source.accepted();
                Ok(())
            }
            Err(Trouble::Device(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) => {
                self.source.accepted();
                Ok(())
            }
            Err(Trouble::Device(error)) => {
                let code = match error {
                    Error::Pkcs11(RvError::PinLocked, _) => &fault::PIN_LOCKED,
                    Error::Pkcs11(
                        RvError::PinIncorrect
                        | RvError::PinInvalid
                        | RvError::PinLenRange
                        | RvError::PinExpired
                        | RvError::UserPinNotInitialized,
                        _,
                    ) => &fault::PIN,
                    // It answered, and not about the PIN.
                    error => {
                        self.source.accepted();
                        return Err(Trouble::Device(error));
                    }
                };
                login.refused = Some(code);
                self.source.refused(code);
                Err(Trouble::Final(Fault::new(code, error.to_string())))
            }
            Err(other) => {
                if let Trouble::Final(fault) = &other {
                    login.refused = Some(fault.code);
                }
                Err(other)
            }
        }
    }

    /// The last try before the lock is a person's; and what was refused before this process began is not tried again.
    fn may_try(&self, age: &Age) -> Result<(), Trouble> {
        self.source.check().map_err(Trouble::Final)?;
        let token = self.context.get_token_info(age.slot)?;
        if token.user_pin_locked() {
            Err(Trouble::Final(Fault::new(&fault::PIN_LOCKED, "not tried")))
        } else if token.user_pin_final_try() {
            Err(Trouble::Final(Fault::new(&fault::PIN_LAST_TRY, "not tried")))
        } else {
            Ok(())
        }
    }

    /// The third rung: finalizes and initializes the library, unless somebody did since `seen`.
    pub(super) fn restart(&self, seen: u64) -> Result<(), Trouble> {
        let mut age = self.age.write().unwrap_or_else(PoisonError::into_inner);
        if age.number != seen {
            return Ok(());
        }
        // From here on every session is dead, whatever comes of the rest.
        age.number += 1;
        match self.context.clone().finalize() {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {}
            Err(error) => tracing::warn!(%error, "finalizing the PKCS#11 library failed"),
        }
        self.context.initialize(arguments())?;
        age.slot = find_token(&self.context, &self.label).map_err(away)?;
        Ok(())
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Err(error) = self.context.clone().finalize() {
            tracing::warn!(%error, "finalizing the PKCS#11 library failed");
        }
    }
}

/// Loads and initializes a library.
pub(super) fn start(module: &Path) -> Result<Pkcs11, Fault> {
    let fault = |error: Error| Fault::new(&fault::MODULE, format!("{}: {error}", module.display()));
    let context = Pkcs11::new(module).map_err(fault)?;
    context.initialize(arguments()).map_err(fault)?;
    Ok(context)
}

/// The slot of the initialized token with this label.
pub(super) fn find_token(context: &Pkcs11, label: &str) -> Result<Slot, Trouble> {
    for slot in context.get_slots_with_initialized_token()? {
        if context.get_token_info(slot)?.label().trim_end() == label {
            return Ok(slot);
        }
    }
    Err(Trouble::Final(Fault::new(&fault::TOKEN, label)))
}

/// Why the token could not be looked at: it or its device is away, or the library is of no use.
fn absent(error: &Error) -> Fault {
    let away = matches!(
        error,
        Error::Pkcs11(
            RvError::TokenNotPresent | RvError::DeviceError | RvError::DeviceRemoved,
            _
        )
    );
    let code = if away { &fault::LOST } else { &fault::MODULE };
    Fault::new(code, error.to_string())
}

/// A token that was there when the daemon started is away, not unknown: the same request may be made again.
fn away(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Final(fault) if *fault.code == fault::TOKEN => {
            let looked = cryptoki::context::Function::GetSlotList;
            Trouble::Device(Error::Pkcs11(RvError::TokenNotPresent, looked))
        }
        other => other,
    }
}

/// Closes a session that is still this library's to close.
pub(super) fn close(session: Session) {
    if let Err(error) = session.close() {
        tracing::debug!(%error, "closing an HSM session failed");
    }
}

/// The user's keys may be seen and used in this session.
pub(super) fn is_logged_in(session: &Session) -> Result<bool, Error> {
    let state = session.get_session_info()?.session_state();
    Ok(matches!(state, SessionState::RwUser | SessionState::RoUser))
}

fn arguments() -> CInitializeArgs {
    CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)
}
