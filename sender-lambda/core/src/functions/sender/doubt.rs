//! A relay that refuses every recipient alike: its refusals are not believed, and one mail at a time tries it
//! ([`ownpost_domain::refusals`]).

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use ownpost_domain::delivery::{Delivery, Revision};
use ownpost_domain::failure::{Failure, Reply};
use ownpost_domain::tenant::Tenant;

use super::settle::defer;
use super::{AT_A_TIME, Disposition, Pending, SPREAD, until};
use crate::functions::{App, random_unit, relay_health};

/// The wait of a mail behind the one that tries a relay whose refusals are not believed.
pub(super) const TURN: Duration = Duration::from_mins(1);
/// Why a mail waits whose relay's refusals are not believed.
const REFUSED_ALIKE: &str = "The server has refused ten recipients alike and taken no mail since, so its refusals may be \
                             about the server and not about the recipients. One mail at a time tries it.";

/// Keeps the oldest mail if it is its turn to try the relay, and defers the others: the mails that go, and what became of
/// those that wait.
pub(super) async fn leave_one(
    app: &App,
    (relay, revision): (&Tenant, &Revision),
    mut mails: Vec<Pending>,
) -> (Vec<Pending>, Vec<(usize, Disposition)>) {
    let (waiting, wait) = match relay_health::take_turn(app, relay, revision).await {
        Ok(None) => (mails.split_off(1.min(mails.len())), TURN),
        Ok(Some(next_at)) => (std::mem::take(&mut mails), until((app.now)(), next_at)),
        Err(error) => {
            tracing::warn!(tenant = %relay, %error, "the relay is not tried now");
            return (
                Vec::new(),
                mails.into_iter().map(|mail| (mail.index, Disposition::Keep(None))).collect(),
            );
        }
    };
    let defer_one =
        |mail: Pending| async move { (mail.index, defer_doubted(app, mail.row, mail.version, wait).await) };
    (mails, stream::iter(waiting).map(defer_one).buffered(AT_A_TIME).collect().await)
}

/// Whether a refusal for good is about this mail.
pub(super) async fn believes(
    app: &App,
    (relay, revision): (&Tenant, &Revision),
    row: &Delivery,
    result: &Result<Reply, Failure>,
) -> bool {
    let Err(Failure { reply: Some(reply), .. }) = result else { return true };
    relay_health::refused(app, relay, revision, reply, &row.recipient).await
}

/// Defers a mail whose refusal is not believed, or that waits for the mail whose turn it is.
pub(super) async fn defer_doubted(app: &App, row: Delivery, version: u64, wait: Duration) -> Disposition {
    let wait = wait + SPREAD.mul_f64(random_unit());
    defer(app, row, version, wait, REFUSED_ALIKE.to_owned()).await
}

#[cfg(test)]
mod tests {
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::delivery::Status;
    use ownpost_domain::failure::FailureCode;

    use super::*;
    use crate::testing::world::{Act, World, settings};

    const REFUSES: Act = Act::FailLate(FailureCode::RecipientRejected, 550);

    async fn world(mails: usize) -> World {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        for index in 0..mails {
            world.accept(&format!("e{index}"), &[&format!("r{index}@example.org")]).await;
        }
        world
    }

    fn count(world: &World, status: Status) -> usize {
        world.memory.rows().iter().filter(|row| row.status == status).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_recipient_refused_alike_waits_and_one_mail_at_a_time_tries() {
        let world = world(30).await;
        world.relays.then(std::iter::repeat_n(REFUSES, 200));
        for _ in 0..6 {
            world.work().await;
        }
        assert_eq!((count(&world, Status::Failed), count(&world, Status::Deferred)), (10, 20));
        let tried = |world: &World| world.memory.rows().iter().map(|row| row.attempts.len()).sum::<usize>();
        // An hour: after 1, 2, 4, 8, 15, 15 minutes one mail.
        let before = tried(&world);
        for _ in 0..120 {
            world.memory.pass(Duration::from_secs(30));
            world.work().await;
        }
        assert_eq!(count(&world, Status::Failed), 10);
        let tries = tried(&world) - before;
        assert!((4..=7).contains(&tries), "{tries} tries in an hour");
        // It takes one: then all.
        world.relays.acts.lock().unwrap().clear();
        for _ in 0..120 {
            world.memory.pass(Duration::from_mins(1));
            world.work().await;
        }
        assert_eq!((count(&world, Status::Failed), count(&world, Status::Sent)), (10, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn recipients_refused_between_mails_that_are_taken_are_their_own_matter() {
        let world = world(40).await;
        world.relays.then((0..40).map(|index| if index % 4 == 0 { Act::Accept } else { REFUSES }));
        for _ in 0..8 {
            world.work().await;
        }
        assert_eq!((count(&world, Status::Failed), count(&world, Status::Sent)), (30, 10));
    }
}
