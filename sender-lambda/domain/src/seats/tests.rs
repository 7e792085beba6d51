use super::*;

const ONE: &[Asking] = &[Asking { category: Category::Notification, ticket: None }];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn free() -> Bounds {
    Bounds::of("smtp.acme.test", 3, u32::MAX)
}

fn seats() -> Seats {
    Seats::default().about("smtp.acme.test")
}

/// Lets this many senders ask for a seat each; the state, and the seats that they got.
fn sit(mut seats: Seats, count: usize, now: Timestamp) -> (Seats, Vec<(String, i64)>) {
    let mut taken = Vec::new();
    for number in 0..count {
        let answer = seats.ask(&format!("p{number}"), ONE, &free(), now);
        seats = answer.seats;
        taken.extend(answer.seat.map(|seat| (format!("p{number}"), seat)));
    }
    (seats, taken)
}

#[test]
fn the_bounds_of_a_relay() {
    for (host, begin, share, expected) in [
        ("smtp.acme.test", 3, u32::MAX, (3, 20)),
        ("smtp.acme.test", 3, 2, (2, 2)),
        ("smtp.acme.test", 0, 0, (1, 1)),
        ("smtp.acme.test", 50, u32::MAX, (20, 20)),
        ("smtp.office365.com", 5, u32::MAX, (3, 3)),
    ] {
        let bounds = Bounds::of(host, begin, share);
        assert_eq!((bounds.begin, bounds.most), expected, "{host} {begin} {share}");
    }
}

#[test]
fn the_platforms_server_gets_its_part_of_the_senders() {
    for (host, share, expected) in [
        ("smtp.platform.test", Some(67), (3, 67)),
        ("smtp.platform.test", None, (3, 20)),
        ("smtp.platform.test", Some(0), (1, 1)),
        ("smtp.office365.com", Some(67), (3, 3)),
    ] {
        let bounds = Bounds::of_platform(host, 3, share);
        assert_eq!((bounds.begin, bounds.most), expected, "{host} {share:?}");
    }
}

#[test]
fn all_senders_together_have_no_more_than_the_limit_and_who_waits_takes_no_seat() {
    let (seats, taken) = sit(seats(), 10, at(0));
    assert_eq!(taken.len(), 3);
    assert_eq!(seats.taken.len(), 3);
    // A sender that was killed frees its seat.
    let (_, taken) = sit(seats, 10, at(62));
    assert_eq!(taken.len(), 3);
}

#[test]
fn fewer_at_each_too_many_and_slowly_more_on_success() {
    let (bounds, no) = (free(), Report { too_many: true, ..Report::default() });
    let (mut seats, taken) = sit(seats(), 3, at(0));
    // Two of three were let in.
    assert!(seats.give_back(&taken[2].0, taken[2].1, &no, &bounds, at(0)));
    assert_eq!(seats.limit(&bounds), 2);
    assert!(seats.give_back(&taken[1].0, taken[1].1, &no, &bounds, at(0)));
    assert_eq!(seats.limit(&bounds), 1);
    // The last one is alone: a "too many" now is about the relay.
    assert!(!seats.give_back(&taken[0].0, taken[0].1, &no, &bounds, at(0)));
    assert_eq!(seats.limit(&bounds), 1);
    // Success does not bring it back at once, and then by one for as many mails as there are connections.
    let grow = |seats: &mut Seats, second| {
        let answer = std::mem::take(seats).ask("p", ONE, &bounds, at(second));
        *seats = answer.seats;
        let report = Report { answered: 1, ..Report::default() };
        seats.give_back("p", answer.seat.unwrap(), &report, &bounds, at(second));
        seats.limit(&bounds)
    };
    assert_eq!(grow(&mut seats, 300), 1);
    assert_eq!(grow(&mut seats, 700), 2);
    // One connection of two is no reason for a third.
    assert_eq!((0..9).map(|_| grow(&mut seats, 800)).last(), Some(2));
}

#[test]
fn a_relay_that_takes_them_gets_twenty_and_no_more() {
    let bounds = free();
    let mut seats = seats();
    for round in 0..100 {
        let (after, taken) = sit(seats, 30, at(round));
        seats = after;
        for (process, seat) in taken {
            let report = Report { answered: 10, ..Report::default() };
            seats.give_back(&process, seat, &report, &bounds, at(round));
        }
    }
    assert_eq!(seats.limit(&bounds), 20);
}

