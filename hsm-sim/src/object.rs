//! Objects: their attributes, and the key material that never shows among them.

mod attributes;
mod template;

use std::sync::Arc;

use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE, CK_SESSION_HANDLE, CKA_ALLOWED_MECHANISMS, CKA_CLASS,
    CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_PRIVATE, CKA_SENSITIVE, CKA_VALUE, CKK_AES, CKK_DES2, CKK_EC,
    CKK_GENERIC_SECRET, CKK_SHA256_HMAC, CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKR_ATTRIBUTE_SENSITIVE,
    CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_ERROR, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
    CKR_MECHANISM_INVALID,
};
use p256::ecdsa::SigningKey;
use zeroize::Zeroizing;

pub(crate) use attributes::{Attributes, hex, unhex};
pub(crate) use template::{Origin, build, change, set_value_length};

use crate::CKA_SIGNATURE_COUNT;
use crate::rv::Outcome;
use crate::token::Counter;

/// Secret parts of a key, parsed once so that an operation only computes.
pub(crate) enum Material {
    /// A public object has none.
    Public,
    /// A P-256 private key.
    Ec(Box<SigningKey>),
    /// The value of a secret key.
    Secret(Zeroizing<Vec<u8>>),
}

/// One object of the token or of a session.
pub(crate) struct Object {
    /// Number in the token's file; session objects have none.
    pub(crate) id: Option<u64>,
    /// The session that made it and takes it along; token objects have none.
    pub(crate) owner: Option<CK_SESSION_HANDLE>,
    /// Everything that may be read.
    pub(crate) attributes: Attributes,
    /// What may not.
    pub(crate) material: Material,
    /// Signatures made, for private EC keys of the token.
    pub(crate) counter: Option<Arc<Counter>>,
}

impl Material {
    /// The secret bytes as they are kept, sealed, in the token's file.
    pub(crate) fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Public => None,
            Self::Ec(key) => Some(Zeroizing::new(key.to_bytes().to_vec())),
            Self::Secret(value) => Some(value.clone()),
        }
    }

    /// The inverse of [`Self::to_bytes`] for an object with these attributes.
    pub(crate) fn from_bytes(attributes: &Attributes, bytes: Zeroizing<Vec<u8>>) -> Outcome<Self> {
        match (attributes.ulong(CKA_CLASS), attributes.ulong(CKA_KEY_TYPE)) {
            (Some(CKO_PRIVATE_KEY), Some(CKK_EC)) => SigningKey::from_slice(&bytes)
                .map(|key| Self::Ec(Box::new(key)))
                .map_err(|_| CKR_DEVICE_ERROR),
            (Some(CKO_SECRET_KEY), _) => Ok(Self::Secret(bytes)),
            _ => Err(CKR_DEVICE_ERROR),
        }
    }
}

impl Object {
    /// Visible only to the logged-in user.
    pub(crate) fn is_private(&self) -> bool {
        self.attributes.flag(CKA_PRIVATE)
    }

    /// The value of one attribute.
    ///
    /// # Errors
    /// `CKR_ATTRIBUTE_SENSITIVE` for a value that may not leave, `CKR_ATTRIBUTE_TYPE_INVALID` for one it does not have.
    pub(crate) fn read(&self, attribute: CK_ATTRIBUTE_TYPE) -> Outcome<Zeroizing<Vec<u8>>> {
        match attribute {
            CKA_VALUE => {
                let value = self.material.to_bytes().ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?;
                if self.attributes.flag(CKA_SENSITIVE) || !self.attributes.flag(CKA_EXTRACTABLE) {
                    return Err(CKR_ATTRIBUTE_SENSITIVE);
                }
                Ok(value)
            }
            CKA_SIGNATURE_COUNT => {
                let counter = self.counter.as_ref().ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?;
                Ok(Zeroizing::new(counter.value()?.to_be_bytes().to_vec()))
            }
            _ => self
                .attributes
                .bytes(attribute)
                .map(|value| Zeroizing::new(value.to_vec()))
                .ok_or(CKR_ATTRIBUTE_TYPE_INVALID),
        }
    }

    /// Has all these attributes with these values; what may not be read never matches.
    pub(crate) fn matches(&self, wanted: &Attributes) -> bool {
        wanted
            .iter()
            .all(|(attribute, value)| self.read(attribute).is_ok_and(|own| own.as_slice() == value))
    }

    /// The key may be used in this way with this mechanism.
    pub(crate) fn permits(&self, usage: CK_ATTRIBUTE_TYPE, mechanism: CK_MECHANISM_TYPE) -> Outcome<()> {
        if !self.attributes.flag(usage) {
            return Err(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        let allowed = self.attributes.bytes(CKA_ALLOWED_MECHANISMS).unwrap_or_default();
        if !allowed.is_empty() && !allowed.chunks(8).any(|one| one == mechanism.to_ne_bytes()) {
            return Err(CKR_MECHANISM_INVALID);
        }
        Ok(())
    }

    /// The private EC key.
    pub(crate) fn ec(&self) -> Outcome<&SigningKey> {
        match &self.material {
            Material::Ec(key) => Ok(key),
            _ => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }

    /// The value of an AES key.
    pub(crate) fn aes(&self) -> Outcome<&[u8]> {
        self.secret(&[CKK_AES])
    }

    /// The value of a 3DES key of two parts.
    pub(crate) fn des2(&self) -> Outcome<&[u8]> {
        self.secret(&[CKK_DES2])
    }

    /// The value of an HMAC key.
    pub(crate) fn mac(&self) -> Outcome<&[u8]> {
        self.secret(&[CKK_GENERIC_SECRET, CKK_SHA256_HMAC])
    }

    fn secret(&self, types: &[CK_MECHANISM_TYPE]) -> Outcome<&[u8]> {
        match (&self.material, self.attributes.ulong(CKA_KEY_TYPE)) {
            (Material::Secret(value), Some(own)) if types.contains(&own) => Ok(value),
            _ => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }
}
