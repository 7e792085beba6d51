//! One sender of the fault run, in a process of its own: `fault-sender RUN_FILE NAME`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(spec), Some(name)) = (arguments.next(), arguments.next()) else {
        eprintln!("fault-sender RUN_FILE NAME");
        return ExitCode::from(2);
    };
    match ownpost_tests::faults::run_sender(&PathBuf::from(spec), &name.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
