//! The Lambda artefact. Cold start only: reads the environment and serves the function that the handler names.

use std::process::ExitCode;

use lambda_runtime::Error;
use ownpost_core::config::{AwsResources, Config};
use ownpost_core::functions::App;
use sender_lambda::aws;
use sender_lambda::lambda::{Function, logs};

/// One thread: a Lambda of this size has less than one processor, and everything it does is waiting.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logs::start(env("RUST_LOG").as_deref());
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ends the environment before it is ready; Lambda reports that to the caller, and this line has the reason.
            tracing::error!(%error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Error> {
    let function: Function = env("_HANDLER").unwrap_or_default().parse()?;
    let config = Config::read(env)?;
    let effects = aws::effects(&AwsResources::read(env)?, env)?;
    let config = match function {
        Function::Settings | Function::Sender => config.with_secrets(&*effects.secrets).await?,
        // They work with no tenant's settings, and so with no provider.
        Function::Router | Function::Monitor => Config { oauth_providers_secret: None, ..config },
    };
    let app = App::new(config, effects)?;
    function.serve(&app).await
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
