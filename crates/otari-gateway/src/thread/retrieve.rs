//! `GET` and `DELETE` of kept responses.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use otari_providers::{Operation, Outbound};
use otari_store::responses::{self, ResponseRow};
use otari_types::UserId;

use crate::Gateway;
use crate::error::GatewayError;
use crate::thread::expand;

/// A page of the items that a request added.
#[derive(Clone, Debug)]
pub struct ItemsPage {
    pub after: Option<String>,
    pub limit: usize,
    pub ascending: bool,
}

impl Gateway {
    /// The response object as it was answered.
    pub async fn response(&self, user: &UserId, id: &str) -> Result<Bytes, GatewayError> {
        Ok(self.kept(user, id).await?.response.into())
    }

    /// The items its request added, in OpenAI's list shape.
    pub async fn response_items(
        &self,
        user: &UserId,
        id: &str,
        page: &ItemsPage,
    ) -> Result<Bytes, GatewayError> {
        let row = self.kept(user, id).await?;
        let after = page.after.as_deref();
        let list = expand::list(id, &row.input, after, page.limit, page.ascending);
        let list = list.ok_or_else(|| {
            let text = format!("No item '{}' in the input", after.unwrap_or_default());
            GatewayError::InvalidRequest(text)
        })?;
        Ok(list.into())
    }

    /// Forgets a response here, and where the provider keeps it too.
    pub async fn delete_response(&self, user: &UserId, id: &str) -> Result<(), GatewayError> {
        let row = self.kept(user, id).await?;
        if let Some(instance) = &row.instance {
            self.delete_at(instance, &row).await?;
        }
        responses::delete(&self.store, id, &row.user_id).await?;
        Ok(())
    }

    async fn kept(&self, user: &UserId, id: &str) -> Result<ResponseRow, GatewayError> {
        let row = responses::get(&self.store, id, user, self.clock.now()).await?;
        row.ok_or_else(|| GatewayError::ResponseNotFound(id.to_owned()))
    }

    async fn delete_at(&self, name: &str, row: &ResponseRow) -> Result<(), GatewayError> {
        let instances = self.targets.instances.load();
        let Some(instance) = instances.get(name) else {
            // Its credential is gone: only the copy here can be deleted.
            return Ok(());
        };
        let Some(uri) = instance
            .address(Operation::Responses, &row.model, false)
            .ok()
            .and_then(|uri| below(&uri, &row.id))
        else {
            return Ok(());
        };
        let outbound = Outbound {
            method: Method::DELETE,
            uri,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        match self.transport.send_as_first(instance, outbound).await {
            Ok(answered) => {
                answered.body.drain().await;
                Ok(())
            }
            Err(error) if error.status == Some(404) => Ok(()),
            Err(error) => Err(GatewayError::upstream(name, error)),
        }
    }
}

/// The address of one response, below that of all.
fn below(all: &Uri, id: &str) -> Option<Uri> {
    let safe = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let (path, query) = (all.path(), all.query());
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = all.clone().into_parts();
    parts.path_and_query = format!("{path}/{id}{query}").parse().ok();
    Uri::from_parts(parts).ok().filter(|_| safe)
}
