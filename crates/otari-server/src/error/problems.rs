//! Everything that is wrong with a body, gathered before it is refused.

use otari_gateway::FieldProblem;

use super::ApiError;

/// The members at fault so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<FieldProblem>);

impl Problems {
    /// A value that cannot be.
    pub(crate) fn wrong(&mut self, member: &str, message: impl Into<String>) {
        self.add(&[member], "value_error", message);
    }

    /// `kind` as Pydantic names it, `loc` from the body down.
    pub(crate) fn add(&mut self, loc: &[&str], kind: &'static str, message: impl Into<String>) {
        self.0.push(FieldProblem {
            loc: loc.iter().map(|part| (*part).to_owned()).collect(),
            kind,
            message: message.into(),
        });
    }

    /// A number, where there is one, that is not from 1 to `max`.
    pub(crate) fn check_count(&mut self, member: &str, value: Option<i64>, max: i64) {
        if value.is_some_and(|value| !(1..=max).contains(&value)) {
            self.wrong(member, format!("Input should be between 1 and {max}"));
        }
    }

    /// A text, where there is one, of more than `max` characters.
    pub(crate) fn check_length(&mut self, member: &str, text: Option<&str>, max: usize) {
        if text.is_some_and(|text| text.chars().count() > max) {
            let message = format!("String should have at most {max} characters");
            self.wrong(member, message);
        }
    }

    /// 422 where anything is wrong.
    pub(crate) fn refuse(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid_fields(&self.0))
        }
    }
}
