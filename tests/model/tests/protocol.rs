//! The model, explored to its end: with few faults in every run of the tests, with more in `cargo xtask test long model`.

use std::time::Instant;

use ownpost_model::Protocol;
use stateright::{Checker as _, Model as _};

fn explore(protocol: Protocol, least: usize) {
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let checker = protocol.checker().threads(threads).spawn_bfs().join();
    println!(
        "{protocol:?}: {} states, {} steps, {} deep, in {:.0} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64(),
    );
    checker.assert_properties();
    assert!(checker.unique_state_count() >= least, "the model is too small to show anything");
}

#[test]
fn in_every_order_nothing_is_lost_doubled_or_stuck() {
    for (faults, refusals, persons) in [(1, 1, 0), (0, 1, 1), (2, 0, 0), (1, 0, 1)] {
        explore(Protocol { faults, refusals, persons }, 5_000);
    }
}

// Minutes and gigabytes: for the step `model` of `cargo xtask test long` alone.
#[cfg(feature = "long")]
#[test]
fn nor_with_more_of_everything() {
    for (faults, refusals, persons) in [(1, 1, 1), (2, 1, 0), (1, 2, 0)] {
        explore(Protocol { faults, refusals, persons }, 100_000);
    }
}
