//! Names of people, from what the operating system says of them.

use super::fault::NO_NAME;
use crate::base::Fault;
use crate::base::ids::PersonId;

/// Where local accounts are listed.
const ACCOUNTS: &str = "/etc/passwd";
/// Characters of the longest name of an account.
const NAME_MAX: usize = 32;

/// The person with this user id: the account's name, or `uid-N` where the machine's own list does not name it.
#[must_use]
pub fn person(uid: u32) -> PersonId {
    let accounts = std::fs::read_to_string(ACCOUNTS).unwrap_or_default();
    PersonId(name(&accounts, uid).map_or_else(|| format!("uid-{uid}"), str::to_owned))
}

/// The person who runs this program.
#[must_use]
pub fn myself() -> PersonId {
    person(rustix::process::getuid().as_raw())
}

/// The person that a rehearsal's command names: as accounts may be called (useradd(8)), so that nobody is two people by
/// a blank.
///
/// # Errors
/// `CTL-075` for anything else.
pub fn named(name: &str) -> Result<PersonId, Fault> {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(may_stand) {
        Ok(PersonId::new(name))
    } else {
        Err(Fault::new(&NO_NAME, name.escape_default().to_string()))
    }
}

/// The name of an account in passwd(5) form: `name:password:uid:…`.
fn name(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_and_an_unknown_one_is_numbered() {
        let accounts = "root:x:0:0::/root:/bin/sh\n\n+::::::\nan:x:1001:1001:An,,,:/home/an:/bin/sh\n";
        assert_eq!(name(accounts, 0), Some("root"));
        assert_eq!(name(accounts, 1001), Some("an"));
        assert_eq!(name(accounts, 1), None);
        assert_eq!(person(u32::MAX - 7), PersonId::new("uid-4294967288"));
    }

    #[test]
    fn nobody_is_two_people_by_a_blank() {
        assert_eq!(named("an.2-x_Y").unwrap(), PersonId::new("an.2-x_Y"));
        for name in ["", "an ", " an", "an\u{a0}", "a\u{1b}[2J", "Ấn", &"a".repeat(33)] {
            assert_eq!(named(name).unwrap_err().code, &NO_NAME, "{name:?}");
        }
    }
}
