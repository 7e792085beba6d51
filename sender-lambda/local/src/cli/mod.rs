//! The command line of docs/reference/command-line.md.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ownpost_core::config::Config;
use ownpost_core::functions::signing;
use ownpost_core::identity::Issuer;
use ownpost_domain::tenant::Tenant;
use ownpost_i18n::Locale;

mod input;
mod inspect;
mod local;
mod logs;
mod mails;
mod manual;
pub mod schema;
mod send;
mod server;
mod terminal;
mod test;
mod validate;

/// Exit status: the command was done, and its answer is yes.
const YES: u8 = 0;
/// Exit status: the answer is no, or the command could not be done.
const NO: u8 = 1;
/// Exit status: the input cannot be used.
const UNUSABLE: u8 = 2;

/// Bring your own SMTP, for SaaS products: the command line and the one-machine server.
#[derive(Parser)]
#[command(name = "ownpost", version, max_term_width = 100, after_help = after_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The variables of the environment, in aligned columns.
fn after_help() -> String {
    let mut text =
        String::from("The environment sets what may be dialled and trusted beside the defaults:\n");
    let used = Config::VARIABLES.iter().filter(|variable| variable.in_terminal);
    let used = used.map(|variable| (variable.name, variable.meaning));
    let others = [
        ("OWNPOST_PASSWORD", "the password for `ownpost test`"),
        ("RUST_LOG", "what to log on standard error: info, debug, …"),
        ("NO_COLOR", "no colours"),
    ];
    for (name, meaning) in used.chain(others) {
        let _ = writeln!(text, "  {name:<26}{meaning}");
    }
    text
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole product on this machine: form, API, events, queue, ledger, mail catcher
    Local(LocalArgs),
    /// Test SMTP settings against their server, stage by stage
    Test(TestArgs),
    /// Check SMTP settings by the rules alone; nothing is connected to
    Validate(ValidateArgs),
    /// Send one event through the given settings
    Send(SendArgs),
    /// Read a received mail: did it come by the configured server, and does it prove who sent it?
    Inspect(InspectArgs),
    /// Check templates of mails, and look at mails before anybody gets them
    #[command(subcommand)]
    Mails(MailsCommand),
    /// Print the JSON Schemas of what Ownpost reads and writes
    Schema(SchemaArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print the man page of ownpost or of one of its commands
    Man(ManArgs),
}

#[derive(Args)]
#[command(after_help = "\
Prints `ready http://127.0.0.1:PORT` once it serves, and ends on Ctrl-C or SIGTERM.
The embedded platform relay carries what is not sent through a customer's server; a file platform.json in the \
data folder, with SmtpSettings like those of `ownpost test`, puts a real server in its place.

With --jwt-issuer it serves the API to the users of a product, behind a proxy that speaks TLS: there are no page, no dev \
tokens and no embedded relays. OWNPOST_TENANT_CLAIM, OWNPOST_ADMIN_CLAIM and OWNPOST_READER_CLAIM say what the claims \
of a token mean, OWNPOST_ALLOW_ORIGINS which pages may call.")]
struct LocalArgs {
    /// The port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The OpenID Connect provider whose tokens are taken: their `iss`, letter by letter [env: OWNPOST_JWT_ISSUER]
    #[arg(long, value_name = "URL", value_parser = Issuer::parse_url, requires = "jwt_audience")]
    jwt_issuer: Option<String>,
    /// Whom these tokens have to be made out to: their `aud`, or `client_id` where there is none; several with commas
    /// [env: OWNPOST_JWT_AUDIENCE]
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "jwt_issuer", value_parser = not_blank)]
    jwt_audience: Vec<String>,
    /// The address to listen on, instead of 127.0.0.1; only with an issuer of tokens
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["backup", "forget_tenant"])]
    listen: Option<IpAddr>,
    /// Show metrics at /metrics on this port of 127.0.0.1, for Prometheus; 0 lets the system choose
    #[arg(long, value_name = "PORT", conflicts_with_all = ["backup", "forget_tenant"])]
    metrics_port: Option<u16>,
    /// The folder that keeps everything [default: ownpost in the user's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Copy the folder's database into this new file and end; another ownpost may be running in the folder
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    backup: Option<PathBuf>,
    /// Delete everything that is kept of this tenant and end; no other ownpost may be running in the folder
    #[arg(long, value_name = "NAME", value_parser = tenant, conflicts_with_all = ["port", "backup"])]
    forget_tenant: Option<Tenant>,
}

