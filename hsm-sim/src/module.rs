//! The one state of the library and what the C functions do to it.
//!
//! Everything stands behind one lock. Operations take their key out of it and compute without it, so that sessions of
//! several threads sign side by side.

mod keys;
mod operations;
mod slot;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use cryptoki_sys::{
    CK_SESSION_HANDLE, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_REMOVED,
    CKR_GENERAL_ERROR, CKR_TOKEN_NOT_PRESENT,
};

pub(crate) use operations::{Answer, Room, conclude, conclude_verify};
pub(crate) use slot::{SLOT, check};

use crate::FOLDER_VARIABLE;
use crate::fault::{self, Fault};
use crate::rv::Outcome;
use crate::session::{Session, Sessions};
use crate::token::Token;

static MODULE: Mutex<Option<Module>> = Mutex::new(None);

/// The library between `C_Initialize` and `C_Finalize`.
pub(crate) struct Module {
    token: Option<Token>,
    sessions: Sessions,
    removed: bool,
    spoil_next: bool,
}

/// `C_Initialize`.
pub(crate) fn initialize() -> Outcome<()> {
    MODULE.clear_poison();
    let mut module = guard()?;
    if module.is_some() {
        return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    }
    let folder = std::env::var_os(FOLDER_VARIABLE)
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    *module = Some(Module {
        token: folder.map(|folder| Token::open(&folder)).transpose()?,
        sessions: Sessions::default(),
        removed: false,
        spoil_next: false,
    });
    Ok(())
}

/// `C_Finalize`: the counters are written exactly, everything else is forgotten.
pub(crate) fn finalize() -> Outcome<()> {
    MODULE.clear_poison();
    let module = guard()?.take().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?;
    module.token.map_or(Ok(()), |token| token.settle_counters())
}

/// Does something with the initialized library.
pub(crate) fn with<T>(work: impl FnOnce(&mut Module) -> Outcome<T>) -> Outcome<T> {
    work(guard()?.as_mut().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?)
}

/// A panic inside the lock leaves a state nobody vouches for: only finalizing helps.
fn guard() -> Outcome<MutexGuard<'static, Option<Module>>> {
    MODULE.lock().map_err(|_| CKR_GENERAL_ERROR)
}

impl Module {
    fn token(&mut self) -> Outcome<&mut Token> {
        if self.removed {
            return Err(CKR_DEVICE_REMOVED);
        }
        self.token.as_mut().ok_or(CKR_TOKEN_NOT_PRESENT)
    }

    fn session(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<&mut Session> {
        if self.removed {
            return Err(CKR_DEVICE_REMOVED);
        }
        self.sessions.get(handle)
    }

    /// Every operation begins here, and here the device may show a fault.
    fn step(&mut self) {
        let fault = self.token.as_ref().and_then(|token| fault::next(token.folder()));
        match fault {
            None => {}
            Some(Fault::SessionsLost) => self.close_all_sessions(),
            Some(Fault::LoggedOut) => {
                if let Some(token) = &mut self.token {
                    token.forget_login();
                }
            }
            Some(Fault::DeviceRemoved) => self.removed = true,
            Some(Fault::FrozenMs(time)) => fault::freeze(time),
            Some(Fault::WrongSignature) => self.spoil_next = true,
        }
    }
}
