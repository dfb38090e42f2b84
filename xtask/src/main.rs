//! The project's own commands: `cargo xtask ci | test | tidy | generate [--check] | deny | sandbox | musl`.

#![expect(
    clippy::print_stdout,
    reason = "the output of these commands is for people to read"
)]

mod ci;
mod deny;
mod e2e;
mod generate;
mod musl;
mod operations;
mod postgres;
mod process;
mod sandbox;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::bail;

const USAGE: &str = "usage: cargo xtask <command>

  ci                  everything that must pass, in order, each step timed
  test [FILTER…]      Rust tests on SQLite and PostgreSQL, then the end-to-end tests
  tidy                the rules no compiler knows
  generate [--check]  write the generated files, or fail where one is stale
  deny                licences, banned crates, sources
  sandbox [--check]   build the sandbox's interpreter, or see that a fresh build is the committed one and behaves
  musl                the sandbox's tests as in the static binary";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => bail!(USAGE),
    };
    std::env::set_current_dir(process::root()?)?;
    match (command, rest) {
        ("ci", []) => return ci::run(),
        ("test", filters) => return Ok(test::run(filters)?.finish()),
        ("tidy", []) => tidy::run()?,
        ("generate", []) => generate::run(generate::Mode::Write)?,
        ("generate", [flag]) if flag == "--check" => generate::run(generate::Mode::Check)?,
        ("deny", []) => deny::run()?,
        ("sandbox", []) => sandbox::write()?,
        ("sandbox", [flag]) if flag == "--check" => {
            return Ok(sandbox::check(&["-p", "otari-sandbox"])?.finish());
        }
        ("musl", []) => return Ok(musl::check()?.finish()),
        _ => bail!(USAGE),
    }
    Ok(ExitCode::SUCCESS)
}
