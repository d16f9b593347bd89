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
    CK_SESSION_HANDLE, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_GENERAL_ERROR,
    CKR_TOKEN_NOT_PRESENT,
};

pub(crate) use operations::{Answer, Room, conclude, conclude_verify};
pub(crate) use slot::{SLOT, check};

use crate::FOLDER_VARIABLE;
use crate::rv::Outcome;
use crate::session::{Session, Sessions};
use crate::token::Token;

static MODULE: Mutex<Option<Module>> = Mutex::new(None);

/// The library between `C_Initialize` and `C_Finalize`.
pub(crate) struct Module {
    token: Option<Token>,
    sessions: Sessions,
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
        self.token.as_mut().ok_or(CKR_TOKEN_NOT_PRESENT)
    }

    fn session(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<&mut Session> {
        self.sessions.get(handle)
    }
}