fn no_password(_: &str) -> Result<String, &'static str> {
    Err("a password is never an argument: set OWNPOST_PASSWORD, or leave it out and be asked for it")
}

fn not_blank(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("a name is wanted") } else { Ok(text.to_owned()) }
}

fn tenant(name: &str) -> Result<Tenant, String> {
    Tenant::new(name).map_err(|error| error.to_string())
}

#[derive(Args)]
#[command(after_help = "\
Exit status: 0 every stage passed, 1 the test failed, 2 the settings cannot be used.

The password is asked for without echo, or read from OWNPOST_PASSWORD; it is never an argument.

Examples:
  ownpost test smtp.example.com:587 --user jan --from noreply@example.com
  ownpost test mail.example.com --tls --user jan --from noreply@example.com --to jan@example.org --save mail.json
  ownpost test settings.json --to jan@example.org")]
struct TestArgs {
    /// SmtpSettings as JSON, or with --from a server
    #[arg(default_value = "-", value_name = "FILE, - or HOST[:PORT]")]
    settings: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// Who gets a test mail; without it, the test ends after MAIL FROM
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// A server without a file.
#[derive(Args, Default)]
struct ServerArgs {
    /// The sender of a server that is named without a file
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The account; without it, the test does not sign in
    #[arg(long, value_name = "NAME", requires = "from")]
    user: Option<String>,
    /// TLS from the first byte, as on port 465; else STARTTLS. Without a PORT it is 465 with --tls, 587 with --user, else 25
    #[arg(long, requires = "from")]
    tls: bool,
    /// PEM file of the authority that the server's certificate is from
    #[arg(long, value_name = "FILE", requires = "from")]
    ca: Option<PathBuf>,
    /// Write the settings into this new file, which its owner alone can read; without the password
    #[arg(long, value_name = "FILE", requires = "from")]
    save: Option<PathBuf>,
    /// Refused: every user of the machine can read the arguments of a process
    #[arg(long, hide = true, value_name = "PASSWORD", value_parser = no_password)]
    password: Option<String>,
    /// Write the password too
    #[arg(long, requires = "save")]
    save_password: bool,
}

#[derive(Args)]
#[command(
    after_help = "Exit status: 0 valid, 1 not valid, 2 no JSON, or beyond the limits of size and depth."
)]
struct ValidateArgs {
    /// SmtpSettings as JSON
    #[arg(default_value = "-", value_name = "FILE or -")]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
#[command(
    after_help = "Exit status: 0 sent to all, 1 not to all, 2 the event or the settings cannot be used."
)]
struct SendArgs {
    /// The event as JSON, 25 MiB at most
    #[arg(default_value = "-", value_name = "FILE or -")]
    file: PathBuf,
    /// SmtpSettings as JSON: the server that carries the mails
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum MailsCommand {
    /// Check the templates of a folder: every type in every language, with all data, none and hostile data
    Check(MailsCheckArgs),
    /// Write one mail, or an example of every type, as it would be sent
    Render(MailsRenderArgs),
}

#[derive(Args)]
#[command(after_help = "Exit status: 0 no error, 1 some, 2 the folder cannot be read.")]
struct MailsCheckArgs {
    /// The folder, as OWNPOST_TEMPLATES names it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Templates, brand and signature come from OWNPOST_TEMPLATES, OWNPOST_PRODUCT and OWNPOST_DKIM.

Exit status: 0 written, 1 a template fails, 2 the input cannot be used.

Examples:
  ownpost mails render comment.created --locale fr
  ownpost mails render task.due --data data.json --out /tmp/mails
  ownpost mails render --out /tmp/mails")]
struct MailsRenderArgs {
    /// The event's type, such as comment.created; without it, every type in every language
    #[arg(value_name = "TYPE", required_unless_present = "out")]
    kind: Option<String>,
    /// The recipient's language [default: that of the event, or en]
    #[arg(long, value_name = "L")]
    locale: Option<String>,
    /// An event, or its `data`, as JSON; without it, an example of every member
    #[arg(long, value_name = "FILE", requires = "kind")]
    data: Option<PathBuf>,
    /// Which example data
    #[arg(long, value_name = "NAME", value_enum, default_value = "full", conflicts_with = "data")]
    sample: MailsSample,
    /// A folder for the mail as .eml, .html and .txt; without it, the message goes to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum MailsSample {
    /// Every member
    Full,
    /// No member at all
    Minimal,
    /// Members that try to be more than text
    Hostile,
}

#[derive(Args)]
#[command(after_help = "\
Exit status: 0 no error among the findings, 1 some, 2 not a mail.

Examples:
  ownpost inspect mail.eml --settings settings.json
  ownpost inspect - < header.txt")]
struct InspectArgs {
    /// The mail's source or header
    #[arg(value_name = "FILE or -")]
    file: PathBuf,
    /// SmtpSettings as JSON: the server and the sender that it should be from
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The Message-ID of the mail that it should be
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ownpost schema Event > event.schema.json
  ownpost schema --openapi > openapi.json
  ownpost schema --asyncapi > asyncapi.json")]
struct SchemaArgs {
    /// One schema alone; all of them when absent
    name: Option<String>,
    /// Print the HTTP API as an OpenAPI 3.1 document
    #[arg(long, conflicts_with_all = ["name", "asyncapi"])]
    openapi: bool,
    /// Print the events that come in and go out as an AsyncAPI 3 document
    #[arg(long, conflicts_with = "name")]
    asyncapi: bool,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ownpost completions bash > ~/.local/share/bash-completion/completions/ownpost")]
struct CompletionsArgs {
    shell: clap_complete::Shell,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ownpost man test | man -l -")]
struct ManArgs {
    /// A command; without it, the page of ownpost itself
    command: Option<String>,
}

#[derive(Args)]
struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[arg(long, value_name = "L", default_value = "en", help = locale_help())]
    locale: String,
}

fn locale_help() -> String {
    let tags: Vec<&str> = Locale::ALL.iter().map(|locale| locale.tag()).collect();
    format!("The language of messages and remedies: {}", tags.join(", "))
}

fn parse_address(text: &str) -> Result<String, String> {
    match text.parse::<lettre::Address>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The commands and options as data: docs/reference/command-line.md is written from them.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start();
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => return terminal::complain(UNUSABLE, &error.to_string()),
    };
    if let Err(error) = signing::of_file(config.dkim.as_ref()) {
        return terminal::complain(UNUSABLE, &error.to_string());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return terminal::complain(NO, &format!("no runtime: {error}")),
    };
    let code = runtime.block_on(async {
        match cli.command {
            Command::Local(args) => local::run(config, &args).await,
            // Large for the stack, with the resolver's TLS in it.
            Command::Test(args) => Box::pin(test::run(&config, &args)).await,
            Command::Send(args) => send::run(config, &args).await,
            Command::Validate(args) => validate::run(&config, &args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Mails(MailsCommand::Check(args)) => mails::run_check(&args),
            Command::Mails(MailsCommand::Render(args)) => mails::run_render(&config, &args),
            Command::Schema(args) => schema::run(&args),
            Command::Completions(args) => manual::completions(&args),
            Command::Man(args) => manual::man(&args),
        }
    });
    // A name look-up that hangs in the system's resolver does not keep a finished command.
    runtime.shutdown_background();
    terminal::ended(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        command().debug_assert();
    }
}
