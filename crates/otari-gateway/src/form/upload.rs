//! A form and the body that it is read from.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use otari_providers::{Feed, LiveBody, live_body};
use tokio::time::Instant;

use super::disposition::boundary;
use super::scan::Scanner;
use super::{Form, invalid};
use crate::client_body::ClientBody;
use crate::error::GatewayError;

/// A form that is read while it arrives.
#[derive(Debug)]
pub struct UploadForm<'a> {
    body: &'a mut ClientBody,
    scanner: Scanner,
    form: Form,
    is_over: bool,
    /// What the provider was told of the form's length, and how much of that it has.
    told: Option<u64>,
    sent: u64,
}

impl<'a> UploadForm<'a> {
    /// Reads the fields before the first file.
    pub async fn begin(
        headers: &HeaderMap,
        body: &'a mut ClientBody,
    ) -> Result<Self, GatewayError> {
        let given = headers.get(header::CONTENT_TYPE);
        let boundary = given.and_then(|given| boundary(given.to_str().ok()?));
        let (Some(content_type), Some(boundary)) = (given, boundary) else {
            let text = "Content-Type must be multipart/form-data with a boundary";
            return Err(invalid(text));
        };
        let mut upload = Self {
            body,
            scanner: Scanner::new(&boundary),
            form: Form::new(content_type.clone()),
            is_over: false,
            told: None,
            sent: 0,
        };
        while !upload.is_over && !upload.form.has_streamed() {
            upload.read(None).await?;
        }
        Ok(upload)
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// What tells it from other forms, as far as it was read: its fields before the first file, and the boundary, which
    /// most clients make up anew each time.
    pub fn head(&self) -> Bytes {
        let mut head = BytesMut::from(self.form.content_type.as_bytes());
        let fields = self.form.parts.iter().take_while(|part| !part.is_file);
        for part in fields {
            head.extend_from_slice(part.name.as_bytes());
            head.extend_from_slice(part.whole().unwrap_or_default());
        }
        head.freeze()
    }

    /// Whether the body has been read to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Reads what comes next, waiting for it no longer than to `deadline`. `true`: more fields are known.
    pub(crate) async fn read(&mut self, deadline: Option<Instant>) -> Result<bool, GatewayError> {
        let Some(bytes) = self.body.next(deadline).await? else {
            self.is_over = true;
            return self.scanner.finish().map(|()| false);
        };
        let mut found = Vec::new();
        self.scanner.push(bytes, &mut found)?;
        let mut is_news = false;
        for found in found {
            is_news |= self.form.take(found)?;
        }
        Ok(is_news)
    }

    /// All of a form that was read to its end, its files too.
    pub(crate) fn gathered(&mut self) -> &Form {
        self.form.gather();
        &self.form
    }

    /// A body for a provider, to be fed with the form from its beginning. `keep`: it may have to be fed once more.
    ///
    /// Its length is told wherever it can be known, since not every server takes a body in chunks: where the client told
    /// its own, and of that what was left out so far is subtracted. What has to be left out later is made up for behind
    /// the form, see [`UploadForm::padding`].
    pub(crate) fn live(&mut self, model: &str, keep: bool) -> (Feed, LiveBody) {
        let known = self.form.length(model);
        self.told = if self.is_over {
            Some(known)
        } else {
            let untold = u64::try_from(self.scanner.untold()).ok();
            let left = self.body.left();
            left.zip(untold).map(|(left, untold)| known + untold + left)
        };
        self.sent = 0;
        self.form.pieces.rewind(keep);
        live_body(self.told)
    }

    /// What goes to the provider next; `None` until more was read.
    pub(crate) fn next(&mut self, model: &str) -> Option<Bytes> {
        self.form.pieces.next(model)
    }

    /// The provider has, of what [`UploadForm::next`] said last, so many bytes.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.form.pieces.sent();
        self.sent += u64::try_from(bytes).unwrap_or_default();
    }

    /// What is missing at the end of what the provider was told: the length of fields that were left out after it was
    /// told. It goes behind the closing delimiter, where RFC 2046 (5.1.1) has whatever stands there ignored; empty lines
    /// are ignored by parsers that look, too.
    pub(crate) fn padding(&self) -> Bytes {
        let missing = self.told.unwrap_or_default().saturating_sub(self.sent);
        let missing = usize::try_from(missing).unwrap_or_default();
        let mut lines = b"\r\n".repeat(missing / 2);
        lines.resize(missing, b' ');
        lines.into()
    }
}
