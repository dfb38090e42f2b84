//! What a newer data set would change, for an operator to review before accepting it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::book::{PriceBook, PriceBookError};

/// What became of a listed model's rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Added,
    Changed,
    Removed,
}

impl Change {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl PriceBook {
    /// Every model whose rates differ in `newer`, as `provider:model` in the data set's own names, sorted.
    pub fn changes_to(&self, newer: &Self) -> Result<Vec<(String, Change)>, PriceBookError> {
        let mut old = self.rates_by_model()?;
        let mut changes: Vec<(String, Change)> = Vec::new();
        for (key, rates) in newer.rates_by_model()? {
            match old.remove(&key) {
                None => changes.push((key, Change::Added)),
                Some(before) if before != rates => changes.push((key, Change::Changed)),
                Some(_) => {}
            }
        }
        changes.extend(old.into_keys().map(|key| (key, Change::Removed)));
        changes.sort();
        Ok(changes)
    }

    /// As values rather than text: other white space is no change.
    fn rates_by_model(&self) -> Result<BTreeMap<String, Value>, PriceBookError> {
        let mut rates = BTreeMap::new();
        self.for_each_model(|provider, model, prices| {
            rates.insert(format!("{provider}:{model}"), serde_json::from_str(prices)?);
            Ok(())
        })?;
        Ok(rates)
    }
}
