//! The folder with a program's own certificates and its trust list.
//!
//! ```text
//! pki/own/NAME.der        its certificate, made when missing: give it to those who should trust this program
//! pki/private/NAME.pem    the key to it; only the folder's owner may look inside
//! pki/trusted/            certificates of those that this program trusts: an administrator puts them here
//! pki/rejected/           certificates of strangers that knocked, for the administrator to look at
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use opcua::crypto::{CertificateStore, X509Data};

use crate::limits::OPCUA_REJECTED_CERTIFICATES;

/// Where a program's certificate and key are.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// How long a new certificate holds.
const DAYS: u32 = 3 * 365;

/// Makes what is missing of the folder: certificate and key for `name` with the application's URI, and the hosts that
/// clients know it by.
pub(super) fn prepare(folder: &Path, name: &str, uri: &str, hosts: &[String]) -> Result<Own, String> {
    let in_folder = |e: io::Error| format!("the certificate folder {}: {e}", folder.display());
    for part in ["own", "private", "trusted", "rejected"] {
        fs::create_dir_all(folder.join(part)).map_err(in_folder)?;
    }
    shut(&folder.join("private")).map_err(in_folder)?;
    forget_strangers(&folder.join("rejected")).map_err(in_folder)?;
    let file = file_name(name);
    let certificate = folder.join("own").join(format!("{file}.der"));
    let key = folder.join("private").join(format!("{file}.pem"));
    match (certificate.exists(), key.exists()) {
        (true, true) => {}
        (false, false) => {
            let data = X509Data {
                key_size: 2048,
                common_name: name.to_owned(),
                organization: "Aegis".to_owned(),
                organizational_unit: "Aegis".to_owned(),
                country: "DE".to_owned(),
                state: "-".to_owned(),
                alt_host_names: X509Data::alt_host_names(uri, Some(hosts.to_vec()), true, true, false),
                certificate_duration_days: DAYS,
            };
            CertificateStore::create_certificate_and_key(&data, true, &certificate, &key)?;
        }
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
    Ok(Own { certificate: absolute(&certificate)?, key: absolute(&key)? })
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
        files.push((entry.metadata()?.modified()?, entry.path()));
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
}
