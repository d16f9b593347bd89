//! What the daemon does with its keys, each as one function on one session.

use std::sync::Arc;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use zeroize::Zeroizing;

use super::fault;
use super::identity::{identifier, is_secret, purpose as purpose_of};
use super::library::Trouble;
use super::worker::{Connection, recovers};
use crate::base::{Fault, Secret};
use crate::chip::diversify::Scheme;
use crate::port::{KeyInfo, KeyPurpose};

/// DER of the object identifier prime256v1 (SEC 2 §2.4.2).
const PRIME256V1: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// Header of `CKA_EC_POINT`: a DER OCTET STRING of 65 bytes.
const POINT_HEADER: [u8; 2] = [0x04, 0x41];
/// `CKA_VENDOR_DEFINED | 1` of hsm-sim: signatures made, eight bytes big-endian.
const SIGNATURE_COUNT: AttributeType = AttributeType::VendorDefined(0x8000_0001);
/// Bytes of a GCM nonce.
const NONCE: usize = 12;
/// Bytes of a GCM tag.
const TAG: usize = 16;
/// What one request may take from the token's generator.
const RANDOM_MAX: usize = 65_536;

/// How a private key is protected, as the token tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protection {
    /// `CKA_SENSITIVE` and `CKA_ALWAYS_SENSITIVE`.
    pub(super) sensitive: bool,
    /// Not `CKA_EXTRACTABLE`, and `CKA_NEVER_EXTRACTABLE`.
    pub(super) never_extractable: bool,
}

/// ECDSA over a digest: r‖s.
pub(super) fn sign(connection: &mut Connection, key: &str, digest: &[u8; 32]) -> Result<[u8; 64], Trouble> {
    let key = connection.key(ObjectClass::PRIVATE_KEY, key)?;
    let signature = connection.session.sign(&Mechanism::Ecdsa, key, digest)?;
    exactly(signature)
}

/// HMAC-SHA-256.
pub(super) fn hmac(connection: &mut Connection, key: &str, data: &[u8]) -> Result<[u8; 32], Trouble> {
    let key = connection.key(ObjectClass::SECRET_KEY, key)?;
    exactly(connection.session.sign(&Mechanism::Sha256Hmac, key, data)?)
}

