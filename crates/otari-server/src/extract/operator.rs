//! Who may call a management route.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use otari_gateway::credentials::Credential;
use otari_gateway::tools::ToolUse;
use otari_gateway::{AllowList, Caller, GatewayError};
use otari_tools::definitions::GatewayTool;
use otari_types::UserId;

use crate::error::ApiError;
use crate::state::App;

/// The holder of the master key. A virtual key is refused as a wrong one.
#[derive(Debug)]
pub(crate) struct Operator;

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let gateway = &app.gateway;
        let admitted = match Credential::from_headers(&parts.headers) {
            Ok(credential) => gateway.operator.require(&credential).await,
            Err(error) => Err(error),
        };
        admitted.inspect_err(|error| gateway.metrics.count_auth_failure(error))?;
        Ok(Self)
    }
}

/// Any valid credential: `None` is the operator.
#[derive(Debug)]
pub(crate) struct AnyKey(Option<Arc<Caller>>);

impl AnyKey {
    /// The user a key belongs to; `None` is the operator.
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.0.as_ref().map(|caller| &caller.user_id)
    }

    /// Whose things are meant: the key's owner's, or those of whom the operator names.
    pub(crate) fn owner(&self, named: Option<&str>) -> Result<UserId, ApiError> {
        let named = || named.map(UserId::from);
        let user = self.user().cloned().or_else(named);
        user.ok_or_else(|| GatewayError::UserRequired.into())
    }

    /// As [`AnyKey::owner`], of who is about to add something: a user that exists and is not blocked.
    pub(crate) async fn adding_owner(
        &self,
        app: &App,
        named: Option<&str>,
    ) -> Result<UserId, ApiError> {
        let owner = self.owner(named)?;
        let is_blocked = if let Some(caller) = &self.0 {
            caller.blocked
        } else {
            let user = otari_store::users::get(&app.gateway.store, &owner).await?;
            let unknown = || GatewayError::UnknownUser(owner.to_string());
            user.ok_or_else(unknown)?.blocked
        };
        if is_blocked {
            return Err(GatewayError::UserBlocked(owner.to_string()).into());
        }
        Ok(owner)
    }

    /// The models this credential may see; `None` is all.
    pub(crate) fn allowed(&self) -> Option<&AllowList> {
        self.0.as_ref()?.allowed.as_ref()
    }

    /// Whether this credential may use a tool of the gateway's own.
    pub(crate) fn may_use(&self, tool: GatewayTool) -> bool {
        let list = self
            .0
            .as_ref()
            .and_then(|caller| caller.allowed_tools.as_ref());
        list.is_none_or(|list| list.permits(ToolUse::Own(tool)))
    }
}

impl FromRequestParts<App> for AnyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let gateway = &app.gateway;
        let identify = async {
            let credential = Credential::from_headers(&parts.headers)?;
            if gateway.operator.matches(&credential).await? {
                return Ok::<_, GatewayError>(Self(None));
            }
            let caller = gateway
                .callers
                .identify(&credential, gateway.clock.now())
                .await?;
            Ok(Self(Some(caller)))
        };
        identify.await.map_err(|error| {
            gateway.metrics.count_auth_failure(&error);
            error.into()
        })
    }
}
