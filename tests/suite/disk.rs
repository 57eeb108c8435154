//! The sentinel when its disk fails and nobody reads its complaints: it goes on telling, and sends nothing.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Running, aegis_path};

#[test]
fn a_sentinel_whose_disk_fails_tells_what_happens_and_makes_it_durable_later() {
    let dir = tempfile::tempdir().expect("a folder");
    // An address where nobody listens any more.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let config = format!(
        "agent = \"a\"\nstate_dir = \"state\"\n[[equipment]]\nname = \"FFU-01\"\nkind = \"ffu\"\n\
         protocol = \"modbus-tcp\"\naddress = \"{address}\"\ntimeout = \"1s\"\n"
    );
    std::fs::write(dir.path().join("sentinel.toml"), config).expect("written");
    // A folder where the new snapshot belongs: whoever may write everything cannot write this.
    let obstacle = dir.path().join("state/snapshot.json.new");
    std::fs::create_dir_all(&obstacle).expect("made");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>&-"])
        .arg(aegis_path())
        .args(["sentinel", "--config"])
        .arg(dir.path().join("sentinel.toml"))
        .args(["--json", "--until-stdin-closes"])
        .stderr(Stdio::null());
    let mut sentinel = Running::start(&mut command);
    let mut told = BufReader::new(sentinel.0.stdout.take().expect("piped")).lines();
    let first = told.next().expect("it speaks though its disk fails").expect("text");
    assert!(first.contains("\"seq\":1"), "{first}");
    let log = dir.path().join("state/events.jsonl");
    assert_eq!(std::fs::read_to_string(&log).unwrap_or_default(), "");
    std::fs::remove_dir(&obstacle).expect("removed");
    for _ in 0..3_000 {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.ends_with('\n') {
            assert_eq!(text.matches("\"seq\":1,").count(), 1, "{text}");
            assert!(sentinel.0.try_wait().expect("asked").is_none(), "it runs");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the log stays empty though the disk works again");
}
