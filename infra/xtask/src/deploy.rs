//! `cargo xtask deploy --stage NAME`: from the sources to a stack that has sent a mail.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use crate::package;
use crate::process::{command, root, run, show};
use crate::setup::step;

mod aws;
mod check;
mod options;
mod smoke;
mod stage;
mod template;

use check::Ready;
use options::Options;

const HELP: &str = "\
cargo xtask deploy --stage NAME [--to ADDRESS] [--platform FILE]

Packages the Lambda artefact, stores the platform's secret, runs `sam deploy`, and sends a mail through the stack. Before it
changes anything it looks for all that is missing and names each with its remedy. Running it again is an update.

  --stage NAME      the section of infra/samconfig.toml: staging, production, or one of yours
  --to ADDRESS      who gets the mail of the smoke test; AlertEmail of the stage unless given
  --platform FILE   your product's own SMTP settings as JSON, for the platform's secret: needed the first time, and to
                    change them. Delete the file afterwards
  --dry-run         says what is missing and what would be done, and changes nothing
  --yes             does not ask before the changes are made, where the stage has `confirm_changeset`
  --packaged        takes the zip that is there, as one that another job has packaged, instead of building it
  --no-smoke        sends no mail
  --config FILE     another samconfig.toml

It needs the SAM CLI, the AWS CLI, and credentials that may create IAM roles. docs/howto/deploy.md goes through it.";

/// Deploys a stage.
pub(crate) fn deploy(arguments: &[String]) -> Result<ExitCode> {
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(arguments)?;
    let start = Instant::now();
    step(start, "what is missing?");
    let ready = match check::all(&options) {
        Ok(ready) => ready,
        Err(problems) => {
            eprint!("{}", check::list(&options.stage, &problems));
            return Ok(ExitCode::FAILURE);
        }
    };
    let Ready { stage, account, region, .. } = &ready;
    let (stack, arch) = (&stage.stack, stage.arch()?);
    step(start, &format!("nothing: stack {stack} in account {account}, {region}, {arch}"));
    if options.dry_run {
        println!("{}", plan(&options, &ready)?);
        return Ok(ExitCode::SUCCESS);
    }

    if !options.packaged {
        package::lambda(arch)?;
    }
    println!("xtask: sha256 {} {}", package::digest(&fs::read(&ready.zip)?), ready.zip.display());
    if let Some(secret) = store_platform(&options, &ready)? {
        step(start, &format!("the platform's secret {secret} is stored; delete the file with its password"));
    }
    step(start, "sam deploy");
    run(sam(&options, &ready).stdin(Stdio::inherit())).with_context(|| {
        format!("stack {stack}: what failed is above, and in the console under its events")
    })?;
    let outputs = ready.aws.outputs(stack)?;
    if let Some(to) = options.recipient(stage) {
        step(start, &format!("smoke test: a notification to {to}"));
        let reply = smoke::run(&ready.aws, stage, &outputs, to)?;
        step(start, &reply);
    }
    println!("xtask: {} is deployed", options.stage);
    for (output, meaning) in
        [("ApiUrl", "the form's `api`"), ("BusName", "the bus for events"), ("DashboardUrl", "the dashboard")]
    {
        if let Some(value) = outputs.get(output) {
            println!("  {value}  {meaning}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The `sam deploy` of the stage.
fn sam(options: &Options, ready: &Ready) -> Command {
    let mut sam = command(&ready.sam);
    sam.args(["deploy", "--config-env", &options.stage, "--config-file"]).arg(&options.config);
    // The second deployment of the same sources is no failure, and its smoke test is still worth it.
    sam.arg("--no-fail-on-empty-changeset");
    if options.yes {
        sam.arg("--no-confirm-changeset");
    }
    sam.current_dir(options.config.parent().map_or_else(root, PathBuf::from));
    sam
}

/// Stores the platform's settings, if a file with them is given; returns the secret's name.
fn store_platform(options: &Options, ready: &Ready) -> Result<Option<String>> {
    let Some(file) = &options.platform else { return Ok(None) };
    let secret = ready.stage.platform_secret();
    // By a file, because every process of the machine sees arguments.
    let value = format!("file://{}", file.display());
    if ready.has_platform {
        ready.aws.ask(&[
            "secretsmanager",
            "put-secret-value",
            "--secret-id",
            &secret,
            "--secret-string",
            &value,
        ])
    } else {
        ready.aws.ask(&["secretsmanager", "create-secret", "--name", &secret, "--secret-string", &value])
    }
    .map_err(|refusal| anyhow!("the platform's secret {secret}: {refusal}"))?;
    Ok(Some(secret))
}

/// What would be done, for `--dry-run`.
fn plan(options: &Options, ready: &Ready) -> Result<String> {
    let stage = &ready.stage;
    let secret = stage.platform_secret();
    let mut steps = vec![if options.packaged {
        format!("take {} as it is", ready.zip.display())
    } else {
        format!("cargo xtask package --arch {}", stage.arch()?)
    }];
    steps.push(match (&options.platform, ready.has_platform) {
        (Some(file), true) => format!("give the secret {secret} a new value from {}", file.display()),
        (Some(file), false) => format!("create the secret {secret} from {}", file.display()),
        (None, _) => format!("leave the secret {secret} as it is"),
    });
    steps.push(show(&sam(options, ready)));
    steps.push(match options.recipient(stage) {
        Some(to) => format!("send a notification to {to} and wait until the platform's server has taken it"),
        None => "send no mail".to_owned(),
    });
    let lines: Vec<_> = steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}", at + 1)).collect();
    Ok(format!("xtask: would do, and has done nothing:\n{}", lines.join("\n")))
}
