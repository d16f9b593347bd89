//! §5.5 token initialization and PINs, §5.6 sessions.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{entries, memory};
use crate::module;

/// Length of a token's label.
const LABEL: CK_ULONG = 32;

entries! {
    fn C_InitToken(slot: CK_SLOT_ID, pin: *mut CK_UTF8CHAR, length: CK_ULONG, label: *mut CK_UTF8CHAR) {
        let pin = memory::input(pin, length)?;
        let label = std::str::from_utf8(memory::input(label, LABEL)?).map_err(|_| CKR_ARGUMENTS_BAD)?;
        module::with(|module| module.initialize_token(slot, pin, label.trim_end_matches([' ', '\0'])))
    }

    fn C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, length: CK_ULONG) {
        let pin = memory::input(pin, length)?;
        module::with(|module| module.initialize_pin(session, pin))
    }

    fn C_SetPIN(
        session: CK_SESSION_HANDLE,
        old: *mut CK_UTF8CHAR,
        old_length: CK_ULONG,
        new: *mut CK_UTF8CHAR,
        new_length: CK_ULONG,
    ) {
        let old = memory::input(old, old_length)?;
        let new = memory::input(new, new_length)?;
        module::with(|module| module.set_pin(session, old, new))
    }

    fn C_OpenSession(
        slot: CK_SLOT_ID,
        flags: CK_FLAGS,
        _application: *mut c_void,
        _notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE,
    ) {
        if session.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let opened = module::with(|module| module.open_session(slot, flags))?;
        memory::put(session, opened)
    }

    fn C_CloseSession(session: CK_SESSION_HANDLE) {
        module::with(|module| module.close_session(session))
    }

    fn C_CloseAllSessions(slot: CK_SLOT_ID) {
        module::with(|module| module.close_sessions_of(slot))
    }

    fn C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO) {
        let view = module::with(|module| module.session_view(session))?;
        memory::put(info, CK_SESSION_INFO {
            slotID: module::SLOT,
            state: view.state,
            flags: view.flags,
            ulDeviceError: 0,
        })
    }

    fn C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, length: CK_ULONG) {
        let pin = memory::input(pin, length)?;
        module::with(|module| module.login(session, user, pin))
    }

    fn C_Logout(session: CK_SESSION_HANDLE) {
        module::with(|module| module.logout(session))
    }
}
