//! What a deployment needs: all that is missing at once, each with its remedy, before anything is changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use super::aws::Aws;
use super::options::Options;
use super::stage::{NAME_LIMIT, Stage};
use super::template;
use crate::package::{elf, lambda_zip, packed_program};
use crate::process::find_program;
use crate::setup;

/// A thing that is missing, and what mends it.
#[derive(Debug)]
pub(super) struct Problem {
    what: String,
    remedy: String,
}

/// What is there when nothing is missing.
pub(super) struct Ready {
    pub(super) stage: Stage,
    pub(super) sam: PathBuf,
    pub(super) aws: Aws,
    pub(super) account: String,
    pub(super) region: String,
    /// Whether the platform's secret exists.
    pub(super) has_platform: bool,
    /// The zip that the template takes.
    pub(super) zip: PathBuf,
}

/// The problems as they are found.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { what: what.into(), remedy: remedy.into() });
    }
}

/// Looks at everything.
pub(super) fn all(options: &Options) -> Result<Ready, Vec<Problem>> {
    let mut found = Found::default();
    let stage = stage(options, &mut found);
    let sam = sam(&mut found);
    let here = account(stage.as_ref(), &mut found);
    let zip = stage.as_ref().and_then(|stage| zip(options, stage, &mut found));
    if !options.packaged {
        builds(stage.as_ref(), &mut found);
    }
    platform_file(options, &mut found);
    let mut has_platform = false;
    if let (Some(stage), Some(Here { aws, .. })) = (&stage, &here) {
        has_platform = secrets(options, stage, aws, &mut found);
        stack(stage, aws, &mut found);
    }
    match (stage, sam, here, zip) {
        (Some(stage), Some(sam), Some(Here { aws, account, region }), Some(zip)) if found.0.is_empty() => {
            Ok(Ready { stage, sam, aws, account, region, has_platform, zip })
        }
        _ => Err(found.0),
    }
}

/// The problems as a person reads them.
pub(super) fn list(stage: &str, problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "one thing is".to_owned(),
        many => format!("{many} things are"),
    };
    let mut page = format!("xtask: nothing was changed; {count} missing to deploy {stage}:\n");
    for Problem { what, remedy } in problems {
        let _ = write!(page, "\n- {what}\n  {remedy}\n");
    }
    page
}

/// The section of the stage, and what in it cannot be deployed.
fn stage(options: &Options, found: &mut Found) -> Option<Stage> {
    let file = &options.config;
    let read = fs::read_to_string(file).map_err(anyhow::Error::from);
    let stage = match read.and_then(|text| Stage::read(&text, &options.stage)) {
        Ok(stage) => stage,
        Err(error) => {
            found.add(
                format!("{}: {error:#}", file.display()),
                "write a section [NAME.deploy.parameters] for it, as those of staging and production",
            );
            return None;
        }
    };
    if !stage.has_usable_name() {
        found.add(
            format!("the stack's name `{}` cannot be used", stage.stack),
            format!("letters, digits and `-`, a letter first, at most {NAME_LIMIT}: what is named by it takes no more"),
        );
    }
    let placeholders = stage.placeholders();
    if !placeholders.is_empty() {
        found.add(
            format!("{} of the stage still have addresses of example.com", placeholders.join(", ")),
            format!("put yours into {}; infra/template.yaml describes each parameter", file.display()),
        );
    }
    if let Err(error) = stage.arch() {
        found.add(format!("Architecture: {error}"), "leave it out, for arm64");
    }
    let recipient = options.recipient(&stage);
    if options.smoke && !recipient.is_some_and(|to| to.contains('@')) {
        found.add(
            "nobody gets the mail of the smoke test",
            "say --to ADDRESS, set AlertEmail of the stage, or leave the test out with --no-smoke",
        );
    }
    Some(stage)
}

/// SAM's command line.
fn sam(found: &mut Found) -> Option<PathBuf> {
    let sam = find_program(&["sam"]);
    if sam.is_none() {
        found.add(
            "there is no SAM CLI",
            "`pip install aws-sam-cli`, or AWS' installer; then `sam --version` answers",
        );
    }
    sam
}

/// Whose account it is.
struct Here {
    aws: Aws,
    account: String,
    region: String,
}

