//! CPython as a component. An interface that is not listed here does not exist for it; sockets are not.

mod sockets;

use std::path::Path;

use wasmtime::component::{Component, HasData, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store, StoreLimits};
use wasmtime_wasi::cli::WasiCli;
use wasmtime_wasi::clocks::WasiClocks;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_io::bindings::wasi::io;

use super::output::Stream;
use super::{compiled, limits, session_folders};
use crate::frame::Bounds;

/// The host's side of one instance.
pub(super) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

pub(super) struct Loaded {
    component: InstancePre<Guest>,
    engine: Engine,
}

pub(super) struct Live {
    store: Store<Guest>,
    exec: TypedFunc<(String,), (i32,)>,
}

impl Loaded {
    pub(super) fn new(engine: &Engine, code: &Path) -> wasmtime::Result<Self> {
        let component = compiled::component(engine, code).map_err(wasmtime::Error::msg)?;
        Ok(Self {
            component: linker(engine, &component)?.instantiate_pre(&component)?,
            engine: engine.clone(),
        })
    }

    pub(super) async fn start(
        &self,
        [stdout, stderr]: [Stream; 2],
        bounds: &Bounds,
    ) -> wasmtime::Result<Live> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(stdout)
            .stderr(stderr)
            // A thread for every read would cost more than the wait; there is one guest in this process.
            .allow_blocking_current_thread(true);
        session_folders(&mut wasi)?;
        let guest = Guest {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            limits: limits(bounds),
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = self.component.instantiate_async(&mut store).await?;
        let exec = instance.get_typed_func(&mut store, "exec")?;
        Ok(Live { store, exec })
    }
}

impl Live {
    pub(super) async fn exec(&mut self, code: &str) -> wasmtime::Result<i32> {
        let call = self.exec.call_async(&mut self.store, (code.to_owned(),));
        call.await.map(|(status,)| status)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<Guest>> {
    use wasmtime_wasi::cli::WasiCliView as _;
    use wasmtime_wasi::clocks::WasiClocksView as _;
    use wasmtime_wasi::filesystem::WasiFilesystemView as _;

    let mut linker = Linker::new(engine);
    let l = &mut linker;
    io::error::add_to_linker::<Guest, Table>(l, |guest| &mut guest.table)?;
    io::poll::add_to_linker::<Guest, Table>(l, |guest| &mut guest.table)?;
    io::streams::add_to_linker::<Guest, Table>(l, |guest| &mut guest.table)?;
    clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    random::random::add_to_linker::<Guest, WasiRandom>(l, |guest| guest.wasi.random())?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    sockets::refuse(l, component)?;
    Ok(linker)
}
