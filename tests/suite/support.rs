//! What several tests need: the repository's folders, the built command, and children that never outlive a test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// The `aegis` that belongs to this build: the same target folder, the same profile.
pub fn aegis_path() -> PathBuf {
    let exe = std::env::current_exe().expect("a running test has a path");
    let dir = exe.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    let path = dir.join("aegis");
    assert!(
        path.exists(),
        "{} is not built: run tests/run, or cargo build --workspace first",
        path.display()
    );
    path
}

/// `aegis` in the repository's root.
pub fn aegis(args: &[&str]) -> Output {
    Command::new(aegis_path()).args(args).current_dir(root()).output().expect("aegis starts")
}

/// What a command printed, after it ended as it should.
pub fn stdout_of(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("aegis prints UTF-8")
}

/// A child that is killed when the test ends, however it ends.
pub struct Running(pub Child);

impl Running {
    /// Starts it with its output piped.
    pub fn start(command: &mut Command) -> Running {
        Running(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .expect("the child starts"),
        )
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
