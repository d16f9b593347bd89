//! The caller's memory: every raw pointer is read and written by these few functions.

use std::slice;

use cryptoki_sys::*;

use crate::mechanism::{Agreement, Cipher, Gcm};
use crate::module::{Answer, Room};
use crate::object::Attributes;
use crate::rv::{Outcome, ulong};

/// Attributes in one template; more is not a template.
const TEMPLATE_MAX: usize = 256;

/// Bytes given by the caller.
///
/// # Safety
/// `data` is null or valid for `length` bytes for as long as the answer is used.
pub(super) unsafe fn input<'a>(data: *const u8, length: CK_ULONG) -> Outcome<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    let length = size(length)?;
    if data.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: not null, within one object's largest size, and valid by this function's contract.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// Room given by the caller.
///
/// # Safety
/// As for [`input`], for writing; nobody else uses it meanwhile.
pub(super) unsafe fn output<'a>(data: *mut u8, length: CK_ULONG) -> Outcome<&'a mut [u8]> {
    if length == 0 {
        return Ok(&mut []);
    }
    let length = size(length)?;
    if data.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: not null, within one object's largest size, and valid by this function's contract.
    Ok(unsafe { slice::from_raw_parts_mut(data, length) })
}

/// Writes one value through a pointer.
///
/// # Safety
/// `place` is null or valid for writing.
pub(super) unsafe fn put<T>(place: *mut T, value: T) -> Outcome<()> {
    if place.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: not null, and valid by this function's contract.
    unsafe { place.write(value) };
    Ok(())
}

/// Reads one value through a pointer.
///
/// # Safety
/// `place` is null or valid for reading.
pub(super) unsafe fn get<T: Copy>(place: *const T) -> Outcome<T> {
    if place.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: not null, and valid by this function's contract.
    Ok(unsafe { place.read() })
}

/// A list for the caller by the convention of §5.2: without room only the count is told.
///
/// # Safety
/// `count` is null or valid; `list` is null or valid for `*count` items.
pub(super) unsafe fn put_list<T: Copy>(list: *mut T, count: *mut CK_ULONG, items: &[T]) -> Outcome<()> {
    // SAFETY: by this function's contract.
    let room = unsafe { get(count) }?;
    // SAFETY: as above.
    unsafe { put(count, ulong(items.len())) }?;
    if list.is_null() {
        return Ok(());
    }
    if room < ulong(items.len()) {
        return Err(CKR_BUFFER_TOO_SMALL);
    }
    // SAFETY: not null, and there is room for all items.
    unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), list, items.len()) };
    Ok(())
}

/// The room for a result.
///
/// # Safety
/// `length` is null or valid for reading.
pub(super) unsafe fn room(data: *const u8, length: *const CK_ULONG) -> Outcome<Room> {
    // SAFETY: by this function's contract.
    let length = unsafe { get(length) }?;
    Ok(if data.is_null() {
        Room::Ask
    } else {
        Room::Bytes(usize::try_from(length).unwrap_or(usize::MAX))
    })
}

/// A result for the caller.
///
/// # Safety
/// `length` is valid for writing; `data` is what [`room`] was told about.
pub(super) unsafe fn put_answer(data: *mut u8, length: *mut CK_ULONG, answer: &Answer) -> Outcome<()> {
    match answer {
        // SAFETY: by this function's contract.
        Answer::Length(needed) => unsafe { put(length, ulong(*needed)) },
        Answer::TooSmall(needed) => {
            // SAFETY: by this function's contract.
            unsafe { put(length, ulong(*needed)) }?;
            Err(CKR_BUFFER_TOO_SMALL)
        }
        // SAFETY: by this function's contract.
        Answer::Result(result) => unsafe { put_list(data, length, result) },
    }
}

/// A template.
///
/// # Safety
/// `list` is null or valid for `count` attributes, whose values are null or valid for their lengths.
pub(super) unsafe fn template(list: *const CK_ATTRIBUTE, count: CK_ULONG) -> Outcome<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: by this function's contract.
    for attribute in unsafe { template_entries(list.cast_mut(), count) }? {
        // SAFETY: by this function's contract.
        let value = unsafe { input(attribute.pValue.cast(), attribute.ulValueLen) };
        let value = value.map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
        if attributes.set(attribute.type_, value).is_some() {
            return Err(CKR_TEMPLATE_INCONSISTENT);
        }
    }
    Ok(attributes)
}

