//! The Merkle tree over the ledger (RFC 6962 section 2.1; proof checks after RFC 9162 sections 2.1.3.2 and 2.1.4.2).
//!
//! The chain proves a ledger to whoever reads all of it. The tree proves one record, or that an older ledger is the
//! beginning of a newer one, to whoever holds only a signed root: a few dozen hashes instead of the ledger.

use super::Hash;

/// RFC 6962 section 2.1: leaves and nodes are hashed apart, or a node could be passed off as a record.
const LEAF: &[u8] = &[0x00];
const NODE: &[u8] = &[0x01];

/// The tree's right edge: all that is needed to add leaves and to know the root. Its size is the logarithm of the
/// ledger's.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, the largest (leftmost) first: one for each bit set in `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf, already hashed by [`leaf`].
    pub fn push(&mut self, mut hash: Hash) {
        // Every bit carried over in `size + 1` is a pair of equal subtrees that becomes one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.wrapping_add(1);
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of all leaves so far; of none, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        peaks.next().map_or_else(
            || Hash::of(&[]),
            |smallest| peaks.fold(*smallest, |right, left| node(left, &right)),
        )
    }
}

/// The hash of a leaf's data.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    Hash::of(&[LEAF, data])
}

/// The hash of an inner node.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[NODE, &left.0, &right.0])
}

/// The root over these hashed leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The audit path of one leaf, nearest sibling first (RFC 6962 section 2.1.1), or nothing if there is no such leaf.
#[must_use]
pub fn prove_inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut leaves, mut index, mut path) = (leaves, index, Vec::new());
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if let Some(inside) = index.checked_sub(left.len()) {
            path.push(root(left));
            (leaves, index) = (right, inside);
        } else {
            path.push(root(right));
            leaves = left;
        }
    }
    path.reverse();
    Some(path)
}

/// Is this the leaf at `index` of the tree of `size` leaves under `root`?
#[must_use]
pub fn included(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            // The right edge rises without a sibling until it is a right child again.
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// The proof that the tree over the first `old` leaves is the beginning of the tree over all (RFC 6962 section 2.1.2),
/// or nothing if there never were that many.
#[must_use]
pub fn prove_growth(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    if old > leaves.len() {
        return None;
    }
    if old == 0 || old == leaves.len() {
        return Some(Vec::new());
    }
    let (mut leaves, mut old, mut path, mut known) = (leaves, old, Vec::new(), true);
    while old != leaves.len() {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if let Some(inside @ 1..) = old.checked_sub(left.len()) {
            path.push(root(left));
            (leaves, old, known) = (right, inside, false);
        } else {
            path.push(root(right));
            leaves = left;
        }
    }
    // A subtree that is the whole old tree need not be told: the verifier has its root.
    if !known {
        path.push(root(leaves));
    }
    path.reverse();
    Some(path)
}

/// Is the tree of `old_size` leaves under `old_root` the beginning of the tree of `new_size` leaves under `new_root`?
#[must_use]
pub fn grown(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == Hash::of(&[]);
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (seed, path) = if old_size.is_power_of_two() {
        (*old_root, path)
    } else {
        match path {
            [] => return false,
            [first, rest @ ..] => (*first, rest),
        }
    };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node(sibling, &old_hash);
            new_hash = node(sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_hash = node(&new_hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two smaller than `size`, which must be at least 2.
fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
