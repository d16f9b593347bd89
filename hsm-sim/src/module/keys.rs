//! Objects and keys: find, read, change, make, destroy.

use std::collections::VecDeque;
use std::sync::Arc;

use cryptoki_sys::*;

use super::Module;
use crate::mechanism::{self, Agreement};
use crate::object::{self, Attributes, Material, Object};
use crate::rv::Outcome;
use crate::token::Role;

impl Module {
    /// The object behind a handle, for a session that may see it.
    pub(crate) fn object(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
    ) -> Outcome<Arc<Object>> {
        self.session(session)?;
        self.token()?.object(handle).cloned()
    }

    /// The key behind a handle, for use in an operation.
    pub(super) fn key(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
    ) -> Outcome<Arc<Object>> {
        self.object(session, handle).map_err(|error| match error {
            CKR_OBJECT_HANDLE_INVALID => CKR_KEY_HANDLE_INVALID,
            other => other,
        })
    }

    /// `C_FindObjectsInit`.
    pub(crate) fn search(&mut self, session: CK_SESSION_HANDLE, wanted: &Attributes) -> Outcome<()> {
        if self.session(session)?.search.is_some() {
            return Err(CKR_OPERATION_ACTIVE);
        }
        let token = self.token()?;
        token.refresh()?;
        let found: VecDeque<_> = token
            .objects()
            .filter(|(_, object)| object.matches(wanted))
            .map(|(handle, _)| handle)
            .collect();
        self.session(session)?.search = Some(found);
        Ok(())
    }

    /// `C_FindObjects`.
    pub(crate) fn found(
        &mut self,
        session: CK_SESSION_HANDLE,
        most: usize,
    ) -> Outcome<Vec<CK_OBJECT_HANDLE>> {
        let search = self.session(session)?.search.as_mut();
        let search = search.ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        Ok(search.drain(..most.min(search.len())).collect())
    }

    /// `C_FindObjectsFinal`.
    pub(crate) fn search_ends(&mut self, session: CK_SESSION_HANDLE) -> Outcome<()> {
        let search = self.session(session)?.search.take();
        search.map(drop).ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }

    /// `C_SetAttributeValue`.
    pub(crate) fn set_attributes(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        wanted: &Attributes,
    ) -> Outcome<()> {
        let object = self.object(session, handle)?;
        self.may_write(session, &object.attributes)?;
        let changed = object::change(&object.attributes, wanted)?;
        self.token()?.set_attributes(handle, changed)
    }

    /// `C_DestroyObject`.
    pub(crate) fn destroy(&mut self, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE) -> Outcome<()> {
        let object = self.object(session, handle)?;
        self.may_write(session, &object.attributes)?;
        self.token()?.destroy(handle)
    }

    /// `C_CreateObject`.
    pub(crate) fn create(
        &mut self,
        session: CK_SESSION_HANDLE,
        template: Attributes,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        self.session(session)?;
        self.add(session, mechanism::created(template)?)
    }

    /// `C_GenerateKey`.
    pub(crate) fn generate(
        &mut self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        template: &Attributes,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        self.session(session)?;
        self.add(session, mechanism::key(mechanism, template)?)
    }

    /// `C_GenerateKeyPair`: the public and the private handle.
    pub(crate) fn generate_pair(
        &mut self,
        session: CK_SESSION_HANDLE,
        public: &Attributes,
        private: &Attributes,
    ) -> Outcome<[CK_OBJECT_HANDLE; 2]> {
        self.session(session)?;
        let pair = mechanism::key_pair(public, private)?;
        self.may_write(session, &pair.public.0)?;
        self.may_write(session, &pair.private.0)?;
        match (pair.public.0.flag(CKA_TOKEN), pair.private.0.flag(CKA_TOKEN)) {
            (true, true) => self.token()?.add_to_token([pair.public, pair.private]),
            _ => Ok([self.add(session, pair.public)?, self.add(session, pair.private)?]),
        }
    }

    /// `C_DeriveKey` with `CKM_ECDH1_DERIVE`.
    pub(crate) fn derive(
        &mut self,
        session: CK_SESSION_HANDLE,
        base: CK_OBJECT_HANDLE,
        agreement: &Agreement,
        template: &Attributes,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        let base = self.key(session, base)?;
        self.add(session, mechanism::derive(&base, agreement, template)?)
    }

    /// `C_WrapKey` with `CKM_AES_KEY_WRAP`.
    pub(crate) fn wrap(
        &mut self,
        session: CK_SESSION_HANDLE,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Outcome<Vec<u8>> {
        let key = self.key(session, key)?;
        let wrapping = self.key(session, wrapping).map_err(|error| match error {
            CKR_KEY_HANDLE_INVALID => CKR_WRAPPING_KEY_HANDLE_INVALID,
            other => other,
        })?;
        mechanism::wrap(&wrapping, &key)
    }

    /// `C_UnwrapKey` with `CKM_AES_KEY_WRAP`.
    pub(crate) fn unwrap(
        &mut self,
        session: CK_SESSION_HANDLE,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &Attributes,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        let unwrapping = self.key(session, unwrapping).map_err(|error| match error {
            CKR_KEY_HANDLE_INVALID => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
            other => other,
        })?;
        self.add(session, mechanism::unwrap(&unwrapping, wrapped, template)?)
    }

    fn add(
        &mut self,
        session: CK_SESSION_HANDLE,
        (attributes, material): (Attributes, Material),
    ) -> Outcome<CK_OBJECT_HANDLE> {
        self.may_write(session, &attributes)?;
        let token = self.token()?;
        if attributes.flag(CKA_TOKEN) {
            token
                .add_to_token([(attributes, material)])
                .map(|[handle]| handle)
        } else {
            token.add_to_session(session, attributes, material)
        }
    }

    /// Token objects need a read-write session, private ones the user.
    fn may_write(&mut self, session: CK_SESSION_HANDLE, attributes: &Attributes) -> Outcome<()> {
        if attributes.flag(CKA_TOKEN) {
            self.need_read_write(session)?;
        }
        if attributes.flag(CKA_PRIVATE) && self.token()?.role() != Some(Role::User) {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        Ok(())
    }
}
