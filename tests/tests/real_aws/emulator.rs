//! An AWS emulator on a loopback port, for one test.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_types::SdkConfig;
use tempfile::TempDir;

/// The longest wait for an emulator to listen or a deployment to finish, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The kind of emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Deploys the template and runs the Lambda binary.
    Ministack,
    /// Checks the semantics of the services a second time.
    Moto,
}

/// A running emulator; it ends on drop.
pub(crate) struct Emulator {
    process: Child,
    /// Its address: `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// The folder of its temporary files.
    folder: TempDir,
}

impl Emulator {
    /// Starts the emulator on a free port, and on another one when a different process took the port first.
    pub(crate) fn start(kind: Kind) -> Self {
        (0..3).find_map(|_| Self::try_start(kind)).unwrap_or_else(|| panic!("{kind:?} does not start"))
    }

    fn try_start(kind: Kind) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let endpoint = format!("http://127.0.0.1:{port}");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = match kind {
            Kind::Ministack => {
                let mut command = python_program("python");
                command.arg(script("aged.py"));
                // The default is to listen on all addresses. The functions reach the emulator by this one.
                command
                    .env("BIND_HOST", "127.0.0.1")
                    .env("GATEWAY_PORT", port.to_string())
                    .env("AWS_ENDPOINT_URL", &endpoint)
                    // Each function may do only what its role allows.
                    .env("AUTH", "true")
                    .env("LAMBDA_EXECUTOR", "local")
                    .env("IOT_MTLS_ENABLED", "0");
                command
            }
            Kind::Moto => {
                let mut command = python_program("moto_server");
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                command
            }
        };
        command
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let process = command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {kind:?} from tests/.venv ({error}); `cargo xtask setup` installs it")
        });
        let mut emulator = Self { process, endpoint, folder };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if emulator.process.try_wait().expect("its state").is_some() {
                return None;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(emulator);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// Runs `deploy.py` with these arguments; returns the outputs of the deployment.
    pub(crate) fn deploy(&self, what: &str, arguments: &[&OsStr]) -> serde_json::Value {
        let mut script = deploy_script(what);
        let output = script.arg(&self.endpoint).args(arguments).output().expect("deploy.py starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "deploy.py: {said}\n{}", self.log());
        serde_json::from_slice(&output.stdout).expect("outputs as JSON")
    }

    /// Makes each version of a secret from now on as old as this.
    pub(crate) fn age_secrets(&self, age: Duration) {
        std::fs::write(self.folder.path().join("secrets-age"), age.as_secs().to_string()).expect("the age");
    }

    /// The configuration of AWS clients for this emulator.
    pub(crate) fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build()
    }

    /// The emulator's log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Ended by its own process id. ministack's functions end when their Runtime API is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A `deploy.py` command for this task.
pub(crate) fn deploy_script(what: &str) -> Command {
    let mut python = python_program("python");
    python.arg(script("deploy.py")).arg(what).stdin(Stdio::null());
    python
}

/// A Python file of this folder.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_aws").join(name)
}

/// A program from the Python environment of the tests.
pub(crate) fn python_program(name: &str) -> Command {
    let bin: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin");
    let mut command = Command::new(bin.join(name));
    // The machine's own AWS configuration is not used, and no proxy between loopback addresses.
    for variable in ["AWS_PROFILE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
