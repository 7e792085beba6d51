//! The fault run in its long form: `faults [--mails N] [--tenants N] [--senders N] [--seconds N] [--seed N] [--out
//! FOLDER]`. Writes `faults.md` and `faults.svg` into the folder.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ownpost_tests::faults::{Plan, run};

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn start() -> Result<bool, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut plan = Plan {
        mails: 10_000,
        tenants: 50,
        trouble: Duration::from_mins(4),
        senders: 4,
        seed: 1,
        program: own.with_file_name("fault-sender"),
    };
    let mut out = PathBuf::from("docs/figures");
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} takes a value"))?;
        let number = || value.parse::<usize>().map_err(|_| format!("{name} takes a number, not `{value}`"));
        match name.as_str() {
            "--mails" => plan.mails = number()?,
            "--tenants" => plan.tenants = number()?.clamp(1, 200),
            "--senders" => plan.senders = number()?.max(1),
            "--seconds" => plan.trouble = Duration::from_secs(number()? as u64),
            "--seed" => plan.seed = number()? as u64,
            "--out" => out = PathBuf::from(value),
            _ => return Err(format!("no option {name}: --mails --tenants --senders --seconds --seed --out")),
        }
    }
    println!("seed {}", plan.seed);
    let report = run(&plan)?;
    println!("{}", report.table);
    for violation in &report.violations {
        eprintln!("{violation}");
    }
    if report.violations.is_empty() {
        std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
        let write = |name: &str, text: &str| {
            std::fs::write(out.join(name), text).map_err(|error| format!("{name}: {error}"))
        };
        write("faults.svg", &report.picture)?;
        write("faults.md", &page(&plan, &report.table))?;
    }
    Ok(report.violations.is_empty())
}

fn page(plan: &Plan, table: &str) -> String {
    format!(
        "# The fault run\n\n\
         ![Relays, mails, deaths and the queue over time](faults.svg)\n\n\
         Made by `cargo xtask faults --mails {} --tenants {} --senders {} --seconds {} --seed {}`.\n\n{table}\n\
         Senders are processes of their own over one durable store. Random ones are killed all the time or stopped as \
         for a new version, and relays kill the very process at the other end of their connection: before it can have \
         marked the mail, in the message, after the dot, after the reply. Relays refuse for good and for now at each \
         stage, keep silent, take two connections at a time, are slow, or say that a daily limit is reached; secrets \
         are lost or their store is busy; one message in forty is lost before it is on the queue. For every mail the relays' own count and the ledger agree:\n\n\
         - `sent`: its relay took it, once.\n\
         - `failed`: its relay did not take it, and refused it with 5xx.\n\
         - `unknown`: its relay took it at most once, and either asked for the message and never answered it, or the \
         sender that had last marked it `sending` was killed.\n\n\
         Anything else, and any mail without a final row, fails the run.\n",
        plan.mails,
        plan.tenants,
        plan.senders,
        plan.trouble.as_secs(),
        plan.seed,
    )
}
