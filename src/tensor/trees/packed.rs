//! A forest as bytes: laid out already, so that reading it is a single pass. What follows from the order of the nodes (breadth
//! first within each tree) is not written: children, numbers of leaves, roots. Thresholds are few and repeated, so each column
//! has a table of them, and a node the place in it.

use super::{Aggregate, BRANCH, Forest, INDEX, MAX_SETS, MISSING, Node, SET, Votes, Walk};
use crate::error::Result;
use crate::wire::{Reader, Wire};

impl Wire for Forest<f32> {
    fn put(&self, bytes: &mut Vec<u8>) {
        [self.targets, self.columns, self.roots.len(), self.nodes.len()].iter().for_each(|number| number.put(bytes));
        bytes.push(self.aggregate as u8);
        let column = |node: &Node<f32>| match node.tag & BRANCH {
            0 => self.columns,
            _ => (node.tag & INDEX) as usize,
        };
        for node in &self.nodes {
            let asks = usize::from(node.tag & MISSING != 0) << 1 | usize::from(node.tag & SET != 0);
            let code = if node.tag & BRANCH == 0 { 0 } else { 1 + (column(node) << 2 | asks) };
            code.put(bytes);
        }
        let mut tables = vec![Vec::new(); self.columns + 1];
        self.nodes.iter().for_each(|node| tables[column(node)].push(node.threshold));
        tables.iter_mut().for_each(|table| {
            table.sort_by(f32::total_cmp);
            table.dedup_by_key(|number| number.to_bits());
            put_numbers(table, bytes);
        });
        for node in &self.nodes {
            let place = tables[column(node)].binary_search_by(|number| number.total_cmp(&node.threshold));
            place.unwrap_or_default().put(bytes);
        }
        put_numbers(&self.members, bytes);
        self.sets.put(bytes);
        match &self.votes {
            Votes::Tree(targets) => {
                bytes.push(0);
                targets.put(bytes);
            }
            Votes::All(weights) => {
                bytes.push(1);
                put_numbers(weights, bytes);
            }
            Votes::Listed { starts, votes } => {
                bytes.push(2);
                starts.put(bytes);
                votes.iter().map(|vote| vote.0).collect::<Vec<u32>>().put(bytes);
                put_numbers(&votes.iter().map(|vote| vote.1).collect::<Vec<f32>>(), bytes);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let [targets, columns, trees, count] =
            [usize::read(reader)?, usize::read(reader)?, usize::read(reader)?, usize::read(reader)?];
        let aggregate = match reader.byte()? {
            0 => Aggregate::Sum,
            1 => Aggregate::Average,
            2 => Aggregate::Min,
            3 => Aggregate::Max,
            _ => return Err(reader.error("a number stands for nothing here")),
        };
        let wrong = |reader: &Reader<'_>| reader.error("the trees are not whole");
        if targets == 0 || columns > INDEX as usize || count >= INDEX as usize {
            return Err(wrong(reader));
        }
        let (mut nodes, mut roots) = (Vec::<Node<f32>>::new(), Vec::new());
        let (mut leaves, mut any) = (0u32, 0u32);
        // The place up to which the tree has its nodes: at the end of it, the next one begins.
        let mut end = 0;
        while nodes.len() < count {
            let place = nodes.len();
            if place == end {
                roots.push(place as u32);
                end += 1;
            }
            let code = usize::read(reader)?;
            let node = if let Some(asked) = code.checked_sub(1) {
                let column = asked >> 2;
                if column >= columns {
                    return Err(wrong(reader));
                }
                let asks = if asked & 2 != 0 { MISSING } else { 0 } | if asked & 1 != 0 { SET } else { 0 };
                any |= asks;
                let next = end as u32;
                end += 2;
                Node { threshold: 0.0, tag: BRANCH | asks | column as u32, next }
            } else {
                leaves += 1;
                Node { threshold: 0.0, tag: leaves - 1, next: place as u32 }
            };
            nodes.push(node);
        }
        if end != count || roots.len() != trees {
            return Err(wrong(reader));
        }
        // No list is made for a length that the bytes do not hold: a table takes at least a byte.
        let mut tables = Vec::new();
        for _ in 0..=columns {
            tables.push(numbers(reader)?);
        }
        for node in &mut nodes {
            let column = if node.tag & BRANCH == 0 { columns } else { (node.tag & INDEX) as usize };
            let place = usize::read(reader)?;
            node.threshold = *tables[column].get(place).ok_or_else(|| wrong(reader))?;
        }
        let (members, sets) = (numbers(reader)?, Vec::<usize>::read(reader)?);
        let ascending =
            |places: &[usize], end: usize| places.is_sorted() && places.last().is_none_or(|&last| last <= end);
        if !ascending(&sets, members.len()) || sets.len() > MAX_SETS + 1 {
            return Err(wrong(reader));
        }
        let leaves = leaves as usize;
        let known = |of: &[u32]| of.iter().all(|&target| (target as usize) < targets);
        let votes = match reader.byte()? {
            0 => Some(Votes::Tree(Wire::read(reader)?))
                .filter(|votes| matches!(votes, Votes::Tree(of) if of.len() == trees && known(of))),
            1 => Some(numbers(reader)?)
                .filter(|weights| Some(weights.len()) == leaves.checked_mul(targets))
                .map(Votes::All),
            _ => {
                let (starts, of, weights) = (Vec::<u32>::read(reader)?, Vec::<u32>::read(reader)?, numbers(reader)?);
                let last = starts.last().map(|&last| last as usize);
                let fits =
                    starts.len() == leaves + 1 && starts.is_sorted() && last.is_some_and(|last| last <= of.len());
                let fits = fits && of.len() == weights.len() && known(&of);
                fits.then(|| Votes::Listed { starts, votes: of.into_iter().zip(weights).collect() })
            }
        };
        let votes = votes.ok_or_else(|| wrong(reader))?;
        let walk = Walk::for_asked(any);
        Ok(Self { nodes, roots, votes, members, sets, targets, columns, walk, aggregate })
    }
}

/// Numbers by the bytes of all: the highest bytes of numbers in order are alike, and what is alike weighs nothing on its way.
fn put_numbers(numbers: &[f32], bytes: &mut Vec<u8>) {
    numbers.len().put(bytes);
    for byte in (0..4).rev() {
        bytes.extend(numbers.iter().map(|number| number.to_le_bytes()[byte]));
    }
}

fn numbers(reader: &mut Reader<'_>) -> Result<Vec<f32>> {
    let count = usize::read(reader)?;
    let bytes = reader.take(count.saturating_mul(4))?;
    let byte = |place: usize, which: usize| bytes[(3 - which) * count + place];
    Ok((0..count).map(|place| f32::from_le_bytes([0, 1, 2, 3].map(|which| byte(place, which)))).collect())
}
