//! §5.7 Object management.

use cryptoki_sys::*;

use super::{entries, memory};
use crate::module;
use crate::object::Object;
use crate::rv::{Outcome, ulong};

entries! {
    fn C_CreateObject(
        session: CK_SESSION_HANDLE,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        object: *mut CK_OBJECT_HANDLE,
    ) {
        let template = memory::template(list, count)?;
        let made = module::with(|module| module.create(session, template))?;
        memory::put(object, made)
    }

    fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
        module::with(|module| module.destroy(session, object))
    }

    fn C_GetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        let object = module::with(|module| module.object(session, object))?;
        let mut outcome = Ok(());
        for entry in memory::template_entries(list, count)? {
            // Every entry is answered, whatever became of the ones before it (§5.7.5).
            if let Err(code) = answer(&object, entry) {
                entry.ulValueLen = CK_UNAVAILABLE_INFORMATION;
                outcome = Err(code);
            }
        }
        outcome
    }

    fn C_SetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        list: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        let wanted = memory::template(list, count)?;
        module::with(|module| module.set_attributes(session, object, &wanted))
    }

    fn C_FindObjectsInit(session: CK_SESSION_HANDLE, list: *mut CK_ATTRIBUTE, count: CK_ULONG) {
        let wanted = memory::template(list, count)?;
        module::with(|module| module.search(session, &wanted))
    }

    fn C_FindObjects(
        session: CK_SESSION_HANDLE,
        list: *mut CK_OBJECT_HANDLE,
        most: CK_ULONG,
        count: *mut CK_ULONG,
    ) {
        if list.is_null() || count.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let most = usize::try_from(most).map_err(|_| CKR_ARGUMENTS_BAD)?;
        let found = module::with(|module| module.found(session, most))?;
        memory::put(count, ulong(most))?;
        memory::put_list(list, count, &found)
    }

    fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) {
        module::with(|module| module.search_ends(session))
    }
}

/// Answers one entry of `C_GetAttributeValue`.
///
/// # Safety
/// The entry's value is null or valid for its length.
unsafe fn answer(object: &Object, entry: &mut CK_ATTRIBUTE) -> Outcome<()> {
    let value = object.read(entry.type_)?;
    let room = entry.ulValueLen;
    entry.ulValueLen = ulong(value.len());
    if entry.pValue.is_null() {
        return Ok(());
    }
    if room < ulong(value.len()) {
        return Err(CKR_BUFFER_TOO_SMALL);
    }
    // SAFETY: by this function's contract, and there is room.
    unsafe { memory::output(entry.pValue.cast(), entry.ulValueLen) }?.copy_from_slice(&value);
    Ok(())
}