/// AES-256-GCM: nonce ‖ ciphertext ‖ tag, the nonce from the token's generator.
pub(super) fn seal(
    connection: &mut Connection,
    key: &str,
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Trouble> {
    let key = connection.key(ObjectClass::SECRET_KEY, key)?;
    let session = &connection.session;
    let mut nonce = [0; NONCE];
    session.generate_random_slice(&mut nonce)?;
    let mut sealed = nonce.to_vec();
    sealed.extend(session.encrypt(&gcm(&mut nonce, associated)?, key, plain)?);
    Ok(sealed)
}

/// The inverse of [`seal`].
pub(super) fn open(
    connection: &mut Connection,
    key: &str,
    associated: &[u8],
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, Trouble> {
    let refused = |what: &str| Trouble::Final(Fault::new(&fault::SEALED, what));
    let Some((nonce, sealed)) = sealed.split_first_chunk::<NONCE>() else {
        return Err(refused("too short"));
    };
    if sealed.len() < TAG {
        return Err(refused("too short"));
    }
    let key = connection.key(ObjectClass::SECRET_KEY, key)?;
    let mut nonce = *nonce;
    match connection
        .session
        .decrypt(&gcm(&mut nonce, associated)?, key, sealed)
    {
        Ok(plain) => Ok(Secret::new(plain)),
        // Libraries tell a wrong tag in several ways. None of them may send us up the ladder: whoever can forge a
        // sealed value could otherwise keep us restarting the library.
        Err(Error::Pkcs11(
            RvError::EncryptedDataInvalid
            | RvError::EncryptedDataLenRange
            | RvError::FunctionFailed
            | RvError::GeneralError,
            _,
        )) => Err(refused("not authentic")),
        Err(error) => Err(Trouble::Device(error)),
    }
}

/// ECDH with the null derivation function: the x coordinate of the shared point.
pub(super) fn agree(
    connection: &mut Connection,
    key: &str,
    peer: &[u8; 65],
) -> Result<Secret<[u8; 32]>, Trouble> {
    let key = connection.key(ObjectClass::PRIVATE_KEY, key)?;
    let session = &connection.session;
    let parameters = Ecdh1DeriveParams::new(EcKdf::null(), peer);
    let derived = session.derive_key(
        &Mechanism::Ecdh1Derive(parameters),
        key,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::ValueLen(32.into()),
        ],
    )?;
    let value = read(session, derived, AttributeType::Value);
    session.destroy_object(derived)?;
    let value = Zeroizing::new(value?.ok_or_else(|| unexpected("no value derived"))?);
    let value: [u8; 32] = value
        .as_slice()
        .try_into()
        .map_err(|_| unexpected("a derived value of another length"))?;
    Ok(Secret::new(value))
}

/// A chip's static key: the master over each block, joined and cut.
pub(super) fn derive(
    connection: &mut Connection,
    key: &str,
    scheme: Scheme,
    blocks: &[[u8; 16]],
    bits: usize,
) -> Result<Secret<Vec<u8>>, Trouble> {
    let key = connection.key(ObjectClass::SECRET_KEY, key)?;
    // In one piece, so that growing leaves no copy behind.
    let mut derived = Zeroizing::new(Vec::with_capacity(blocks.len() * 16));
    for block in blocks {
        let session = &connection.session;
        let part = Zeroizing::new(if scheme.is_triple_des() {
            session.encrypt(&Mechanism::Des3Ecb, key, block)?
        } else {
            session.sign(&Mechanism::AesCMac, key, block)?
        });
        if part.len() != 16 {
            return Err(unexpected("part of a key of another length"));
        }
        derived.extend(part.iter());
    }
    derived.truncate(bits / 8);
    Ok(Secret::new(std::mem::take(&mut *derived)))
}

/// Puts a chip master with a known value into the token; a label that exists is refused.
pub(super) fn take_in(
    connection: &mut Connection,
    label: &str,
    purpose: KeyPurpose,
    master: &[u8],
) -> Result<(), Trouble> {
    let library = Arc::clone(&connection.loaded);
    let _alone = library.changes();
    may_make(connection, label)?;
    let key_type = match purpose {
        KeyPurpose::ChipMasterTripleDes => KeyType::DES2,
        _ => KeyType::AES,
    };
    let mut template = secret(label, purpose, key_type);
    template.push(Attribute::Class(ObjectClass::SECRET_KEY));
    template.push(Attribute::Value(master.to_vec()));
    connection.session.create_object(&template).map_err(interrupted)?;
    Ok(())
}

/// Random bytes from the token.
pub(super) fn random(connection: &Connection, length: usize) -> Result<Vec<u8>, Trouble> {
    if length > RANDOM_MAX {
        return Err(Trouble::Final(Fault::new(
            &fault::REQUEST,
            format!("{length} random bytes"),
        )));
    }
    let mut bytes = vec![0; length];
    if length > 0 {
        connection.session.generate_random_slice(&mut bytes)?;
    }
    Ok(bytes)
}

/// Makes a key; a label that exists is refused.
pub(super) fn generate(
    connection: &mut Connection,
    label: &str,
    purpose: KeyPurpose,
) -> Result<Vec<u8>, Trouble> {
    let library = Arc::clone(&connection.loaded);
    let _alone = library.changes();
    may_make(connection, label)?;
    if is_secret(purpose) {
        generate_secret(&connection.session, label, purpose).map_err(interrupted)?;
        return Ok(Vec::new());
    }
    let public = generate_pair(&connection.session, label, purpose).map_err(interrupted)?;
    point(&connection.session, public).map_err(|trouble| match trouble {
        Trouble::Device(error) => interrupted(error),
        other => other,
    })
}

/// There is no key of this label yet, and one may be made.
fn may_make(connection: &Connection, label: &str) -> Result<(), Trouble> {
    if label.is_empty() || label.len() > 64 {
        return Err(Trouble::Final(Fault::new(
            &fault::REQUEST,
            "the length of a label",
        )));
    }
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY] {
        if !connection.find(class, label)?.is_empty() {
            return Err(Trouble::Final(Fault::new(&fault::KEY_EXISTS, label)));
        }
    }
    connection.need_login()
}

