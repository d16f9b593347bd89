//! The one token: its file, who is logged in, and the objects that are visible now.

mod access;
mod counter;
mod record;
mod store;
mod vault;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cryptoki_sys::{
    CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CKA_CLASS, CKA_DESTROYABLE, CKO_PRIVATE_KEY, CKR_ACTION_PROHIBITED,
    CKR_DEVICE_ERROR, CKR_OBJECT_HANDLE_INVALID, CKR_TOKEN_NOT_RECOGNIZED, CKR_USER_NOT_LOGGED_IN,
};

pub(crate) use access::{PIN_MAX, PIN_MIN, Role};
pub(crate) use counter::Counter;
pub(crate) use store::Store;

use crate::object::{Attributes, Material, Object};
use crate::rv::Outcome;
use access::Login;
use record::{FORM, ObjectRecord, TokenRecord};
use store::Stamp;

/// Objects a session or the token may hold; more is a program gone wild.
const OBJECTS_MAX: usize = 10_000;

/// The token in the slot.
pub(crate) struct Token {
    store: Store,
    stamp: Option<Stamp>,
    record: Option<TokenRecord>,
    login: Option<Login>,
    objects: BTreeMap<CK_OBJECT_HANDLE, Arc<Object>>,
    counters: BTreeMap<u64, Arc<Counter>>,
    next_handle: CK_OBJECT_HANDLE,
}

