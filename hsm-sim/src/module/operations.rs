//! Operations: begun and ended under the lock, computed outside it.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Module, with};
use crate::mechanism::{self, Cipher};
use crate::rv::Outcome;
use crate::session::{Kind, Operation};

/// The room the caller has for a result.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    /// Only the length is asked for.
    Ask,
    /// So many bytes.
    Bytes(usize),
}

/// A result, or the length it may have.
pub(crate) enum Answer {
    /// The room needed; the operation goes on.
    Length(usize),
    /// Too little room: so much is needed; the operation goes on.
    TooSmall(usize),
    /// The result; the operation has ended.
    Result(Zeroizing<Vec<u8>>),
}

impl Module {
    /// `C_SignInit` and its like.
    pub(crate) fn begin(
        &mut self,
        session: CK_SESSION_HANDLE,
        kind: Kind,
        cipher: Cipher,
        key: CK_OBJECT_HANDLE,
    ) -> Outcome<()> {
        let key = self.key(session, key)?;
        cipher.check(kind, &key)?;
        self.session(session)?.begin(
            kind,
            Operation {
                cipher,
                key,
                data: Zeroizing::default(),
            },
        )
    }

    /// `C_SignUpdate` and its like; an operation that cannot take the part has ended.
    pub(crate) fn update(&mut self, session: CK_SESSION_HANDLE, kind: Kind, part: &[u8]) -> Outcome<()> {
        let session = self.session(session)?;
        let taken = session.operation(kind)?.update(part);
        if taken.is_err() {
            session.finish(kind)?;
        }
        taken
    }

    /// A random number from the token.
    pub(crate) fn random(&mut self, session: CK_SESSION_HANDLE, bytes: &mut [u8]) -> Outcome<()> {
        self.session(session)?;
        getrandom::fill(bytes).map_err(|_| CKR_FUNCTION_FAILED)
    }

    /// `C_SeedRandom`: the operating system's generator needs none.
    pub(crate) fn seed(&mut self, session: CK_SESSION_HANDLE) -> Outcome<()> {
        self.session(session)?;
        Err(CKR_RANDOM_SEED_NOT_SUPPORTED)
    }
}

/// `C_Sign`, `C_SignFinal` and their like: `last` is the last or only part.
pub(crate) fn conclude(session: CK_SESSION_HANDLE, kind: Kind, last: &[u8], room: Room) -> Outcome<Answer> {
    let mut operation = {
        let step = with(|module| {
            let session = module.session(session)?;
            let operation = session.operation(kind)?;
            let input = operation.data.len().saturating_add(last.len());
            let needed = operation.cipher.output_length(kind, input);
            match room {
                Room::Ask => Ok(Err(Answer::Length(needed))),
                Room::Bytes(room) if room < needed => Ok(Err(Answer::TooSmall(needed))),
                Room::Bytes(_) => session.finish(kind).map(Ok),
            }
        })?;
        match step {
            Ok(operation) => operation,
            Err(answer) => return Ok(answer),
        }
    };
    operation.update(last)?;
    mechanism::compute(kind, &operation).map(Answer::Result)
}

/// `C_Verify` and `C_VerifyFinal`.
pub(crate) fn conclude_verify(session: CK_SESSION_HANDLE, last: &[u8], signature: &[u8]) -> Outcome<()> {
    let mut operation = with(|module| module.session(session)?.finish(Kind::Verify))?;
    operation.update(last)?;
    mechanism::verify(&operation, signature)
}