/// Destroys every object of a key.
pub(super) fn destroy(connection: &mut Connection, label: &str) -> Result<(), Trouble> {
    let library = Arc::clone(&connection.loaded);
    let _alone = library.changes();
    connection.forget(label);
    let mut found = Vec::new();
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY] {
        found.extend(connection.find(class, label)?);
    }
    if found.is_empty() {
        return Err(Trouble::Final(Fault::new(&fault::KEY_UNKNOWN, label)));
    }
    // The private half goes first: what is left behind by an interruption can sign nothing.
    found.extend(connection.find(ObjectClass::PUBLIC_KEY, label)?);
    for handle in found {
        connection.session.destroy_object(handle).map_err(interrupted)?;
    }
    Ok(())
}

/// All keys of this daemon, in the order of their labels.
pub(super) fn keys(connection: &Connection) -> Result<Vec<KeyInfo>, Trouble> {
    connection.logged_in(|| visible_keys(connection))
}

fn visible_keys(connection: &Connection) -> Result<Vec<KeyInfo>, Trouble> {
    let session = &connection.session;
    let mut keys = Vec::new();
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY] {
        for handle in session.find_objects(&[Attribute::Token(true), Attribute::Class(class)])? {
            let label = read(session, handle, AttributeType::Label)?.unwrap_or_default();
            let identifier = read(session, handle, AttributeType::Id)?.unwrap_or_default();
            let Ok(label) = String::from_utf8(label) else {
                continue;
            };
            let Some(purpose) = purpose_of(&identifier, &label) else {
                continue;
            };
            let public = if class == ObjectClass::PRIVATE_KEY {
                public_point(connection, &label)?
            } else {
                Vec::new()
            };
            keys.push(KeyInfo {
                label,
                purpose,
                public,
                signatures: signatures(session, handle)?,
            });
        }
    }
    keys.sort_by(|one, other| one.label.cmp(&other.label));
    Ok(keys)
}

/// The uncompressed public point of a pair.
pub(super) fn public_point(connection: &Connection, label: &str) -> Result<Vec<u8>, Trouble> {
    match connection.find(ObjectClass::PUBLIC_KEY, label)?.as_slice() {
        [one] => point(&connection.session, *one),
        found => Err(Trouble::Final(Fault::new(
            &fault::KEY_UNKNOWN,
            format!("{label}: {} public halves", found.len()),
        ))),
    }
}

/// How the private half of a pair is protected.
pub(super) fn protection(connection: &mut Connection, label: &str) -> Result<Protection, Trouble> {
    let handle = connection.key(ObjectClass::PRIVATE_KEY, label)?;
    let mut flags = [
        (AttributeType::Sensitive, false),
        (AttributeType::AlwaysSensitive, false),
        (AttributeType::Extractable, true),
        (AttributeType::NeverExtractable, false),
    ];
    for (attribute, value) in &mut flags {
        for read in connection.session.get_attributes(handle, &[*attribute])? {
            if let Attribute::Sensitive(flag)
            | Attribute::AlwaysSensitive(flag)
            | Attribute::Extractable(flag)
            | Attribute::NeverExtractable(flag) = read
            {
                *value = flag;
            }
        }
    }
    let [(_, sensitive), (_, always), (_, extractable), (_, never)] = flags;
    Ok(Protection {
        sensitive: sensitive && always,
        never_extractable: !extractable && never,
    })
}

