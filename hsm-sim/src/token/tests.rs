//! The token as a whole: what survives, what hides, what locks.

use cryptoki_sys::*;

use super::access::PIN_TRIES;
use super::*;
use crate::mechanism;

const OFFICER: &[u8] = b"officer-pin";
const USER: &[u8] = b"user-pin";

fn token(folder: &Path) -> Token {
    let mut token = Token::open(folder).unwrap();
    token.initialize(OFFICER, "rehearsal").unwrap();
    token.login(Role::Officer, OFFICER).unwrap();
    token.initialize_pin(USER).unwrap();
    token.logout().unwrap();
    token
}

fn wrapping_key(label: &str) -> (Attributes, Material) {
    let mut template = Attributes::default();
    template.set(CKA_LABEL, label);
    template.set_flag(CKA_TOKEN, true);
    template.set_ulong(CKA_VALUE_LEN, 32);
    mechanism::key(CKM_AES_KEY_GEN, &template).unwrap()
}

fn labelled(token: &Token, label: &str) -> Option<CK_OBJECT_HANDLE> {
    let mut wanted = Attributes::default();
    wanted.set(CKA_LABEL, label);
    let found = token.objects().find(|(_, object)| object.matches(&wanted));
    found.map(|(handle, _)| handle)
}

#[test]
fn keys_survive_and_hide_without_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = token(folder.path());
    assert_eq!(
        first.add_to_token([wrapping_key("w")]).err(),
        Some(CKR_USER_NOT_LOGGED_IN)
    );
    first.login(Role::User, USER).unwrap();
    let [handle] = first.add_to_token([wrapping_key("w")]).unwrap();
    let value = first.object(handle).unwrap().material.to_bytes();

    let mut second = Token::open(folder.path()).unwrap();
    assert_eq!(labelled(&second, "w"), None);
    second.login(Role::User, USER).unwrap();
    let again = labelled(&second, "w").unwrap();
    assert_eq!(second.object(again).unwrap().material.to_bytes(), value);

    second.logout().unwrap();
    assert!(second.object(again).is_err());
    second.login(Role::User, USER).unwrap();
    assert_ne!(labelled(&second, "w"), Some(again), "old handles stay dead");
}

#[test]
fn another_process_sees_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = token(folder.path());
    let mut second = Token::open(folder.path()).unwrap();
    for token in [&mut first, &mut second] {
        token.login(Role::User, USER).unwrap();
    }
    first.add_to_token([wrapping_key("one")]).unwrap();
    second.add_to_token([wrapping_key("two")]).unwrap();
    first.refresh().unwrap();
    let one = labelled(&first, "one").unwrap();
    assert!(labelled(&first, "two").is_some());
    let theirs = labelled(&second, "one").unwrap();
    second.destroy(theirs).unwrap();
    first.refresh().unwrap();
    assert!(first.object(one).is_err());
    assert!(labelled(&first, "two").is_some());
}

#[test]
fn wrong_tries_lock_a_pin_for_every_process_until_the_officer_sets_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut token = token(folder.path());
    for _ in 0..PIN_TRIES {
        assert_eq!(token.login(Role::User, b"wrong").err(), Some(CKR_PIN_INCORRECT));
    }
    assert_eq!(token.login(Role::User, USER).err(), Some(CKR_PIN_LOCKED));
    assert_ne!(token.flags() & CKF_USER_PIN_LOCKED, 0);
    let mut other = Token::open(folder.path()).unwrap();
    assert_eq!(other.login(Role::User, USER).err(), Some(CKR_PIN_LOCKED));

    other.login(Role::Officer, OFFICER).unwrap();
    other.initialize_pin(b"next-pin").unwrap();
    other.logout().unwrap();
    other.login(Role::User, b"next-pin").unwrap();
}

#[test]
fn a_right_try_forgives_the_wrong_ones_and_a_new_pin_opens_the_old_keys() {
    let folder = tempfile::tempdir().unwrap();
    let mut token = token(folder.path());
    for _ in 1..PIN_TRIES {
        token.login(Role::User, b"wrong").unwrap_err();
    }
    assert_ne!(token.flags() & CKF_USER_PIN_FINAL_TRY, 0);
    token.login(Role::User, USER).unwrap();
    assert_eq!(token.flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED), 0);
    token.add_to_token([wrapping_key("w")]).unwrap();
    assert_eq!(token.set_pin(b"wrong", b"new-pin").err(), Some(CKR_PIN_INCORRECT));
    token.set_pin(USER, b"new-pin").unwrap();
    token.logout().unwrap();
    token.login(Role::User, b"new-pin").unwrap();
    assert!(labelled(&token, "w").is_some());
}

#[test]
fn initializing_again_needs_the_officer_and_wipes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut token = token(folder.path());
    token.login(Role::User, USER).unwrap();
    token.add_to_token([wrapping_key("w")]).unwrap();
    token.logout().unwrap();
    assert_eq!(token.initialize(b"guess", "mine").err(), Some(CKR_PIN_INCORRECT));
    token.initialize(OFFICER, "fresh").unwrap();
    assert_eq!(
        token.login(Role::User, USER).err(),
        Some(CKR_USER_PIN_NOT_INITIALIZED)
    );
    assert_eq!(token.name().unwrap().0, "fresh");
}

#[test]
fn a_flag_changed_in_the_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = token(folder.path());
    first.login(Role::User, USER).unwrap();
    first.add_to_token([wrapping_key("w")]).unwrap();
    let path = folder.path().join("token.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let extractable = format!("\"{CKA_EXTRACTABLE:08x}\": \"0");
    assert!(text.contains(&format!("{extractable}0")));
    let forged = text.replace(&format!("{extractable}0"), &format!("{extractable}1"));
    std::fs::write(&path, forged).unwrap();
    let mut second = Token::open(folder.path()).unwrap();
    assert_eq!(second.login(Role::User, USER).err(), Some(CKR_DEVICE_ERROR));
}
