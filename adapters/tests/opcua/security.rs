//! Who comes in, and who does not.

use std::fs;
use std::path::{Path, PathBuf};

use aegis_adapters::opcua::{
    Anonymous, Client, ClientOptions, Login, Mode, Secret, ServeError, ServeOptions, open,
};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::Quality;
use tokio::net::TcpListener;

use super::support::{Running, binding, free, mill, of, point, quick};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("aegis-opcua-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn at(&self, part: &str) -> PathBuf {
        self.0.join(part)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn secured(pki: &Path) -> ServeOptions {
    ServeOptions {
        modes: vec![Mode::None, Mode::Sign, Mode::SignAndEncrypt],
        anonymous: Anonymous::Reads,
        users: vec![("operator".into(), Secret::new("of this test"))],
        pki: Some(pki.to_owned()),
        ..free()
    }
}

fn operator(pki: &Path, mode: Mode, password: &str) -> ClientOptions {
    let login = Login::User { name: "operator".into(), password: Secret::new(password) };
    ClientOptions { mode, login, pki: Some(pki.to_owned()), trust_unknown: true, ..quick() }
}

/// What an administrator does: copies the certificates of strangers among the trusted, under names of his own.
fn trust(pki: &Path) -> usize {
    let strangers: Vec<_> = fs::read_dir(pki.join("rejected")).unwrap().map(|e| e.unwrap().path()).collect();
    for (n, path) in strangers.iter().enumerate() {
        fs::copy(path, pki.join("trusted").join(format!("somebody {n}.crt"))).unwrap();
    }
    strangers.len()
}

async fn connect(server: &Running, options: &ClientOptions) -> Result<Client, LinkError> {
    Client::connect(&server.address.to_string(), binding(), options).await
}

#[tokio::test]
async fn strangers_are_refused_until_an_administrator_trusts_them() {
    let folder = Folder::new("trust");
    let server = Running::start(&secured(&folder.at("server"))).await;
    server.publish(0, &[]);
    let options = operator(&folder.at("client"), Mode::SignAndEncrypt, "of this test");
    let refused = connect(&server, &options).await;
    assert!(matches!(refused, Err(LinkError::Broken(_))), "{refused:?}");
    assert_eq!(trust(&folder.at("server")), 1, "{refused:?}");
    for mode in [Mode::SignAndEncrypt, Mode::Sign] {
        let mut client = connect(&server, &ClientOptions { mode, ..options.clone() }).await.unwrap();
        let read = client.read_points().await.unwrap();
        assert_eq!(of(&read, "feed_override").map(|s| s.quality), Some(Quality::Good));
        client.write_point(point("feed_override"), 95.0).await.unwrap();
        client.write_point(point("coolant_flow_sp"), 13.0).await.unwrap();
    }
    let wrong = operator(&folder.at("client"), Mode::SignAndEncrypt, "of another test");
    assert!(connect(&server, &wrong).await.is_err());
    // A server that the client does not know is refused as well.
    let careful = ClientOptions { pki: Some(folder.at("careful")), trust_unknown: false, ..options };
    assert!(connect(&server, &careful).await.is_err());
    assert_eq!(trust(&folder.at("server")), 1, "the server has to trust it first");
    let untrusted = connect(&server, &careful).await.unwrap_err().to_string();
    assert!(untrusted.contains("move ") && untrusted.contains("careful/trusted/CN=CNC-01 ["), "{untrusted}");
    assert_eq!(trust(&folder.at("careful")), 1);
    assert!(connect(&server, &careful).await.is_ok());
}

#[tokio::test]
async fn nobody_without_a_name_writes_where_only_reading_is_free() {
    let server = Running::start(&ServeOptions { anonymous: Anonymous::Reads, ..free() }).await;
    server.publish(0, &[]);
    let mut client = server.client().await;
    for id in ["coolant_flow_sp", "feed_override"] {
        let refused = client.write_point(point(id), 12.0).await;
        assert!(
            matches!(&refused, Err(ClientError::Refused { answer, .. }) if answer == "BadUserAccessDenied"),
            "{id}: {refused:?}"
        );
    }
    assert!(client.read_points().await.is_ok());
}

#[tokio::test]
async fn a_password_is_not_taken_over_an_open_channel() {
    let folder = Folder::new("open");
    let server = Running::start(&secured(&folder.at("server"))).await;
    let options = operator(&folder.at("client"), Mode::None, "of this test");
    assert!(connect(&server, &options).await.is_err());
}

#[tokio::test]
async fn a_mode_that_is_not_offered_is_named() {
    let folder = Folder::new("mode");
    let server = Running::start(&free()).await;
    let options = ClientOptions { mode: Mode::Sign, pki: Some(folder.at("client")), ..quick() };
    let refused = connect(&server, &options).await;
    assert!(matches!(&refused, Err(LinkError::Mismatch(why)) if why.contains("Sign")), "{refused:?}");
}

#[tokio::test]
async fn options_that_let_nobody_in_or_betray_a_password_are_refused() {
    let users = vec![("operator".into(), Secret::new("of this test"))];
    let wrong = [
        ServeOptions { modes: Vec::new(), ..free() },
        ServeOptions { anonymous: Anonymous::Refused, ..free() },
        ServeOptions { users, ..free() },
        ServeOptions { modes: vec![Mode::Sign], ..free() },
    ];
    for options in wrong {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = open(listener, "CNC-01", &mill(), &options).map(|_| ());
        assert!(matches!(refused, Err(ServeError::Options(_))), "{options:?}");
    }
    assert_eq!(format!("{:?}", Secret::new("of this test")), "****");
}
