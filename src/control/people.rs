//! Names of people, from what the operating system says of them.

use crate::base::ids::PersonId;

/// Where local accounts are listed.
const ACCOUNTS: &str = "/etc/passwd";

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
}
