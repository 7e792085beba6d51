//! `ownpost local`: puts store, relays, functions and server together, and ends them in order.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::files;
use ownpost_core::functions::{App, forget};
use ownpost_core::identity::Issuer;
use ownpost_core::wire::settings::from_document;
use ownpost_domain::tenant::Tenant;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::terminal::{complain, note, say};
use super::{LocalArgs, NO, UNUSABLE, YES};
use crate::descriptors::Shares;
use crate::private_file::write_private;
use crate::relays::Relays;
use crate::server::metrics::{self, Metrics};
use crate::server::{self, Server};
use crate::store::{Store, backup, is_store};
use crate::worker;

/// How long requests and mails may take to end after a signal; the rest is done after the next start.
const GRACE: Duration = Duration::from_secs(20);
/// Connections to the metrics at a time: a scraper needs one.
const METRICS_CONNECTIONS: usize = 4;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The operator's own platform settings.
const PLATFORM_FILE: &str = "platform.json";

pub(super) async fn run(mut config: Config, args: &LocalArgs) -> ExitCode {
    if let Some(url) = &args.jwt_issuer {
        config.issuer = Some(Issuer { url: url.clone(), audiences: args.jwt_audience.clone() });
    }
    if config.issuer.is_none() && args.listen.is_some_and(|address| address != LOOPBACK) {
        let problem =
            "--listen needs --jwt-issuer: without it everybody who reaches this server gets a token";
        return complain(UNUSABLE, problem);
    }
    match serve(config, args).await {
        Ok(()) => ExitCode::from(YES),
        Err(problem) => complain(NO, &problem),
    }
}

async fn serve(config: Config, args: &LocalArgs) -> Result<(), String> {
    let data = args.data.clone().or_else(default_data).ok_or("there is no home folder; give --data DIR")?;
    if let Some(file) = &args.backup {
        return copy(&data, file);
    }
    if let Some(tenant) = &args.forget_tenant {
        return forget(&data, tenant).await;
    }
    let listener = listen(args.listen.unwrap_or(LOOPBACK), args.port, "--port").await?;
    let metrics = match args.metrics_port {
        Some(port) => Some(listen(LOOPBACK, port, "--metrics-port").await?),
        None => None,
    };
    // Before the store is open, so that no signal ends the process without closing it.
    let signals = Signals::new().map_err(|error| error.to_string())?;
    let store = Store::open(&data, Arc::new(Timestamp::now)).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let ended = serve_from(&store, &data, (listener, metrics), config, signals).await;
    // Whatever the end was, and although tasks that go on still hold the store: they get errors from here on.
    let closed = tokio::task::spawn_blocking(move || store.close()).await;
    ended.and(closed.map_err(|error| error.to_string()))
}

/// Listens, or says how to choose another port.
async fn listen(address: IpAddr, port: u16, option: &str) -> Result<TcpListener, String> {
    TcpListener::bind((address, port)).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            format!("port {port} is in use; give another one with {option}, or 0 to let the system choose")
        } else {
            format!("{address}, port {port}, cannot be listened on: {error}")
        }
    })
}

/// Does `--forget-tenant`: the folder is this process's alone.
async fn forget(data: &Path, tenant: &Tenant) -> Result<(), String> {
    // A folder that is made for this would look like success.
    if !is_store(data) {
        return Err(format!(
            "{} is no folder of `ownpost local`; give the one of its --data",
            data.display()
        ));
    }
    let store = Store::open(data, Arc::new(Timestamp::now)).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let forgotten = forget::at_once(&store.effects(), tenant).await;
    store.close();
    forgotten.map_err(|error| error.to_string())?;
    note(&format!(
        "Nothing of {tenant} is kept in {} any more; caught mail goes with its time.",
        data.display()
    ));
    Ok(())
}

/// Makes the copy of `--backup`.
fn copy(data: &Path, file: &Path) -> Result<(), String> {
    backup(data, file).map_err(|error| error.to_string())?;
    note(&format!(
        "{} is a copy of {}. The key is not in it: keep a copy of {} in another place.",
        file.display(),
        data.join("ownpost.db").display(),
        data.join("key").display(),
    ));
    Ok(())
}

