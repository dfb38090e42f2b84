//! What happens to every request and answer, whatever the route.

pub(crate) mod edge;
