use time::Duration;
use time::macros::{date, datetime};

use super::*;
use crate::pki::testkit::{NOW, Rehearsal, ds_plan};
use crate::pki::{CertificatePlan, Curve};

fn key(label: &str, change: impl Fn(&mut CertificatePlan<'_>)) -> SignerKey {
    let pki = Rehearsal::new(Curve::Named);
    let mut plan = ds_plan(&pki.csca, &pki.ds_key, Curve::Named);
    change(&mut plan);
    let certificate = Certificate::parse(&pki.csca_key.finish(&plan.draft().unwrap())).unwrap();
    SignerKey {
        label: label.into(),
        certificate,
        issuer: pki.csca,
        limit: Some(1000),
        unlimited: false,
    }
}

fn request() -> SigningRequest {
    SigningRequest {
        now: NOW,
        signing_time: Some(NOW),
        issued: date!(2026 - 11 - 22),
        expiry: Some(date!(2041 - 04 - 15)),
        document_type: "ID".into(),
        country: "VN",
    }
}

/// The code of the refusal of this request by the ordinary key, which has signed 999 of 1000 cards.
fn refusal(change: impl Fn(&mut SigningRequest)) -> &'static str {
    let mut request = request();
    change(&mut request);
    may_sign(&key("ds1", |_| ()), 999, &request).map_or_else(|fault| fault.code.id, |()| "none")
}

#[test]
fn the_ordinary_card_is_signed() {
    assert_eq!(refusal(|_| ()), "none");
    assert_eq!(refusal(|request| request.signing_time = None), "none");
}

#[test]
fn now_lies_in_the_usage_period() {
    assert_eq!(
        refusal(|request| request.now = NOW - Duration::hours(3)),
        "PKI-030"
    );
    assert_eq!(refusal(|request| request.now = NOW + Duration::days(90)), "none");
    assert_eq!(
        refusal(|request| request.now = NOW + Duration::days(90) + Duration::seconds(1)),
        "PKI-030"
    );
}

#[test]
fn the_date_of_issue_lies_in_the_usage_period() {
    // From 2026-11-22 02:00 UTC to 2027-02-20 04:00 UTC, the same days in Viet Nam.
    assert_eq!(
        refusal(|request| request.issued = date!(2026 - 11 - 21)),
        "PKI-031"
    );
    assert_eq!(refusal(|request| request.issued = date!(2027 - 02 - 20)), "none");
    assert_eq!(
        refusal(|request| request.issued = date!(2027 - 02 - 21)),
        "PKI-031"
    );
}

#[test]
fn a_date_of_issue_holds_in_both_time_zones() {
    let evening = key("ds1", |plan| {
        plan.not_before = datetime!(2026-11-21 18:00 UTC);
        plan.usage_from = datetime!(2026-11-21 18:00 UTC);
        plan.usage_until = datetime!(2026-12-31 18:00 UTC);
    });
    let on = |issued| may_sign(&evening, 0, &SigningRequest { issued, ..request() }).is_ok();
    // 18:00 in UTC is 01:00 the next day in Viet Nam.
    assert!(!on(date!(2026 - 11 - 21)) && on(date!(2026 - 11 - 22)));
    assert!(on(date!(2026 - 12 - 31)) && !on(date!(2027 - 01 - 01)));
}

#[test]
fn the_signing_time_lies_strictly_inside_the_validity() {
    let at = |time: OffsetDateTime| refusal(|request| request.signing_time = Some(time));
    assert_eq!(at(NOW - Duration::hours(1)), "none");
    assert_eq!(at(NOW - Duration::hours(1) - Duration::seconds(1)), "PKI-033");
    assert_eq!(at(datetime!(2049-02-19 23:59:59 UTC)), "none");
    assert_eq!(at(datetime!(2049-02-20 00:00 UTC)), "PKI-033");
    // Without a signing time it is the clock that must have passed the settling hour.
    let early = NOW - Duration::minutes(90);
    assert_eq!(
        refusal(|request| (request.now, request.signing_time) = (early, None)),
        "PKI-033"
    );
}

#[test]
fn the_card_expires_no_later_than_the_certificate() {
    // The certificate ends on 2049-02-20 at 07:00 in Viet Nam, before that day is over.
    assert_eq!(
        refusal(|request| request.expiry = Some(date!(2049 - 02 - 19))),
        "none"
    );
    assert_eq!(
        refusal(|request| request.expiry = Some(date!(2049 - 02 - 20))),
        "PKI-034"
    );
}

