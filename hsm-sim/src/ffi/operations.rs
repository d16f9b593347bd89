//! §5.8, §5.9 encryption, §5.11, §5.13 signatures and MACs.

use cryptoki_sys::*;

use super::{entries, memory};
use crate::module;
use crate::session::Kind;

entries! {
    fn C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        let cipher = memory::cipher(mechanism)?;
        module::with(|module| module.begin(session, Kind::Sign, cipher, key))
    }

    fn C_Sign(
        session: CK_SESSION_HANDLE,
        data: *mut u8,
        length: CK_ULONG,
        signature: *mut u8,
        room: *mut CK_ULONG,
    ) {
        let data = memory::input(data, length)?;
        let answer = module::conclude(session, Kind::Sign, data, memory::room(signature, room)?)?;
        memory::put_answer(signature, room, &answer)
    }

    fn C_SignUpdate(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG) {
        let part = memory::input(part, length)?;
        module::with(|module| module.update(session, Kind::Sign, part))
    }

    fn C_SignFinal(session: CK_SESSION_HANDLE, signature: *mut u8, room: *mut CK_ULONG) {
        let answer = module::conclude(session, Kind::Sign, &[], memory::room(signature, room)?)?;
        memory::put_answer(signature, room, &answer)
    }

    fn C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        let cipher = memory::cipher(mechanism)?;
        module::with(|module| module.begin(session, Kind::Verify, cipher, key))
    }

    fn C_Verify(
        session: CK_SESSION_HANDLE,
        data: *mut u8,
        length: CK_ULONG,
        signature: *mut u8,
        signature_length: CK_ULONG,
    ) {
        let data = memory::input(data, length)?;
        let signature = memory::input(signature, signature_length)?;
        module::conclude_verify(session, data, signature)
    }

    fn C_VerifyUpdate(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG) {
        let part = memory::input(part, length)?;
        module::with(|module| module.update(session, Kind::Verify, part))
    }

    fn C_VerifyFinal(session: CK_SESSION_HANDLE, signature: *mut u8, length: CK_ULONG) {
        let signature = memory::input(signature, length)?;
        module::conclude_verify(session, &[], signature)
    }

    fn C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        let cipher = memory::cipher(mechanism)?;
        module::with(|module| module.begin(session, Kind::Encrypt, cipher, key))
    }

    fn C_Encrypt(
        session: CK_SESSION_HANDLE,
        plain: *mut u8,
        length: CK_ULONG,
        sealed: *mut u8,
        room: *mut CK_ULONG,
    ) {
        let plain = memory::input(plain, length)?;
        let answer = module::conclude(session, Kind::Encrypt, plain, memory::room(sealed, room)?)?;
        memory::put_answer(sealed, room, &answer)
    }

    fn C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        let cipher = memory::cipher(mechanism)?;
        module::with(|module| module.begin(session, Kind::Decrypt, cipher, key))
    }

    fn C_Decrypt(
        session: CK_SESSION_HANDLE,
        sealed: *mut u8,
        length: CK_ULONG,
        plain: *mut u8,
        room: *mut CK_ULONG,
    ) {
        let sealed = memory::input(sealed, length)?;
        let answer = module::conclude(session, Kind::Decrypt, sealed, memory::room(plain, room)?)?;
        memory::put_answer(plain, room, &answer)
    }
}