#[test]
fn those_who_wait_go_in_their_order_and_the_categories_in_turn() {
    let bounds = free();
    let (mut seats, taken) = sit(seats(), 3, at(0));
    let asking = |category, ticket| Asking { category, ticket };
    let mut tickets = Vec::new();
    let waiting: Vec<Asking> = (0..200).map(|_| asking(Category::Notification, None)).collect();
    let answer = seats.ask("w", &waiting, &bounds, at(0));
    assert_eq!((answer.seat, answer.stay), (None, Stay::Returned));
    for place in &answer.places {
        let Place::Wait(ticket, wait) = place else { panic!("{place:?}") };
        tickets.push((*ticket, *wait));
    }
    assert!(tickets.is_sorted_by_key(|(_, wait)| *wait), "the n-th waits for the n-th turn");
    seats = answer.seats;
    for (process, seat) in taken {
        seats.give_back(&process, seat, &Report::default(), &bounds, at(1));
    }
    // A connection is free: a new mail of their category waits behind them, one of another goes.
    let new = seats.clone().ask("n", ONE, &bounds, at(1));
    assert!(matches!(new.places[..], [Place::Wait(..)]), "{:?}", new.places);
    let invitation = seats.clone().ask("i", &[asking(Category::UserInvitation, None)], &bounds, at(1));
    assert_eq!(invitation.places, [Place::Go]);
    // The first has been called by then, the last has not.
    let (first, last) = (tickets[0].0, tickets[199].0);
    let both = [asking(Category::Notification, Some(last)), asking(Category::Notification, Some(first))];
    let answer = seats.ask("b", &both, &bounds, at(2));
    assert!(matches!(answer.places[..], [Place::Wait(..), Place::Go]), "{:?}", answer.places);
}

#[test]
fn a_provider_gets_its_mails_in_its_period_and_no_seat_is_taken_for_waiting() {
    let bounds = Bounds::of("smtp.office365.com", 3, u32::MAX);
    let mails: Vec<Asking> = (0..10).map(|_| ONE[0]).collect();
    let mut seats = Seats::default().about("smtp.office365.com");
    let mut went = 0;
    for _ in 0..5 {
        let answer = seats.ask("p", &mails, &bounds, at(0));
        went += answer.places.iter().filter(|place| **place == Place::Go).count();
        seats = answer.seats;
        if let Some(seat) = answer.seat {
            seats.give_back("p", seat, &Report { answered: 10, ..Report::default() }, &bounds, at(0));
        }
    }
    assert_eq!((went, seats.taken.len(), seats.limit(&bounds)), (30, 0, 3));
}

#[test]
fn another_server_begins_from_the_start() {
    let (mut seats, taken) = sit(seats(), 3, at(0));
    let no = Report { too_many: true, ..Report::default() };
    seats.give_back(&taken[0].0, taken[0].1, &no, &free(), at(0));
    let state = serde_json::to_value(&seats).unwrap();
    let read: Seats = serde_json::from_value(state).unwrap();
    assert_eq!(read, seats);
    assert_eq!(read.clone().about("smtp.acme.test").limit(&free()), 2);
    assert_eq!(read.about("smtp.other.test").limit(&free()), 3);
}

#[test]
fn twenty_seats_and_their_line_are_one_write_unit() {
    let mut seats = seats();
    for number in 0..20 {
        seats.taken.push((format!("{number:08x}"), 1_790_000_000));
    }
    seats.line.advance(seats.pace(&free(), at(0)), false, at(0));
    for _ in 0..100_000 {
        seats.line.give(Category::Notification);
    }
    assert!(serde_json::to_string(&seats).unwrap().len() < 900);
}

