//! EF.DG13: what the Vietnamese card says of its holder, sixteen numbered items.
//!
//! No public document describes it. The items, their numbers and their types are what several public readers agree on:
//! each item is `SEQUENCE { INTEGER number, value }`. What stands around the items and how an item without a value is
//! written is a matter of the profile; reading takes every one of these forms. Some readers know only items of up to
//! 127 bytes; longer ones are written in correct DER all the same.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use crate::base::Fault;
use crate::document::fault::FIELD_UNFIT;
use crate::document::field::{self, Field, Value};
use crate::document::file::FileId;
use crate::document::profile::{Dg13Absent, Dg13Place, Dg13Profile, Dg13Wrapper};
use crate::document::tlv::{self, Malformed, Reader};
use crate::dossier::Dossier;

/// Number of the item with both parents.
const PARENTS: u32 = 13;
/// Number of the item with the spouse.
const SPOUSE: u32 = 14;
/// Number of the last item.
const LAST: u32 = 16;

/// One piece of text in DG13. Father and mother share an item.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Item {
    /// 1: personal number.
    Number,
    /// 2: full name.
    Name,
    /// 3: date of birth, dd/mm/yyyy.
    Born,
    /// 4: `Nam` or `Nữ`.
    Sex,
    /// 5: nationality.
    Nationality,
    /// 6: ethnicity.
    Ethnicity,
    /// 7: religion.
    Religion,
    /// 8: place of origin (or of birth registration, [`Dg13Place`]).
    Place,
    /// 9: place of residence.
    Residence,
    /// 10: identifying marks.
    Marks,
    /// 11: date of issue, dd/mm/yyyy.
    Issued,
    /// 12: date of expiry, dd/mm/yyyy or text.
    Expiry,
    /// 13: father's name.
    Father,
    /// 13: mother's name.
    Mother,
    /// 14: spouse's name.
    Spouse,
    /// 15: nine-digit number of an old card.
    OldNumber,
    /// 16: sixteen characters, here the number given to the card at preparation.
    CardNumber,
}

/// The content of EF.DG13: absent items are not in it, and no item is empty.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Dg13(BTreeMap<Item, String>);

impl Item {
    /// Every item in the order of the file.
    pub const ALL: [Self; 17] = [
        Self::Number,
        Self::Name,
        Self::Born,
        Self::Sex,
        Self::Nationality,
        Self::Ethnicity,
        Self::Religion,
        Self::Place,
        Self::Residence,
        Self::Marks,
        Self::Issued,
        Self::Expiry,
        Self::Father,
        Self::Mother,
        Self::Spouse,
        Self::OldNumber,
        Self::CardNumber,
    ];

    /// The dossier's field it holds; none for the card number.
    #[must_use]
    pub fn field(self, place: Dg13Place) -> Option<Field> {
        Some(match self {
            Self::Number => Field::Number,
            Self::Name => Field::Name,
            Self::Born => Field::Born,
            Self::Sex => Field::Sex,
            Self::Nationality => Field::Nationality,
            Self::Ethnicity => Field::Ethnicity,
            Self::Religion => Field::Religion,
            Self::Place => match place {
                Dg13Place::Origin => Field::Origin,
                Dg13Place::BirthPlace => Field::BirthPlace,
            },
            Self::Residence => Field::Residence,
            Self::Marks => Field::Marks,
            Self::Issued => Field::Issued,
            Self::Expiry => Field::Expiry,
            Self::Father => Field::Father,
            Self::Mother => Field::Mother,
            Self::Spouse => Field::Spouse,
            Self::OldNumber => Field::OldNumber,
            Self::CardNumber => return None,
        })
    }

    /// The item's name in faults.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CardNumber => "card_number",
            Self::Place => "place",
            _ => self.field(Dg13Place::Origin).map_or("", Field::name),
        }
    }

    /// The item with this number and the type of its text; parents and spouse are nested and have none.
    fn plain(number: u32) -> Option<(Self, u16)> {
        Some(match number {
            1 => (Self::Number, tlv::PRINTABLE_STRING),
            2 => (Self::Name, tlv::UTF8_STRING),
            3 => (Self::Born, tlv::PRINTABLE_STRING),
            4 => (Self::Sex, tlv::UTF8_STRING),
            5 => (Self::Nationality, tlv::UTF8_STRING),
            6 => (Self::Ethnicity, tlv::UTF8_STRING),
            7 => (Self::Religion, tlv::UTF8_STRING),
            8 => (Self::Place, tlv::UTF8_STRING),
            9 => (Self::Residence, tlv::UTF8_STRING),
            10 => (Self::Marks, tlv::UTF8_STRING),
            11 => (Self::Issued, tlv::PRINTABLE_STRING),
            12 => (Self::Expiry, tlv::UTF8_STRING),
            15 => (Self::OldNumber, tlv::PRINTABLE_STRING),
            16 => (Self::CardNumber, tlv::PRINTABLE_STRING),
            _ => return None,
        })
    }
}

impl Dg13 {
    /// The items of this dossier's card. `unlimited` stands for the date of expiry of a card that never expires.
    #[must_use]
    pub fn of(dossier: &Dossier, place: Dg13Place, unlimited: &str, card_number: &str) -> Self {
        let text = |item: Item| match item.field(place) {
            None => Some(card_number.to_owned()),
            Some(field) => match field.of(dossier) {
                Value::Absent => None,
                Value::Text(text) => Some(text.to_owned()),
                Value::Date(date) => Some(field::date_text(date, "/")),
                Value::Unlimited => Some(unlimited.to_owned()),
                Value::Sex(sex) => Some(field::sex_text(sex).to_owned()),
            },
        };
        Item::ALL
            .into_iter()
            .filter_map(|item| text(item).map(|text| (item, text)))
            .collect()
    }

