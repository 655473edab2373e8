//! Base and newest copy side by side: the copy's text with my side put in.

use super::plan::{Class, Patch, Plan};
use super::rows::RowWalk;
use super::Prepared;
use crate::core::document::{common, goes_on, new_value, Document, DEPTH_MAX, DOCUMENT_BYTES_MAX};
use crate::core::profile::Profile;

/// The copy's text with my side put in; `None` if the general merge is needed.
pub(super) fn lay(
    prepared: &Prepared,
    plan: &Plan,
    theirs: &[u8],
    mut buffer: Vec<u8>,
) -> Option<Vec<u8>> {
    if theirs.len() > DOCUMENT_BYTES_MAX {
        return None;
    }
    buffer.clear();
    buffer.reserve(theirs.len() + plan.texts.len() + ROOM);
    let mut walk = Walk {
        base: &prepared.base,
        mine: &prepared.mine,
        profile: &prepared.profile,
        plan,
        old: prepared.base.text(),
        new: theirs,
        here: 0,
        there: 0,
        out: buffer,
        copied: 0,
    };
    walk.run()?;
    walk.flush(theirs.len());
    Some(walk.out)
}

/// For what merged rows are longer than both their sides.
const ROOM: usize = 256;

pub(super) struct Walk<'a> {
    pub(super) base: &'a Document,
    pub(super) mine: &'a crate::core::change::Changes,
    pub(super) profile: &'a Profile,
    pub(super) plan: &'a Plan,
    /// The base's text.
    pub(super) old: &'a [u8],
    /// The copy's text.
    pub(super) new: &'a [u8],
    /// Position in the base's text.
    pub(super) here: usize,
    /// Position in the copy's text.
    pub(super) there: usize,
    pub(super) out: Vec<u8>,
    /// How far the copy's text is in `out`, or left out on purpose.
    pub(super) copied: usize,
}

impl<'a> Walk<'a> {
    fn run(&mut self) -> Option<()> {
        let (mut patches, mut field) = (self.plan.patches.as_slice(), 0);
        for (position, number) in &self.plan.order {
            let array = self.base.table(*number as usize).array;
            self.fields(array.start as usize, &mut patches, &mut field)?;
            field = *position as usize + 1;
            if self.new.get(self.there) != Some(&b'[') {
                return None;
            }
            RowWalk::new(self, *number as usize).run()?;
        }
        self.fields(self.old.len(), &mut patches, &mut field)?;
        (self.there == self.new.len()).then_some(())
    }

    /// The document's own fields up to `until` in the base's text, where both must agree again.
    fn fields(&mut self, until: usize, patches: &mut &'a [Patch], field: &mut usize) -> Option<()> {
        let cells = self.base.fields();
        loop {
            let agreed = common(&self.old[self.here..until], self.new.get(self.there..)?);
            let parted = self.here + agreed;
            while let Some((patch, rest)) = patches.split_first() {
                // A value has ended only where what stands behind it agrees too.
                if patch.end as usize >= parted {
                    break;
                }
                self.put(patch);
                *patches = rest;
            }
            self.there += agreed;
            self.here = parted;
            if parted == until {
                return Some(());
            }
            while cells.value_span(*field)?.end as usize <= parted
                && !(cells.value_span(*field)?.end as usize == parted && self.is_longer(parted))
            {
                *field += 1;
            }
            let alone = match self.plan.class(*field, self.base, self.profile) {
                Class::Aside => true,
                Class::Alone => self.plan.mine.binary_search(&(*field as u32)).is_err(),
                Class::Shared => !self.plan.has_fields,
                Class::Name | Class::Stop => false,
            };
            if !alone {
                return None;
            }
            let value = cells.value_span(*field)?;
            self.take_value(value.start as usize, value.end as usize, DEPTH_MAX - 1)?;
            *field += 1;
        }
    }

    /// Whether the value that ends at `at` in the base goes on in the copy, as a number may.
    pub(super) fn is_longer(&self, at: usize) -> bool {
        goes_on(self.old.get(at.wrapping_sub(1)), self.new.get(self.there))
    }

    /// Goes past a value of the copy that differs from the base's, which is `start..end` there.
    pub(super) fn take_value(&mut self, start: usize, end: usize, depth: usize) -> Option<()> {
        let before = self.here.checked_sub(start)?;
        self.there = new_value(self.new, self.there.checked_sub(before)?, depth)?;
        self.here = end;
        Some(())
    }

    /// Puts a text of mine in the place of the base's stretch, which the copy has too.
    pub(super) fn put(&mut self, patch: &Patch) {
        let at = |place: u32| place as usize + self.there - self.here;
        let (start, end) = (at(patch.start), at(patch.end));
        self.flush(start);
        let text = patch.text.start as usize..patch.text.end as usize;
        self.out.extend_from_slice(&self.plan.texts[text]);
        self.copied = end;
    }

    /// Copies the copy's text up to `until`.
    pub(super) fn flush(&mut self, until: usize) {
        if self.copied < until {
            self.out.extend_from_slice(&self.new[self.copied..until]);
            self.copied = until;
        }
    }
}