/// Serves from an open store until a signal asks for the end.
async fn serve_from(
    store: &Arc<Store>,
    data: &Path,
    (listener, metrics_listener): (TcpListener, Option<TcpListener>),
    mut config: Config,
    mut signals: Signals,
) -> Result<(), String> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let port = address.port();
    let shares = Shares::of_this_process();
    // This process has the store for itself, so every earlier sender is gone.
    config.overrides.senders_since = Some(Timestamp::now());
    // A person's own page, with relays to try it out; beside an identity provider the product's pages and real servers.
    let mut relays = None;
    if config.issuer.is_none() {
        let started = Relays::start(store, data, Timestamp::now(), shares.relay_port)
            .await
            .map_err(|error| format!("the embedded relays do not start: {error}"))?;
        config.overrides.allow_endpoints.clone_from(&started.endpoints);
        config.extra_ca_file = Some(trusted(&config, data, &started.infos[0].ca_pem)?);
        config.public_url.get_or_insert_with(|| format!("http://127.0.0.1:{port}/api"));
        let own = ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}"));
        config.allow_origins.extend(own);
        relays = Some(started);
    }
    match platform(data)? {
        Some(document) => store.set_platform(&document),
        None => match &relays {
            Some(relays) => store.set_platform(&relays.platform_document()),
            None => note(&format!(
                "There is no {}: mail that goes by the platform's server is held.",
                data.join(PLATFORM_FILE).display()
            )),
        },
    }
    let mut app = App::new(config, store.effects()).map_err(|error| error.to_string())?;
    let metrics = Arc::new(Metrics::default());
    app.meter = metrics.clone();
    let app = Arc::new(app);

    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app.clone(), store.clone(), stopped.clone()));
    // These need no end in order: their next run does what is left.
    tokio::spawn(worker::watch(app.clone(), stopped.clone()));
    tokio::spawn(worker::end_expired(app.clone(), store.hear(), stopped.clone()));
    tokio::spawn(worker::keep_house(store.clone(), app.config.retain(), stopped.clone()));
    let router = server::router(Server {
        app: app.clone(),
        store: store.clone(),
        relays: relays.as_ref().map(|relays| relays.infos.clone()).unwrap_or_default().into(),
        port,
    });
    let server = tokio::spawn(server::serve(listener, router, shares.server, stopped.clone()));
    if let Some(listener) = metrics_listener {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let router = metrics::router(metrics, address.port());
        tokio::spawn(server::serve(listener, router, METRICS_CONNECTIONS, stopped.clone()));
        note(&format!("Metrics are at http://{address}/metrics."));
    }

    if let Some(identity) = &app.identity {
        // A mistake shows now; a provider that is not up yet is asked again by the first call.
        if !identity.prepare().await {
            note(&format!(
                "The keys of {} cannot be fetched. Until they can, each call gets 503.",
                identity.issuer()
            ));
        }
    } else if !server::is_complete() {
        note("The page is not part of this build; `cargo xtask build` makes it. The API works regardless.");
    }
    note(&format!("Everything is kept in {}; Ctrl-C ends this.", data.display()));
    say(&format!("ready http://{address}\n"));

    signals.next().await;
    app.stop();
    let _ = stop.send(true);
    let ended = async {
        let _ = server.await;
        let _ = worker.await;
        app.relays.close().await;
        true
    };
    let in_order = tokio::select! {
        in_order = ended => in_order,
        () = tokio::time::sleep(GRACE) => false,
        () = signals.next() => false,
    };
    if !in_order {
        note("Something was still under way; it goes on after the next start.");
    }
    if let Some(mut relays) = relays {
        relays.stop();
    }
    Ok(())
}

/// The signals that end the server: the first one in order, the second one at once.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal was closed; `None` under `nohup`.
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// From here on they do not end the process by themselves.
    fn new() -> io::Result<Self> {
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether this process was started with SIGHUP ignored, as `nohup` does (Linux; elsewhere it counts as not ignored).
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Bit 0 is signal 1, SIGHUP.
    mask & 1 == 1
}

/// The folder of the data without `--data` (XDG base directories).
fn default_data() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))?;
    Some(base.join("ownpost"))
}

/// One file with the operator's CAs and that of the relays.
fn trusted(config: &Config, data: &Path, relays_ca: &str) -> Result<PathBuf, String> {
    let mut pem = String::new();
    if let Some(file) = &config.extra_ca_file {
        let own = files::read_text(file).map_err(|error| format!("{}: {error}", file.display()))?;
        pem.push_str(&own);
        pem.push('\n');
    }
    pem.push_str(relays_ca);
    let path = data.join("trusted-ca.pem");
    write_private(&path, pem.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The operator's file with the platform's settings, if there is one.
fn platform(data: &Path) -> Result<Option<Zeroizing<String>>, String> {
    let path = data.join(PLATFORM_FILE);
    match files::read_text(&path) {
        Ok(document) => {
            from_document(&document).map_err(|problem| format!("{}: {problem}", path.display()))?;
            Ok(Some(document))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
