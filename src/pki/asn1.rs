//! The few ASN.1 pieces that certificates, CRLs, requests and EF.SOD share.

use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Uint, UtcTime};
use der::{DateTime, Encode, Sequence};
use spki::AlgorithmIdentifierRef;
use time::OffsetDateTime;
use x509_cert::time::Time;

use super::fault;
use crate::base::Fault;

/// ecdsa-with-SHA256 (RFC 5758, section 3.2).
pub(crate) const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// id-ecPublicKey (RFC 5480, section 2.1.1).
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// id-sha256.
pub(crate) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// Certificates, CRLs and requests alike: something, and a signature over its encoding.
#[derive(Sequence)]
pub(crate) struct Signed<'a> {
    pub(crate) body: AnyRef<'a>,
    pub(crate) algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) signature: BitStringRef<'a>,
}

/// An algorithm without parameters: ECDSA must not have any (RFC 5758), digest algorithms omit them (Doc 9303-12).
pub(crate) fn bare(oid: ObjectIdentifier) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid,
        parameters: None,
    }
}

/// DER, or a fault that names the structure.
pub(crate) fn encode(what: &str, value: &impl Encode) -> Result<Vec<u8>, Fault> {
    value.to_der().map_err(|error| encoding(what, error))
}

/// Our own value did not encode.
pub(crate) fn encoding(what: &str, error: der::Error) -> Fault {
    Fault::new(&fault::ENCODING, format!("{what}: {error}"))
}

/// UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280, section 4.1.2.5); fractions of seconds are dropped.
pub(crate) fn time(at: OffsetDateTime) -> Result<Time, Fault> {
    let date_time = date_time(at)?;
    if date_time.year() <= 2049 {
        UtcTime::from_date_time(date_time).map(Time::UtcTime)
    } else {
        Ok(Time::GeneralTime(GeneralizedTime::from_date_time(date_time)))
    }
    .map_err(|error| encoding("time", error))
}

/// GeneralizedTime whatever the year, as the private key usage period asks for.
pub(crate) fn generalized(at: OffsetDateTime) -> Result<GeneralizedTime, Fault> {
    date_time(at).map(GeneralizedTime::from_date_time)
}

/// A time read, as UTC.
pub(crate) fn instant(since_epoch: Duration) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

/// A positive serial number of at most 20 octets (RFC 5280, section 4.1.2.2), the sign octet included.
pub(crate) fn serial(bytes: &[u8]) -> Result<Uint, Fault> {
    let digits = strip_zeros(bytes);
    let octets = digits.len() + usize::from(digits.first().is_some_and(|first| first & 0x80 != 0));
    if digits.is_empty() || octets > 20 {
        return Err(Fault::new(
            &fault::PLAN_REFUSED,
            "serial number: positive, at most 20 octets",
        ));
    }
    Uint::new(digits).map_err(|error| encoding("serial number", error))
}

/// A number without leading zeros, so that numbers compare however they were written.
pub(crate) fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn date_time(at: OffsetDateTime) -> Result<DateTime, Fault> {
    u64::try_from(at.unix_timestamp())
        .ok()
        .and_then(|seconds| DateTime::from_unix_duration(Duration::from_secs(seconds)).ok())
        .ok_or_else(|| Fault::new(&fault::PLAN_REFUSED, "time: before 1970 or after 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_change_their_form_in_2050() {
        let last = time(datetime!(2049-12-31 23:59:59 UTC))
            .unwrap()
            .to_der()
            .unwrap();
        assert_eq!(last, b"\x17\x0D491231235959Z");
        let first = time(datetime!(2050-01-01 00:00 UTC)).unwrap().to_der().unwrap();
        assert_eq!(first, b"\x18\x0F20500101000000Z");
        let early = generalized(datetime!(2026-11-22 07:00 +7))
            .unwrap()
            .to_der()
            .unwrap();
        assert_eq!(early, b"\x18\x0F20261122000000Z");
        assert_eq!(
            time(datetime!(1969-12-31 0:00 UTC)).unwrap_err().code,
            &fault::PLAN_REFUSED
        );
    }

    #[test]
    fn serial_numbers_are_positive_and_short() {
        assert_eq!(serial(&[0, 0, 0x80]).unwrap().to_der().unwrap(), [2, 2, 0, 0x80]);
        assert!(serial(&[]).is_err() && serial(&[0, 0]).is_err());
        assert!(serial(&[0x7F; 20]).is_ok() && serial(&[0x80; 20]).is_err() && serial(&[1; 21]).is_err());
    }
}