#[test]
fn whose_turn_has_come_looks_again_when_those_before_it_have_gone() {
    let bounds = free();
    let mut busy = seats();
    let taken: Vec<i64> = ["a", "b", "c"].map(|process| busy.sit(process, GOOD_FOR, at(0))).into();
    let answer = busy.ask("w", &[ONE[0]; 150], &bounds, at(0));
    let ticket = |place: &Place| match place {
        Place::Wait(ticket, _) => Asking { ticket: Some(*ticket), ..ONE[0] },
        place => panic!("{place:?}"),
    };
    let tickets: Vec<Asking> = answer.places.iter().map(ticket).collect();
    let waits = |answer: &Answer| {
        let wait = |place: &Place| match place {
            Place::Again(wait) => wait.as_millis(),
            place => panic!("{place:?}"),
        };
        answer.places.iter().map(wait).collect::<Vec<_>>()
    };
    // All are called by then, and three connections are busy with ten mails of 500 ms each.
    let answer = answer.seats.ask("w", &tickets, &bounds, at(50));
    let all = waits(&answer);
    assert_eq!((all[0], all[149]), (1_666, 24_999));
    assert!(all.is_sorted());
    // Where a connection takes one mail and not ten, there are ten times as many batches before the last one.
    let single = Seats { mail_ms: Some(500), batch_ms: Some(500), ..answer.seats.clone() };
    let each = waits(&single.ask("w", &tickets, &bounds, at(50)));
    assert_eq!((each[0], each[149]), (1_000, 24_999));
    // Fifty of them go over one connection.
    let mut seats = answer.seats;
    seats.give_back("a", taken[0], &Report::default(), &bounds, at(50));
    for mails in tickets[..50].chunks(10) {
        let answer = seats.ask("g", mails, &bounds, at(50));
        seats = answer.seats;
        seats.give_back("g", answer.seat.unwrap(), &Report::default(), &bounds, at(50));
    }
    seats.sit("x", GOOD_FOR, at(50));
    let left = waits(&seats.ask("w", &tickets[50..], &bounds, at(50)));
    assert_eq!((left[0], left[99]), (1_666, 16_666));
}

#[test]
fn a_seat_is_given_back_only_where_somebody_needs_it() {
    let stays: Vec<Stay> = (0..5)
        .scan(seats(), |seats, number| {
            let answer = std::mem::take(seats).ask(&format!("p{number}"), ONE, &free(), at(0));
            *seats = answer.seats;
            Some(answer.stay)
        })
        .collect();
    assert_eq!(stays, [Stay::Kept, Stay::Brief, Stay::Returned, Stay::Returned, Stay::Returned]);
    // Of twelve connections four are kept, and five lapse by themselves.
    let many = || Seats { limit: Some(12.0), ..seats() };
    let (nine, _) = sit(many(), 9, at(0));
    assert_eq!(nine.clone().ask("p", ONE, &free(), at(0)).stay, Stay::Returned);
    assert_eq!(sit(nine.clone(), 20, at(0)).1.len(), 3);
    assert_eq!(sit(nine, 20, at(1)).1.len(), 8);
    // So do mails that were called and have not gone, as long as some of them go.
    let waiting = sit(many(), 12, at(0)).0.ask("w", &[ONE[0]; 20], &free(), at(0));
    let Place::Wait(ticket, _) = waiting.places[0] else { panic!("{:?}", waiting.places) };
    let first = waiting.seats.ask("f", &[Asking { ticket: Some(ticket), ..ONE[0] }], &free(), at(70));
    assert_eq!((&first.places[..], first.stay), (&[Place::Go][..], Stay::Returned));
    assert!(!first.seats.line.is_waiting(), "all were called");
    assert_eq!(first.seats.clone().ask("n", ONE, &free(), at(80)).stay, Stay::Returned);
    assert_eq!(first.seats.ask("n", ONE, &free(), at(90)).stay, Stay::Kept);
    // One whose batches take longer is given back: to make it good for longer costs more.
    let slow = Seats { batch_ms: Some(700), ..sit(many(), 4, at(0)).0 };
    assert_eq!(slow.ask("p", ONE, &free(), at(0)).stay, Stay::Returned);
    // A relay that counts what is open gets no idle connection.
    let limited = Seats { refused: Some(at(0).as_millisecond()), ..many() };
    assert_eq!(limited.ask("p", ONE, &free(), at(0)).stay, Stay::Brief);
}

#[test]
fn the_only_process_of_a_ledger_does_not_wait_for_the_one_before_it() {
    let (killed, _) = sit(seats(), 3, at(0));
    let asked = |seats: Seats| seats.ask("new", ONE, &free(), at(0)).seat;
    assert_eq!(asked(killed.clone()), None);
    assert!(asked(killed.without_others("new")).is_some());
    let own = seats().ask("new", ONE, &free(), at(0)).seats;
    assert_eq!(own.clone().without_others("new"), own);
}