fn generate_secret(session: &Session, label: &str, purpose: KeyPurpose) -> Result<ObjectHandle, Error> {
    let (mechanism, key_type) = match purpose {
        KeyPurpose::Wrap | KeyPurpose::ChipMaster => (Mechanism::AesKeyGen, KeyType::AES),
        _ => (Mechanism::GenericSecretKeyGen, KeyType::GENERIC_SECRET),
    };
    let mut template = secret(label, purpose, key_type);
    template.push(Attribute::ValueLen(32.into()));
    session.generate_key(&mechanism, &template)
}

/// What a secret key is, and the one thing it may do.
fn secret(label: &str, purpose: KeyPurpose, key_type: KeyType) -> Vec<Attribute> {
    let wraps = purpose == KeyPurpose::Wrap;
    let encrypts = wraps || purpose == KeyPurpose::ChipMasterTripleDes;
    let mut template = hidden(label, purpose);
    template.extend([
        Attribute::KeyType(key_type),
        Attribute::Encrypt(encrypts),
        Attribute::Decrypt(wraps),
        Attribute::Sign(!encrypts),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]);
    template
}

fn generate_pair(session: &Session, label: &str, purpose: KeyPurpose) -> Result<ObjectHandle, Error> {
    let agrees = purpose == KeyPurpose::Intake;
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(identifier(purpose, label)),
        Attribute::EcParams(PRIME256V1.to_vec()),
        Attribute::Verify(!agrees),
    ];
    let mut private = hidden(label, purpose);
    private.extend([
        Attribute::Sign(!agrees),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(agrees),
    ]);
    let (public, _) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
    Ok(public)
}

/// What every key that never leaves has.
fn hidden(label: &str, purpose: KeyPurpose) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(identifier(purpose, label)),
    ]
}

fn point(session: &Session, public: ObjectHandle) -> Result<Vec<u8>, Trouble> {
    let der = read(session, public, AttributeType::EcPoint)?.unwrap_or_default();
    match der.strip_prefix(&POINT_HEADER) {
        Some(point) if point.len() == 65 => Ok(point.to_vec()),
        _ => Err(unexpected("a public point of another form")),
    }
}

fn signatures(session: &Session, key: ObjectHandle) -> Result<Option<u64>, Trouble> {
    let count = read(session, key, SIGNATURE_COUNT)?;
    Ok(count
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_be_bytes))
}

/// A byte-valued attribute, if the object has it and shows it.
fn read(session: &Session, object: ObjectHandle, wanted: AttributeType) -> Result<Option<Vec<u8>>, Error> {
    let found = session.get_attributes(object, &[wanted])?;
    Ok(found.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(bytes)
        | Attribute::Label(bytes)
        | Attribute::Id(bytes)
        | Attribute::EcPoint(bytes)
        | Attribute::VendorDefined((_, bytes)) => Some(bytes),
        _ => None,
    }))
}

fn gcm<'a>(nonce: &'a mut [u8; NONCE], associated: &'a [u8]) -> Result<Mechanism<'a>, Error> {
    GcmParams::new(nonce, associated, 128.into()).map(Mechanism::AesGcm)
}

fn exactly<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], Trouble> {
    bytes
        .try_into()
        .map_err(|_| unexpected("an answer of another length"))
}

/// A failure in the middle of a change: a refusal is final, anything else leaves it open what happened.
fn interrupted(error: Error) -> Trouble {
    if recovers(&error) {
        Trouble::Interrupted(error)
    } else {
        Trouble::Final(fault::refused(&error))
    }
}

fn unexpected(what: &str) -> Trouble {
    Trouble::Final(Fault::new(&fault::REFUSED, what))
}
