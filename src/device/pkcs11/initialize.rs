//! Making a token, for `init`: the only place where the security officer's PIN is seen.

use std::path::Path;

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use super::fault;
use super::library::{Trouble, find_token, start};
use crate::base::{Fault, Secret};

/// Longest label of a token, in bytes (`CK_TOKEN_INFO.label`).
const LABEL_MAX: usize = 32;

/// Initializes the first empty token of a module and sets its user's PIN. An initialized token is never touched.
///
/// Blocks while the HSM works. The library must not be open in this process.
///
/// # Errors
/// HSM-001 if the library does not start, HSM-002 if no empty token is there, HSM-014 if the label exists, HSM-009 if
/// the HSM refuses (a PIN too short, say).
pub fn initialize_token(
    module: &Path,
    label: &str,
    officer_pin: &Secret<String>,
    pin: &Secret<String>,
) -> Result<(), Fault> {
    if label.is_empty() || label.len() > LABEL_MAX {
        return Err(Fault::new(&fault::REQUEST, "the length of a token's label"));
    }
    let context = start(module)?;
    let made = make(&context, label, officer_pin, pin);
    let ended = context.finalize();
    made.map_err(|trouble| match trouble {
        Trouble::Final(fault) => fault,
        Trouble::Device(error) | Trouble::Interrupted(error) => fault::refused(&error),
    })?;
    ended.map_err(|error| fault::refused(&error))
}

fn make(
    context: &Pkcs11,
    label: &str,
    officer_pin: &Secret<String>,
    pin: &Secret<String>,
) -> Result<(), Trouble> {
    match find_token(context, label) {
        Ok(_) => return Err(Trouble::Final(Fault::new(&fault::TOKEN_EXISTS, label))),
        Err(Trouble::Final(fault)) if fault.code == &fault::TOKEN => {}
        Err(other) => return Err(other),
    }
    let officer_pin = AuthPin::from(officer_pin.expose().as_str());
    let pin = AuthPin::from(pin.expose().as_str());

    let mut empty = None;
    for slot in context.get_slots_with_token()? {
        if !context.get_token_info(slot)?.token_initialized() {
            empty = Some(slot);
            break;
        }
    }
    let Some(slot) = empty else {
        return Err(Trouble::Final(Fault::new(&fault::TOKEN, "no empty token")));
    };
    context.init_token(slot, &officer_pin, label)?;

    // Some libraries (SoftHSM2) give the token another slot once it is initialized.
    let slot = find_token(context, label)?;
    let session = context.open_rw_session(slot)?;
    session.login(UserType::So, Some(&officer_pin))?;
    let set = session.init_pin(&pin);
    let out = session.logout();
    set?;
    out.map_err(|error: Error| Trouble::Device(error))
}
