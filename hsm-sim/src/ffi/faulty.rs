//! The outermost layer: the functions a caller gets. Where a fault is asked for they show it, else they hand on to the
//! module behind them, which is this library's own token or, with `HSM_SIM_FORWARD`, any other PKCS#11 library.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use cryptoki_sys::*;

use super::general::padded;
use super::{FUNCTIONS, guarded};
use crate::fault::{Device, Order};
use crate::rv::{Outcome, ulong};
use crate::{FOLDER_VARIABLE, FORWARD_VARIABLE, MANUFACTURER};

/// Length of an ECDSA signature on P-256.
const SIGNATURE: CK_ULONG = 64;
/// DER of the object identifier prime256v1 (SEC 2 §2.4.2).
const PRIME256V1: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Calls the module behind, while no fault takes away what the call works with.
macro_rules! behind {
    ($($call:tt)+) => {{
        let _under_way = CALLS.read().unwrap_or_else(PoisonError::into_inner);
        handed!($($call)+)
    }};
}
/// Calls the module behind.
macro_rules! handed {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        let function = BEHIND.get().and_then(|behind| behind.module.$name);
        match function.ok_or(CKR_FUNCTION_NOT_SUPPORTED) {
            Ok(function) => match function($($argument),*) {
                CKR_OK => Ok(()),
                code => Err(code),
            },
            Err(code) => Err(code),
        }
    }};
}
static BEHIND: OnceLock<Behind> = OnceLock::new();
static DEVICE: Mutex<Option<Device>> = Mutex::new(None);
/// Held by every call under way, and alone by a fault that ends sessions or the login: a device of its own does that
/// between two calls, while a library in this process may be in the middle of one. SoftHSM2 2.6 then goes on with what
/// is freed already.
static CALLS: RwLock<()> = RwLock::new(());

/// The module behind, and the list that is given away in its place.
struct Behind {
    module: CK_FUNCTION_LIST,
    given: CK_FUNCTION_LIST,
    /// Keeps the other library loaded.
    _library: Option<Pkcs11>,
}

/// The list of functions for a caller.
///
/// # Errors
/// `CKR_GENERAL_ERROR` if the other library cannot be loaded.
pub(super) fn list() -> Outcome<&'static CK_FUNCTION_LIST> {
    if let Some(behind) = BEHIND.get() {
        return Ok(&behind.given);
    }
    let (module, library) = match setting(FORWARD_VARIABLE) {
        None => (FUNCTIONS, None),
        Some(path) => load(&path).map(|(module, library)| (module, Some(library)))?,
    };
    let behind = Behind {
        given: faulty(&module),
        module,
        _library: library,
    };
    Ok(&BEHIND.get_or_init(|| behind).given)
}

fn load(path: &Path) -> Outcome<(CK_FUNCTION_LIST, Pkcs11)> {
    // SAFETY: whoever sets the variable vouches that the file is a PKCS#11 library, as for the library itself.
    let library = unsafe { Pkcs11::new(path) }.map_err(|_| CKR_GENERAL_ERROR)?;
    if library.C_GetFunctionList.is_err() {
        return Err(CKR_GENERAL_ERROR);
    }
    let mut list = std::ptr::null_mut();
    // SAFETY: the symbol is there, and `list` is valid for writing one pointer.
    let code = unsafe { library.C_GetFunctionList(&raw mut list) };
    if code != CKR_OK || list.is_null() {
        return Err(CKR_GENERAL_ERROR);
    }
    // SAFETY: a list that was given away stays valid while its library is loaded (2.40 §5.4).
    Ok((unsafe { *list }, library))
}

fn faulty(module: &CK_FUNCTION_LIST) -> CK_FUNCTION_LIST {
    CK_FUNCTION_LIST {
        // Nothing of a later version is given away: it would pass by here.
        version: FUNCTIONS.version,
        C_GetFunctionList: Some(super::C_GetFunctionList),
        C_Initialize: Some(C_Initialize),
        C_GetSlotList: Some(C_GetSlotList),
        C_GetTokenInfo: Some(C_GetTokenInfo),
        C_OpenSession: Some(C_OpenSession),
        C_CloseSession: Some(C_CloseSession),
        C_Login: Some(C_Login),
        C_GetSessionInfo: Some(C_GetSessionInfo),
        C_CreateObject: Some(C_CreateObject),
        C_DestroyObject: Some(C_DestroyObject),
        C_GetAttributeValue: Some(C_GetAttributeValue),
        C_SetAttributeValue: Some(C_SetAttributeValue),
        C_FindObjectsInit: Some(C_FindObjectsInit),
        C_FindObjects: Some(C_FindObjects),
        C_FindObjectsFinal: Some(C_FindObjectsFinal),
        C_EncryptInit: Some(C_EncryptInit),
        C_Encrypt: Some(C_Encrypt),
        C_DecryptInit: Some(C_DecryptInit),
        C_Decrypt: Some(C_Decrypt),
        C_SignInit: Some(C_SignInit),
        C_Sign: Some(C_Sign),
        C_VerifyInit: Some(C_VerifyInit),
        C_Verify: Some(C_Verify),
        C_GenerateKey: Some(C_GenerateKey),
        C_GenerateKeyPair: Some(C_GenerateKeyPair),
        C_WrapKey: Some(C_WrapKey),
        C_UnwrapKey: Some(C_UnwrapKey),
        C_DeriveKey: Some(C_DeriveKey),
        C_GenerateRandom: Some(C_GenerateRandom),
        ..*module
    }
}

