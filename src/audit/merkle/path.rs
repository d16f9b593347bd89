//! The audit path of one leaf, from a stream of leaves: a ledger's hashes need not fit into memory.

use super::{Frontier, Hash};

/// Collects the path of one leaf while the leaves pass by, in as much memory as a tree is high.
#[derive(Clone, Debug)]
pub struct PathBuilder {
    /// First leaf, leaf behind the last, and what passed by of each sibling subtree, in the order of leaves.
    siblings: Vec<Sibling>,
    /// Leaves so far.
    passed: u64,
    /// Leaves in all.
    size: u64,
}

#[derive(Clone, Debug)]
struct Sibling {
    /// Levels below the root: the deepest is nearest to the leaf.
    depth: usize,
    from: u64,
    to: u64,
    tree: Frontier,
}

impl PathBuilder {
    /// For the leaf at `index` of the tree of `size` leaves; nothing if there is no such leaf.
    #[must_use]
    pub fn new(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let (mut from, mut to) = (0, size);
        let mut siblings = Vec::new();
        while to - from > 1 {
            // The largest power of two below the number of leaves (RFC 9162, section 2.1.1).
            let middle = from + (1 << (to - from - 1).ilog2());
            let depth = siblings.len();
            let sibling = |from, to| Sibling {
                depth,
                from,
                to,
                tree: Frontier::new(),
            };
            if index < middle {
                siblings.push(sibling(middle, to));
                to = middle;
            } else {
                siblings.push(sibling(from, middle));
                from = middle;
            }
        }
        siblings.sort_by_key(|sibling| sibling.from);
        Some(Self {
            siblings,
            passed: 0,
            size,
        })
    }

    /// The next leaf, already hashed by [`super::leaf`]. Leaves behind the tree's last are none of it.
    pub fn push(&mut self, hash: Hash) {
        let at = self.passed;
        self.passed = self.passed.saturating_add(1);
        let next = self.siblings.partition_point(|sibling| sibling.to <= at);
        if let Some(sibling) = self.siblings.get_mut(next).filter(|sibling| sibling.from <= at) {
            sibling.tree.push(hash);
        }
    }

    /// The path, nearest sibling first (RFC 9162, section 2.1.3.1); nothing if leaves are missing.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<Hash>> {
        if self.passed < self.size {
            return None;
        }
        self.siblings
            .sort_by_key(|sibling| std::cmp::Reverse(sibling.depth));
        Some(self.siblings.iter().map(|sibling| sibling.tree.root()).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{included, leaf, prove_inclusion, root};
    use super::*;

    proptest! {
        #[test]
        fn a_stream_gives_the_same_path_as_the_whole_tree(size in 1usize..70, pick: usize, more in 0usize..3) {
            let leaves: Vec<Hash> = (0..size).map(|number| leaf(&number.to_be_bytes())).collect();
            let index = pick % size;
            let mut builder = PathBuilder::new(index as u64, size as u64).unwrap();
            for hash in &leaves[..size - 1] {
                builder.push(*hash);
            }
            prop_assert_eq!(builder.clone().finish(), None);
            for _ in 0..=more {
                builder.push(leaves[size - 1]);
            }
            let path = builder.finish().unwrap();
            let expected = prove_inclusion(&leaves, index);
            prop_assert_eq!(Some(&path), expected.as_ref());
            prop_assert!(included(&leaves[index], index as u64, size as u64, &path, &root(&leaves)));
        }
    }

    #[test]
    fn a_leaf_that_is_not_there_has_no_path() {
        assert!(PathBuilder::new(0, 0).is_none());
        assert!(PathBuilder::new(5, 5).is_none());
        let mut alone = PathBuilder::new(0, 1).unwrap();
        alone.push(leaf(b"alone"));
        assert_eq!(alone.finish(), Some(Vec::new()));
    }
}
