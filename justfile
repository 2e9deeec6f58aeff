# The commands of CONTRIBUTING.md under short names; `just` is a convenience, nothing needs it.

# all tests
test:
    cargo test --workspace

# format and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# the documentation, with warnings as errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# the benches; figures go into benches/README.md
bench:
    cargo bench -p fluxcascade-benches

# the gate
ci:
    .ci/run

# what takes longer than the gate
full *steps:
    .ci/full {{ steps }}
