//! Admission: a dossier becomes an order, or goes back to its office with the reasons. None is ever lost.

use serde::Serialize;

use crate::audit::Hash;
use crate::base::ids::OfficeCode;
use crate::base::{Blame, Fault, Secret};
use crate::dossier::admit::PortraitRules;
use crate::dossier::fault::{
    DUPLICATE_OTHER, PERSON_HAS_ORDER, REQUEST_CANCELLED, VERSION_STALE, VERSION_TOO_LATE,
};
use crate::dossier::finding::worst;
use crate::dossier::jwe::Sealed;
use crate::dossier::{Dossier, Finding, Opened, Rules, Severity, check, due, open};
use crate::port::{Admission, NewOrder, OrderState, Returned};

use super::Line;
use super::costs::Effort;

/// An issue date may lie this many days ahead: cards are approved a little before they are made.
const ISSUE_AHEAD_DAYS: u16 = 30;

/// What became of a document.
#[derive(Clone, Debug)]
pub enum Intake {
    /// In the order book; held if a finding says so.
    Admitted {
        /// How.
        admission: Admission,
        /// It waits for a person.
        held: bool,
        /// What was found all the same.
        findings: Vec<Finding>,
    },
    /// Back to its office.
    Returned {
        /// The registry's request, as far as it could be read.
        request: Option<String>,
        /// Why.
        findings: Vec<Finding>,
    },
}

/// Whose a document is, as far as it can be read.
#[derive(Clone, Copy, Default)]
struct Sender<'a> {
    /// The registry's request.
    request: Option<&'a str>,
    /// Keyed hash of the personal number.
    person: Option<&'a str>,
    office: Option<&'a OfficeCode>,
}

/// What goes back to an office.
#[derive(Serialize)]
struct Notice<'a> {
    request: Option<&'a str>,
    office: Option<&'a OfficeCode>,
    document: &'a str,
    findings: &'a [Finding],
}

impl Line {
    /// Admits one document: opens it, checks it, and enters or returns it.
    ///
    /// # Errors
    /// Only the facility's own: the HSM, the order book, a host that runs short. A bad document is not an error but a
    /// return.
    pub async fn admit(
        &self,
        document: &[u8],
        resolve: &(dyn Fn(&str) -> Option<Vec<u8>> + Sync),
    ) -> Result<Intake, Fault> {
        self.must_have_room_for(document.len()).await?;
        self.costs
            .of(Effort::Admit, self.open_and_enter(document, resolve))
            .await
    }

    async fn open_and_enter(
        &self,
        document: &[u8],
        resolve: &(dyn Fn(&str) -> Option<Vec<u8>> + Sync),
    ) -> Result<Intake, Fault> {
        let id = Hash::of(&[document]).to_string();
        let clear = match self.in_the_clear(document).await {
            Ok(clear) => clear,
            Err(fault) if fault.blame() == Blame::Dossier => {
                let findings = [Finding::from_fault(fault, "$")];
                return self.give_back(&id, &Sender::default(), &findings).await;
            }
            Err(fault) => return Err(fault),
        };
        let opened = open(
            clear.expose(),
            &self.rules.dossier_trust,
            self.clock.now(),
            &|name| resolve(name),
        );
        match opened {
            Ok(Opened {
                dossier, canonical, ..
            }) => self.check_and_enter(&id, &dossier, &canonical).await,
            Err(rejected) => {
                let sender = Sender {
                    request: rejected.origin.request.as_deref(),
                    person: None,
                    office: rejected.origin.office.as_ref(),
                };
                self.give_back(&id, &sender, &rejected.findings).await
            }
        }
    }

    /// The document itself, decrypted in the HSM if it was encrypted to the facility.
    async fn in_the_clear(&self, document: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        if !Sealed::is_likely(document) {
            return Ok(Secret::new(document.to_vec()));
        }
        let text = String::from_utf8_lossy(document);
        let sealed = Sealed::parse(text.trim())?;
        let shared = self
            .ports
            .signer
            .agree(&self.rules.keys.intake, sealed.peer())
            .await?;
        sealed.open(shared.expose())
    }