fn account(stage: Option<&Stage>, found: &mut Found) -> Option<Here> {
    let Some(program) = find_program(&["aws"]) else {
        found.add(
            "there is no AWS CLI",
            "`pip install awscli`, or AWS' installer; then `aws --version` answers",
        );
        return None;
    };
    let aws = Aws::new(program, stage);
    let named = stage.and_then(|stage| stage.region.clone());
    let of_environment = || {
        let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        variables.iter().find_map(|name| std::env::var(name).ok()).filter(|region| !region.is_empty())
    };
    let region = named.or_else(of_environment).or_else(|| aws.text(&["configure", "get", "region"]).ok());
    let region = region.filter(|region| !region.is_empty());
    if region.is_none() {
        found.add(
            "no region",
            "`region = \"eu-west-1\"` in the stage, AWS_REGION, or `aws configure set region`",
        );
        return None;
    }
    match aws.ask(&["sts", "get-caller-identity"]) {
        Ok(identity) => {
            let account = identity["Account"].as_str().unwrap_or("of no number").to_owned();
            Some(Here { aws, account, region: region? })
        }
        Err(refusal) => {
            found.add(
                format!("AWS does not know you: {refusal}"),
                "`aws sso login`, `aws configure`, or AWS_PROFILE; then `aws sts get-caller-identity` answers",
            );
            None
        }
    }
}

/// The zip that the template takes. One that is not built now must be for the stage's processor: Lambda says so only when
/// a function starts.
fn zip(options: &Options, stage: &Stage, found: &mut Found) -> Option<PathBuf> {
    let folder = options.config.parent().unwrap_or(Path::new("/"));
    let file = folder.join(&stage.template);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let Some(code) = template::code(&text).map(|code| plain(&folder.join(code))) else {
        found.add(
            format!("{} is no template of Ownpost", file.display()),
            "template_file of the stage names infra/template.yaml, relative to the file",
        );
        return None;
    };
    parameters(stage, &template::parameters(&text), found);
    if !options.packaged {
        if code != lambda_zip() {
            found.add(
                format!("the template takes {}, and not what is packaged", code.display()),
                format!("CodeUri of the template is {}; or say --packaged", lambda_zip().display()),
            );
        }
        return Some(code);
    }
    let built =
        fs::read(&code).map_err(anyhow::Error::from).and_then(|zip| elf::arch(&packed_program(&zip)?));
    match (built, stage.arch()) {
        (Ok(built), Ok(wanted)) if built != wanted => found.add(
            format!("{} is for {built}, and the stage for {wanted}", code.display()),
            format!("`cargo xtask package --arch {wanted}`, or Architecture={built} in the stage"),
        ),
        (Err(error), _) => {
            found.add(format!("{}: {error:#}", code.display()), "`cargo xtask package` makes it");
        }
        _ => {}
    }
    Some(code)
}

/// The names of the stage's parameters. SAM leaves out a name that the template does not have, without a word: with a
/// misspelt `AdminClaim`, say, everybody would be an admin.
fn parameters(stage: &Stage, known: &[template::Parameter], found: &mut Found) {
    let described = "infra/template.yaml describes each parameter";
    for name in stage.names().filter(|name| known.iter().all(|known| known.name != *name)) {
        found.add(format!("the template has no parameter {name}, which the stage gives"), described);
    }
    for needed in known.iter().filter(|known| !known.has_default && stage.parameter(&known.name).is_empty()) {
        found.add(format!("the stage does not give {}, which has no default", needed.name), described);
    }
}

/// The path without `..`; it need not exist.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

/// What the build of the artefact cannot install by itself.
fn builds(stage: Option<&Stage>, found: &mut Found) {
    if let Some(arch) = stage.and_then(|stage| stage.arch().ok())
        && !setup::has_rust_target(arch.target())
        && find_program(&["rustup"]).is_none()
    {
        found.add(
            format!("Rust has no target {}, and there is no rustup to add it", arch.target()),
            "install rustup from rustup.rs, or your system's package of that target",
        );
    }
    if let Some(problem) = setup::no_zig() {
        found.add(
            format!("zig, which links the artefact, cannot be installed: {problem}"),
            "or take a zip by --packaged",
        );
    }
}

