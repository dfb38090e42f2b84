//! Lines on their way to a provider.

use bytes::Bytes;

use crate::error::GatewayError;

#[derive(Debug, Default)]
pub(super) struct Parcel {
    lines: Vec<(String, Bytes)>,
    model: String,
    of_one_model: bool,
}

impl Parcel {
    /// `of_one_model`: the provider takes no lines for different ones.
    pub(super) fn new(of_one_model: bool) -> Self {
        Self {
            of_one_model,
            ..Self::default()
        }
    }

    pub(super) fn add(
        &mut self,
        custom_id: &str,
        body: &Bytes,
        model: &str,
    ) -> Result<(), GatewayError> {
        if self.lines.is_empty() {
            model.clone_into(&mut self.model);
        } else if self.of_one_model && self.model != model {
            return Err(GatewayError::InvalidRequest(format!(
                "This provider's batches are for one model each, and this one is for '{}': put the lines for '{model}' \
                 into a batch of their own, or leave `provider` out and the gateway runs the batch",
                self.model
            )));
        }
        self.lines.push((custom_id.to_owned(), body.clone()));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The provider's name of it; the first line's where lines differ.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// `{"<id>":…,<members>"<name>":<body>}`, all but the last before `between`.
    pub(super) fn written(&self, id: &str, members: &str, name: &str, between: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, (custom_id, body)) in self.lines.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(between.as_bytes());
            }
            let head = format!("{{\"{id}\":\"{custom_id}\",{members}\"{name}\":");
            out.extend_from_slice(head.as_bytes());
            out.extend(on_a_line(body));
            out.push(b'}');
        }
        out
    }

    /// For lines that carry what tells them inside of their body: `before`, the custom id, `after`, the members of the
    /// body, `}}`, each on a line.
    pub(super) fn within(&self, before: &str, after: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for (custom_id, body) in &self.lines {
            out.extend_from_slice(format!("{before}{custom_id}{after}").as_bytes());
            out.extend(on_a_line(body.trim_ascii()).skip(1));
            out.extend_from_slice(b"}\n");
        }
        out
    }
}

/// A body is JSON already; it only has to stay on its line.
fn on_a_line(body: &[u8]) -> impl Iterator<Item = u8> {
    body.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    })
}