    async fn check_and_enter(
        &self,
        document: &str,
        dossier: &Dossier,
        signed: &[u8],
    ) -> Result<Intake, Fault> {
        let profile = self.rules.profiles.get(&dossier.profile);
        let rules = Rules {
            requirements: profile.map(|profile| &profile.requirements),
            offices: &self.rules.offices,
            glyphs: &self.rules.glyphs,
            portrait: PortraitRules::default(),
            issue_ahead_days: ISSUE_AHEAD_DAYS,
        };
        let mut findings = check(dossier, &rules, self.clock.today());
        let person = self.person_hash(&dossier.person.number).await?;
        let sender = Sender {
            request: Some(&dossier.request),
            person: Some(&person),
            office: Some(&dossier.office),
        };
        if worst(&findings) == Some(Severity::Return) {
            return self.give_back(document, &sender, &findings).await;
        }
        // All of them: whoever releases the order must have seen each.
        let hold = codes(&findings, Severity::Hold);
        let at_rest = self.seal_dossier(dossier).await?;
        let order = NewOrder {
            request: dossier.request.clone(),
            version: dossier.version,
            person: person.clone(),
            content: self
                .look_up_hash(&format!("dossier: {}", Hash::of(&[signed])))
                .await?,
            office: dossier.office.clone(),
            profile: dossier.profile.clone(),
            priority: dossier.priority,
            place: format!(
                "{}\u{1f}{}\u{1f}{:08}",
                dossier.place.village, dossier.place.team, dossier.place.sequence
            ),
            received: dossier.received,
            admitted: self.clock.today(),
            due: due(dossier.received, self.rules.working_days, &self.rules.holidays),
            hold: hold.clone(),
            flags: codes(&findings, Severity::Flag),
            epoch: at_rest.epoch,
            wrapped_key: at_rest.wrapped_key,
            sealed: at_rest.sealed,
        };
        let admission = self.ports.book.admit(order).await?;
        self.work.notify_waiters();
        let refused = match admission {
            Admission::New(_) => {
                return Ok(Intake::Admitted {
                    admission,
                    held: hold.is_some(),
                    findings,
                });
            }
            // A person may have held it, or let it go.
            Admission::Replaced(key) | Admission::Known(key) => {
                let order = self.ports.book.order(key).await?;
                let held = order.is_some_and(|order| order.state == OrderState::Held);
                if matches!(admission, Admission::Known(_)) {
                    findings.clear();
                }
                return Ok(Intake::Admitted {
                    admission,
                    held,
                    findings,
                });
            }
            Admission::Contradicts(_) => &DUPLICATE_OTHER,
            Admission::SecondForPerson(_) => &PERSON_HAS_ORDER,
            Admission::TooLate(key) => match self.ports.book.order(key).await? {
                Some(order) if order.state == OrderState::Cancelled => &REQUEST_CANCELLED,
                _ => &VERSION_TOO_LATE,
            },
            Admission::Outdated(_) => &VERSION_STALE,
        };
        self.give_back(document, &sender, &[Finding::new(refused, "$")])
            .await
    }

    /// Keeps the notice in the order book and puts it into the office's return folder.
    async fn give_back(
        &self,
        document: &str,
        sender: &Sender<'_>,
        findings: &[Finding],
    ) -> Result<Intake, Fault> {
        let Sender {
            request,
            person,
            office,
        } = *sender;
        let notice = serde_json::to_string_pretty(&Notice {
            request,
            office,
            document,
            findings,
        })
        .map_err(|error| super::fault::unreadable(error.to_string()))?;
        let office_name = office.map_or("unknown", OfficeCode::as_str);
        let name = format!("{office_name}-{}.json", &document[..16]);
        self.ports
            .papers
            .keep("returns", &name, notice.as_bytes())
            .await?;
        let codes: Vec<String> = findings
            .iter()
            .map(|finding| finding.code.id.to_owned())
            .collect();
        let returned = Returned {
            document: document.to_owned(),
            request: request.map(str::to_owned),
            person: person.map(str::to_owned),
            office: office.cloned(),
            codes,
            notice,
            on: self.clock.today(),
        };
        self.ports.book.keep_return(returned).await?;
        Ok(Intake::Returned {
            request: request.map(str::to_owned),
            findings: findings.to_vec(),
        })
    }
}

/// The codes of the findings of this severity, if there are any.
fn codes(findings: &[Finding], severity: Severity) -> Option<String> {
    let codes: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity() == severity)
        .map(|finding| finding.code.id)
        .collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}
