//! Secure messaging, the reader's side (Doc 9303-11, section 9.8).

use std::ops::Range;

use subtle::ConstantTimeEq;

use super::apdu::{self, Command, Status};
use super::cipher::Session;
use super::{fault, tlv};
use crate::base::Fault;

/// How many bytes a read may ask for so that its protected answer still is a short one: 223 and padding are 14 blocks
/// of AES; with the indicator, two headers, status and checksum that makes 242, and a block more would make 258.
pub const SHORT_READ_MAX: u32 = 223;

/// An open channel. After a fault it is worthless and must be dropped: chip and reader no longer count alike.
#[derive(Debug)]
pub struct SecureChannel {
    session: Session,
}

impl SecureChannel {
    /// Over the keys that PACE or BAC agreed on.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// The protected form of a command, ready to send.
    #[must_use]
    pub fn protect(&mut self, command: &Command<'_>) -> Vec<u8> {
        self.session.advance();
        let cla = command.cla | 0x0C;
        let mut body = Vec::with_capacity(command.data.len() + 48);
        if !command.data.is_empty() {
            let mut cryptogram = Vec::with_capacity(command.data.len() + self.session.block());
            cryptogram.extend(command.data);
            self.session.encrypt(&mut cryptogram);
            if command.ins.is_multiple_of(2) {
                tlv::push_header(&mut body, 0x87, cryptogram.len() + 1);
                // Padding indicator: method 2.
                body.push(0x01);
            } else {
                tlv::push_header(&mut body, 0x85, cryptogram.len());
            }
            body.extend(cryptogram);
        }
        if let Some(le) = command.le {
            let [_, _, high, low] = le.to_be_bytes();
            if le > 256 {
                tlv::push(&mut body, 0x97, &[high, low]);
            } else {
                tlv::push(&mut body, 0x97, &[low]);
            }
        }
        let mut header = [0; 16];
        header[..5].copy_from_slice(&[cla, command.ins, command.p1, command.p2, 0x80]);
        let checksum = self.session.checksum([&header[..self.session.block()], &body]);
        tlv::push(&mut body, 0x8E, &checksum);
        // A short Le of 256 asks for what fits; beyond that, or in an extended command, everything is asked for.
        let extended = body.len() > 255 || command.le.is_some_and(|le| le > 256);
        Command::new(cla, command.ins, command.p1, command.p2)
            .data(&body)
            .le(if extended { apdu::LE_MAX } else { 256 })
            .encode()
    }

    /// The data and the status inside a protected response.
    ///
    /// # Errors
    /// `CHIP-011` if the chip answered without protection, or the checksum or the form is wrong.
    pub fn unprotect(&mut self, mut response: Vec<u8>) -> Result<(Vec<u8>, Status), Fault> {
        self.session.advance();
        let (cryptogram, status) = self.examine(&response)?;
        // Decrypted where it lies: a file block is not copied for each layer.
        response.truncate(cryptogram.end);
        response.drain(..cryptogram.start);
        if !cryptogram.is_empty() {
            let decrypted = self.session.decrypt(&mut response);
            decrypted.ok_or_else(|| broken("padding"))?;
        }
        Ok((response, status))
    }

    /// Checks a protected response; says where its cryptogram lies, and its status.
    fn examine(&self, response: &[u8]) -> Result<(Range<usize>, Status), Fault> {
        let (body, outer) = apdu::response(response).ok_or_else(|| broken("no status"))?;
        if body.is_empty() {
            return Err(broken(format!("unprotected status {outer}")));
        }
        let mut object = tlv::read(body).ok_or_else(|| broken("first object"))?;
        let mut cryptogram = 0..0;
        if matches!(object.tag, 0x85 | 0x87) {
            let value = match (object.tag, object.value) {
                (0x87, [0x01, value @ ..]) => value,
                (0x85, value) => value,
                _ => return Err(broken("padding indicator")),
            };
            // An object without contents would not be one: the chip leaves it out.
            if value.is_empty() {
                return Err(broken("empty cryptogram"));
            }
            let end = object.whole.len();
            cryptogram = end - value.len()..end;
            object = tlv::read(object.rest).ok_or_else(|| broken("second object"))?;
        }
        let (0x99, Ok(word)) = (object.tag, <[u8; 2]>::try_from(object.value)) else {
            return Err(broken("status object"));
        };
        let covered = &body[..body.len() - object.rest.len()];
        let right = tlv::only(0x8E, object.rest)
            .is_some_and(|checksum| self.session.checksum([covered, &[]]).ct_eq(checksum).into());
        if !right {
            return Err(broken("checksum"));
        }
        let status = Status::from(u16::from_be_bytes(word));
        if status != outer {
            return Err(broken("two statuses"));
        }
        Ok((cryptogram, status))
    }
}

