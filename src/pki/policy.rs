//! Which key may sign which card.

use time::{Date, Duration, OffsetDateTime, UtcOffset};

use super::fault;
use super::trust::Certificate;
use crate::base::Fault;
use crate::base::clock::VIET_NAM;

/// A document signer in the HSM and what is known of it.
#[derive(Clone, Debug)]
pub struct SignerKey {
    /// The label of the private key in the HSM.
    pub label: String,
    /// Its certificate, already verified by [`super::TrustStore::verify`].
    pub certificate: Certificate,
    /// The CSCA that issued it.
    pub issuer: Certificate,
    /// How many cards it may sign, so that a revocation hits few; a facility's own rule, not ICAO's.
    pub limit: Option<u64>,
    /// It may sign cards without expiry. No certificate outlives such a card, so the facility's profile decides how
    /// long this signer's certificate lives, and says so by this switch.
    pub unlimited: bool,
}

impl SignerKey {
    /// Whether it signs for the state of this country, two letters.
    #[must_use]
    pub fn is_of(&self, country: &str) -> bool {
        let own = self.certificate.subject.country();
        own.is_some_and(|own| own.eq_ignore_ascii_case(country))
    }
}

/// One card to be signed.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    /// Now.
    pub now: OffsetDateTime,
    /// The signing time to be written into EF.SOD, where the profile has one.
    pub signing_time: Option<OffsetDateTime>,
    /// The card's date of issue.
    pub issued: Date,
    /// The last day the card is valid, or nothing for a card without expiry.
    pub expiry: Option<Date>,
    /// The document type as the MRZ begins, such as `ID`.
    pub document_type: String,
    /// The country of the card's issuing state, two letters.
    pub country: &'static str,
}

/// What is left of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remaining {
    /// Whole days until the usage period ends; 0 when over.
    pub days: i64,
    /// Cards until the limit, where there is one.
    pub cards: Option<u64>,
}

/// Does this fault say that a key may not sign this card?
#[must_use]
pub fn may_not_sign(fault: &Fault) -> bool {
    [
        &fault::USAGE_PERIOD_MISSING,
        &fault::USAGE_PERIOD_NOW,
        &fault::USAGE_PERIOD_ISSUE,
        &fault::SIGNING_TIME,
        &fault::CARD_OUTLIVES_CERTIFICATE,
        &fault::UNLIMITED_NOT_ALLOWED,
        &fault::DOCUMENT_TYPE,
        &fault::OTHER_STATE,
        &fault::LIMIT_REACHED,
    ]
    .contains(&fault.code)
}

/// May this key, which has signed `used` cards, sign this one?
///
/// # Errors
/// A code of its own for each refusal: `PKI-030` to `PKI-037`, `PKI-042`.
pub fn may_sign(key: &SignerKey, used: u64, request: &SigningRequest) -> Result<(), Fault> {
    let refuse = |code| Err(Fault::new(code, key.label.as_str()));
    let certificate = &key.certificate;
    let Some((from, until)) = certificate.usage_period else {
        return refuse(&fault::USAGE_PERIOD_MISSING);
    };
    if request.now < from || request.now > until {
        return refuse(&fault::USAGE_PERIOD_NOW);
    }
    if request.issued < days(from).1 || request.issued > days(until).0 {
        return refuse(&fault::USAGE_PERIOD_ISSUE);
    }
    let signing_time = request.signing_time.unwrap_or(request.now);
    if [certificate, &key.issuer]
        .iter()
        .any(|one| signing_time < one.not_before + SETTLING_TIME || signing_time >= one.not_after)
    {
        return refuse(&fault::SIGNING_TIME);
    }
    match request.expiry {
        Some(last) if end_of(last) > certificate.not_after => {
            return refuse(&fault::CARD_OUTLIVES_CERTIFICATE);
        }
        None if !key.unlimited => return refuse(&fault::UNLIMITED_NOT_ALLOWED),
        _ => {}
    }
    if !key.is_of(request.country) {
        return refuse(&fault::OTHER_STATE);
    }
    if !certificate.document_types.contains(&request.document_type) {
        return refuse(&fault::DOCUMENT_TYPE);
    }
    if key.limit.is_some_and(|limit| used >= limit) {
        return refuse(&fault::LIMIT_REACHED);
    }
    Ok(())
}

/// The key to sign this card with, each key with the number of cards it has signed: keys for cards without expiry are
/// kept for those, and the key whose usage period ends first is used up first. The next key takes over in mid-batch.
///
/// # Errors
/// `PKI-038` with each key's reason; `PKI-040` if the card was issued before any signer that works now came into use:
/// then it is the card's own date, and no signer that comes later will do either; `PKI-041` if a key signs other cards:
/// one person's card keeps nobody else's from being made.
pub fn choose<'a>(
    keys: impl IntoIterator<Item = (&'a SignerKey, u64)>,
    request: &SigningRequest,
) -> Result<&'a SignerKey, Fault> {
    let (mut reasons, mut came_too_early, mut signs_others) = (Vec::new(), false, false);
    keys.into_iter()
        .filter(|(key, used)| match may_sign(key, *used, request) {
            Ok(()) => true,
            Err(fault) => {
                let from = key.certificate.usage_period.map(|(from, _)| days(from).1);
                came_too_early |= *fault.code == fault::USAGE_PERIOD_ISSUE && Some(request.issued) < from;
                signs_others |= is_of_the_card(&fault);
                reasons.push(format!("{}: {}", key.label, fault.code.id));
                false
            }
        })
        .map(|(key, _)| key)
        .min_by_key(|key| {
            let until = key.certificate.usage_period.map(|(_, until)| until);
            (key.unlimited, until, key.label.as_str())
        })
        .ok_or_else(|| {
            let code = match (came_too_early, signs_others) {
                (true, _) => &fault::ISSUED_BEFORE_SIGNERS,
                (false, true) => &fault::NOT_FOR_SUCH_CARDS,
                (false, false) => &fault::NO_SIGNER,
            };
            Fault::new(code, reasons.join(", "))
        })
}

/// Whether a key that does not sign this card may sign others.
fn is_of_the_card(refusal: &Fault) -> bool {
    [
        &fault::CARD_OUTLIVES_CERTIFICATE,
        &fault::UNLIMITED_NOT_ALLOWED,
        &fault::DOCUMENT_TYPE,
    ]
    .contains(&refusal.code)
}

/// What is left of a key that has signed `used` cards.
#[must_use]
pub fn remaining(key: &SignerKey, used: u64, now: OffsetDateTime) -> Remaining {
    let days = key
        .certificate
        .usage_period
        .map_or(0, |(_, until)| (until - now).whole_days().max(0));
    Remaining {
        days,
        cards: key.limit.map(|limit| limit.saturating_sub(used)),
    }
}

/// The earlier and the later of an instant's dates in UTC and in Viet Nam. A border compares the printed date with the
/// usage period in a zone of its own, so the narrower reading must hold.
fn days(instant: OffsetDateTime) -> (Date, Date) {
    let utc = instant.to_offset(UtcOffset::UTC).date();
    let local = instant.to_offset(VIET_NAM).date();
    (utc.min(local), utc.max(local))
}

/// The end of a card's last day where it was issued.
fn end_of(day: Date) -> OffsetDateTime {
    day.with_hms(23, 59, 59).map_or_else(
        |_| day.midnight().assume_offset(VIET_NAM),
        |end| end.assume_offset(VIET_NAM),
    )
}

/// Some readers refuse a signing time equal to notBefore, and clocks differ.
const SETTLING_TIME: Duration = Duration::hours(1);

#[cfg(test)]
mod tests;