/// The file with the platform's settings.
fn platform_file(options: &Options, found: &mut Found) {
    let Some(file) = &options.platform else { return };
    let settings = fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| {
        // Without what stands there: it may be a password.
        serde_json::from_slice::<Value>(&bytes).map_err(|error| format!("line {} is no JSON", error.line()))
    });
    let problem = match settings {
        Err(problem) => Some(problem),
        Ok(settings) => {
            let lacks = ["host", "senderAddress"].into_iter().find(|name| !settings[*name].is_string());
            lacks.map(|name| format!("it has no `{name}`"))
        }
    };
    if let Some(problem) = problem {
        found.add(
            format!("{}: {problem}", file.display()),
            "docs/howto/deploy.md has an example; `ownpost validate FILE` names every mistake in it",
        );
    }
}

/// The secrets that the stage names; whether the platform's is there.
fn secrets(options: &Options, stage: &Stage, aws: &Aws, found: &mut Found) -> bool {
    let mut has_platform = false;
    for (parameter, name) in [
        ("PlatformSecretName", stage.platform_secret()),
        ("DkimSecretName", stage.parameter("DkimSecretName").to_owned()),
        ("OAuthProvidersSecret", stage.parameter("OAuthProvidersSecret").to_owned()),
    ] {
        if name.is_empty() {
            continue;
        }
        let prefix = stage.secret_prefix();
        if name.starts_with(&prefix) {
            found.add(
                format!("the secret {name} begins with the prefix of the tenants' secrets, {prefix}"),
                format!(
                    "give it another name, in {parameter}: a tenant could own it, and no function starts"
                ),
            );
            continue;
        }
        let platform = parameter == "PlatformSecretName";
        match aws.ask(&["secretsmanager", "describe-secret", "--secret-id", &name]) {
            Ok(secret) if secret["DeletedDate"].is_null() => has_platform |= platform,
            Ok(_) => found.add(
                format!("the secret {name} is being deleted"),
                format!("`aws secretsmanager restore-secret --secret-id {name}`"),
            ),
            Err(refusal) if refusal.code == "ResourceNotFoundException" => {
                if platform && options.platform.is_none() {
                    found.add(
                        format!("there is no secret {name} with your product's own SMTP settings"),
                        "write them into a file (docs/howto/deploy.md has an example) and say --platform FILE",
                    );
                } else if !platform {
                    found.add(
                        format!("there is no secret {name}, which {parameter} names"),
                        "docs/howto/deploy.md says what it holds; or leave the parameter out",
                    );
                }
            }
            Err(refusal) => found.add(
                format!("the secret {name} cannot be looked at: {refusal}"),
                "the rights to deploy are in docs/howto/deploy.md",
            ),
        }
    }
    has_platform
}

/// A stack in a state that no deployment gets out of.
fn stack(stage: &Stage, aws: &Aws, found: &mut Found) {
    let name = &stage.stack;
    // One that is not there yet is refused.
    let Ok(stacks) = aws.ask(&["cloudformation", "describe-stacks", "--stack-name", name]) else { return };
    let status = stacks["Stacks"][0]["StackStatus"].as_str().unwrap_or_default();
    if ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"].contains(&status) {
        found.add(
            format!("the stack {name} is in {status}: its creation failed"),
            format!("`sam delete --stack-name {name}`; its events in the console say why it failed"),
        );
    } else if status == "UPDATE_ROLLBACK_FAILED" {
        found.add(
            format!("the stack {name} is in {status}"),
            format!("`aws cloudformation continue-update-rollback --stack-name {name}`"),
        );
    } else if status.ends_with("IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" {
        found.add(format!("the stack {name} is being changed: {status}"), "run this again when that is over");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_templates_zip_is_that_of_the_package() {
        assert_eq!(
            plain(&crate::process::root().join("infra/../target/package/ownpost-lambda.zip")),
            lambda_zip()
        );
    }

    #[test]
    fn problems_are_counted_and_have_a_remedy() {
        let mut found = Found::default();
        found.add("no sam", "install it");
        assert_eq!(
            list("staging", &found.0),
            "xtask: nothing was changed; one thing is missing to deploy staging:\n\n- no sam\n  install it\n"
        );
    }
}