#[test]
fn seats_and_refusals_of_a_clock_that_was_ahead_are_over() {
    const AHEAD: i64 = 400 * 86_400;
    let (bounds, no) = (free(), Report { too_many: true, ..Report::default() });
    let (mut seats, taken) = sit(seats(), 3, at(AHEAD));
    seats.give_back(&taken[2].0, taken[2].1, &no, &bounds, at(AHEAD));
    assert!(seats.is_limited(&bounds, at(AHEAD - 59)), "clocks differ by seconds");
    assert_eq!(sit(seats.clone(), 10, at(AHEAD - 59)).1.len(), 0, "clocks differ by seconds");
    assert!(!seats.is_limited(&bounds, at(0)));
    assert_eq!(sit(seats, 10, at(0)).1.len(), 2);
}

#[test]
fn one_process_keeps_its_connections_but_the_last_that_shows_whether_there_may_be_more() {
    let bounds = free().of_one_process();
    let first = seats().ask("p", ONE, &bounds, at(0));
    assert_eq!(first.stay, Stay::Returned, "it shows how quick the relay is");
    let mut seats = first.seats;
    let report = Report { answered: 1, took: Duration::from_millis(5), ..Report::default() };
    seats.give_back("p", first.seat.unwrap(), &report, &bounds, at(0));
    let measured = seats.clone();
    let mut stays = Vec::new();
    for _ in 0..3 {
        let answer = seats.ask("p", ONE, &bounds, at(0));
        seats = answer.seats;
        stays.push(answer.stay);
    }
    assert_eq!(stays, [Stay::Kept, Stay::Kept, Stay::Returned]);
    // Where there may not be more it keeps them all.
    let most = Bounds::of("smtp.acme.test", 3, 3).of_one_process();
    let (full, _) = sit(measured, 2, at(0));
    assert_eq!(full.ask("p", ONE, &most, at(0)).stay, Stay::Kept);
}

#[test]
fn a_connection_of_a_quick_relay_is_soon_free() {
    // Three, and never more.
    let bounds = Bounds::of("smtp.acme.test", 3, 3).of_one_process();
    let (few, _) = sit(seats(), 2, at(0));
    assert!(!few.is_soon_free(&bounds, at(0)), "one is free");
    let mut all = seats();
    let mut taken = Vec::new();
    for _ in 0..3 {
        let answer = all.ask("p", ONE, &bounds, at(0));
        all = answer.seats;
        taken.extend(answer.seat.map(|seat| ("p".to_owned(), seat)));
    }
    assert!(all.clone().is_soon_free(&bounds, at(1)), "the first batches will show it");
    assert!(!all.clone().is_soon_free(&bounds, at(2)), "they have taken more than a second");
    let report = |took| Report { answered: 10, took: Duration::from_millis(took), ..Report::default() };
    all.give_back(&taken[0].0, taken[0].1, &report(99), &bounds, at(0));
    let (all, taken) = sit(all, 1, at(0));
    assert!(all.clone().is_soon_free(&bounds, at(0)));
    let mut slow = all.clone();
    slow.give_back(&taken[0].0, taken[0].1, &report(110), &bounds, at(0));
    let (slow, _) = sit(slow, 2, at(0));
    assert!(!slow.is_soon_free(&bounds, at(0)), "a batch takes too long");
    let no = Report { too_many: true, ..Report::default() };
    let mut limited = all;
    limited.give_back(&taken[0].0, taken[0].1, &no, &bounds, at(0));
    let (limited, _) = sit(limited, 1, at(0));
    assert!(!limited.is_soon_free(&bounds, at(0)), "it takes few connections");
}

#[test]
fn a_server_that_refuses_every_connection_is_left_alone_ever_longer() {
    let bounds = free();
    let (no, yes) =
        (Report { too_many: true, ..Report::default() }, Report { answered: 1, ..Report::default() });
    let mut seats = seats();
    let (mut now, mut tries) = (0, Vec::new());
    while now < 120 {
        let answer = seats.clone().ask("p", ONE, &bounds, at(now));
        if let Some(seat) = answer.seat {
            tries.push(now);
            seats = answer.seats;
            seats.give_back("p", seat, &no, &bounds, at(now));
        }
        now += 1;
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105]);
    // A clock that has gone back since.
    assert!(seats.clone().ask("p", ONE, &bounds, at(0)).seat.is_some());
    // One mail that it takes ends that.
    let answer = seats.ask("p", ONE, &bounds, at(120));
    let mut seats = answer.seats;
    seats.give_back("p", answer.seat.unwrap(), &no, &bounds, at(120));
    assert!(seats.clone().ask("p", ONE, &bounds, at(121)).seat.is_none());
    seats.give_back("q", 0, &yes, &bounds, at(121));
    assert!(seats.ask("p", ONE, &bounds, at(121)).seat.is_some());
}