impl Token {
    /// The token kept in this folder, initialized or not.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` for a damaged file.
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let mut token = Self {
            store: Store::new(folder),
            stamp: None,
            record: None,
            login: None,
            objects: BTreeMap::new(),
            counters: BTreeMap::new(),
            next_handle: 1,
        };
        token.refresh()?;
        Ok(token)
    }

    /// Takes in what another process may have changed.
    pub(crate) fn refresh(&mut self) -> Outcome<()> {
        let stamp = self.store.stamp();
        if stamp != self.stamp {
            let record = self.store.load()?;
            if record.as_ref().is_some_and(|record| record.form != FORM) {
                return Err(CKR_DEVICE_ERROR);
            }
            self.adopt(record)?;
            self.stamp = stamp;
        }
        Ok(())
    }

    /// The object behind a handle, if it may be seen.
    pub(crate) fn object(&self, handle: CK_OBJECT_HANDLE) -> Outcome<&Arc<Object>> {
        self.objects.get(&handle).ok_or(CKR_OBJECT_HANDLE_INVALID)
    }

    /// All visible objects.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (CK_OBJECT_HANDLE, &Arc<Object>)> {
        self.objects.iter().map(|(handle, object)| (*handle, object))
    }

    /// Adds a session object.
    pub(crate) fn add_to_session(
        &mut self,
        owner: CK_SESSION_HANDLE,
        attributes: Attributes,
        material: Material,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        if self.objects.len() >= OBJECTS_MAX {
            return Err(cryptoki_sys::CKR_DEVICE_MEMORY);
        }
        Ok(self.show(Object {
            id: None,
            owner: Some(owner),
            attributes,
            material,
            counter: None,
        }))
    }

    /// Adds objects to the token's file, all or none.
    pub(crate) fn add_to_token<const N: usize>(
        &mut self,
        objects: [(Attributes, Material); N],
    ) -> Outcome<[CK_OBJECT_HANDLE; N]> {
        let first = self.change(|record, login| {
            if record.objects.len() + N > OBJECTS_MAX {
                return Err(cryptoki_sys::CKR_DEVICE_MEMORY);
            }
            let first = record.next;
            for (attributes, material) in &objects {
                let id = record.next;
                let entry = sealed_record(login, id, attributes.clone(), material)?;
                record.objects.insert(id, entry);
                record.next += 1;
            }
            Ok(first)
        })?;
        let mut handles = [0; N];
        for (handle, id) in handles.iter_mut().zip(first..) {
            *handle = self.handle_of(id).ok_or(CKR_DEVICE_ERROR)?;
        }
        Ok(handles)
    }

    /// Replaces an object's attributes.
    pub(crate) fn set_attributes(&mut self, handle: CK_OBJECT_HANDLE, attributes: Attributes) -> Outcome<()> {
        let object = Arc::clone(self.object(handle)?);
        let Some(id) = object.id else {
            let material = object.material.to_bytes().map_or(Ok(Material::Public), |bytes| {
                Material::from_bytes(&attributes, bytes)
            })?;
            self.objects.insert(
                handle,
                Arc::new(Object {
                    id: None,
                    owner: object.owner,
                    attributes,
                    material,
                    counter: None,
                }),
            );
            return Ok(());
        };
        self.change(|record, login| {
            let entry = sealed_record(login, id, attributes.clone(), &object.material)?;
            record
                .objects
                .insert(id, entry)
                .map(drop)
                .ok_or(CKR_OBJECT_HANDLE_INVALID)
        })
    }

    /// Destroys an object for good.
    pub(crate) fn destroy(&mut self, handle: CK_OBJECT_HANDLE) -> Outcome<()> {
        let object = Arc::clone(self.object(handle)?);
        if !object.attributes.flag(CKA_DESTROYABLE) {
            return Err(CKR_ACTION_PROHIBITED);
        }
        if let Some(id) = object.id {
            self.change(|record, _| {
                record
                    .objects
                    .remove(&id)
                    .map(drop)
                    .ok_or(CKR_OBJECT_HANDLE_INVALID)
            })?;
            self.counters.remove(&id);
            self.store.forget_count(id);
        }
        self.objects.remove(&handle);
        Ok(())
    }

    /// Drops the objects of a session that has ended.
    pub(crate) fn drop_session_objects(&mut self, owner: CK_SESSION_HANDLE) {
        self.objects.retain(|_, object| object.owner != Some(owner));
    }

    /// Writes every counter's exact figure.
    pub(crate) fn settle_counters(&self) -> Outcome<()> {
        self.counters.values().try_for_each(|counter| counter.settle())
    }

    /// Changes the token's file under its lock, then what is visible.
    fn change<T>(&mut self, work: impl FnOnce(&mut TokenRecord, Option<&Login>) -> Outcome<T>) -> Outcome<T> {
        let _lock = self.store.lock()?;
        self.refresh()?;
        let mut record = self.record.clone().ok_or(CKR_TOKEN_NOT_RECOGNIZED)?;
        let answer = work(&mut record, self.login.as_ref())?;
        self.store.save(&record)?;
        self.adopt(Some(record))?;
        self.stamp = self.store.stamp();
        Ok(answer)
    }

    /// Makes the visible objects agree with a new version of the file; what did not change keeps its handle.
    fn adopt(&mut self, record: Option<TokenRecord>) -> Outcome<()> {
        let old = self.record.take();
        self.record = record;
        let empty = BTreeMap::new();
        let before = old.as_ref().map_or(&empty, |record| &record.objects);
        let after = self.record.as_ref().map_or(&empty, |record| &record.objects);
        let same = |id: &u64| before.get(id).is_some() && before.get(id) == after.get(id);

        let mut kept_handles = BTreeMap::new();
        self.objects.retain(|handle, object| match object.id {
            Some(id) if !same(&id) => {
                kept_handles.insert(id, *handle);
                false
            }
            _ => true,
        });
        let fresh: Vec<_> = after
            .iter()
            .filter(|(id, _)| !same(id))
            .map(|(id, entry)| (*id, entry.clone()))
            .collect();
        for (id, entry) in fresh {
            self.load(id, &entry, kept_handles.get(&id).copied())?;
        }
        Ok(())
    }

    /// Makes one object of the file visible, if whoever is logged in may see it.
    fn load(&mut self, id: u64, entry: &ObjectRecord, handle: Option<CK_OBJECT_HANDLE>) -> Outcome<()> {
        let material = match (&entry.sealed, self.login.as_ref()) {
            (None, _) => Material::Public,
            (
                Some(sealed),
                Some(Login {
                    role: Role::User,
                    master,
                }),
            ) => {
                let bytes = master.open_object(id, &entry.attributes, sealed)?;
                Material::from_bytes(&entry.attributes, bytes)?
            }
            _ => return Ok(()),
        };
        let counted = entry.attributes.ulong(CKA_CLASS) == Some(CKO_PRIVATE_KEY);
        let counter = counted.then(|| {
            let counter = self.counters.entry(id);
            Arc::clone(counter.or_insert_with(|| Arc::new(Counter::new(&self.store, id))))
        });
        let object = Object {
            id: Some(id),
            owner: None,
            attributes: entry.attributes.clone(),
            material,
            counter,
        };
        match handle {
            Some(handle) => {
                self.objects.insert(handle, Arc::new(object));
            }
            None => {
                self.show(object);
            }
        }
        Ok(())
    }

    fn show(&mut self, object: Object) -> CK_OBJECT_HANDLE {
        let handle = self.next_handle;
        self.next_handle += 1;
        self.objects.insert(handle, Arc::new(object));
        handle
    }

    fn handle_of(&self, id: u64) -> Option<CK_OBJECT_HANDLE> {
        self.objects()
            .find(|(_, object)| object.id == Some(id))
            .map(|(handle, _)| handle)
    }
}

fn sealed_record(
    login: Option<&Login>,
    id: u64,
    attributes: Attributes,
    material: &Material,
) -> Outcome<ObjectRecord> {
    let sealed = match (material.to_bytes(), login) {
        (None, _) => None,
        (
            Some(bytes),
            Some(Login {
                role: Role::User,
                master,
            }),
        ) => Some(master.seal_object(id, &attributes, &bytes)?),
        (Some(_), _) => return Err(CKR_USER_NOT_LOGGED_IN),
    };
    Ok(ObjectRecord { attributes, sealed })
}

#[cfg(test)]
mod tests;
