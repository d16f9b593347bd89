//! Mistakes made on purpose: the ones offices and software really make.

use unicode_normalization::UnicodeNormalization;

use super::offices::EXPIRED;
use super::pictures::{self, Texture};
use super::{Dice, jpeg};
use crate::base::ids::OfficeCode;
use crate::dossier::fault;
use crate::dossier::record::{Dossier, Expiry, RIGHT_INDEX, Sex};

/// Requests with a mistake, per mille.
const MISTAKES_PER_MILLE: u32 = 20;

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mistake {
    /// The sex was typed wrong.
    OtherSex,
    /// The year of birth was typed wrong, so number, expiry and age disagree.
    OtherYear,
    /// The number begins with a code no place has.
    NoPlace,
    /// The name was typed on a system that decomposes letters.
    Decomposed,
    /// The name holds a letter of another script.
    LookAlike,
    /// The expiry is a year off.
    Expiry,
    /// The office does not exist.
    NoOffice,
    /// The office has ended.
    ExpiredOffice,
    /// The residence is missing.
    NoResidence,
    /// The portrait was cut off in transfer.
    CutPortrait,
    /// The portrait's header claims 30,000 × 30,000 pixels.
    BombPortrait,
    /// The portrait is square.
    SquarePortrait,
    /// A finger is missing without a reason.
    NoFinger,
    /// The document has a member twice.
    TwiceMember,
    /// The document was altered after signing.
    Altered,
    /// The document was signed by somebody else.
    Stranger,
    /// The person of the request before has another order.
    SamePerson,
}

/// All of them.
pub(super) const ALL: &[Mistake] = &[
    Mistake::OtherSex,
    Mistake::OtherYear,
    Mistake::NoPlace,
    Mistake::Decomposed,
    Mistake::LookAlike,
    Mistake::Expiry,
    Mistake::NoOffice,
    Mistake::ExpiredOffice,
    Mistake::NoResidence,
    Mistake::CutPortrait,
    Mistake::BombPortrait,
    Mistake::SquarePortrait,
    Mistake::NoFinger,
    Mistake::TwiceMember,
    Mistake::Altered,
    Mistake::Stranger,
    Mistake::SamePerson,
];

impl Mistake {
    /// Rarely one that this dossier can have.
    pub(super) fn roll(dossier: &Dossier, index: usize, dice: &mut Dice) -> Option<Self> {
        let mistake = dice.per_mille(MISTAKES_PER_MILLE).then(|| *dice.pick(ALL))?;
        let possible = match mistake {
            Self::CutPortrait | Self::BombPortrait | Self::SquarePortrait | Self::NoFinger => {
                dossier.portrait.is_some()
            }
            Self::SamePerson => index > 0,
            _ => true,
        };
        Some(if possible { mistake } else { Self::OtherSex })
    }

