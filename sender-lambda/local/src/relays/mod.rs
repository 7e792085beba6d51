//! The two embedded TLS relays: the platform's, and that of an example customer. They catch mail into the
//! store instead of delivering it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use certificates::{Authority, Certificate, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use session::{Identity, Mode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::keys::random_password;
use crate::private_file::write_private;
use crate::store::Store;

mod certificates;
mod session;
mod stream;

/// The name of the stored value with CA, ports and passwords.
const STORED_AS: &str = "relays";

/// Name and sender address of each relay.
const RELAYS: [(&str, &str); 2] =
    [("platform", "no-reply@platform.example"), ("customer", "notifications@customer.example")];

/// The CA and the relays as they are stored from run to run.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    ca_key_pem: String,
    ca_pem: String,
    relays: BTreeMap<String, KeptRelay>,
}

#[derive(Clone, Serialize, Deserialize)]
struct KeptRelay {
    starttls: u16,
    tls: u16,
    password: String,
}

/// A relay as `GET /dev/relays` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayInfo {
    /// The relay's name: `platform` or `customer`.
    pub name: &'static str,
    /// The address that it listens on.
    pub host: &'static str,
    /// The ports for STARTTLS and for implicit TLS.
    pub ports: Ports,
    /// The user name of its one account.
    pub username: String,
    /// The password of that account.
    pub password: String,
    /// The file with the CA that vouches for it.
    pub ca_file: PathBuf,
    /// The certificate of that CA, PEM.
    pub ca_pem: String,
    /// An address to send as.
    pub sender_address: &'static str,
}

/// The ports of a relay.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ports {
    /// The port where the client asks for TLS by STARTTLS.
    pub starttls: u16,
    /// The port where TLS comes first.
    pub tls: u16,
}

/// The running relays. Dropping them ends them.
pub struct Relays {
    /// Name, address and account of each relay.
    pub infos: Vec<RelayInfo>,
    /// The addresses and ports that they listen on.
    pub endpoints: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

impl Relays {
    /// Starts both relays over this store, with at most `connections` at a time on each port; more wait in the
    /// system's queue. `folder` gets the CA's certificate as a file.
    pub async fn start(
        store: &Arc<Store>,
        folder: &Path,
        now: Timestamp,
        connections: usize,
    ) -> Result<Self, Problem> {
        let mut kept: Kept = match store.get_value(STORED_AS).await? {
            Some(kept) => serde_json::from_str(&kept)?,
            None => Kept::default(),
        };
        if kept.ca_key_pem.is_empty() {
            let authority = Authority::generate()?;
            (kept.ca_key_pem, kept.ca_pem) = (authority.key_pem, authority.certificate_pem);
        }
        let ca_file = folder.join("ca.pem");
        write_private(&ca_file, kept.ca_pem.as_bytes())?;
        let ca_file = fs::canonicalize(ca_file)?;

        let mut relays = Self { infos: Vec::new(), endpoints: Vec::new(), tasks: JoinSet::new() };
        for (name, sender_address) in RELAYS {
            let earlier = kept.relays.get(name).cloned();
            let (starttls, starttls_port) = listen(earlier.as_ref().map(|kept| kept.starttls)).await?;
            let (tls, tls_port) = listen(earlier.as_ref().map(|kept| kept.tls)).await?;
            let password = earlier.map_or_else(random_password, |kept| Ok(kept.password))?;
            let authority =
                Authority { key_pem: kept.ca_key_pem.clone(), certificate_pem: kept.ca_pem.clone() };
            let identity = Arc::new(Identity {
                name,
                username: name.to_owned(),
                password: password.clone(),
                certificate: Certificate::new(authority, name, now)?,
            });
            for (listener, mode) in [(starttls, Mode::StartTls), (tls, Mode::Tls)] {
                relays.endpoints.push(listener.local_addr()?);
                relays.tasks.spawn(accept(listener, mode, identity.clone(), store.clone(), connections));
            }
            relays.infos.push(RelayInfo {
                name,
                host: "127.0.0.1",
                ports: Ports { starttls: starttls_port, tls: tls_port },
                username: name.to_owned(),
                password: password.clone(),
                ca_file: ca_file.clone(),
                ca_pem: kept.ca_pem.clone(),
                sender_address,
            });
            kept.relays
                .insert(name.to_owned(), KeptRelay { starttls: starttls_port, tls: tls_port, password });
        }
        store.put_value(STORED_AS, &serde_json::to_string(&kept)?).await?;
        Ok(relays)
    }

    /// The platform's own settings over its embedded relay: SmtpSettings with the password set.
    pub fn platform_document(&self) -> String {
        let platform = &self.infos[0];
        serde_json::json!({
            "host": platform.host,
            "port": platform.ports.starttls,
            "security": "starttls",
            "authMethod": "password",
            "username": platform.username,
            "password": {"set": platform.password},
            "senderAddress": platform.sender_address,
            "senderName": "The Platform",
            "caPem": platform.ca_pem,
        })
        .to_string()
    }

    /// Ends them and their open connections.
    pub fn stop(&mut self) {
        self.tasks.abort_all();
    }
}

/// Listens on the port used before, so that settings which name it stay right; on another one when it is taken.
async fn listen(earlier: Option<u16>) -> io::Result<(TcpListener, u16)> {
    if let Some(port) = earlier {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok((listener, port)),
            Err(error) => tracing::warn!(port, %error, "a relay's earlier port is taken; it gets a new one"),
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Accepts connections, and gives a newcomer that finds no place that of the oldest one whose client has not signed in.
async fn accept(listener: TcpListener, mode: Mode, identity: Arc<Identity>, store: Arc<Store>, most: usize) {
    let places = Arc::new(Semaphore::new(most));
    let mut connections = JoinSet::new();
    let mut open: VecDeque<(AbortHandle, Arc<AtomicBool>)> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: those in use come free.
                tracing::warn!(%error, relay = identity.name, "accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        open.retain(|(connection, _)| !connection.is_finished());
        let silent = open.iter().position(|(_, signed_in)| !signed_in.load(Ordering::Relaxed));
        if let Some((connection, _)) = silent.filter(|_| open.len() >= most).and_then(|at| open.remove(at)) {
            connection.abort();
        }
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (identity, store, signed_in) = (identity.clone(), store.clone(), Arc::<AtomicBool>::default());
        let of_client = signed_in.clone();
        let connection = connections.spawn(async move {
            if let Err(error) = session::serve(stream, mode, &identity, &store, &of_client).await {
                tracing::debug!(%error, relay = identity.name, "connection");
            }
            drop(place);
        });
        open.push_back((connection, signed_in));
    }
}
