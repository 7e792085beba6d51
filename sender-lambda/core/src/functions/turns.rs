//! Turns in this process: who wants the same thing at the same time gets it one after the other, in the order in which they
//! came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ownpost_domain::tenant::Tenant;
use tokio::sync::OwnedMutexGuard;

/// From so many things on, those that nobody wants are forgotten.
const REMEMBERED: usize = 1000;

/// The turns, by an owner and the name of one of its things.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<(Tenant, String), Line>>);

/// Those who want one thing.
type Line = Arc<tokio::sync::Mutex<()>>;

/// A turn; it is over when this is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits for the turn.
    pub(super) async fn turn(&self, owner: &Tenant, thing: &str) -> Turn {
        let line = {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() >= REMEMBERED {
                lines.retain(|_, line| Arc::strong_count(line) > 1);
            }
            lines.entry((owner.clone(), thing.to_owned())).or_default().clone()
        };
        line.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_has_it_at_a_time_and_the_first_is_next() {
        let turns = Arc::new(Turns::default());
        let [one, other] = ["one", "other"].map(|name| Tenant::new(name).unwrap());
        let (done, mut order) = mpsc::unbounded_channel();
        let first = turns.turn(&one, "x").await;
        for number in 0..3 {
            let (turns, one, done) = (turns.clone(), one.clone(), done.clone());
            tokio::spawn(async move {
                let _turn = turns.turn(&one, "x").await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                done.send(number).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(turns.turn(&one, "y").await);
        drop(turns.turn(&other, "x").await);
        assert!(order.is_empty(), "only others' turns have come");
        drop(first);
        for number in 0..3 {
            assert_eq!(order.recv().await, Some(number));
        }
    }

    #[tokio::test]
    async fn what_nobody_wants_is_forgotten() {
        let turns = Turns::default();
        let one = Tenant::new("one").unwrap();
        let _held = turns.turn(&one, "held").await;
        for number in 0..3 * REMEMBERED {
            drop(turns.turn(&one, &number.to_string()).await);
        }
        let lines = turns.0.lock().unwrap();
        assert!(lines.len() <= REMEMBERED && lines.contains_key(&(one, "held".to_owned())));
    }
}
