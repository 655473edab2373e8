//! Edits with which nothing is left to do.

use super::*;

impl Model {
    /// The document was submitted and holds all that this cart shows.
    pub fn settle_done(&mut self, cart: usize, shown: &Document) {
        let truth = &self.truths[self.carts[cart].truth.expect("a document that ended")];
        assert_eq!(truth.docstatus, 1, "{} is not submitted", truth.key);
        let mut held = Truth::default();
        read(shown, &mut held);
        for serial in &self.carts[cart].edits {
            let edit = &mut self.edits[*serial];
            if !edit.is_open() {
                continue;
            }
            let (shows, is) = match &edit.what {
                What::Pay { id, .. } => (held.payments.get(id), truth.payments.get(id)),
                What::Cash { .. } => (held.payments.get("Cash"), truth.payments.get("Cash")),
                what => match what.row() {
                    Some(row) => (held.rows.get(row), truth.rows.get(row)),
                    None => (None, None),
                },
            };
            assert_eq!(is, shows, "told done, but {edit:?} is not in {}", truth.key);
            edit.state = State::Stored;
        }
    }

    /// Edits of a row that a person put back since the last save, while another put it back too:
    /// the row as it was shown is what the person decided, and taking it out again leaves nothing.
    pub fn settle_put_back(&mut self, cart: usize, edits: &[usize]) {
        let Cart { truth, asked, put_back, .. } = &self.carts[cart];
        let Some(truth) = truth.map(|number| &self.truths[number]) else { return };
        for serial in edits {
            let edit = &mut self.edits[*serial];
            let (What::Step { row, .. } | What::Remove { row, .. }) = &edit.what else { continue };
            let is_back = asked.contains(row) && put_back.contains(row);
            if is_back && truth.rows.contains_key(row) && edit.is_open() {
                edit.state = State::Stored;
            }
        }
    }

    /// Edits with which nothing is left to do: a row that was put in and taken out, or that is
    /// gone already.
    pub fn settle_moot(&mut self, cart: usize) {
        let truth = self.carts[cart].truth.map(|number| &self.truths[number]);
        let is_new = |row: &str| {
            let is_it = |what: &What| matches!(what, What::Row { id, .. } if id == row);
            self.open_edits(cart).any(|(_, edit)| is_it(&edit.what))
        };
        let moot: Vec<String> = self
            .open_edits(cart)
            .filter_map(|(_, edit)| match &edit.what {
                What::Remove { row, .. } => Some(row.clone()),
                _ => None,
            })
            .filter(|row| match truth {
                // Taken out by others and put back since: it may have been heard in between.
                Some(truth) => !truth.rows.contains_key(row) || truth.was_gone.contains(row),
                None => is_new(row),
            })
            .collect();
        let open: Vec<usize> = self.open_edits(cart).map(|(serial, _)| serial).collect();
        for serial in open {
            let edit = &mut self.edits[serial];
            if edit.what.row().is_some_and(|row| moot.iter().any(|moot| moot == row)) {
                edit.state = State::Stored;
            }
        }
    }
}
