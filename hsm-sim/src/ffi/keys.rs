//! §5.14 Key management, §5.15 random numbers.

use cryptoki_sys::*;

use super::{entries, memory};
use crate::module::{self, Answer, Room};

entries! {
    fn C_GenerateKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        let mechanism = memory::bare(mechanism)?;
        let template = memory::template(list, count)?;
        let made = module::with(|module| module.generate(session, mechanism, &template))?;
        memory::put(key, made)
    }

    fn C_GenerateKeyPair(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        public_list: *mut CK_ATTRIBUTE,
        public_count: CK_ULONG,
        private_list: *mut CK_ATTRIBUTE,
        private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE,
        private_key: *mut CK_OBJECT_HANDLE,
    ) {
        if memory::bare(mechanism)? != CKM_EC_KEY_PAIR_GEN {
            return Err(CKR_MECHANISM_INVALID);
        }
        let public = memory::template(public_list, public_count)?;
        let private = memory::template(private_list, private_count)?;
        let [made_public, made_private] =
            module::with(|module| module.generate_pair(session, &public, &private))?;
        memory::put(public_key, made_public)?;
        memory::put(private_key, made_private)
    }

    fn C_WrapKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        wrapped: *mut u8,
        length: *mut CK_ULONG,
    ) {
        if memory::bare(mechanism)? != CKM_AES_KEY_WRAP {
            return Err(CKR_MECHANISM_INVALID);
        }
        let room = memory::room(wrapped, length)?;
        let result = module::with(|module| module.wrap(session, wrapping, key))?;
        let answer = match room {
            Room::Ask => Answer::Length(result.len()),
            Room::Bytes(room) if room < result.len() => Answer::TooSmall(result.len()),
            Room::Bytes(_) => Answer::Result(result.into()),
        };
        memory::put_answer(wrapped, length, &answer)
    }

    fn C_UnwrapKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut u8,
        length: CK_ULONG,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        if memory::bare(mechanism)? != CKM_AES_KEY_WRAP {
            return Err(CKR_MECHANISM_INVALID);
        }
        let wrapped = memory::input(wrapped, length)?;
        let template = memory::template(list, count)?;
        let made = module::with(|module| module.unwrap(session, unwrapping, wrapped, &template))?;
        memory::put(key, made)
    }

    fn C_DeriveKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        base: CK_OBJECT_HANDLE,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        let agreement = memory::agreement(mechanism)?;
        let template = memory::template(list, count)?;
        let made = module::with(|module| module.derive(session, base, &agreement, &template))?;
        memory::put(key, made)
    }

    fn C_SeedRandom(session: CK_SESSION_HANDLE, _seed: *mut u8, _length: CK_ULONG) {
        module::with(|module| module.seed(session))
    }

    fn C_GenerateRandom(session: CK_SESSION_HANDLE, data: *mut u8, length: CK_ULONG) {
        let bytes = memory::output(data, length)?;
        module::with(|module| module.random(session, bytes))
    }
}
