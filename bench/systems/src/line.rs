//! What happens next: a clock that jumps from one thing to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things to happen, each at its moment; those of one moment in the order in which they were added.
#[derive(Debug)]
pub struct Line<T> {
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    things: Vec<Option<T>>,
}

impl<T> Default for Line<T> {
    fn default() -> Line<T> {
        Line { heap: BinaryHeap::new(), things: Vec::new() }
    }
}

impl<T> Line<T> {
    /// `thing` happens at this moment, microseconds.
    pub fn at(&mut self, moment: u64, thing: T) {
        self.heap.push(Reverse((moment, self.things.len())));
        self.things.push(Some(thing));
    }
}

/// Each with its moment.
impl<T> Iterator for Line<T> {
    type Item = (u64, T);

    fn next(&mut self) -> Option<(u64, T)> {
        let Reverse((moment, number)) = self.heap.pop()?;
        self.things[number].take().map(|thing| (moment, thing))
    }
}