    /// What an item says, if it is there.
    #[must_use]
    pub fn get(&self, item: Item) -> Option<&str> {
        self.0.get(&item).map(String::as_str)
    }

    /// The file.
    ///
    /// # Errors
    /// A dossier fault if an item has characters that its type does not allow.
    pub fn encode(&self, profile: Dg13Profile) -> Result<Vec<u8>, Fault> {
        let mut items = Vec::new();
        for number in 1..=LAST {
            let value = match Item::plain(number) {
                Some((item, tag)) => self.text(item, tag, profile.absent)?,
                None if number == PARENTS => self.parents(profile.absent),
                None => self.nested(Item::Spouse, profile.absent),
            };
            if value.is_empty() && profile.absent == Dg13Absent::Omitted {
                continue;
            }
            let item = [tlv::object(tlv::INTEGER, &tlv::integer(number)), value].concat();
            tlv::push(&mut items, tlv::SEQUENCE, &item);
        }
        let content = match profile.wrapper {
            Dg13Wrapper::None => items,
            Dg13Wrapper::Sequence => tlv::object(tlv::SEQUENCE, &items),
        };
        Ok(tlv::object(0x6D, &content))
    }

    /// Reads the file, whatever its wrapper and its convention for absent items.
    ///
    /// # Errors
    /// `FILE_MALFORMED`.
    pub fn decode(file: &[u8]) -> Result<Self, Fault> {
        Self::read(file).map_err(|why| why.fault(FileId::Dg(13)))
    }

    fn text(&self, item: Item, tag: u16, absent: Dg13Absent) -> Result<Vec<u8>, Fault> {
        match self.get(item) {
            None if absent == Dg13Absent::EmptyText => Ok(tlv::object(tag, &[])),
            None => Ok(Vec::new()),
            Some(text) if tag == tlv::PRINTABLE_STRING && !tlv::is_printable(text.as_bytes()) => {
                Err(Fault::new(&FIELD_UNFIT, item.name()))
            }
            Some(text) => Ok(tlv::object(tag, text.as_bytes())),
        }
    }

    /// Both places are kept when only one parent is known, since nothing but the order tells them apart.
    fn parents(&self, absent: Dg13Absent) -> Vec<u8> {
        let parents = [Item::Father, Item::Mother];
        if parents.iter().all(|parent| self.get(*parent).is_none()) && absent != Dg13Absent::EmptyText {
            return Vec::new();
        }
        let place = |parent: Item| match self.nested(parent, absent) {
            empty if empty.is_empty() => tlv::object(tlv::SEQUENCE, &[]),
            place => place,
        };
        parents.map(place).concat()
    }

    fn nested(&self, item: Item, absent: Dg13Absent) -> Vec<u8> {
        let text = match (self.get(item), absent) {
            (Some(text), _) => text,
            (None, Dg13Absent::EmptyText) => "",
            (None, _) => return Vec::new(),
        };
        tlv::object(tlv::SEQUENCE, &tlv::object(tlv::UTF8_STRING, text.as_bytes()))
    }

    fn read(file: &[u8]) -> Result<Self, Malformed> {
        let content = tlv::only(file, 0x6D)?;
        let mut items = Reader::new(unwrapped(content)?);
        let mut found = Self::default();
        let mut previous = 0;
        while !items.is_empty() {
            let mut item = Reader::new(items.expect(tlv::SEQUENCE)?);
            let number = tlv::number(item.expect(tlv::INTEGER)?)?;
            if number <= previous || number > LAST {
                return Err(Malformed::Content("items not in ascending order of 1 to 16"));
            }
            previous = number;
            if item.is_empty() {
                continue;
            }
            match Item::plain(number) {
                Some((plain, tag)) => found.put(plain, item.expect(tag)?, tag)?,
                None if number == SPOUSE => found.put_nested(Item::Spouse, &mut item)?,
                None => {
                    found.put_nested(Item::Father, &mut item)?;
                    found.put_nested(Item::Mother, &mut item)?;
                }
            }
            item.finish()?;
        }
        Ok(found)
    }

    fn put_nested(&mut self, item: Item, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut place = Reader::new(reader.expect(tlv::SEQUENCE)?);
        if let Some(text) = place.take(tlv::UTF8_STRING)? {
            self.put(item, text, tlv::UTF8_STRING)?;
        }
        place.finish()
    }

    fn put(&mut self, item: Item, text: &[u8], tag: u16) -> Result<(), Malformed> {
        if tag == tlv::PRINTABLE_STRING && !tlv::is_printable(text) {
            return Err(Malformed::Content("characters outside PrintableString"));
        }
        let text = std::str::from_utf8(text).map_err(|_| Malformed::Content("text is not UTF-8"))?;
        if !text.is_empty() {
            self.0.insert(item, text.to_owned());
        }
        Ok(())
    }
}

/// The items without the SEQUENCE that may stand around them: an item begins with its number, the wrapper with an item.
fn unwrapped(content: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(content);
    let first = reader.expect(tlv::SEQUENCE)?;
    let wrapped = reader.is_empty() && Reader::new(first).read()?.tag == tlv::SEQUENCE;
    Ok(if wrapped { first } else { content })
}

impl FromIterator<(Item, String)> for Dg13 {
    /// Empty texts are absent.
    fn from_iter<I: IntoIterator<Item = (Item, String)>>(items: I) -> Self {
        Self(items.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }
}

// Personal data: shown by no Debug, wiped when dropped.
impl std::fmt::Debug for Dg13 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dg13({} items)", self.0.len())
    }
}

impl Drop for Dg13 {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests;