fn setting(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn device() -> MutexGuard<'static, Option<Device>> {
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with the device in hand.
fn with<T>(work: impl FnOnce(&mut Device) -> T) -> T {
    work(device().get_or_insert_with(|| Device::new(setting(FOLDER_VARIABLE))))
}

fn present() -> Outcome<()> {
    with(|device| device.present())
}

/// An operation begins in this session.
fn begin(session: CK_SESSION_HANDLE) -> Outcome<()> {
    let (order, delay) = with(Device::begin);
    crate::fault::freeze(delay);
    let Some(order) = order? else {
        return Ok(());
    };
    let _alone = CALLS.write().unwrap_or_else(PoisonError::into_inner);
    match order {
        Order::CloseSessions => close_sessions(session),
        // SAFETY: takes no pointer.
        Order::LogOut => unsafe { handed!(C_Logout(session)) }.or(Ok(())),
    }
}

/// Whatever comes of it shows in the operation that follows.
fn close_sessions(session: CK_SESSION_HANDLE) -> Outcome<()> {
    let mut info = CK_SESSION_INFO {
        slotID: 0,
        state: 0,
        flags: 0,
        ulDeviceError: 0,
    };
    // SAFETY: `info` is valid for writing during the call.
    unsafe { handed!(C_GetSessionInfo(session, &raw mut info)) }?;
    // SAFETY: takes no pointer.
    unsafe { handed!(C_CloseAllSessions(info.slotID)) }
}

/// The first look.
macro_rules! look {
    (begins, $head:ident) => {
        begin($head)
    };
    (asks, $head:ident) => {
        present()
    };
}
/// Defines functions that hand on after a first look at the device.
macro_rules! handed_on {
    ($first:ident: $(fn $name:ident($head:ident: $kind:ty $(, $argument:ident: $type:ty)*);)+) => {$(
        unsafe extern "C" fn $name($head: $kind $(, $argument: $type)*) -> CK_RV {
            guarded(move || {
                look!($first, $head)?;
                // SAFETY: the caller's promise to this function is the one to the function behind it.
                unsafe { behind!($name($head $(, $argument)*)) }
            })
        }
    )+};
}
handed_on! { begins:
    fn C_FindObjectsInit(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG);
    fn C_CreateObject(
        session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE
    );
    fn C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    fn C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    fn C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    fn C_GenerateKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM,
        template: *mut CK_ATTRIBUTE, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    fn C_GenerateKeyPair(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM,
        public: *mut CK_ATTRIBUTE, public_count: CK_ULONG, private: *mut CK_ATTRIBUTE, private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE, private_key: *mut CK_OBJECT_HANDLE
    );
    fn C_WrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE, wrapped: *mut CK_BYTE, room: *mut CK_ULONG
    );
    fn C_UnwrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE, length: CK_ULONG,
        template: *mut CK_ATTRIBUTE, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    fn C_DeriveKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, base: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    fn C_GenerateRandom(session: CK_SESSION_HANDLE, bytes: *mut CK_BYTE, length: CK_ULONG);
}

handed_on! { asks:
    fn C_OpenSession(
        slot: CK_SLOT_ID, flags: CK_FLAGS, application: *mut c_void, notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE
    );
    fn C_CloseSession(session: CK_SESSION_HANDLE);
    fn C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO);
    fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE);
    fn C_GetAttributeValue(
        session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG
    );
    fn C_SetAttributeValue(
        session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG
    );
    fn C_FindObjects(
        session: CK_SESSION_HANDLE, objects: *mut CK_OBJECT_HANDLE, most: CK_ULONG, count: *mut CK_ULONG
    );
    fn C_FindObjectsFinal(session: CK_SESSION_HANDLE);
    fn C_Encrypt(
        session: CK_SESSION_HANDLE, data: *mut CK_BYTE, length: CK_ULONG,
        encrypted: *mut CK_BYTE, room: *mut CK_ULONG
    );
    fn C_Decrypt(
        session: CK_SESSION_HANDLE, encrypted: *mut CK_BYTE, length: CK_ULONG,
        data: *mut CK_BYTE, room: *mut CK_ULONG
    );
    fn C_Verify(
        session: CK_SESSION_HANDLE, data: *mut CK_BYTE, length: CK_ULONG,
        signature: *mut CK_BYTE, signature_length: CK_ULONG
    );
}

unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    guarded(move || {
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        unsafe { behind!(C_Initialize(arguments)) }?;
        with(Device::restart);
        Ok(())
    })
}

unsafe extern "C" fn C_GetSlotList(
    with_token: CK_BBOOL,
    list: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    guarded(move || {
        if with_token != CK_FALSE && !with(Device::has_token) {
            if count.is_null() {
                return Err(CKR_ARGUMENTS_BAD);
            }
            // SAFETY: not null, and the caller gave it to be written.
            unsafe { count.write(0) };
            return Ok(());
        }
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        unsafe { behind!(C_GetSlotList(with_token, list, count)) }
    })
}

/// Another library's token says here that it is for rehearsals: what may fail on demand must not sign real cards.
unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    guarded(move || {
        present()?;
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        unsafe { behind!(C_GetTokenInfo(slot, info)) }?;
        // SAFETY: the function behind has just written it, so it is valid.
        unsafe { (*info).manufacturerID = padded(MANUFACTURER) };
        Ok(())
    })
}

unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    length: CK_ULONG,
) -> CK_RV {
    let code = guarded(move || {
        present()?;
        if user == CKU_USER && with(|device| device.pin_is_locked()) {
            return Err(CKR_PIN_LOCKED);
        }
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        unsafe { behind!(C_Login(session, user, pin, length)) }
    });
    with(|device| device.tried(code));
    code
}

unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guarded(move || {
        begin(session)?;
        // SAFETY: null, or valid for reading as the caller promises.
        let ecdsa = unsafe { mechanism.as_ref() }.is_some_and(|given| given.mechanism == CKM_ECDSA);
        let key = if ecdsa && with(|device| device.signs(session, key)) {
            another_key(session)?
        } else {
            key
        };
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        unsafe { behind!(C_SignInit(session, mechanism, key)) }
            .inspect_err(|_| with(|device| device.gives_up(session)))
    })
}

unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    length: CK_ULONG,
    signature: *mut CK_BYTE,
    room: *mut CK_ULONG,
) -> CK_RV {
    guarded(move || {
        present()?;
        // SAFETY: the caller's promise to this function is the one to the function behind it.
        match unsafe { behind!(C_Sign(session, data, length, signature, room)) } {
            // Only the length was asked for, or the room was too small: the operation goes on.
            Ok(()) if signature.is_null() => Ok(()),
            Err(CKR_BUFFER_TOO_SMALL) => Err(CKR_BUFFER_TOO_SMALL),
            Err(code) => {
                with(|device| device.gives_up(session));
                Err(code)
            }
            Ok(()) => {
                // SAFETY: the function behind has just written it.
                if unsafe { room.read() } == SIGNATURE {
                    // SAFETY: the function behind has just written so many bytes there.
                    let bytes = unsafe { std::slice::from_raw_parts_mut(signature, 64) };
                    with(|device| device.signed(session, bytes));
                } else {
                    with(|device| device.gives_up(session));
                }
                Ok(())
            }
        }
    })
}

/// The private half of a pair made for one wrong signature.
fn another_key(session: CK_SESSION_HANDLE) -> Outcome<CK_OBJECT_HANDLE> {
    let (mut yes, mut no, mut curve) = (CK_TRUE, CK_FALSE, PRIME256V1);
    let flag = |kind, value: *mut CK_BBOOL| CK_ATTRIBUTE {
        type_: kind,
        pValue: value.cast(),
        ulValueLen: ulong(size_of::<CK_BBOOL>()),
    };
    let mut public = [
        flag(CKA_TOKEN, &raw mut no),
        flag(CKA_VERIFY, &raw mut yes),
        CK_ATTRIBUTE {
            type_: CKA_EC_PARAMS,
            pValue: curve.as_mut_ptr().cast(),
            ulValueLen: ulong(curve.len()),
        },
    ];
    let mut private = [
        flag(CKA_TOKEN, &raw mut no),
        flag(CKA_PRIVATE, &raw mut yes),
        flag(CKA_SENSITIVE, &raw mut yes),
        flag(CKA_SIGN, &raw mut yes),
    ];
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_EC_KEY_PAIR_GEN,
        pParameter: std::ptr::null_mut(),
        ulParameterLen: 0,
    };
    let mut handles = [0; 2];
    let [public_key, private_key] = &mut handles;
    // SAFETY: every pointer is to a local of this function, valid for the length given with it.
    unsafe {
        behind!(C_GenerateKeyPair(
            session,
            &raw mut mechanism,
            public.as_mut_ptr(),
            ulong(public.len()),
            private.as_mut_ptr(),
            ulong(private.len()),
            public_key,
            private_key,
        ))
    }?;
    let [_, private_key] = handles;
    Ok(private_key)
}
