//! The fault run in its short form. `cargo xtask faults` runs the long one and draws its picture.

use std::path::PathBuf;
use std::time::Duration;

use ownpost_tests::faults::{Plan, run};

#[test]
fn every_mail_is_accounted_for_when_relays_fail_and_senders_are_killed() {
    // OWNPOST_FAULTS_SEED chooses another seed, and so another run.
    let seed = std::env::var("OWNPOST_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    println!("seed {seed}");
    let plan = Plan {
        mails: 400,
        tenants: 10,
        trouble: Duration::from_secs(10),
        senders: 3,
        seed,
        program: PathBuf::from(env!("CARGO_BIN_EXE_fault-sender")),
    };
    let report = run(&plan).expect("a run");
    println!("{}", report.table);
    assert!(report.violations.is_empty(), "seed {seed}:\n{}", report.violations.join("\n"));
    assert!(report.kills > 5 && report.sent > 200, "the run was too quiet:\n{}", report.table);
}
