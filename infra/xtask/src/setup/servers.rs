//! Mail servers from Debian's packages, side by side below `target/servers`.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::apt;
use crate::process::{command, find_program, root, run};

/// Debian 13 on every system: the OpenSMTPD of Debian 12 cannot use TLS with its OpenSSL 3.
const RELEASE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The name of each folder and its packages. OpenSMTPD and Sendmail start a delivery by a shell.
const SERVERS: [&str; 4] = [
    "exim=exim4-daemon-light",
    "opensmtpd=opensmtpd,dash",
    "sendmail=sendmail-bin,sasl2-bin,libsasl2-modules,dash,coreutils",
    "dovecot=dovecot-core",
];

/// Unpacks these servers, once for each state of the list.
pub(super) fn provide() -> Result<()> {
    let folder = root().join("target/servers");
    let list = format!("{RELEASE} {}", SERVERS.join(" "));
    let unpacked = folder.join(".unpacked-from");
    if fs::read_to_string(&unpacked).is_ok_and(|from| from == list) {
        return Ok(());
    }
    ensure!(
        find_program(&["apt-get"]).is_some() && find_program(&["dpkg-deb"]).is_some(),
        "the suite `servers` unpacks Debian's packages, and there is neither apt-get nor dpkg-deb here"
    );
    apt::provide_path(KEYRING, "debian-archive-keyring")?;
    println!("xtask: mail servers of Debian {RELEASE} into {}", folder.display());
    fs::create_dir_all(&folder)?;
    let mut shell = command("sh");
    shell.args(["-c", include_str!("servers.sh"), "servers.sh"]);
    shell.arg(&folder).args([RELEASE, KEYRING]).args(SERVERS);
    run(&mut shell).context("the mail servers of the suite `servers` could not be unpacked")?;
    fs::write(&unpacked, list).with_context(|| format!("cannot write {}", unpacked.display()))
}
