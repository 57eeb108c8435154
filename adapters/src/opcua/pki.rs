//! The folder with a program's own certificates and its trust list.
//!
//! ```text
//! pki/own/NAME.der        its certificate, made when missing: give it to those who should trust this program
//! pki/private/NAME.pem    the key to it; only the folder's owner may look inside
//! pki/trusted/            certificates of those that this program trusts: an administrator puts them here, DER or PEM,
//!                         under any name; they are renamed to what the library looks for
//! pki/rejected/           certificates of strangers that knocked, for the administrator to look at, and to move
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use opcua::crypto::{CertificateStore, X509, X509Data};
use opcua::types::{ByteString, DateTime};

use crate::limits::{OPCUA_CERTIFICATE_BYTES, OPCUA_REJECTED_CERTIFICATES};

/// Where a program's certificate and key are.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// That the certificate will end soon.
    pub(super) note: Option<String>,
}

/// How long a new certificate holds.
const DAYS: u32 = 3 * 365;
/// How many days before its end a certificate is complained of.
const SOON: i64 = 60;
/// Who a certificate made here says that it belongs to.
const ORGANIZATION: &str = "Aegis";

/// Makes what is missing of the folder: certificate and key for `name` with the application's URI, and the hosts that
/// clients know it by.
pub(super) fn prepare(folder: &Path, name: &str, uri: &str, hosts: &[String]) -> Result<Own, String> {
    let in_folder = |e: io::Error| format!("the certificate folder {}: {e}", folder.display());
    for part in ["own", "private", "trusted", "rejected"] {
        fs::create_dir_all(folder.join(part)).map_err(in_folder)?;
    }
    shut(&folder.join("private")).map_err(in_folder)?;
    forget_strangers(&folder.join("rejected")).map_err(in_folder)?;
    accept(folder).map_err(in_folder)?;
    let file = file_name(name);
    let certificate = folder.join("own").join(format!("{file}.der"));
    let key = folder.join("private").join(format!("{file}.pem"));
    let mut note = None;
    match (certificate.exists(), key.exists()) {
        (true, true) => {
            let own = CertificateStore::read_cert(&certificate)?;
            let days = days_left(&own);
            // Another's certificate, as a plant's authority signs them, is not ours to make anew.
            if days < 0 && own.subject_name().contains(ORGANIZATION) {
                make(name, uri, hosts, DAYS, &certificate, &key)?;
            } else if days < 0 {
                return Err(format!(
                    "{} has expired: put a new one and its key there",
                    certificate.display()
                ));
            } else if days <= SOON {
                note = Some(format!(
                    "{} ends in {days} days: others will refuse it then",
                    certificate.display()
                ));
            }
        }
        (false, false) => make(name, uri, hosts, DAYS, &certificate, &key)?,
        (there, _) => {
            let (there, missing) = if there { (&certificate, &key) } else { (&key, &certificate) };
            return Err(format!(
                "{} is there and {} is not: put it back, or remove the other too for a new pair",
                there.display(),
                missing.display()
            ));
        }
    }
    // The library looks for both below the folder, unless their paths are absolute.
    let absolute = |path: &Path| std::path::absolute(path).map_err(in_folder);
    Ok(Own { certificate: absolute(&certificate)?, key: absolute(&key)?, note })
}

fn make(
    name: &str,
    uri: &str,
    hosts: &[String],
    days: u32,
    certificate: &Path,
    key: &Path,
) -> Result<(), String> {
    let data = X509Data {
        key_size: 2048,
        common_name: name.to_owned(),
        organization: ORGANIZATION.to_owned(),
        organizational_unit: ORGANIZATION.to_owned(),
        country: "DE".to_owned(),
        state: "-".to_owned(),
        alt_host_names: X509Data::alt_host_names(uri, Some(hosts.to_vec()), true, true, false),
        certificate_duration_days: days,
    };
    CertificateStore::create_certificate_and_key(&data, true, certificate, key).map(|_| ())
}

/// Whole days until a certificate ends; below 0 when it has, or does not say.
fn days_left(certificate: &X509) -> i64 {
    let now = DateTime::now();
    match certificate.not_after() {
        Ok(end) if end > now.as_chrono() => (end - now.as_chrono()).num_days(),
        _ => -1,
    }
}

/// The library believes a file in `trusted` only under a name of its making, and a certificate that also lies in
/// `rejected` never. Gives each trusted certificate that name, takes its twin out of `rejected`, and says how many
/// files hold none.
pub(super) fn accept(folder: &Path) -> io::Result<usize> {
    let mut unread = 0;
    for entry in fs::read_dir(folder.join("trusted"))? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let Some(certificate) = read(&path) else {
            unread += 1;
            continue;
        };
        let name = CertificateStore::cert_file_name(&certificate);
        let right = path.with_file_name(&name);
        if right != path
            && let Ok(der) = certificate.to_der()
        {
            // Whole before it has its name. The file that was put there goes: one that is removed is trusted no more.
            let part = path.with_file_name(format!("{name}.part"));
            fs::write(&part, der)?;
            fs::rename(&part, &right)?;
            fs::remove_file(&path)?;
        }
        let _ = fs::remove_file(folder.join("rejected").join(&name));
    }
    Ok(unread)
}

/// A certificate in either form; none when the file holds none, or not yet all of it.
fn read(path: &Path) -> Option<X509> {
    let size = fs::metadata(path).ok()?.len();
    let bytes = if size <= OPCUA_CERTIFICATE_BYTES { fs::read(path).ok()? } else { return None };
    X509::from_der(&bytes).or_else(|_| X509::from_pem(&bytes)).ok()
}

