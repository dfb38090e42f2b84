//! The network, as a guest finds it: every call is refused, and there is no code behind it.
//!
//! CPython's C library imports wasi:sockets, so the names must be there; wasmtime-wasi's implementation is not linked.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, ResourceType, Type, Val};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

const PACKAGE: &str = "wasi:sockets/";
/// What WASI calls it when a socket is not permitted.
const REFUSAL: &str = "access-denied";

/// Stands for every kind of socket and network. There is never one.
struct Nothing;

pub(super) fn refuse<T: 'static>(
    linker: &mut Linker<T>,
    component: &Component,
) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            continue;
        };
        if !name.starts_with(PACKAGE) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (member, item) in interface.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(function) => {
                    let refused = refusal(&function);
                    instance.func_new(member, move |_, _, _, results| {
                        match (results.first_mut(), refused) {
                            (Some(result), true) => {
                                let code = Val::Enum(REFUSAL.to_owned());
                                *result = Val::Result(Err(Some(Box::new(code))));
                                Ok(())
                            }
                            _ => Err(wasmtime::Error::msg("there is no network")),
                        }
                    })?;
                }
                ComponentItem::Resource(_) => {
                    let kind = match member {
                        "pollable" => ResourceType::host::<DynPollable>(),
                        "input-stream" => ResourceType::host::<DynInputStream>(),
                        "output-stream" => ResourceType::host::<DynOutputStream>(),
                        _ => ResourceType::host::<Nothing>(),
                    };
                    instance.resource(member, kind, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the function can answer with a refusal. The others cannot be called without a socket, or end the program.
fn refusal(function: &ComponentFunc) -> bool {
    let Some(Type::Result(result)) = function.results().next() else {
        return false;
    };
    matches!(result.err(), Some(Type::Enum(codes)) if codes.names().any(|name| name == REFUSAL))
}
