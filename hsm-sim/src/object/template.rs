//! Which attributes an object may be made with, which it gets anyway, and which may change later.
//!
//! PKCS#11 2.40 §4.4 (storage), §4.8 to 4.10 (keys). The rules are one table; what is not in it is refused.

use cryptoki_sys::*;

use super::Attributes;
use crate::rv::{Outcome, ulong};

/// How a key came to be: decides the attributes that tell its history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// Born in the token by this mechanism.
    Generated(CK_MECHANISM_TYPE),
    /// Computed from a key with this history.
    Derived {
        /// The base key was always sensitive.
        always_sensitive: bool,
        /// The base key was never extractable.
        never_extractable: bool,
    },
    /// Came from outside: created from a value or unwrapped.
    Imported,
}

const PUBLIC: u8 = 1;
const PRIVATE: u8 = 2;
const SECRET: u8 = 4;
const KEYS: u8 = PUBLIC | PRIVATE | SECRET;
const HIDDEN: u8 = PRIVATE | SECRET;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Flag,
    Number,
    Bytes,
    Date,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Setting {
    /// Given when the object is made, fixed afterwards.
    Once,
    /// May be changed later as well.
    Later,
    /// A flag that may later only become true.
    OnlyUp,
    /// A flag that may later only become false.
    OnlyDown,
    /// Decided by the token.
    Token,
}

struct Rule(CK_ATTRIBUTE_TYPE, Kind, u8, Setting);

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule(CKA_CLASS, Kind::Number, KEYS, Setting::Once),
    Rule(CKA_TOKEN, Kind::Flag, KEYS, Setting::Once),
    Rule(CKA_PRIVATE, Kind::Flag, KEYS, Setting::Once),
    Rule(CKA_MODIFIABLE, Kind::Flag, KEYS, Setting::Once),
    Rule(CKA_COPYABLE, Kind::Flag, KEYS, Setting::Once),
    Rule(CKA_DESTROYABLE, Kind::Flag, KEYS, Setting::Once),
    Rule(CKA_LABEL, Kind::Bytes, KEYS, Setting::Later),
    Rule(CKA_KEY_TYPE, Kind::Number, KEYS, Setting::Once),
    Rule(CKA_ID, Kind::Bytes, KEYS, Setting::Later),
    Rule(CKA_START_DATE, Kind::Date, KEYS, Setting::Later),
    Rule(CKA_END_DATE, Kind::Date, KEYS, Setting::Later),
    Rule(CKA_DERIVE, Kind::Flag, KEYS, Setting::Later),
    Rule(CKA_LOCAL, Kind::Flag, KEYS, Setting::Token),
    Rule(CKA_KEY_GEN_MECHANISM, Kind::Number, KEYS, Setting::Token),
    Rule(CKA_ALLOWED_MECHANISMS, Kind::Bytes, KEYS, Setting::Once),
    Rule(CKA_SUBJECT, Kind::Bytes, PUBLIC | PRIVATE, Setting::Later),
    Rule(CKA_ENCRYPT, Kind::Flag, PUBLIC | SECRET, Setting::Later),
    Rule(CKA_DECRYPT, Kind::Flag, HIDDEN, Setting::Later),
    Rule(CKA_SIGN, Kind::Flag, HIDDEN, Setting::Later),
    Rule(CKA_SIGN_RECOVER, Kind::Flag, PRIVATE, Setting::Later),
    Rule(CKA_VERIFY, Kind::Flag, PUBLIC | SECRET, Setting::Later),
    Rule(CKA_VERIFY_RECOVER, Kind::Flag, PUBLIC, Setting::Later),
    Rule(CKA_WRAP, Kind::Flag, PUBLIC | SECRET, Setting::Later),
    Rule(CKA_UNWRAP, Kind::Flag, HIDDEN, Setting::Later),
    Rule(CKA_TRUSTED, Kind::Flag, PUBLIC | SECRET, Setting::Token),
    Rule(CKA_SENSITIVE, Kind::Flag, HIDDEN, Setting::OnlyUp),
    Rule(CKA_EXTRACTABLE, Kind::Flag, HIDDEN, Setting::OnlyDown),
    Rule(CKA_ALWAYS_SENSITIVE, Kind::Flag, HIDDEN, Setting::Token),
    Rule(CKA_NEVER_EXTRACTABLE, Kind::Flag, HIDDEN, Setting::Token),
    Rule(CKA_WRAP_WITH_TRUSTED, Kind::Flag, HIDDEN, Setting::OnlyUp),
    Rule(CKA_ALWAYS_AUTHENTICATE, Kind::Flag, PRIVATE, Setting::Once),
    Rule(CKA_EC_PARAMS, Kind::Bytes, PUBLIC | PRIVATE, Setting::Once),
    Rule(CKA_EC_POINT, Kind::Bytes, PUBLIC | PRIVATE, Setting::Once),
    Rule(CKA_VALUE_LEN, Kind::Number, SECRET, Setting::Once),
];

