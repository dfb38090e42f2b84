//! A program that is only a sandbox worker. For tests, it also readies interpreters:
//! `sandbox-worker compile COMPONENT CACHE` and `sandbox-worker science WHEEL DATA_DIR`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use otari_sandbox::{science, worker};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [worker::WORKER_ARGUMENT, rest @ ..] => {
            let rest: Vec<String> = rest.iter().copied().map(str::to_owned).collect();
            return worker::run(&rest);
        }
        ["compile", component, cache] => read(component).and_then(|component| {
            worker::compile_in_place_of_shipped(&component, Path::new(cache)).map(drop)
        }),
        ["science", wheel, data_dir] => science(wheel, Path::new(data_dir)),
        _ => Err("it is started by a gateway".to_owned()),
    };
    done.map_or_else(|told| worker::complain(&told), |()| ExitCode::SUCCESS)
}

fn science(wheel: &str, data_dir: &Path) -> Result<(), String> {
    if science::installed(data_dir).is_none() {
        science::install(&read(wheel)?, data_dir).map_err(|error| error.to_string())?;
    }
    science::compile(data_dir).map_err(|error| error.to_string())
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{file}: {error}"))
}
