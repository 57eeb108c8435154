//! The wires, proven by clients and servers that nobody here wrote.
//!
//! A test that needs a foreign package fails without it: it is never left out.

mod clients;
mod crowd;
mod late;
mod leave;
mod lines;
mod points;
mod servers;

use std::path::PathBuf;
use std::process::Command;

use crate::support::root;

/// The Python that has the foreign packages.
fn python() -> PathBuf {
    let python = root().join("target/peers/bin/python");
    assert!(
        python.exists(),
        "{} is missing: tests/run makes it and installs tests/peers/requirements.txt there",
        python.display()
    );
    python
}

/// One of the scripts in `tests/peers`.
fn script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(root().join("tests/peers").join(name)).current_dir(root());
    command
}