#[test]
fn cards_without_expiry_have_their_own_signer() {
    assert_eq!(refusal(|request| request.expiry = None), "PKI-035");
    let unlimited = SignerKey {
        unlimited: true,
        ..key("ds9", |_| ())
    };
    assert!(
        may_sign(
            &unlimited,
            0,
            &SigningRequest {
                expiry: None,
                ..request()
            }
        )
        .is_ok()
    );
}

#[test]
fn the_document_type_is_listed() {
    assert_eq!(refusal(|request| request.document_type = "I".into()), "PKI-036");
}

#[test]
fn a_card_of_another_state_is_not_signed() {
    assert_eq!(refusal(|request| request.country = "UT"), "PKI-042");
}

#[test]
fn the_limit_holds() {
    let refused = may_sign(&key("ds1", |_| ()), 1000, &request()).unwrap_err();
    assert_eq!((refused.code.id, refused.detail.as_str()), ("PKI-037", "ds1"));
    let free = SignerKey {
        limit: None,
        ..key("ds1", |_| ())
    };
    assert!(may_sign(&free, u64::MAX, &request()).is_ok());
}

#[test]
fn a_certificate_without_usage_period_is_refused() {
    let mut silent = key("ds1", |_| ());
    silent.certificate.usage_period = None;
    assert_eq!(may_sign(&silent, 0, &request()).unwrap_err().code.id, "PKI-032");
}

#[test]
fn keys_are_used_up_in_order_and_the_next_takes_over() {
    let unlimited = SignerKey {
        unlimited: true,
        ..key("a", |_| ())
    };
    let later = key("b", |_| ());
    let sooner = key("c", |plan| plan.usage_until = NOW + Duration::days(20));
    let pick = |used: [u64; 3], request: &SigningRequest| {
        choose([&unlimited, &later, &sooner].into_iter().zip(used), request)
            .map_err(|fault| fault.detail)
            .map(|key| key.label.as_str())
    };
    // The usage period begins with the certificate, so the order is by its end.
    assert_eq!(pick([0, 0, 0], &request()), Ok("c"));
    assert_eq!(pick([0, 0, 1000], &request()), Ok("b"));
    assert_eq!(pick([0, 1000, 1000], &request()), Ok("a"));
    assert_eq!(
        pick(
            [0, 0, 0],
            &SigningRequest {
                expiry: None,
                ..request()
            }
        ),
        Ok("a")
    );
    assert_eq!(
        pick([1000, 1000, 1000], &request()),
        Err("a: PKI-037, b: PKI-037, c: PKI-037".into())
    );
}

#[test]
fn a_date_of_issue_before_every_signer_is_the_cards_own_fault() {
    let (one, other) = (key("a", |_| ()), key("b", |_| ()));
    let refused = |used, issued: Date| {
        let request = SigningRequest { issued, ..request() };
        choose([(&one, used), (&other, 1000)], &request)
            .unwrap_err()
            .code
            .id
    };
    let (from, until) = one.certificate.usage_period.unwrap();
    assert_eq!(refused(0, from.date() - Duration::days(1)), "PKI-040");
    // A signer that is still to come may do: the machine waits for it.
    assert_eq!(refused(0, until.date() + Duration::days(1)), "PKI-038");
    assert_eq!(refused(1000, request().issued), "PKI-038");
}

#[test]
fn one_persons_card_keeps_nobody_elses_from_being_made() {
    let refused = |used, change: &dyn Fn(&mut SigningRequest)| {
        let (regular, exhausted) = (key("a", |_| ()), key("b", |_| ()));
        let mut request = request();
        change(&mut request);
        choose([(&regular, used), (&exhausted, 1000)], &request)
            .unwrap_err()
            .code
            .id
    };
    let not_after = key("a", |_| ()).certificate.not_after.date();
    assert_eq!(refused(0, &|card| card.expiry = None), "PKI-041");
    assert_eq!(
        refused(0, &|card| card.expiry = Some(not_after + Duration::days(1))),
        "PKI-041"
    );
    assert_eq!(refused(0, &|card| card.document_type = "P".into()), "PKI-041");
    // What keeps a key from signing anything is told first, and is the line's matter.
    assert_eq!(
        refused(0, &|card| {
            card.expiry = None;
            card.now += Duration::days(300);
        }),
        "PKI-038"
    );
}

#[test]
fn days_and_cards_left_are_told() {
    let left = |used, now| remaining(&key("ds1", |_| ()), used, now);
    assert_eq!(
        left(0, NOW),
        Remaining {
            days: 90,
            cards: Some(1000)
        }
    );
    assert_eq!(
        left(1001, NOW + Duration::days(91)),
        Remaining {
            days: 0,
            cards: Some(0)
        }
    );
}
