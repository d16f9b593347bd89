//! What can be asked for, and who answers it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::clock::VIET_NAM;
use crate::base::ids::PersonId;
use crate::base::{Fault, Mode};
use crate::line::Line;
use crate::line::fault::unreadable;

use super::fault::NAMED;
use super::proposals::{Proposals, Seconded};
use super::wire::Call;
use super::{
    Answer, Who, admit, boxes, card, cards, clock, controller, ledger, look, lot, order, people, position,
    privacy, reconcile, report, signer, status, stock, whereabouts,
};

/// One request: the room of handlers it is for, and what it asks of it.
///
/// A new room of handlers adds its variant here, an arm to [`act`] and one to [`Request::needs_two`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(
    rename_all = "snake_case",
    tag = "room",
    content = "request",
    deny_unknown_fields
)]
pub enum Request {
    /// Is anybody there, and which facility is it?
    Hello,
    /// The whole facility on one page.
    Status,
    /// One order.
    Order(order::Request),
    /// Where a person's card is.
    Where(whereabouts::Request),
    /// A card in somebody's hand.
    Card(card::Request),
    /// Machines and desks.
    Position(position::Request),
    /// A dossier in a file.
    Admit(admit::Request),
    /// A card's faces before it is made, its blank afterwards.
    Look(look::Request),
    /// Blanks.
    Stock(stock::Request),
    /// What becomes of single cards.
    Cards(cards::Request),
    /// Lots.
    Lot(lot::Request),
    /// Boxes.
    Box(boxes::Request),
    /// Everybody's books side by side.
    Reconcile,
    /// Figures per office.
    Report(report::Request),
    /// What time it is.
    Clock(clock::Request),
    /// Document signers.
    Signer(signer::Request),
    /// Controllers at one order book.
    Controller(controller::Request),
    /// Personal data: what is kept, for how long, and its end.
    Privacy(privacy::Request),
    /// The ledger itself.
    Ledger(ledger::Request),
}

impl Request {
    /// Must two different people ask for it (law 2 and the rules of quarantine)?
    #[must_use]
    pub fn needs_two(&self) -> bool {
        match self {
            Self::Hello
            | Self::Status
            | Self::Order(_)
            | Self::Where(_)
            | Self::Card(_)
            | Self::Position(_)
            | Self::Admit(_)
            | Self::Look(_)
            | Self::Lot(_)
            | Self::Reconcile
            | Self::Report(_)
            | Self::Ledger(_) => false,
            Self::Stock(request) => request.needs_two(),
            Self::Cards(request) => request.needs_two(),
            Self::Box(request) => request.needs_two(),
            Self::Signer(request) => request.needs_two(),
            Self::Controller(request) => request.needs_two(),
            Self::Privacy(request) => request.needs_two(),
            Self::Clock(request) => *request == clock::Request::Accept,
        }
    }

    /// Could it be done now, and is what a person wrote fit to be kept? An act for two is asked about before it waits
    /// for the second: what would be refused then is never kept, and the first hears it before the second is called.
    ///
    /// # Errors
    /// `CTL-010`, and what the rules refuse.
    async fn check(&self, line: &Line) -> Result<(), Fault> {
        match self {
            Self::Stock(request) => request.check_words(),
            Self::Privacy(request) => request.check_words(),
            Self::Cards(request) => request.check(line).await,
            Self::Box(request) => request.check(line).await,
            _ => Ok(()),
        }
    }

    /// The same act has the same name, whoever asks for it. The name stays in a file, so it is a keyed hash: requests
    /// hold what people type, and that may be a personal number where a card was meant (law 10).
    async fn keyed_name(&self, line: &Line) -> Result<String, Fault> {
        let request = serde_json::to_string(self).map_err(|error| unreadable(error.to_string()))?;
        line.look_up_hash(&format!("act for two: {request}")).await
    }
}

