//! Walks through decision trees, eight side by side, so that one waits for memory while another compares.

/// A node, packed: two children stand next to each other, and a leaf stands for its own child.
///
/// Bit 31 of `tag` marks a branch, bits 28–30 what it asks; the rest is the column of a branch, or the number of a leaf.
/// `threshold` is that of a branch, the number of its set, or the one weight of a leaf.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Node<T> {
    /// What is compared with.
    pub threshold: T,
    /// What it is, and what it asks.
    pub tag: u32,
    /// The place of its first child.
    pub next: u32,
}

/// The node is a branch.
pub const BRANCH: u32 = 1 << 31;
/// What is not a number goes to the first child.
pub const MISSING: u32 = 1 << 30;
/// The test is membership of a set, and not "at most".
pub const SET: u32 = 1 << 28;
/// The bits of the column of a branch, or of the number of a leaf.
pub const INDEX: u32 = SET - 1;

/// How many walks go side by side.
pub const LANES: usize = 8;

/// What the branches of a forest ask, so that a walk decides nothing but the test itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// At most, and nothing sends what is missing to the first child.
    AtMost,
    /// At most, or missing.
    AtMostOrMissing,
    /// Sets, too.
    Any,
}

impl Walk {
    /// The walk for what any branch of a forest asks: bits of tags.
    pub fn for_asked(any: u32) -> Self {
        match (any & SET, any & MISSING) {
            (0, 0) => Self::AtMost,
            (0, _) => Self::AtMostOrMissing,
            _ => Self::Any,
        }
    }
}

/// The sets of a forest: the members of all, ascending within each, and where each begins, with the end.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a, T> {
    /// The members.
    pub members: &'a [T],
    /// The places of the first, and the end.
    pub starts: &'a [usize],
}

/// A function of its own for each type: a generic one would be built with whoever calls it, for size.
macro_rules! leaves {
    ($name:ident, $type:ty) => {
        /// From nodes to their leaves, each for the row that starts at its place in `values`. Every row has a first value, which
        /// leaves read and forget.
        pub fn $name(
            nodes: &[Node<$type>],
            walk: Walk,
            sets: Sets<'_, $type>,
            values: &[$type],
            starts: [usize; LANES],
            at: [u32; LANES],
        ) -> [u32; LANES] {
            let missing = |node: Node<$type>, value: $type| value.is_nan() & (node.tag & MISSING != 0);
            match walk {
                Walk::AtMost => walk_down(nodes, values, starts, at, |node, value| value <= node.threshold),
                Walk::AtMostOrMissing => {
                    walk_down(nodes, values, starts, at, |node, value| (value <= node.threshold) | missing(node, value))
                }
                Walk::Any => walk_down(nodes, values, starts, at, |node, value| {
                    let yes = match node.tag & SET {
                        0 => value <= node.threshold,
                        _ => sets.contain(node.threshold as usize, value),
                    };
                    yes | missing(node, value)
                }),
            }
        }
    };
}
leaves!(leaves_f32, f32);
leaves!(leaves_f64, f64);

impl<T: Copy + PartialOrd> Sets<'_, T> {
    /// Whether a set has a member; one that is not there has none.
    fn contain(&self, set: usize, value: T) -> bool {
        let (Some(&start), Some(&end)) = (self.starts.get(set), self.starts.get(set + 1)) else { return false };
        let members = &self.members[start..end];
        members.get(members.partition_point(|&member| member < value)) == Some(&value)
    }
}

#[inline(always)]
fn walk_down<T: Copy>(
    nodes: &[Node<T>],
    values: &[T],
    starts: [usize; LANES],
    mut at: [u32; LANES],
    yes: impl Fn(Node<T>, T) -> bool,
) -> [u32; LANES] {
    // One step down, without a jump: a leaf reads the first value of its row and stays.
    let step = |start: usize, at: &mut u32| {
        let node = nodes[*at as usize];
        let column = (node.tag.cast_signed() >> 31).cast_unsigned() & node.tag & INDEX;
        let value = values[start + column as usize];
        *at = node.next + (u32::from(!yes(node, value)) & (node.tag >> 31));
        node.tag
    };
    loop {
        let mut open = step(starts[0], &mut at[0]);
        open |= step(starts[1], &mut at[1]);
        open |= step(starts[2], &mut at[2]);
        open |= step(starts[3], &mut at[3]);
        open |= step(starts[4], &mut at[4]);
        open |= step(starts[5], &mut at[5]);
        open |= step(starts[6], &mut at[6]);
        open |= step(starts[7], &mut at[7]);
        if open & BRANCH == 0 {
            return at;
        }
    }
}
