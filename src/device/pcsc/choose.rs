//! Which of the readers that are there is meant.

use crate::base::Fault;

use super::fault;
use super::frame::Reader;

/// Which reader: all that is given must fit. A USB port stays when names are dealt anew, and a serial number stays when
/// cables are; a name is enough where there is one reader of a kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReaderId {
    /// The name pcscd gives it.
    pub name: Option<String>,
    /// The USB port it is plugged into, as the kernel names it (`1-2.3`).
    pub usb: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
}

impl std::fmt::Display for ReaderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = [
            ("", &self.name),
            ("USB port ", &self.usb),
            ("serial number ", &self.serial),
        ];
        let told = told
            .iter()
            .filter_map(|(what, text)| text.as_ref().map(|text| format!("{what}{text}")));
        f.write_str(&told.collect::<Vec<_>>().join(", "))
    }
}

impl ReaderId {
    /// Is there anything that a name alone does not tell?
    pub(super) fn asks_the_system(&self) -> bool {
        self.usb.is_some() || self.serial.is_some()
    }

    /// The one reader that is meant.
    ///
    /// # Errors
    /// `PCSC-002` if it is not there, `PCSC-003` if there are several, `PCSC-005` if one that another program holds may
    /// be it.
    pub fn choose<'a>(&self, readers: &'a [Reader]) -> Result<&'a Reader, Fault> {
        let named = |reader: &&Reader| self.name.as_ref().is_none_or(|name| *name == reader.name);
        let fits = |wanted: &Option<String>, told: &Option<String>| wanted.is_none() || wanted == told;
        let mut fitting = readers
            .iter()
            .filter(named)
            .filter(|reader| fits(&self.usb, &reader.usb) && fits(&self.serial, &reader.serial));
        match (fitting.next(), fitting.next()) {
            (Some(reader), None) => return Ok(reader),
            (Some(_), Some(_)) => return Err(Fault::new(&fault::SEVERAL_READERS, self.to_string())),
            (None, _) => {}
        }
        let hidden = |reader: &&Reader| reader.held && (reader.usb.is_none() || reader.serial.is_none());
        match readers.iter().filter(named).find(hidden) {
            Some(reader) if self.asks_the_system() => Err(Fault::new(&fault::SHARED, reader.name.as_str())),
            _ => Err(Fault::new(&fault::NO_READER, self.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str, usb: Option<&str>, serial: Option<&str>) -> Reader {
        Reader {
            name: name.to_owned(),
            usb: usb.map(str::to_owned),
            serial: serial.map(str::to_owned),
            ..Reader::default()
        }
    }

    fn by(name: Option<&str>, usb: Option<&str>, serial: Option<&str>) -> ReaderId {
        ReaderId {
            name: name.map(str::to_owned),
            usb: usb.map(str::to_owned),
            serial: serial.map(str::to_owned),
        }
    }

    #[test]
    fn a_reader_is_found_by_what_is_known_of_it() {
        let readers = [
            reader("ACR 00 00", Some("1-2.1"), Some("A7")),
            reader("ACR 01 00", Some("1-2.2"), None),
        ];
        let found = |id: ReaderId| id.choose(&readers).map(|reader| reader.name.as_str());
        assert_eq!(found(by(Some("ACR 01 00"), None, None)), Ok("ACR 01 00"));
        assert_eq!(found(by(None, Some("1-2.1"), None)), Ok("ACR 00 00"));
        assert_eq!(found(by(None, None, Some("A7"))), Ok("ACR 00 00"));
        let code = |id: ReaderId| found(id).unwrap_err().code;
        assert_eq!(code(by(Some("ACR"), None, None)), &fault::NO_READER);
        assert_eq!(
            code(by(Some("ACR 00 00"), Some("1-2.2"), None)),
            &fault::NO_READER
        );
        assert_eq!(code(by(None, None, None)), &fault::SEVERAL_READERS);
        assert_eq!(
            by(None, None, None).choose(&[]).unwrap_err().code,
            &fault::NO_READER
        );
    }

    #[test]
    fn a_reader_that_hides_behind_another_program_is_not_called_absent() {
        let mut hidden = reader("ACR 00 00", None, None);
        hidden.held = true;
        let readers = [hidden, reader("ACR 01 00", Some("1-2.2"), None)];
        let fault = by(None, Some("1-2.1"), None).choose(&readers).unwrap_err();
        assert_eq!(fault.code, &fault::SHARED);
        assert_eq!(
            by(Some("ACR 00 00"), None, None).choose(&readers).unwrap().name,
            "ACR 00 00"
        );
    }
}
