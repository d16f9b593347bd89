use time::macros::date;

use super::*;
use crate::pki::testkit::{NOW, Rehearsal, ds_plan};
use crate::pki::{Certificate, Curve};

/// A signer whose usage period ends so many days after the ordinary one's.
fn signer(label: &str, limit: Option<u64>, later: i64) -> SignerKey {
    let pki = Rehearsal::new(Curve::Named);
    let mut plan = ds_plan(&pki.csca, &pki.ds_key, Curve::Named);
    plan.usage_until += time::Duration::days(later);
    let certificate = Certificate::parse(&pki.csca_key.finish(&plan.draft().unwrap())).unwrap();
    SignerKey {
        label: label.to_owned(),
        certificate,
        issuer: pki.csca,
        limit,
        unlimited: false,
    }
}

fn card() -> SigningRequest {
    SigningRequest {
        now: NOW,
        signing_time: Some(NOW),
        issued: date!(2026 - 11 - 22),
        expiry: Some(date!(2041 - 04 - 15)),
        document_type: "ID".to_owned(),
        country: "VN",
    }
}

fn taken(signers: &Signers) -> Result<String, &'static str> {
    let taken = signers.take(&card());
    taken.map(|key| key.label.clone()).map_err(|fault| fault.code.id)
}

#[test]
fn the_next_takes_over_when_one_is_used_up_and_never_before_two_people_said_so() {
    let signers = Signers::new(vec![signer("ds-1", Some(3), 0), signer("ds-2", None, 1)]);
    assert_eq!(taken(&signers), Err("PKI-038"), "both are staged");
    signers.stand("ds-1", Standing::Active);
    for _ in 0..3 {
        assert_eq!(taken(&signers).as_deref(), Ok("ds-1"));
    }
    assert_eq!(taken(&signers), Err("PKI-038"), "the successor is only staged");
    signers.stand("ds-2", Standing::Active);
    assert_eq!(taken(&signers).as_deref(), Ok("ds-2"));
    signers.stand("ds-2", Standing::Stopped);
    assert_eq!(taken(&signers), Err("PKI-038"));
    let left: Vec<_> = signers
        .left(NOW)
        .into_iter()
        .map(|signer| (signer.label, signer.cards, signer.signed, signer.standing))
        .collect();
    assert_eq!(
        left,
        [
            ("ds-1".to_owned(), Some(0), 3, Standing::Active),
            ("ds-2".to_owned(), None, 1, Standing::Stopped)
        ]
    );
}

#[test]
fn the_end_of_a_usage_period_is_as_good_as_a_limit() {
    let signers = Signers::new(vec![signer("ds-1", None, 0), signer("ds-2", None, 30)]);
    for label in signers.labels() {
        signers.stand(&label, Standing::Active);
    }
    assert_eq!(
        taken(&signers).as_deref(),
        Ok("ds-1"),
        "the older is used up first"
    );
    let (_, until) = signer("ds-1", None, 0).certificate.usage_period.unwrap();
    let after = SigningRequest {
        now: until + time::Duration::seconds(1),
        signing_time: None,
        ..card()
    };
    assert_eq!(signers.take(&after).unwrap().label, "ds-2");
}

#[test]
fn machines_that_sign_side_by_side_never_share_the_last_signature() {
    let signers = Signers::new(vec![signer("ds-1", Some(100), 0), signer("ds-2", None, 1)]);
    for label in signers.labels() {
        signers.stand(&label, Standing::Active);
    }
    let signers = &signers;
    let taken: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(move || (0..25).map(|_| taken(signers).unwrap()).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let of = |label: &str| taken.iter().filter(|taken| *taken == label).count();
    assert_eq!((of("ds-1"), of("ds-2")), (100, 100));
}

#[test]
fn a_new_certificate_must_be_said_to_be_good_again() {
    let signers = Signers::new(vec![signer("ds-1", Some(3), 0)]);
    signers.stand("ds-1", Standing::Active);
    signers.stage(signer("ds-1", Some(9), 0), 4);
    assert_eq!(signers.standing("ds-1"), Some(Standing::Staged));
    assert_eq!(signers.labels(), ["ds-1"]);
    assert_eq!(signers.left(NOW)[0].cards, Some(5));
    assert_eq!(taken(&signers), Err("PKI-038"));
}
