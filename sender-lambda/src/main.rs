//! The Lambda artefact. Cold start only: reads the environment and serves the function that the handler names.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::Error;
use ownpost_core::config::{AwsResources, Config};
use ownpost_core::functions::App;
use sender_lambda::aws;
use sender_lambda::lambda::emf::Emf;
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
    let resources = AwsResources::read(env)?;
    let effects = aws::effects(&resources, env)?;
    let config = match function {
        Function::Settings | Function::Sender => config.with_secrets(&*effects.secrets).await?,
        // They work with no tenant's settings, and so with no provider.
        Function::Router | Function::Monitor => Config { oauth_providers_secret: None, ..config },
    };
    let mut app = App::new(config, effects)?;
    app.meter = Arc::new(Emf::new(resources.stack.as_deref()));
    function.serve(Arc::new(app)).await
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