/// Carries out a request on behalf of these people.
///
/// # Errors
/// Whatever the handler refuses, with what to do next.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Hello => {
            let (facility, mode) = (&line.rules.facility, line.rules.mode);
            Ok(Answer::good(
                format!("{facility}, {mode}"),
                json!({ "facility": facility, "mode": mode, "version": env!("CARGO_PKG_VERSION") }),
            ))
        }
        Request::Status => status::status(line, who).await,
        Request::Order(request) => order::act(line, who, request).await,
        Request::Where(request) => whereabouts::act(line, who, request).await,
        Request::Card(request) => card::act(line, who, request).await,
        Request::Position(request) => position::act(line, who, request).await,
        Request::Admit(request) => admit::act(line, who, request).await,
        Request::Look(request) => look::act(line, who, request).await,
        Request::Stock(request) => stock::act(line, who, request).await,
        Request::Cards(request) => cards::act(line, who, request).await,
        Request::Lot(request) => lot::act(line, who, request).await,
        Request::Box(request) => boxes::act(line, who, request).await,
        Request::Reconcile => reconcile::act(line, who).await,
        Request::Report(request) => report::act(line, who, request).await,
        Request::Clock(request) => clock::act(line, who, request).await,
        Request::Signer(request) => signer::act(line, who, request).await,
        Request::Controller(request) => controller::act(line, who, request).await,
        Request::Privacy(request) => privacy::act(line, who, request).await,
        Request::Ledger(request) => ledger::act(line, who, request).await,
    }
}

/// The line with what its control room remembers: acts that wait for a second person.
pub struct Control {
    /// The line.
    pub line: Arc<Line>,
    proposals: Mutex<Proposals>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control({})", self.line.rules.facility)
    }
}

impl Control {
    /// A control room that remembers only as long as it lives.
    #[must_use]
    pub fn new(line: Arc<Line>) -> Self {
        Self {
            line,
            proposals: Mutex::new(Proposals::default()),
        }
    }

    /// A control room that keeps what waits for a second person in this file, so that both may come and go.
    #[must_use]
    pub fn keeping(line: Arc<Line>, file: &Path) -> Self {
        Self {
            line,
            proposals: Mutex::new(Proposals::load(file)),
        }
    }

    /// Answers a call of a person as the operating system names them.
    ///
    /// # Errors
    /// `CTL-007` for a name in a production call, and what the handler refuses.
    pub async fn answer(&self, peer: PersonId, call: Call) -> Result<Answer, Fault> {
        let person = match call.on_behalf {
            None => peer,
            Some(named) if self.line.rules.mode == Mode::Rehearsal => people::named(named.as_str())?,
            Some(named) => return Err(Fault::new(&NAMED, format!("{peer} says {named}"))),
        };
        let mut who = Who::new(person);
        if !call.request.needs_two() {
            return act(&self.line, &who, call.request).await;
        }
        call.request.check(&self.line).await?;
        let name = call.request.keyed_name(&self.line).await?;
        let now = self.line.clock.now();
        let seconded = self.proposals().propose(&name, &who.person, now)?;
        let word = match seconded {
            Seconded::Waiting(until) => return Ok(waiting(&who.person, until)),
            Seconded::By(word) => word,
        };
        who.first = Some(word.by.clone());
        let outcome = act(&self.line, &who, call.request).await;
        if outcome.is_err() {
            self.proposals().put_back(&name, word);
        }
        outcome
    }

    fn proposals(&self) -> std::sync::MutexGuard<'_, Proposals> {
        self.proposals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing is done yet, so the answer is not good.
fn waiting(person: &PersonId, until: time::OffsetDateTime) -> Answer {
    let until = until.to_offset(VIET_NAM);
    let text = format!(
        "{person} has said so. Nothing is done yet: a second person must give the very same command until {:02}:{:02}.",
        until.hour(),
        until.minute()
    );
    let data = json!({
        "waiting_for": "a second person",
        "first": person,
        "until": until.unix_timestamp(),
    });
    Answer::bad(text, data)
}
