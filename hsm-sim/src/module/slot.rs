//! Slot, token and sessions: who is there and who may come in.

use cryptoki_sys::*;

use super::Module;
use crate::rv::{Outcome, ulong};
use crate::token::Role;

/// The only slot.
pub(crate) const SLOT: CK_SLOT_ID = 0;

/// What `C_GetTokenInfo` tells.
pub(crate) struct TokenView {
    /// Empty before initialization.
    pub(crate) label: String,
    /// Empty before initialization.
    pub(crate) serial: String,
    /// `CKF_…`
    pub(crate) flags: CK_FLAGS,
    /// Open sessions.
    pub(crate) sessions: CK_ULONG,
    /// Of them, read-write.
    pub(crate) read_write: CK_ULONG,
}

/// What `C_GetSessionInfo` tells.
pub(crate) struct SessionView {
    /// `CKS_…`
    pub(crate) state: CK_STATE,
    /// `CKF_…`
    pub(crate) flags: CK_FLAGS,
}

impl Module {
    /// A token is in the slot, initialized or not.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// `C_GetTokenInfo`.
    pub(crate) fn token_view(&mut self, slot: CK_SLOT_ID) -> Outcome<TokenView> {
        check(slot)?;
        let (open, read_only) = self.sessions.count();
        let token = self.token()?;
        token.refresh()?;
        let (label, serial) = token.name().unwrap_or_default();
        Ok(TokenView {
            label: label.to_owned(),
            serial: serial.to_owned(),
            flags: token.flags(),
            sessions: ulong(open),
            read_write: ulong(open - read_only),
        })
    }

    /// `C_InitToken`.
    pub(crate) fn initialize_token(&mut self, slot: CK_SLOT_ID, pin: &[u8], label: &str) -> Outcome<()> {
        check(slot)?;
        if self.sessions.count().0 > 0 {
            return Err(CKR_SESSION_EXISTS);
        }
        self.token()?.initialize(pin, label)
    }

    /// `C_InitPIN`.
    pub(crate) fn initialize_pin(&mut self, handle: CK_SESSION_HANDLE, pin: &[u8]) -> Outcome<()> {
        self.need_read_write(handle)?;
        self.token()?.initialize_pin(pin)
    }

    /// `C_SetPIN`.
    pub(crate) fn set_pin(&mut self, handle: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> Outcome<()> {
        self.need_read_write(handle)?;
        self.token()?.set_pin(old, new)
    }

    /// `C_OpenSession`.
    pub(crate) fn open_session(&mut self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Outcome<CK_SESSION_HANDLE> {
        check(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        }
        let read_write = flags & CKF_RW_SESSION != 0;
        let token = self.token()?;
        token.refresh()?;
        if token.name().is_none() {
            return Err(CKR_TOKEN_NOT_RECOGNIZED);
        }
        if !read_write && token.role() == Some(Role::Officer) {
            return Err(CKR_SESSION_READ_WRITE_SO_EXISTS);
        }
        self.sessions.open(read_write)
    }

    /// `C_CloseSession`: with the last session the login ends.
    pub(crate) fn close_session(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<()> {
        self.sessions.close(handle)?;
        let last = self.sessions.count().0 == 0;
        if let Some(token) = &mut self.token {
            token.drop_session_objects(handle);
            if last {
                token.forget_login();
                token.settle_counters()?;
            }
        }
        Ok(())
    }

    /// `C_CloseAllSessions`.
    pub(crate) fn close_sessions_of(&mut self, slot: CK_SLOT_ID) -> Outcome<()> {
        check(slot)?;
        self.close_all_sessions();
        Ok(())
    }

    pub(super) fn close_all_sessions(&mut self) {
        let closed = self.sessions.close_all();
        if let Some(token) = &mut self.token {
            for handle in closed {
                token.drop_session_objects(handle);
            }
            token.forget_login();
        }
    }

    /// `C_GetSessionInfo`.
    pub(crate) fn session_view(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<SessionView> {
        let read_write = self.session(handle)?.read_write;
        let state = match (self.token()?.role(), read_write) {
            (None, false) => CKS_RO_PUBLIC_SESSION,
            (None, true) => CKS_RW_PUBLIC_SESSION,
            (Some(Role::User), false) => CKS_RO_USER_FUNCTIONS,
            (Some(Role::User), true) => CKS_RW_USER_FUNCTIONS,
            (Some(Role::Officer), _) => CKS_RW_SO_FUNCTIONS,
        };
        let flags = CKF_SERIAL_SESSION | if read_write { CKF_RW_SESSION } else { 0 };
        Ok(SessionView { state, flags })
    }

    /// `C_Login`.
    pub(crate) fn login(&mut self, handle: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> Outcome<()> {
        self.session(handle)?;
        let role = match user {
            CKU_SO => Role::Officer,
            CKU_USER => Role::User,
            CKU_CONTEXT_SPECIFIC => return Err(CKR_OPERATION_NOT_INITIALIZED),
            _ => return Err(CKR_USER_TYPE_INVALID),
        };
        if role == Role::Officer && self.sessions.count().1 > 0 {
            return Err(CKR_SESSION_READ_ONLY_EXISTS);
        }
        let token = self.token()?;
        token.refresh()?;
        token.login(role, pin)
    }

    /// `C_Logout`.
    pub(crate) fn logout(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<()> {
        self.session(handle)?;
        self.token()?.logout()
    }

    pub(super) fn need_read_write(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<()> {
        if self.session(handle)?.read_write {
            Ok(())
        } else {
            Err(CKR_SESSION_READ_ONLY)
        }
    }
}

/// The slot is the only one.
pub(crate) fn check(slot: CK_SLOT_ID) -> Outcome<()> {
    if slot == SLOT {
        Ok(())
    } else {
        Err(CKR_SLOT_ID_INVALID)
    }
}
