//! Who may do what: initialization, PINs with retry counters, login and logout.

use cryptoki_sys::{
    CK_FLAGS, CKF_LOGIN_REQUIRED, CKF_RNG, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED,
    CKF_TOKEN_INITIALIZED, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_INITIALIZED,
    CKF_USER_PIN_LOCKED, CKR_ARGUMENTS_BAD, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED, CKR_TOKEN_NOT_RECOGNIZED,
    CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN,
    CKR_USER_PIN_NOT_INITIALIZED,
};

use super::Token;
use super::record::{FORM, PinRecord, TokenRecord};
use super::vault::{Master, random};
use crate::object::hex;
use crate::rv::Outcome;

/// Shortest PIN, in bytes.
pub(crate) const PIN_MIN: usize = 4;
/// Longest PIN, in bytes.
pub(crate) const PIN_MAX: usize = 255;
/// Wrong tries in a row that lock a PIN.
pub(crate) const PIN_TRIES: u32 = 5;

/// The two users of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Initializes the token and sets the user's first PIN; sees no private object.
    Officer,
    /// Uses the keys.
    User,
}

/// Somebody is logged in.
pub(crate) struct Login {
    pub(super) role: Role,
    pub(super) master: Master,
}

impl Token {
    /// Whoever is logged in.
    pub(crate) fn role(&self) -> Option<Role> {
        self.login.as_ref().map(|login| login.role)
    }

    /// Label and serial number of an initialized token.
    pub(crate) fn name(&self) -> Option<(&str, &str)> {
        let record = self.record.as_ref()?;
        Some((&record.label, &record.serial))
    }

    /// The flags of `CK_TOKEN_INFO`.
    pub(crate) fn flags(&self) -> CK_FLAGS {
        let mut flags = CKF_RNG | CKF_LOGIN_REQUIRED;
        let Some(record) = &self.record else { return flags };
        flags |= CKF_TOKEN_INITIALIZED;
        let officer = [CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED];
        flags |= tries_flags(record.officer.failures, officer);
        if let Some(user) = &record.user {
            let names = [
                CKF_USER_PIN_COUNT_LOW,
                CKF_USER_PIN_FINAL_TRY,
                CKF_USER_PIN_LOCKED,
            ];
            flags |= CKF_USER_PIN_INITIALIZED | tries_flags(user.failures, names);
        }
        flags
    }

    /// Makes a new token, or wipes an initialized one whose officer's PIN is given.
    pub(crate) fn initialize(&mut self, pin: &[u8], label: &str) -> Outcome<()> {
        check_length(pin)?;
        self.refresh()?;
        if self.record.is_some() {
            self.check_pin(Role::Officer, pin)?;
        }
        self.store.create()?;
        let _lock = self.store.lock()?;
        let master = Master::generate()?;
        let record = TokenRecord {
            form: FORM,
            label: label.to_owned(),
            serial: hex(&random::<8>()?),
            officer: master.wrap(pin)?,
            user: None,
            // Numbers go on, so that a counter never starts anew under a number that was used.
            next: self.record.as_ref().map_or(1, |record| record.next),
            objects: Default::default(),
        };
        self.store.save(&record)?;
        self.login = None;
        self.adopt(Some(record))?;
        self.objects.clear();
        self.counters.clear();
        self.stamp = self.store.stamp();
        Ok(())
    }

    /// Logs somebody in and shows what he may see.
    pub(crate) fn login(&mut self, role: Role, pin: &[u8]) -> Outcome<()> {
        match self.role() {
            Some(present) if present == role => return Err(CKR_USER_ALREADY_LOGGED_IN),
            Some(_) => return Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
            None => {}
        }
        let master = self.check_pin(role, pin)?;
        self.login = Some(Login { role, master });
        if role == Role::User
            && let Err(error) = self.show_private()
        {
            self.forget_login();
            return Err(error);
        }
        Ok(())
    }

    /// Logs out.
    pub(crate) fn logout(&mut self) -> Outcome<()> {
        if self.login.is_none() {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        self.forget_login();
        Ok(())
    }

    /// Forgets whoever was logged in, and every private object.
    pub(crate) fn forget_login(&mut self) {
        self.login = None;
        self.objects.retain(|_, object| !object.is_private());
    }

    /// Sets the user's PIN; the officer is logged in. Unlocks a locked one.
    pub(crate) fn initialize_pin(&mut self, pin: &[u8]) -> Outcome<()> {
        check_length(pin)?;
        self.change(|record, login| match login {
            Some(Login {
                role: Role::Officer,
                master,
            }) => {
                record.user = Some(master.wrap(pin)?);
                Ok(())
            }
            _ => Err(CKR_USER_NOT_LOGGED_IN),
        })
    }

    /// Changes the PIN of whoever is logged in, or the user's.
    pub(crate) fn set_pin(&mut self, old: &[u8], new: &[u8]) -> Outcome<()> {
        check_length(new)?;
        let role = self.role().unwrap_or(Role::User);
        let master = self.check_pin(role, old)?;
        self.change(|record, _| {
            *pin_of(record, role)? = master.wrap(new)?;
            Ok(())
        })
    }

    /// Opens the master key with a PIN. The try is counted before it is made, so that pulling the plug wins nothing.
    fn check_pin(&mut self, role: Role, pin: &[u8]) -> Outcome<Master> {
        check_length(pin)?;
        let record = self.change(|record, _| {
            let pin = pin_of(record, role)?;
            if pin.failures >= PIN_TRIES {
                return Err(CKR_PIN_LOCKED);
            }
            pin.failures += 1;
            Ok(pin.clone())
        })?;
        let master = Master::unwrap(&record, pin)?;
        self.change(|record, _| {
            pin_of(record, role)?.failures = 0;
            Ok(())
        })?;
        Ok(master)
    }

    fn show_private(&mut self) -> Outcome<()> {
        let record = self.record.as_ref().ok_or(CKR_TOKEN_NOT_RECOGNIZED)?;
        let hidden: Vec<_> = record
            .objects
            .iter()
            .filter(|(_, entry)| entry.sealed.is_some())
            .map(|(id, entry)| (*id, entry.clone()))
            .collect();
        hidden
            .iter()
            .try_for_each(|(id, entry)| self.load(*id, entry, None))
    }
}

fn pin_of(record: &mut TokenRecord, role: Role) -> Outcome<&mut PinRecord> {
    match role {
        Role::Officer => Ok(&mut record.officer),
        Role::User => record.user.as_mut().ok_or(CKR_USER_PIN_NOT_INITIALIZED),
    }
}

fn check_length(pin: &[u8]) -> Outcome<()> {
    if std::str::from_utf8(pin).is_err() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    if (PIN_MIN..=PIN_MAX).contains(&pin.len()) {
        Ok(())
    } else {
        Err(CKR_PIN_LEN_RANGE)
    }
}

fn tries_flags(failures: u32, [low, last, locked]: [CK_FLAGS; 3]) -> CK_FLAGS {
    match failures {
        0 => 0,
        n if n >= PIN_TRIES => locked,
        n if n + 1 == PIN_TRIES => low | last,
        _ => low,
    }
}
