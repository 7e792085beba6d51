//! The command line: see [`ownpost::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ownpost::cli::main()
}
