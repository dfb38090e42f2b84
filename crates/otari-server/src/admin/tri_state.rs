//! PATCH members with three states: absent leaves the value, `null` clears it, a value sets it.

use serde::{Deserialize, Deserializer};

/// For `#[serde(default, deserialize_with = "tri_state::read")]` on an `Option<Option<T>>`.
pub(crate) fn read<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
