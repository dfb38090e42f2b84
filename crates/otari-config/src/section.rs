//! The sections of the configuration: one file each, one declaration per key.
//!
//! A section is declared with `section!`: the field, its type, default, bound and documentation in one place.
//! Reading, the environment variable, the redacted view and the reference pages follow from it.

pub mod auth;
pub mod batches;
pub mod budgets;
pub mod cors;
pub mod database;
pub mod files;
pub mod guardrails;
pub mod hybrid;
pub mod ledger;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod models;
pub mod pricing;
pub mod providers;
pub mod rate_limit;
pub mod responses;
pub mod routing;
pub mod sandbox;
pub mod server;
pub mod tls;
pub mod tools;
pub mod upstream;

use serde_json::Value;

use crate::setting::{Reader, Setting};

/// What is known about one key, for documentation and for `OTARI_*` variables.
#[derive(Clone, Debug)]
pub struct Field {
    /// The title of the section it belongs to.
    pub section: &'static str,
    pub key: &'static str,
    /// The type in words.
    pub kind: &'static str,
    /// The bound in words, if there is one.
    pub limit: Option<String>,
    /// The default, secrets masked; `null` where unset.
    pub default: Value,
    /// The environment variable, for scalars; otherwise the one that takes JSON.
    pub env: String,
    pub scalar: bool,
    pub secret: bool,
    pub doc: &'static str,
}

/// A group of keys read together.
pub(crate) trait Section: Default {
    fn fields() -> Vec<Field>;
    fn read(reader: &mut Reader<'_>) -> Self;
    /// Key and value, secrets masked.
    fn show(&self) -> Vec<(&'static str, Value)>;
}

pub(crate) fn field<T: Setting>(key: &'static str, default: &T, limit: Option<String>) -> Field {
    Field {
        section: "",
        key,
        kind: T::TYPE,
        limit,
        default: default.show(),
        env: format!("{}{}", crate::env::PREFIX, key.to_uppercase()),
        scalar: T::SCALAR,
        secret: T::SECRET,
        doc: "",
    }
}

/// Declares a section. `key: Type = default => bound, env "NAME";`, bound and variable optional.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident ($title:literal) {
            $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty = $default:expr $(=> $limit:expr)? $(, env $env:literal)? ;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl std::fmt::Debug for $name {
            /// Only what may be shown, so that no derive can leak a credential in an open mapping.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " "))?;
                f.debug_map().entries($crate::section::Section::show(self)).finish()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $crate::section::Section for $name {
            fn fields() -> Vec<$crate::section::Field> {
                let default = Self::default();
                vec![$( {
                    let limit = $crate::section::section!(@limit $($limit)?);
                    let field = $crate::section::Field {
                        section: $title,
                        doc: concat!($($doc),+),
                        ..$crate::section::field(
                            stringify!($key),
                            &default.$key,
                            limit.map($crate::setting::Limit::words),
                        )
                    };
                    $( let field = $crate::section::Field { env: $env.to_owned(), ..field }; )?
                    field
                } ),+]
            }

            fn read(reader: &mut $crate::setting::Reader<'_>) -> Self {
                let default = Self::default();
                Self { $(
                    $key: reader.take(
                        stringify!($key),
                        default.$key,
                        $crate::section::section!(@limit $($limit)?),
                    ),
                )+ }
            }

            fn show(&self) -> Vec<(&'static str, serde_json::Value)> {
                vec![$( (stringify!($key), $crate::setting::Setting::show(&self.$key)) ),+]
            }
        }
    };
    (@limit $limit:expr) => { Some($limit) };
    (@limit) => { None::<$crate::setting::Limit> };
}

pub(crate) use section;