fn broken(why: impl Into<String>) -> Fault {
    Fault::new(&fault::CHANNEL, why)
}

#[cfg(test)]
mod tests {
    use super::super::cipher::{Cipher, Suite};
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    fn appendix_d() -> SecureChannel {
        let seed = hex!("0036D272F5C350ACAC50C3F572D23600");
        SecureChannel::new(Session::after_bac(&seed, hex!("887022120C06C226")))
    }

    #[test]
    fn doc_9303_11_appendix_d_4() {
        let mut channel = appendix_d();
        type Line<'a> = (Command<'a>, &'a [u8], &'a [u8], &'a [u8]);
        let lines: [Line<'_>; 3] = [
            (
                Command::new(0, 0xA4, 2, 0x0C).data(&[0x01, 0x1E]),
                &hex!("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"),
                &hex!("990290008E08FA855A5D4C50A8ED9000"),
                &[],
            ),
            (
                Command::new(0, 0xB0, 0, 0).le(4),
                &hex!("0CB000000D9701048E08ED6705417E96BA5500"),
                &hex!("8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000"),
                &hex!("60145F01"),
            ),
            (
                Command::new(0, 0xB0, 0, 4).le(18),
                &hex!("0CB000040D9701128E082EA28A70F3C7B53500"),
                &hex!(
                    "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000"
                ),
                &hex!("04303130365F36063034303030305C026175"),
            ),
        ];
        for (command, protected, response, plain) in lines {
            assert_eq!(channel.protect(&command), protected);
            assert_eq!(
                channel.unprotect(response.to_vec()),
                Ok((plain.to_vec(), Status::Success))
            );
        }
    }

    #[test]
    fn a_real_command_of_internal_authenticate() {
        // gmrtd, activeauth_test.go: the keys are given, and the counter as it stands before the command.
        let suite = Suite::new(
            Cipher::TripleDes,
            &hex!("b99d546108eaa251570876b6d3456dce").to_vec().into(),
            &hex!("e3857ca24946251c151c540e13f2cd51").to_vec().into(),
        );
        let mut channel = SecureChannel::new(Session::at(suite, 0xCC));
        let command = Command::new(0, 0x88, 0, 0)
            .data(&hex!("96302b0f3d7e7864"))
            .le(256);
        assert_eq!(
            channel.protect(&command),
            hex!("0c88000020871101ed7f8cb47a4eea086324a7f9dd7427809701008e0897f54bae49aa71f800")
        );
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let response = hex!("8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000");
        for bit in 0..response.len() * 8 {
            let mut channel = appendix_d();
            let _ = channel.protect(&Command::new(0, 0xA4, 2, 0x0C).data(&[0x01, 0x1E]));
            channel
                .unprotect(hex!("990290008E08FA855A5D4C50A8ED9000").to_vec())
                .unwrap();
            let _ = channel.protect(&Command::new(0, 0xB0, 0, 0).le(4));
            let mut wrong = response;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                channel.unprotect(wrong.to_vec()).unwrap_err().code,
                &fault::CHANNEL
            );
        }
    }

    proptest! {
        #[test]
        fn any_response_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut aes = SecureChannel::new(Session::new(Cipher::Aes128, b"secret"));
            prop_assert!(aes.unprotect(bytes.clone()).is_err());
            prop_assert!(appendix_d().unprotect(bytes).is_err());
        }
    }
}
