//! Small readings; whole conversations are tested with the simulated chip.

use hex_literal::hex;

use super::*;

#[test]
fn published_tag_lists_are_read() {
    // Doc 9303-10, section 4.6.1, and a sample of the BSI.
    let listed = listed_in(&hex!("60165F0104303130375F36063034303030305C046175766C"));
    let groups = |numbers: &[u8]| Some(numbers.iter().copied().map(FileId::Dg).collect::<Vec<_>>());
    assert_eq!(listed, groups(&[1, 2, 4, 12]));
    let listed = listed_in(&hex!("60165F0104303130375F36063034303030305C046175636E"));
    assert_eq!(listed, groups(&[1, 2, 3, 14]));
    assert_eq!(listed_in(&hex!("60035C0162")), None);
}

#[test]
fn card_access_counts_only_if_dg14_says_the_same() {
    let info = hex!("3012060A04007F0007020204020202010202010D");
    let set = [&hex!("3114")[..], &info].concat();
    let more = [
        &hex!("6E25 3123 300D 0608 04007F0007020202 020101")[..],
        &hex!("3012060A04007F0007020204020202010202010D"),
    ]
    .concat();
    let files =
        |dg14: &[u8]| CardFiles::from([(FileId::CardAccess, set.clone()), (FileId::Dg(14), dg14.to_vec())]);
    assert_eq!(confirm_card_access(&files(&more)), Ok(()));
    let mut other = more;
    *other.last_mut().unwrap() = 0x0C;
    for dg14 in [&other[..], &hex!("6E00"), &[]] {
        assert_eq!(
            confirm_card_access(&files(dg14)).unwrap_err().code,
            &fault::INCONSISTENT
        );
    }
}
