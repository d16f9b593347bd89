//! The C boundary: every PKCS#11 function, thin. Pointers become slices here and nowhere else; a panic never crosses.

mod absent;
mod faulty;
mod general;
mod keys;
mod memory;
mod objects;
mod operations;
mod sessions;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_VERSION, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK};

use crate::rv::Outcome;

/// Defines C functions whose body is an [`Outcome`]: guarded against panics, and inside one unsafe block because every
/// body stands on the same promise of the caller.
macro_rules! entries {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)+) => {$(
        $(#[$doc])*
        pub(super) unsafe extern "C" fn $name($($argument: $type),*) -> cryptoki_sys::CK_RV {
            $crate::ffi::guarded(move || -> $crate::rv::Outcome<()> {
                // SAFETY: the caller keeps the contract of PKCS#11 2.40 §5: a pointer is null, or valid and aligned for
                // the length given with it, and nothing else changes what it points to during the call.
                #[allow(unused_unsafe, reason = "some bodies touch no pointer")]
                unsafe { $body }
            })
        }
    )+};
}
use entries;

/// What this library's own token can do: version 2.40.
const FUNCTIONS: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
    version: CK_VERSION { major: 2, minor: 40 },
    C_Initialize: Some(general::C_Initialize),
    C_Finalize: Some(general::C_Finalize),
    C_GetInfo: Some(general::C_GetInfo),
    C_GetFunctionList: Some(C_GetFunctionList),
    C_GetSlotList: Some(general::C_GetSlotList),
    C_GetSlotInfo: Some(general::C_GetSlotInfo),
    C_GetTokenInfo: Some(general::C_GetTokenInfo),
    C_GetMechanismList: Some(general::C_GetMechanismList),
    C_GetMechanismInfo: Some(general::C_GetMechanismInfo),
    C_InitToken: Some(sessions::C_InitToken),
    C_InitPIN: Some(sessions::C_InitPIN),
    C_SetPIN: Some(sessions::C_SetPIN),
    C_OpenSession: Some(sessions::C_OpenSession),
    C_CloseSession: Some(sessions::C_CloseSession),
    C_CloseAllSessions: Some(sessions::C_CloseAllSessions),
    C_GetSessionInfo: Some(sessions::C_GetSessionInfo),
    C_GetOperationState: Some(absent::C_GetOperationState),
    C_SetOperationState: Some(absent::C_SetOperationState),
    C_Login: Some(sessions::C_Login),
    C_Logout: Some(sessions::C_Logout),
    C_CreateObject: Some(objects::C_CreateObject),
    C_CopyObject: Some(absent::C_CopyObject),
    C_DestroyObject: Some(objects::C_DestroyObject),
    C_GetObjectSize: Some(absent::C_GetObjectSize),
    C_GetAttributeValue: Some(objects::C_GetAttributeValue),
    C_SetAttributeValue: Some(objects::C_SetAttributeValue),
    C_FindObjectsInit: Some(objects::C_FindObjectsInit),
    C_FindObjects: Some(objects::C_FindObjects),
    C_FindObjectsFinal: Some(objects::C_FindObjectsFinal),
    C_EncryptInit: Some(operations::C_EncryptInit),
    C_Encrypt: Some(operations::C_Encrypt),
    C_EncryptUpdate: Some(absent::C_EncryptUpdate),
    C_EncryptFinal: Some(absent::C_EncryptFinal),
    C_DecryptInit: Some(operations::C_DecryptInit),
    C_Decrypt: Some(operations::C_Decrypt),
    C_DecryptUpdate: Some(absent::C_DecryptUpdate),
    C_DecryptFinal: Some(absent::C_DecryptFinal),
    C_DigestInit: Some(absent::C_DigestInit),
    C_Digest: Some(absent::C_Digest),
    C_DigestUpdate: Some(absent::C_DigestUpdate),
    C_DigestKey: Some(absent::C_DigestKey),
    C_DigestFinal: Some(absent::C_DigestFinal),
    C_SignInit: Some(operations::C_SignInit),
    C_Sign: Some(operations::C_Sign),
    C_SignUpdate: Some(operations::C_SignUpdate),
    C_SignFinal: Some(operations::C_SignFinal),
    C_SignRecoverInit: Some(absent::C_SignRecoverInit),
    C_SignRecover: Some(absent::C_SignRecover),
    C_VerifyInit: Some(operations::C_VerifyInit),
    C_Verify: Some(operations::C_Verify),
    C_VerifyUpdate: Some(operations::C_VerifyUpdate),
    C_VerifyFinal: Some(operations::C_VerifyFinal),
    C_VerifyRecoverInit: Some(absent::C_VerifyRecoverInit),
    C_VerifyRecover: Some(absent::C_VerifyRecover),
    C_DigestEncryptUpdate: Some(absent::C_DigestEncryptUpdate),
    C_DecryptDigestUpdate: Some(absent::C_DecryptDigestUpdate),
    C_SignEncryptUpdate: Some(absent::C_SignEncryptUpdate),
    C_DecryptVerifyUpdate: Some(absent::C_DecryptVerifyUpdate),
    C_GenerateKey: Some(keys::C_GenerateKey),
    C_GenerateKeyPair: Some(keys::C_GenerateKeyPair),
    C_WrapKey: Some(keys::C_WrapKey),
    C_UnwrapKey: Some(keys::C_UnwrapKey),
    C_DeriveKey: Some(keys::C_DeriveKey),
    C_SeedRandom: Some(keys::C_SeedRandom),
    C_GenerateRandom: Some(keys::C_GenerateRandom),
    C_GetFunctionStatus: Some(absent::C_GetFunctionStatus),
    C_CancelFunction: Some(absent::C_CancelFunction),
    C_WaitForSlotEvent: Some(absent::C_WaitForSlotEvent),
};

/// The one exported symbol: gives the caller the list of all functions.
///
/// # Safety
/// `list` is null or valid for writing one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    guarded(move || {
        let functions = faulty::list()?;
        // SAFETY: not null, and valid by this function's contract. The list is only ever read.
        unsafe { list.write(std::ptr::from_ref(functions).cast_mut()) };
        Ok(())
    })
}

/// Turns an outcome into a return value, and a panic into `CKR_GENERAL_ERROR`: unwinding into C would abort the daemon.
fn guarded(body: impl FnOnce() -> Outcome<()>) -> CK_RV {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(code)) => code,
        Err(_) => CKR_GENERAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_general_error() {
        assert_eq!(guarded(|| panic!("on purpose")), CKR_GENERAL_ERROR);
        assert_eq!(guarded(|| Err(CKR_ARGUMENTS_BAD)), CKR_ARGUMENTS_BAD);
    }
}
