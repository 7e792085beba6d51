//! `ownpost completions` and `ownpost man`, made from the arguments themselves.

use std::process::ExitCode;

use super::terminal::{complain, say};
use super::{CompletionsArgs, ManArgs, UNUSABLE, YES};

/// The name of the program.
const NAME: &str = "ownpost";

pub(super) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), NAME, &mut script);
    say(&String::from_utf8_lossy(&script));
    ExitCode::from(YES)
}

pub(super) fn man(args: &ManArgs) -> ExitCode {
    let mut root = super::command();
    // Fills in the names by which the commands are called.
    root.build();
    let page = match &args.command {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return complain(UNUSABLE, &format!("there is no command `{name}`")),
        },
    };
    let mut text = Vec::new();
    match clap_mangen::Man::new(page).source(concat!("ownpost ", env!("CARGO_PKG_VERSION"))).render(&mut text)
    {
        Ok(()) => {
            say(&String::from_utf8_lossy(&text));
            ExitCode::from(YES)
        }
        Err(error) => complain(UNUSABLE, &error.to_string()),
    }
}
