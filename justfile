# The commands people type. Anything longer lives in xtask.

# list the recipes
default:
    @just --list

# serve with a configuration that needs no credentials
run *ARGS:
    cargo run -- serve -c config.example.yml {{ARGS}}

# type-check everything
check:
    cargo clippy --workspace --all-targets -- -D warnings

# one crate's tests: just t otari-config interpolation
t CRATE *FILTER:
    cargo test -p {{CRATE}} {{FILTER}}

# every test, on both database engines
test *FILTER:
    cargo xtask test {{FILTER}}

# format
fmt:
    cargo fmt --all

# write the generated files
gen:
    cargo xtask generate

# what a pull request must pass
ci:
    ./.ci/run

# measure throughput and latency
bench *ARGS:
    bench/run {{ARGS}}

# where compile time goes
timings:
    cargo build --timings
