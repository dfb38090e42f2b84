//! `POST /v1/responses`. <https://platform.openai.com/docs/api-reference/responses>

mod items;
mod namespace;
mod render;
mod request;
mod response;

pub(super) use render::Renderer;
pub(super) use request::parse;
pub(super) use response::render_reply;
