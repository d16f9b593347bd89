//! Sessions: what is open, and the one operation of each kind that may be under way in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cryptoki_sys::{
    CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CKR_DATA_LEN_RANGE, CKR_OPERATION_ACTIVE,
    CKR_OPERATION_NOT_INITIALIZED, CKR_SESSION_COUNT, CKR_SESSION_HANDLE_INVALID,
};
use zeroize::Zeroizing;

use crate::mechanism::Cipher;
use crate::object::Object;
use crate::rv::Outcome;

/// Sessions open at a time.
pub(crate) const SESSIONS_MAX: usize = 256;
/// Data one operation may take in.
const DATA_MAX: usize = 16 << 20;

/// The kinds of operation a session keeps apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// `C_Sign…`
    Sign,
    /// `C_Verify…`
    Verify,
    /// `C_Encrypt…`
    Encrypt,
    /// `C_Decrypt…`
    Decrypt,
}

/// An operation under way. It holds its key, so that it computes without the module's lock.
pub(crate) struct Operation {
    /// What is computed.
    pub(crate) cipher: Cipher,
    /// With which key.
    pub(crate) key: Arc<Object>,
    /// Parts given so far.
    pub(crate) data: Zeroizing<Vec<u8>>,
}

/// One session.
#[derive(Default)]
pub(crate) struct Session {
    /// May change token objects.
    pub(crate) read_write: bool,
    /// A search under way: what it has still to tell.
    pub(crate) search: Option<VecDeque<CK_OBJECT_HANDLE>>,
    operations: BTreeMap<Kind, Operation>,
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    last: CK_SESSION_HANDLE,
    open: BTreeMap<CK_SESSION_HANDLE, Session>,
}

impl Operation {
    /// Takes in another part.
    pub(crate) fn update(&mut self, part: &[u8]) -> Outcome<()> {
        if self.data.len().saturating_add(part.len()) > DATA_MAX {
            return Err(CKR_DATA_LEN_RANGE);
        }
        self.data.extend_from_slice(part);
        Ok(())
    }
}

impl Session {
    /// Begins an operation.
    pub(crate) fn begin(&mut self, kind: Kind, operation: Operation) -> Outcome<()> {
        if self.operations.contains_key(&kind) {
            return Err(CKR_OPERATION_ACTIVE);
        }
        self.operations.insert(kind, operation);
        Ok(())
    }

    /// The operation under way.
    pub(crate) fn operation(&mut self, kind: Kind) -> Outcome<&mut Operation> {
        self.operations
            .get_mut(&kind)
            .ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }

    /// Takes the operation out: it ends, whatever comes of it.
    pub(crate) fn finish(&mut self, kind: Kind) -> Outcome<Operation> {
        self.operations.remove(&kind).ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }
}

impl Sessions {
    /// Opens one; its handle was never used before.
    pub(crate) fn open(&mut self, read_write: bool) -> Outcome<CK_SESSION_HANDLE> {
        if self.open.len() >= SESSIONS_MAX {
            return Err(CKR_SESSION_COUNT);
        }
        self.last += 1;
        self.open.insert(
            self.last,
            Session {
                read_write,
                ..Session::default()
            },
        );
        Ok(self.last)
    }

    /// Closes one.
    pub(crate) fn close(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<()> {
        self.open
            .remove(&handle)
            .map(drop)
            .ok_or(CKR_SESSION_HANDLE_INVALID)
    }

    /// Closes all of them and tells which they were.
    pub(crate) fn close_all(&mut self) -> Vec<CK_SESSION_HANDLE> {
        std::mem::take(&mut self.open).into_keys().collect()
    }

    /// The session behind a handle.
    pub(crate) fn get(&mut self, handle: CK_SESSION_HANDLE) -> Outcome<&mut Session> {
        self.open.get_mut(&handle).ok_or(CKR_SESSION_HANDLE_INVALID)
    }

    /// How many are open, and how many of them for reading only.
    pub(crate) fn count(&self) -> (usize, usize) {
        let read_only = self.open.values().filter(|session| !session.read_write).count();
        (self.open.len(), read_only)
    }
}