/// Longest label, identifier or other byte string an attribute may hold.
const BYTES_MAX: usize = 4_096;

/// Completes a template into the attributes of a new object of this class and key type.
///
/// # Errors
/// The `CKR_ATTRIBUTE_…` and `CKR_TEMPLATE_…` codes of PKCS#11 2.40 §4.1.
pub(crate) fn build(
    class: CK_OBJECT_CLASS,
    key_type: CK_KEY_TYPE,
    template: &Attributes,
    origin: Origin,
) -> Outcome<Attributes> {
    let mask = mask_of(class)?;
    for (attribute, value) in template.iter() {
        let rule = rule_of(attribute, mask)?;
        if rule.3 == Setting::Token {
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        }
        check_value(rule, value)?;
    }
    for (attribute, expected) in [(CKA_CLASS, class), (CKA_KEY_TYPE, key_type)] {
        if template.ulong(attribute).is_some_and(|given| given != expected) {
            return Err(CKR_TEMPLATE_INCONSISTENT);
        }
    }

    let mut built = defaults(mask);
    for (attribute, value) in template.iter() {
        built.set(attribute, value);
    }
    built.set_ulong(CKA_CLASS, class);
    built.set_ulong(CKA_KEY_TYPE, key_type);
    record_history(&mut built, mask, origin);

    // A secret that stays is always private, because what seals it in the file is opened by the user's PIN.
    let stays_open = built.flag(CKA_TOKEN) && !built.flag(CKA_PRIVATE) && mask & HIDDEN != 0;
    if stays_open || built.flag(CKA_ALWAYS_AUTHENTICATE) {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    Ok(built)
}

/// The attributes of an object after a change asked for by `C_SetAttributeValue`.
///
/// # Errors
/// `CKR_ATTRIBUTE_READ_ONLY` for what is fixed or would loosen the protection of a key.
pub(crate) fn change(attributes: &Attributes, wanted: &Attributes) -> Outcome<Attributes> {
    if !attributes.flag(CKA_MODIFIABLE) {
        return Err(CKR_ACTION_PROHIBITED);
    }
    let mask = mask_of(attributes.ulong(CKA_CLASS).ok_or(CKR_DEVICE_ERROR)?)?;
    let mut changed = attributes.clone();
    for (attribute, value) in wanted.iter() {
        let rule = rule_of(attribute, mask)?;
        check_value(rule, value)?;
        let rises = value == [CK_TRUE];
        let allowed = match rule.3 {
            Setting::Later => true,
            Setting::OnlyUp => rises || !attributes.flag(attribute),
            Setting::OnlyDown => !rises || attributes.flag(attribute),
            Setting::Once | Setting::Token => false,
        };
        if !allowed {
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        }
        changed.set(attribute, value);
    }
    Ok(changed)
}

fn mask_of(class: CK_OBJECT_CLASS) -> Outcome<u8> {
    match class {
        CKO_PUBLIC_KEY => Ok(PUBLIC),
        CKO_PRIVATE_KEY => Ok(PRIVATE),
        CKO_SECRET_KEY => Ok(SECRET),
        _ => Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

fn rule_of(attribute: CK_ATTRIBUTE_TYPE, mask: u8) -> Outcome<&'static Rule> {
    let rule = RULES
        .iter()
        .find(|rule| rule.0 == attribute)
        .ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?;
    if rule.2 & mask == 0 {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    Ok(rule)
}

fn check_value(rule: &Rule, value: &[u8]) -> Outcome<()> {
    let good = match rule.1 {
        Kind::Flag => value == [CK_TRUE] || value == [CK_FALSE],
        Kind::Number => value.len() == size_of::<CK_ULONG>(),
        Kind::Date => value.is_empty() || value.len() == size_of::<CK_DATE>(),
        Kind::Bytes => {
            value.len() <= BYTES_MAX
                && (rule.0 != CKA_ALLOWED_MECHANISMS || value.len().is_multiple_of(size_of::<CK_ULONG>()))
        }
    };
    if good {
        Ok(())
    } else {
        Err(CKR_ATTRIBUTE_VALUE_INVALID)
    }
}

/// A key can do nothing that its maker did not ask for, and hides what it can.
fn defaults(mask: u8) -> Attributes {
    let mut attributes = Attributes::default();
    for Rule(attribute, kind, classes, _) in RULES {
        if classes & mask == 0 {
            continue;
        }
        match kind {
            Kind::Flag => {
                let value = match *attribute {
                    CKA_MODIFIABLE | CKA_COPYABLE | CKA_DESTROYABLE => true,
                    CKA_PRIVATE | CKA_SENSITIVE => mask & HIDDEN != 0,
                    _ => false,
                };
                attributes.set_flag(*attribute, value);
            }
            Kind::Bytes | Kind::Date if !matches!(*attribute, CKA_EC_PARAMS | CKA_EC_POINT) => {
                attributes.set(*attribute, []);
            }
            _ => {}
        }
    }
    attributes
}

fn record_history(attributes: &mut Attributes, mask: u8, origin: Origin) {
    let (local, mechanism) = match origin {
        Origin::Generated(mechanism) => (true, mechanism),
        Origin::Derived { .. } | Origin::Imported => (false, CK_UNAVAILABLE_INFORMATION),
    };
    attributes.set_flag(CKA_LOCAL, local);
    attributes.set_ulong(CKA_KEY_GEN_MECHANISM, mechanism);
    if mask & HIDDEN == 0 {
        return;
    }
    let (sensitive, extractable) = match origin {
        Origin::Generated(_) => (true, true),
        Origin::Derived {
            always_sensitive,
            never_extractable,
        } => (always_sensitive, never_extractable),
        Origin::Imported => (false, false),
    };
    attributes.set_flag(CKA_ALWAYS_SENSITIVE, sensitive && attributes.flag(CKA_SENSITIVE));
    attributes.set_flag(
        CKA_NEVER_EXTRACTABLE,
        extractable && !attributes.flag(CKA_EXTRACTABLE),
    );
}

/// Sets the length of a secret value, checking what the template said about it.
pub(crate) fn set_value_length(attributes: &mut Attributes, length: usize) -> Outcome<()> {
    let length = ulong(length);
    if attributes
        .ulong(CKA_VALUE_LEN)
        .is_some_and(|given| given != length)
    {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    attributes.set_ulong(CKA_VALUE_LEN, length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aes(template: &Attributes) -> Outcome<Attributes> {
        build(
            CKO_SECRET_KEY,
            CKK_AES,
            template,
            Origin::Generated(CKM_AES_KEY_GEN),
        )
    }

    #[test]
    fn a_key_hides_by_default_and_can_do_nothing() {
        let key = aes(&Attributes::default()).unwrap();
        for flag in [
            CKA_PRIVATE,
            CKA_SENSITIVE,
            CKA_ALWAYS_SENSITIVE,
            CKA_NEVER_EXTRACTABLE,
            CKA_LOCAL,
        ] {
            assert!(key.flag(flag), "{flag:x}");
        }
        for flag in [
            CKA_TOKEN,
            CKA_ENCRYPT,
            CKA_SIGN,
            CKA_WRAP,
            CKA_DERIVE,
            CKA_EXTRACTABLE,
        ] {
            assert!(!key.flag(flag), "{flag:x}");
        }
    }

    #[test]
    fn wrong_templates_are_refused_with_the_standards_codes() {
        let refused = |attribute, value: &[u8]| {
            let mut template = Attributes::default();
            template.set(attribute, value);
            aes(&template).unwrap_err()
        };
        assert_eq!(refused(CKA_LOCAL, &[1]), CKR_ATTRIBUTE_READ_ONLY);
        assert_eq!(refused(CKA_SIGN, &[2]), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(refused(CKA_VALUE_LEN, &[32]), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(refused(CKA_EC_POINT, &[4]), CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(refused(CKA_MODULUS, &[4]), CKR_ATTRIBUTE_TYPE_INVALID);
        assert_eq!(
            refused(CKA_CLASS, &CKO_PUBLIC_KEY.to_ne_bytes()),
            CKR_TEMPLATE_INCONSISTENT
        );
        let mut open = Attributes::default();
        open.set_flag(CKA_TOKEN, true);
        open.set_flag(CKA_PRIVATE, false);
        assert_eq!(aes(&open).unwrap_err(), CKR_TEMPLATE_INCONSISTENT);
    }

    #[test]
    fn protection_can_only_grow() {
        let key = aes(&Attributes::default()).unwrap();
        let wish = |attribute, value| {
            let mut wanted = Attributes::default();
            wanted.set_flag(attribute, value);
            change(&key, &wanted).map(|changed| changed.flag(attribute))
        };
        assert_eq!(wish(CKA_SENSITIVE, false), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(wish(CKA_EXTRACTABLE, true), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(wish(CKA_TOKEN, true), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(wish(CKA_SIGN, true), Ok(true));
    }
}
