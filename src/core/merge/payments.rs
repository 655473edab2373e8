//! Money that two tills took for one bill.

use super::*;
use crate::core::amount::{self, Decimal};
use crate::core::change::amount_or_zero;
use crate::core::conflict::Reason;
use crate::core::json;
use crate::core::op::Op;
use crate::core::path::cell_path;

impl<'a> Walk<'a> {
    /// Both took money and together it is more than is due: everything is kept and asked.
    pub(super) fn double_payment(&mut self, number: usize, rules: &TableRules) {
        let Some((_, due)) = due(self.theirs, self.profile) else { return };
        let pending = &self.merge.pending.tables[number];
        let mine = added(pending, self.theirs, number, rules);
        let theirs = added(&self.incoming.changes.tables[number], self.base, number, rules);
        if mine <= Decimal::ZERO || theirs <= Decimal::ZERO {
            return;
        }
        let Some(before) = self.total(number, rules) else { return };
        let Some(paid) = amount::sum(before, mine) else { return };
        if paid <= due {
            return;
        }
        let mut conflict = Conflict::new(rules.name.clone(), Reason::DoublePayment);
        conflict.mine = Some(json::quoted(&amount::shortest(mine)));
        conflict.theirs = Some(json::quoted(&amount::shortest(theirs)));
        conflict.amounts.push(("paid", amount::shortest(paid)));
        conflict.amounts.push(("due", amount::shortest(due)));
        conflict.on_theirs = withdrawal(pending, rules);
        self.ask(conflict);
    }

    /// What the newest copy says was paid, in the rows that I leave.
    fn total(&self, number: usize, rules: &TableRules) -> Option<Decimal> {
        let mut total = Decimal::ZERO;
        let pending = &self.merge.pending.tables[number];
        for row in &self.theirs.table(number).rows {
            if pending.row(self.theirs.row_identity(row)) == Some(&RowChange::Removed) {
                continue;
            }
            let cells = self.theirs.cells(number, row);
            for at in 0..cells.len() {
                if rules.fields.rule(&cells.name(at)) == Rule::Money {
                    total = amount::sum(total, amount_or_zero(cells.value(at))?)?;
                }
            }
        }
        Some(total)
    }
}

/// The amount due and the field that says it: the first of the profile's that is present and not
/// zero, for servers answer an amount that they do not use (`rounded_total` without rounding) as
/// zero; else the first that is present.
pub(crate) fn due<'p>(document: &Document, profile: &'p Profile) -> Option<(&'p str, Decimal)> {
    let amount = |name: &'p String| {
        document.field(name).and_then(amount::amount).map(|due| (name.as_str(), due))
    };
    let mut present = profile.due.iter().filter_map(amount);
    let first = present.next()?;
    if !first.1.is_zero() {
        return Some(first);
    }
    Some(present.find(|(_, due)| !due.is_zero()).unwrap_or(first))
}

/// The money that these changes add.
fn added(changes: &TableChanges, under: &Document, number: usize, rules: &TableRules) -> Decimal {
    let mut sum = Decimal::ZERO;
    let mut add = |step: Option<Decimal>| {
        if let Some(more) = step.and_then(|step| amount::sum(sum, step)) {
            sum = more;
        }
    };
    for (identity, change) in &changes.rows {
        match change {
            RowChange::Edited(fields) => {
                for (name, change) in fields {
                    if rules.fields.rule(name) == Rule::Money {
                        add(change.step_from(Fields::of_row(under, number, identity).get(name)));
                    }
                }
            }
            RowChange::Inserted(new) => {
                let _ = json::members(&new.row, 0, &mut |cell| {
                    if rules.fields.rule(&json::unescape(cell.key.of(&new.row))) == Rule::Money {
                        add(amount_or_zero(Some(cell.value.of(&new.row))));
                    }
                });
            }
            RowChange::Removed => {}
        }
    }
    sum
}

/// The edits that take my payments back.
fn withdrawal(pending: &TableChanges, rules: &TableRules) -> Vec<Op> {
    let mut ops = Vec::new();
    for (identity, change) in &pending.rows {
        match change {
            RowChange::Inserted(_) => {
                ops.push(Op::Remove { table: rules.name.clone(), row: identity.clone() });
            }
            RowChange::Edited(fields) => {
                for (name, change) in fields {
                    if let FieldChange::Step(step) = change {
                        let path = cell_path(&rules.name, identity, name);
                        ops.push(Op::Increment { path, by: -*step, token: None });
                    }
                }
            }
            RowChange::Removed => {}
        }
    }
    ops
}
