//! The simulation in its short form: the properties of every run.

use ownpost_simulation::scenario::{MINUTE, SECOND, Scenario};
use ownpost_simulation::{Results, Simulation};

/// An hour of a hundred tenants, with more faults than any day of the figures.
fn hour() -> Scenario {
    Scenario {
        span: 60 * MINUTE,
        burst_for: 20 * SECOND,
        burst: 0.3,
        faulty: 0.2,
        up: 15 * MINUTE,
        down: 5 * MINUTE,
        duplicates: 0.01,
        crashes: 0.002,
        ..Scenario::day(7, 20_000, 100, 10)
    }
}

fn run(scenario: Scenario) -> Results {
    Simulation::new(scenario).run()
}

/// The median, the 99 % and 99.9 % quantile and the maximum of the healthy tenants' delays, in milliseconds.
fn delays(day: &Results) -> [u64; 4] {
    [day.delay.at(0.5), day.delay.at(0.99), day.delay.at(0.999), day.delay.most()].map(|delay| delay / 1000)
}

#[test]
fn no_mail_is_lost_or_doubled_and_healthy_tenants_keep_their_delays() {
    let (peace, trouble, unfair) = (run(hour().in_peace()), run(hour()), run(hour().unfair()));
    for day in [&peace, &trouble, &unfair] {
        assert_eq!((day.events, day.lost, day.doubled), (20_000, 0, 0));
        assert_eq!(day.sent + day.failed + day.unknown, day.events);
    }
    assert_eq!((peace.opened, peace.unknown, peace.crashed), (0, 0, 0));
    // The run proves nothing unless faults happen in it.
    let wrong = [
        trouble.opened,
        trouble.recovered,
        trouble.held,
        trouble.deferred,
        trouble.unknown,
        trouble.crashed,
        trouble.too_many,
        trouble.lined_up,
    ];
    assert!(wrong.iter().all(|count| *count > 0), "{wrong:?}");
    let [peace, trouble, unfair] = [&peace, &trouble, &unfair].map(delays);
    let all = format!("in peace {peace:?}, in trouble {trouble:?}, without groups {unfair:?}");
    assert!(trouble[0] <= peace[0] * 11 / 10, "{all}");
    assert!(trouble[1] <= peace[1] * 2, "{all}");
    // No relay occupies more than its share of the senders, so that the fair queue is not what keeps the delays.
    assert!(unfair[1] <= peace[1] * 2, "{all}");
}

#[test]
fn without_shares_the_fair_queue_keeps_tenants_apart() {
    // One tenant sends as much as all others, within seconds.
    let greedy = || Scenario { shares: false, faults: false, crashes: 0.0, burst: 0.5, ..hour() };
    let (fair, unfair) = (run(greedy()), run(greedy().unfair()));
    let [fair, unfair] = [&fair, &unfair].map(delays);
    assert!(unfair[1] >= fair[1] * 5, "with groups {fair:?}, without {unfair:?}");
}

#[test]
fn without_the_conditional_write_mails_are_doubled() {
    let doubled = run(Scenario { conditional_writes: false, ..hour() }).doubled;
    assert!(doubled > 0, "the count of doubled mails cannot fail");
}

#[test]
fn the_same_seed_gives_the_same_results() {
    let short = || Scenario { events: 2_000, ..hour() };
    let (one, other) = (run(short()), run(short()));
    assert_eq!((one.counts, one.sender_time, one.ended), (other.counts, other.sender_time, other.ended));
}