/// Keeps a folder in order while a program runs: certificates that an administrator trusts meanwhile count from the next
/// connection on, and strangers do not fill the disk.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    seen: [Option<SystemTime>; 2],
    unread: usize,
}

impl Keeper {
    pub(super) fn new(folder: PathBuf) -> Keeper {
        Keeper { folder, seen: [None; 2], unread: 0 }
    }

    /// Looks, before a connection. What cannot be read now may be later.
    pub(super) fn look(&mut self) {
        let changed = |part: &str| fs::metadata(self.folder.join(part)).and_then(|m| m.modified()).ok();
        let now = [changed("trusted"), changed("rejected")];
        if now == self.seen && self.unread == 0 {
            return;
        }
        let _ = forget_strangers(&self.folder.join("rejected"));
        self.unread = accept(&self.folder).unwrap_or(1);
        self.seen = [changed("trusted"), changed("rejected")];
    }
}

/// What an administrator has to do so that a server's certificate is trusted; none when it is.
pub(super) fn untrusted(folder: &Path, certificate: &ByteString) -> Option<String> {
    let certificate = X509::from_byte_string(certificate).ok()?;
    let name = CertificateStore::cert_file_name(&certificate);
    let (trusted, rejected) = (folder.join("trusted").join(&name), folder.join("rejected").join(&name));
    let (from, to) = (rejected.display(), trusted.display());
    (!trusted.exists()).then(|| {
        format!("the server's certificate is not trusted: move {from} to {to} if it is the right one")
    })
}

/// A folder that cannot be: the library always wants one, and makes none there.
pub(super) fn nowhere() -> PathBuf {
    PathBuf::from("\0")
}

fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let file: String = name.chars().map(safe).take(64).collect();
    if file.is_empty() { "_".to_owned() } else { file }
}

#[cfg(unix)]
fn shut(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn shut(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whoever connects may leave a certificate: the oldest go, so that a stranger cannot fill the disk for good.
fn forget_strangers(rejected: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(rejected)? {
        let entry = entry?;
        // Others may use the folder too, and be quicker.
        if let Ok(modified) = entry.metadata().and_then(|m| m.modified()) {
            files.push((modified, entry.path()));
        }
    }
    files.sort();
    let beyond = files.len().saturating_sub(OPCUA_REJECTED_CERTIFICATES);
    files.iter().take(beyond).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_name_makes_a_file_name_that_stays_in_the_folder() {
        assert_eq!(file_name("CNC-01"), "CNC-01");
        assert_eq!(file_name("../../etc/x y"), "______etc_x_y");
        assert_eq!(file_name(""), "_");
    }

    /// A folder that is gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("aegis-pki-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Folder(path)
        }

        fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn own(folder: &Path) -> X509 {
        CertificateStore::read_cert(&folder.join("own/a.der")).unwrap()
    }

    #[test]
    fn a_certificate_of_ours_that_has_expired_is_made_anew_and_one_that_will_soon_is_noted() {
        let dir = Folder::new("expired");
        let at = |part: &str| dir.path().join(part);
        assert_eq!(prepare(dir.path(), "a", "urn:a", &[]).unwrap().note, None);
        for (days, note) in [(0, None), (5, Some("ends in 4 days"))] {
            make("a", "urn:a", &[], days, &at("own/a.der"), &at("private/a.pem")).unwrap();
            let made = own(dir.path()).thumbprint();
            let told = prepare(dir.path(), "a", "urn:a", &[]).unwrap().note;
            assert_eq!(told.is_some(), note.is_some(), "{told:?}");
            assert!(told.unwrap_or_default().contains(note.unwrap_or_default()));
            assert_eq!(own(dir.path()).thumbprint().value() == made.value(), days > 0);
            assert!(days_left(&own(dir.path())) >= 4);
        }
    }

    #[test]
    fn a_trusted_certificate_counts_under_any_name_and_in_either_form() {
        let dir = Folder::new("names");
        let at = |part: &str| dir.path().join(part);
        prepare(dir.path(), "a", "urn:a", &[]).unwrap();
        let certificate = own(dir.path());
        let name = CertificateStore::cert_file_name(&certificate);
        let der = certificate.to_der().unwrap();
        // A copy, as an administrator makes one, with its twin still rejected.
        fs::write(at("trusted/plc one.crt"), &der).unwrap();
        fs::write(at("rejected").join(&name), &der).unwrap();
        fs::write(at("trusted/half.der"), &der[..40]).unwrap();
        assert_eq!(accept(dir.path()).unwrap(), 1, "half a certificate waits for the rest");
        assert!(at("trusted").join(&name).exists() && !at("trusted/plc one.crt").exists());
        assert!(!at("rejected").join(&name).exists());
        // Revoked by taking it away.
        fs::remove_file(at("trusted").join(&name)).unwrap();
        accept(dir.path()).unwrap();
        assert!(!at("trusted").join(&name).exists());
        let told = untrusted(dir.path(), &certificate.as_byte_string()).unwrap();
        assert!(told.contains(&format!("{}", at("trusted").join(&name).display())), "{told}");
    }

    #[test]
    fn strangers_are_forgotten_while_a_program_runs() {
        let dir = Folder::new("strangers");
        prepare(dir.path(), "a", "urn:a", &[]).unwrap();
        let mut keeper = Keeper::new(dir.path().to_owned());
        for n in 0..2 * OPCUA_REJECTED_CERTIFICATES {
            fs::write(dir.path().join(format!("rejected/{n}.der")), b"x").unwrap();
            keeper.look();
        }
        let left = fs::read_dir(dir.path().join("rejected")).unwrap().count();
        assert_eq!(left, OPCUA_REJECTED_CERTIFICATES);
    }
}
