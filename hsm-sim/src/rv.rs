//! Return values: the standard's codes are the module's error type.

use std::io;

use cryptoki_sys::{CK_RV, CK_ULONG, CKR_DEVICE_ERROR};

/// What every function inside the module returns: a value, or the `CKR_…` code the caller will see.
pub(crate) type Outcome<T> = Result<T, CK_RV>;

/// A failed file operation is a failed device.
pub(crate) fn device_error(_: io::Error) -> CK_RV {
    CKR_DEVICE_ERROR
}

/// A length as the C interface counts it.
pub(crate) fn ulong(length: usize) -> CK_ULONG {
    CK_ULONG::try_from(length).unwrap_or(CK_ULONG::MAX)
}
