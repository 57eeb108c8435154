//! What several tests need: the repository's folders, the built command, and children that never outlive a test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use aegis_models::Site;
use aegis_models::event::{Body, Event, words};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// The `aegis` that belongs to this build.
pub fn aegis_path() -> PathBuf {
    bin_path("aegis")
}

/// A program that belongs to this build: the same target folder, the same profile.
pub fn bin_path(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a running test has a path");
    let dir = exe.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    let path = dir.join(name);
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

    /// What it prints, line by line as it comes.
    pub fn lines(&mut self) -> mpsc::Receiver<String> {
        let stdout = self.0.stdout.take().expect("piped, and taken once");
        let (sender, lines) = mpsc::channel();
        // Somebody must read what it tells, or it would wait; the thread ends with the output.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        lines
    }

    /// Writes a line to its input.
    pub fn say(&mut self, line: &serde_json::Value) {
        let stdin = self.0.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("it reads its input");
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

/// A served twin, and the addresses at which it listens.
pub struct Served {
    /// The machines with their real addresses.
    pub site: Site,
    /// The program.
    pub twin: Running,
}

impl Served {
    /// Starts `aegis serve` with these arguments besides those that a test needs.
    pub fn start(args: &[&str]) -> Served {
        let mut command = Command::new(aegis_path());
        command.args(["serve", "--json", "--until-stdin-closes"]).args(args).current_dir(root());
        if !args.contains(&"--port") {
            command.args(["--port", "0"]);
        }
        let mut twin = Running::start(&mut command);
        let first = twin.lines().recv_timeout(Duration::from_secs(60)).expect("the served site");
        Served { site: serde_json::from_str(&first).expect("a site"), twin }
    }

    /// The whole fab without lots on their way: its tools have work without end, and nobody waits for a tool to get some.
    pub fn busy(args: &[&str]) -> Served {
        let mut site = Site::built_in();
        site.routes.clear();
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("site.toml");
        std::fs::write(&path, toml::to_string(&site).expect("a site is TOML")).expect("written");
        Served::start(&[&["--site", path.to_str().expect("a path in UTF-8")], args].concat())
    }
}

/// What a sentinel has written to its disk.
pub struct Log(PathBuf);

impl Log {
    /// Of the sentinel whose configuration lies in that folder, with `state` as its own.
    pub fn of(dir: &Path) -> Log {
        Log(dir.join("state/events.jsonl"))
    }

    /// Every whole event.
    pub fn events(&self) -> Vec<Event> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        // The last line may be half written just now.
        text.split_inclusive('\n')
            .filter(|l| l.ends_with('\n'))
            .map(|l| serde_json::from_str(l).expect("an event"))
            .collect()
    }

    /// Whether one of them is like that.
    pub fn has(&self, is: impl Fn(&Body) -> bool) -> bool {
        self.events().iter().any(|e| is(&e.body))
    }

    /// All of them, in words.
    pub fn words(&self) -> String {
        self.events().iter().map(words::line).collect::<Vec<_>>().join("\n")
    }

    /// Waits for an event, at most two minutes.
    pub fn wait(&self, what: &str, is: impl Fn(&Body) -> bool) {
        for _ in 0..6_000 {
            if self.has(&is) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{what} does not come:\n{}", self.words());
    }
}

/// The SHA-256 of the program that a child runs, as the system has it.
pub fn program_hash(child: &Running) -> String {
    use sha2::{Digest, Sha256};
    let program = std::fs::read(format!("/proc/{}/exe", child.0.id())).expect("it runs");
    Sha256::digest(program).iter().map(|b| format!("{b:02x}")).collect()
}