/// The entries of a template that is to be filled.
///
/// # Safety
/// `list` is null or valid for `count` attributes.
pub(super) unsafe fn template_entries<'a>(
    list: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Outcome<&'a mut [CK_ATTRIBUTE]> {
    let count = usize::try_from(count).map_err(|_| CKR_ARGUMENTS_BAD)?;
    if count == 0 {
        return Ok(&mut []);
    }
    if list.is_null() || count > TEMPLATE_MAX {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: not null, few, and valid by this function's contract.
    Ok(unsafe { slice::from_raw_parts_mut(list, count) })
}

/// A mechanism for signing, verifying, encrypting or decrypting.
///
/// # Safety
/// `mechanism` is null or valid, and its parameters are of its kind.
pub(super) unsafe fn cipher(mechanism: *const CK_MECHANISM) -> Outcome<Cipher> {
    // SAFETY: by this function's contract.
    let mechanism = unsafe { get(mechanism) }?;
    match mechanism.mechanism {
        CKM_ECDSA => Ok(Cipher::Ecdsa),
        CKM_ECDSA_SHA256 => Ok(Cipher::EcdsaSha256),
        CKM_SHA256_HMAC => Ok(Cipher::Hmac),
        CKM_AES_CMAC => Ok(Cipher::Cmac),
        CKM_DES3_ECB => Ok(Cipher::TripleDes),
        CKM_AES_GCM => {
            // SAFETY: by this function's contract.
            let given: CK_GCM_PARAMS = unsafe { parameter(&mechanism) }?;
            // SAFETY: by this function's contract.
            let nonce = unsafe { input(given.pIv, given.ulIvLen) }?;
            // SAFETY: by this function's contract.
            let associated = unsafe { input(given.pAAD, given.ulAADLen) }?;
            Gcm::new(nonce, associated, given.ulTagBits).map(Cipher::Gcm)
        }
        _ => Err(CKR_MECHANISM_INVALID),
    }
}

/// The parameters of `CKM_ECDH1_DERIVE`.
///
/// # Safety
/// `mechanism` is null or valid, and its parameters are of its kind.
pub(super) unsafe fn agreement(mechanism: *const CK_MECHANISM) -> Outcome<Agreement> {
    // SAFETY: by this function's contract.
    let mechanism = unsafe { get(mechanism) }?;
    if mechanism.mechanism != CKM_ECDH1_DERIVE {
        return Err(CKR_MECHANISM_INVALID);
    }
    // SAFETY: by this function's contract.
    let given: CK_ECDH1_DERIVE_PARAMS = unsafe { parameter(&mechanism) }?;
    if given.kdf != CKD_NULL || given.ulSharedDataLen != 0 {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    // SAFETY: by this function's contract.
    let peer = unsafe { input(given.pPublicData, given.ulPublicDataLen) }?;
    Ok(Agreement { peer: peer.to_vec() })
}

/// The type of a mechanism that takes no parameters.
///
/// # Safety
/// `mechanism` is null or valid.
pub(super) unsafe fn bare(mechanism: *const CK_MECHANISM) -> Outcome<CK_MECHANISM_TYPE> {
    // SAFETY: by this function's contract.
    let mechanism = unsafe { get(mechanism) }?;
    if mechanism.ulParameterLen != 0 {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    Ok(mechanism.mechanism)
}

/// # Safety
/// The mechanism's parameter is null or valid for its length, and any bytes are a `T`.
unsafe fn parameter<T: Copy>(mechanism: &CK_MECHANISM) -> Outcome<T> {
    if mechanism.pParameter.is_null() || mechanism.ulParameterLen != ulong(size_of::<T>()) {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    // SAFETY: not null, of the right length, and valid by this function's contract.
    Ok(unsafe { mechanism.pParameter.cast::<T>().read_unaligned() })
}

fn size(length: CK_ULONG) -> Outcome<usize> {
    usize::try_from(length)
        .ok()
        .filter(|length| isize::try_from(*length).is_ok())
        .ok_or(CKR_ARGUMENTS_BAD)
}
