//! CPython as a core module of WASI's first preview, with numpy and its kin linked in. WASI's first preview has no call
//! that opens a socket.

use std::path::Path;

use wasmtime::{Engine, InstancePre, Linker, Memory, Store, StoreLimits, TypedFunc};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use super::library::Library;
use super::output::Stream;
use super::{compiled, limits, session_folders};
use crate::frame::Bounds;
use crate::science::{LIBRARY, PLOT_DATA, ZIP};

/// Where the interpreter looks for its library.
const LIBRARY_INSIDE: &str = "/usr/local/lib";
/// Where matplotlib computes its data to be, from where its code is.
const PLOT_DATA_INSIDE: &str = "matplotlib/mpl-data";
/// The answer of the module's one import of its own, which asks the program around it for something: nobody is there.
const NO_HOST: i32 = -1;

/// The Python half: modules by name. `science` is loaded first, and finds the others.
const DRIVER: &[(&str, &str)] = &[
    ("cells", include_str!("../../../../sandbox/py/cells.py")),
    (
        "event_loop",
        include_str!("../../../../sandbox/py/event_loop.py"),
    ),
    (
        "platform_limits",
        include_str!("../../../../sandbox/py/platform_limits.py"),
    ),
    ("plots", include_str!("../../../../sandbox/py/plots.py")),
    ("science", include_str!("../../../../sandbox/py/science.py")),
];

pub(super) struct Guest {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

pub(super) struct Loaded {
    module: InstancePre<Guest>,
    engine: Engine,
    libraries: Vec<Library>,
}

pub(super) struct Live {
    store: Store<Guest>,
    memory: Memory,
    /// Room in the guest's memory; 0 where there is none.
    alloc: TypedFunc<i32, i32>,
    /// Runs source text in the guest's `__main__`; answers its status.
    turn: TypedFunc<(i32, i32), i32>,
}

impl Loaded {
    pub(super) fn new(engine: &Engine, code: &Path, folder: &Path) -> wasmtime::Result<Self> {
        let module = compiled::module(engine, code).map_err(wasmtime::Error::msg)?;
        let mut linker = Linker::new(engine);
        p1::add_to_linker_async(&mut linker, |guest: &mut Guest| &mut guest.wasi)?;
        linker.func_wrap("host", "call", |_: i32, _: i32, _: i32, _: i32| NO_HOST)?;
        let plots = format!("{LIBRARY_INSIDE}/{ZIP}/{PLOT_DATA_INSIDE}");
        Ok(Self {
            module: linker.instantiate_pre(&module)?,
            engine: engine.clone(),
            libraries: vec![
                Library::open(&folder.join(LIBRARY), LIBRARY_INSIDE)?,
                Library::open(&folder.join(PLOT_DATA), plots)?,
            ],
        })
    }

    pub(super) fn libraries(&self) -> &[Library] {
        &self.libraries
    }

    pub(super) async fn start(
        &self,
        [stdout, stderr]: [Stream; 2],
        bounds: &Bounds,
    ) -> wasmtime::Result<Live> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(stdout)
            .stderr(stderr)
            .allow_blocking_current_thread(true)
            .args(&["python"])
            // No other place than the library's own has time zones.
            .env("PYTHONTZPATH", "")
            .env("TMPDIR", "/tmp");
        for library in &self.libraries {
            wasi.preopened_dir(library.host(), library.guest(), FsPerms::ReadOnly)?;
        }
        session_folders(&mut wasi)?;
        let guest = Guest {
            wasi: wasi.build_p1(),
            limits: limits(bounds),
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = self.module.instantiate_async(&mut store).await?;
        let memory = instance.get_memory(&mut store, "memory");
        let mut live = Live {
            memory: memory.ok_or_else(|| wasmtime::Error::msg("it has no memory"))?,
            alloc: instance.get_typed_func(&mut store, "host_alloc")?,
            turn: instance.get_typed_func(&mut store, "turn")?,
            store,
        };
        match live.turn(&driver()?).await? {
            0 => Ok(live),
            status => Err(wasmtime::Error::msg(format!(
                "its driver ended with {status}"
            ))),
        }
    }
}

impl Live {
    pub(super) async fn exec(&mut self, code: &str) -> wasmtime::Result<i32> {
        // A text of JSON, unescaped, is one of Python too.
        let code = serde_json::to_string(code)?;
        self.turn(&format!("__import__('science').run({code})"))
            .await
    }

    async fn turn(&mut self, source: &str) -> wasmtime::Result<i32> {
        let size = i32::try_from(source.len())?;
        let at = self.alloc.call_async(&mut self.store, size).await?;
        let offset = usize::try_from(at.cast_unsigned())?;
        let placed = at != 0
            && self
                .memory
                .write(&mut self.store, offset, source.as_bytes())
                .is_ok();
        // At 0, the guest raises a MemoryError where the cell would have run.
        let at = if placed { at } else { 0 };
        self.turn.call_async(&mut self.store, (at, size)).await
    }
}

/// What makes the driver's first module.
fn driver() -> wasmtime::Result<String> {
    let sources = serde_json::to_string(DRIVER)?;
    Ok(format!(
        "def _load(sources):\n    import sys, types\n    \
         module = sys.modules['science'] = types.ModuleType('science')\n    \
         module.SOURCES = sources\n    \
         exec(compile(sources['science'], 'science.py', 'exec'), module.__dict__)\n\
         _load(dict({sources}))\ndel _load\n"
    ))
}
