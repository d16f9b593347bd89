//! §5.4 General-purpose functions, §5.5 slots, token and mechanisms.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{entries, memory};
use crate::mechanism::LISTED;
use crate::module::{self, SLOT};
use crate::rv::ulong;
use crate::session::SESSIONS_MAX;
use crate::token::{PIN_MAX, PIN_MIN};
use crate::{MANUFACTURER, MODEL};

const VERSION: CK_VERSION = CK_VERSION { major: 0, minor: 1 };

entries! {
    fn C_Initialize(arguments: *mut c_void) {
        if !arguments.is_null() {
            let given = memory::get(arguments.cast::<CK_C_INITIALIZE_ARGS>())?;
            if !given.pReserved.is_null() {
                return Err(CKR_ARGUMENTS_BAD);
            }
            let own = [
                given.CreateMutex.is_some(),
                given.DestroyMutex.is_some(),
                given.LockMutex.is_some(),
                given.UnlockMutex.is_some(),
            ];
            if own.contains(&true) && own.contains(&false) {
                return Err(CKR_ARGUMENTS_BAD);
            }
            if own.contains(&true) && given.flags & CKF_OS_LOCKING_OK == 0 {
                return Err(CKR_CANT_LOCK);
            }
        }
        module::initialize()
    }

    fn C_Finalize(reserved: *mut c_void) {
        if !reserved.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        module::finalize()
    }

    fn C_GetInfo(info: *mut CK_INFO) {
        module::with(|_| Ok(()))?;
        memory::put(info, CK_INFO {
            cryptokiVersion: CK_VERSION { major: 2, minor: 40 },
            manufacturerID: padded(MANUFACTURER),
            flags: 0,
            libraryDescription: padded("hsm-sim rehearsal token"),
            libraryVersion: VERSION,
        })
    }

    fn C_GetSlotList(with_token: CK_BBOOL, list: *mut CK_SLOT_ID, count: *mut CK_ULONG) {
        let shown = module::with(|module| Ok(with_token == CK_FALSE || module.has_token()))?;
        memory::put_list(list, count, if shown { &[SLOT] } else { &[] })
    }

    fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) {
        let present = module::with(|module| {
            module::check(slot)?;
            Ok(module.has_token())
        })?;
        memory::put(info, CK_SLOT_INFO {
            slotDescription: padded("hsm-sim slot"),
            manufacturerID: padded(MANUFACTURER),
            flags: CKF_REMOVABLE_DEVICE | if present { CKF_TOKEN_PRESENT } else { 0 },
            hardwareVersion: VERSION,
            firmwareVersion: VERSION,
        })
    }

    fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) {
        let view = module::with(|module| module.token_view(slot))?;
        memory::put(info, CK_TOKEN_INFO {
            label: padded(&view.label),
            manufacturerID: padded(MANUFACTURER),
            model: padded(MODEL),
            serialNumber: padded(&view.serial),
            flags: view.flags,
            ulMaxSessionCount: ulong(SESSIONS_MAX),
            ulSessionCount: view.sessions,
            ulMaxRwSessionCount: ulong(SESSIONS_MAX),
            ulRwSessionCount: view.read_write,
            ulMaxPinLen: ulong(PIN_MAX),
            ulMinPinLen: ulong(PIN_MIN),
            ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: VERSION,
            firmwareVersion: VERSION,
            utcTime: [b'0'; 16],
        })
    }

    fn C_GetMechanismList(slot: CK_SLOT_ID, list: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG) {
        module::with(|_| module::check(slot))?;
        let all: Vec<_> = LISTED.iter().map(|listed| listed.0).collect();
        memory::put_list(list, count, &all)
    }

    fn C_GetMechanismInfo(slot: CK_SLOT_ID, wanted: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO) {
        module::with(|_| module::check(slot))?;
        let listed = LISTED.iter().find(|listed| listed.0 == wanted).ok_or(CKR_MECHANISM_INVALID)?;
        memory::put(info, CK_MECHANISM_INFO {
            ulMinKeySize: listed.1,
            ulMaxKeySize: listed.2,
            flags: listed.3,
        })
    }
}

/// Text padded with blanks, cut at a character's border.
pub(super) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let end = text.floor_char_boundary(N);
    field
        .iter_mut()
        .zip(text.as_bytes().iter().take(end))
        .for_each(|(place, byte)| *place = *byte);
    field
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn texts_are_padded_and_cut_between_characters() {
        assert_eq!(&padded::<6>("phôi"), "phôi ".as_bytes());
        assert_eq!(&padded::<3>("phôi"), b"ph ");
        assert_eq!(&padded::<2>(""), b"  ");
    }
}