    /// The finding it must lead to.
    #[must_use]
    pub fn finding(self) -> &'static str {
        let code = match self {
            Self::OtherSex => &fault::NUMBER_SEX,
            Self::OtherYear => &fault::NUMBER_YEAR,
            Self::NoPlace => &fault::NUMBER_PLACE,
            Self::Decomposed => &fault::TEXT_NOT_NFC,
            Self::LookAlike => &fault::TEXT_LOOK_ALIKE,
            Self::Expiry => &fault::EXPIRY_LAW,
            Self::NoOffice => &fault::OFFICE_UNKNOWN,
            Self::ExpiredOffice => &fault::OFFICE_EXPIRED,
            Self::NoResidence => &fault::FIELD_MISSING,
            Self::CutPortrait => &fault::IMAGE_UNREADABLE,
            Self::BombPortrait => &fault::IMAGE_LIMITS,
            Self::SquarePortrait => &fault::PORTRAIT_SIZE,
            Self::NoFinger => &fault::FINGER_MISSING,
            Self::TwiceMember => &fault::JSON_DUPLICATE,
            Self::Altered => &fault::SIGNATURE_WRONG,
            Self::Stranger => &fault::CERTIFICATE_UNTRUSTED,
            Self::SamePerson => &fault::PERSON_HAS_ORDER,
        };
        code.id
    }

    /// Makes the mistake before the registry signs; `before` gives the dossier of the request before.
    pub(super) fn spoil_dossier(
        self,
        dossier: &mut Dossier,
        before: impl Fn() -> Dossier,
        texture: &Texture,
    ) {
        let person = &mut dossier.person;
        match self {
            Self::OtherSex => {
                person.sex = if person.sex == Sex::Male {
                    Sex::Female
                } else {
                    Sex::Male
                };
            }
            Self::OtherYear => {
                let year = person.born.year() - 1;
                person.born = person
                    .born
                    .replace_year(year)
                    .unwrap_or(person.born - time::Duration::days(365));
            }
            Self::NoPlace => person.number.replace_range(..3, "003"),
            Self::Decomposed => person.name = person.name.nfd().collect(),
            Self::LookAlike => person.name = look_alike(&person.name),
            Self::Expiry => {
                dossier.expiry = match dossier.expiry {
                    Expiry::On(date) => Expiry::On(date + time::Duration::days(365)),
                    Expiry::Unlimited => Expiry::On(dossier.issued + time::Duration::days(3650)),
                };
            }
            Self::NoOffice => dossier.office = OfficeCode::new("DT99-C99"),
            Self::ExpiredOffice => dossier.office = OfficeCode::new(EXPIRED),
            Self::NoResidence => person.residence.clear(),
            Self::CutPortrait => {
                if let Some(portrait) = &mut dossier.portrait {
                    portrait.bytes.truncate(portrait.bytes.len() / 2);
                }
            }
            Self::BombPortrait => {
                if let Some(portrait) = &mut dossier.portrait {
                    pictures::claim_size(&mut portrait.bytes, 30_000, 30_000);
                }
            }
            Self::SquarePortrait => {
                dossier.portrait = Some(jpeg(480, 480, pictures::square(texture)));
            }
            Self::NoFinger => dossier.fingers.retain(|finger| finger.position != RIGHT_INDEX),
            Self::SamePerson => {
                let other = before();
                dossier.profile.clone_from(&other.profile);
                dossier.issued = other.issued;
                dossier.received = other.received;
                dossier.expiry = other.expiry;
                dossier.portrait = other.portrait;
                dossier.fingers = other.fingers;
                dossier.person = other.person;
            }
            Self::TwiceMember | Self::Altered | Self::Stranger => {}
        }
    }

    /// Makes the mistake after the registry has signed.
    pub(super) fn spoil_bytes(self, body: &mut Vec<u8>) {
        match self {
            Self::TwiceMember => {
                body.splice(1..1, br#""status":"PENDING","#.iter().copied());
            }
            Self::Altered => {
                let needle = br#""priority":"#;
                let at = body.windows(needle.len()).position(|window| window == needle);
                if let Some(digit) = at.and_then(|at| body.get_mut(at + needle.len())) {
                    *digit = if *digit == b'9' { b'8' } else { b'9' };
                }
            }
            _ => {}
        }
    }
}

/// The name with its first letter that has a Cyrillic twin replaced by it.
fn look_alike(name: &str) -> String {
    const TWINS: &[(char, char)] = &[
        ('a', 'а'),
        ('c', 'с'),
        ('e', 'е'),
        ('i', 'і'),
        ('o', 'о'),
        ('p', 'р'),
        ('T', 'Т'),
        ('M', 'М'),
    ];
    let twin = |letter: char| {
        TWINS
            .iter()
            .find(|(latin, _)| *latin == letter)
            .map(|(_, twin)| *twin)
    };
    match name
        .char_indices()
        .find_map(|(at, letter)| Some((at, letter, twin(letter)?)))
    {
        Some((at, letter, twin)) => {
            let (head, tail) = name.split_at(at);
            format!("{head}{twin}{}", tail.strip_prefix(letter).unwrap_or(tail))
        }
        None => format!("{name} Аn"),
    }
}
