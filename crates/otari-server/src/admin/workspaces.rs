//! `/v1/workspaces/{workspace_id}/…`: what belongs to a workspace. A deployment without tenancy has one.

use crate::error::ApiError;
use crate::state::App;

/// That there is such a workspace.
pub(crate) fn known_workspace(app: &App, id: &str) -> Result<(), ApiError> {
    if id == app.workspace_id {
        return Ok(());
    }
    Err(ApiError::not_found("Workspace not found"))
}
