//! Vectors of the certificate-transparency project (`merkletree/merkle_tree_test.cc`), and properties beyond them.

use proptest::prelude::*;

use super::*;
use crate::base::hex;

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const N1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const N23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N47: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const N4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

/// Leaf (from 0), tree size, path.
const INCLUSION: [(usize, usize, &[&str]); 4] = [
    (0, 8, &[N1, N23, N47]),
    (5, 8, &[N4, N67, ROOTS[4]]),
    (2, 3, &[ROOTS[2]]),
    (1, 5, &[ROOTS[1], N23, N4]),
];

/// Old size, new size, path.
const GROWTH: [(usize, usize, &[&str]); 3] = [
    (1, 8, &[N1, N23, N47]),
    (6, 8, &[N45, N67, ROOTS[4]]),
    (2, 5, &[N23, N4]),
];

fn hash(text: &str) -> Hash {
    text.parse().unwrap()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().copied().map(hash).collect()
}

fn known_leaves() -> Vec<Hash> {
    LEAVES
        .iter()
        .map(|data| leaf(&hex::decode(data).unwrap()))
        .collect()
}

fn numbered_leaves(size: usize) -> Vec<Hash> {
    (0..size).map(|number| leaf(&number.to_be_bytes())).collect()
}

#[test]
fn published_roots_from_the_whole_and_from_the_frontier() {
    let leaves = known_leaves();
    let mut frontier = Frontier::new();
    for size in 0..=leaves.len() {
        assert_eq!(root(&leaves[..size]), hash(ROOTS[size]), "{size} leaves");
        assert_eq!(frontier.root(), hash(ROOTS[size]), "{size} leaves pushed");
        if let Some(next) = leaves.get(size) {
            frontier.push(*next);
        }
    }
}

#[test]
fn published_inclusion_proofs() {
    let leaves = known_leaves();
    for (index, size, path) in INCLUSION {
        let path = hashes(path);
        assert_eq!(prove_inclusion(&leaves[..size], index), Some(path.clone()));
        assert!(included(
            &leaves[index],
            index as u64,
            size as u64,
            &path,
            &hash(ROOTS[size])
        ));
    }
    assert_eq!(prove_inclusion(&leaves, 8), None);
    assert!(!included(&leaves[0], 8, 8, &[], &hash(ROOTS[8])));
}

#[test]
fn published_consistency_proofs() {
    let leaves = known_leaves();
    for (old, new, path) in GROWTH {
        let path = hashes(path);
        assert_eq!(prove_growth(&leaves[..new], old), Some(path.clone()));
        assert!(grown(
            old as u64,
            &hash(ROOTS[old]),
            new as u64,
            &hash(ROOTS[new]),
            &path
        ));
    }
    assert_eq!(prove_growth(&leaves, 9), None);
}

proptest! {
    #[test]
    fn every_leaf_is_proven_and_nothing_else_is(
        size in 1usize..70, index in 0usize..70, other in 0usize..70, bit in 0usize..256
    ) {
        let (index, other) = (index % size, other % size);
        let leaves = numbered_leaves(size);
        let (whole, path) = (root(&leaves), prove_inclusion(&leaves, index).unwrap());
        prop_assert!(included(&leaves[index], index as u64, size as u64, &path, &whole));
        if other != index {
            prop_assert!(!included(&leaves[index], other as u64, size as u64, &path, &whole));
        }
        let mut bent = leaves[index];
        bent.0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!included(&bent, index as u64, size as u64, &path, &whole));
        let mut longer = path.clone();
        longer.push(whole);
        prop_assert!(!included(&leaves[index], index as u64, size as u64, &longer, &whole));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert!(!included(&leaves[index], index as u64, size as u64, shorter, &whole));
        }
    }

    #[test]
    fn growth_is_proven_and_rewriting_is_not(new in 1usize..70, old in 0usize..70, changed in 0usize..70) {
        let (old, changed) = (1 + old % new, changed % (1 + old % new));
        let leaves = numbered_leaves(new);
        let (old_root, new_root) = (root(&leaves[..old]), root(&leaves));
        let path = prove_growth(&leaves, old).unwrap();
        prop_assert!(grown(old as u64, &old_root, new as u64, &new_root, &path));

        let mut rewritten = leaves;
        rewritten[changed] = leaf(b"another record");
        let (other_root, other_path) = (root(&rewritten), prove_growth(&rewritten, old).unwrap());
        prop_assert!(!grown(old as u64, &old_root, new as u64, &other_root, &path));
        prop_assert!(!grown(old as u64, &old_root, new as u64, &other_root, &other_path));
    }

    #[test]
    fn proofs_made_of_anything_are_refused_without_panic(
        sizes in any::<(u64, u64, u64)>(), path in prop::collection::vec(any::<[u8; 32]>(), 0..70)
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash).collect();
        let (one, two) = (leaf(b"1"), leaf(b"2"));
        prop_assert!(!included(&one, sizes.0, sizes.1, &path, &two));
        prop_assert!(!grown(sizes.0, &one, sizes.1, &two, &path));
    }
}
