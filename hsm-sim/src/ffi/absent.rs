//! Functions this token does not have: the standard wants an entry for each, and an honest answer.

use std::ffi::c_void;

use cryptoki_sys::*;

macro_rules! absent {
    ($($name:ident($($type:ty),*) = $code:ident;)+) => {$(
        pub(super) unsafe extern "C" fn $name($(_: $type),*) -> CK_RV {
            $code
        }
    )+};
}

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Mechanism = *mut CK_MECHANISM;
type Bytes = *mut u8;
type Length = CK_ULONG;
type Room = *mut CK_ULONG;

absent! {
    C_GetOperationState(Session, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_SetOperationState(Session, Bytes, Length, Object, Object) = CKR_FUNCTION_NOT_SUPPORTED;
    C_CopyObject(Session, Object, *mut CK_ATTRIBUTE, Length, *mut Object) = CKR_FUNCTION_NOT_SUPPORTED;
    C_GetObjectSize(Session, Object, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_EncryptUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_EncryptFinal(Session, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DecryptUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DecryptFinal(Session, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DigestInit(Session, Mechanism) = CKR_FUNCTION_NOT_SUPPORTED;
    C_Digest(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DigestUpdate(Session, Bytes, Length) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DigestKey(Session, Object) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DigestFinal(Session, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_SignRecoverInit(Session, Mechanism, Object) = CKR_FUNCTION_NOT_SUPPORTED;
    C_SignRecover(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_VerifyRecoverInit(Session, Mechanism, Object) = CKR_FUNCTION_NOT_SUPPORTED;
    C_VerifyRecover(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DigestEncryptUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DecryptDigestUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_SignEncryptUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_DecryptVerifyUpdate(Session, Bytes, Length, Bytes, Room) = CKR_FUNCTION_NOT_SUPPORTED;
    C_GetFunctionStatus(Session) = CKR_FUNCTION_NOT_PARALLEL;
    C_CancelFunction(Session) = CKR_FUNCTION_NOT_PARALLEL;
    C_WaitForSlotEvent(CK_FLAGS, *mut CK_SLOT_ID, *mut c_void) = CKR_FUNCTION_NOT_SUPPORTED;
}
