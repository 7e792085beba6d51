//! The contract suite of the effects, against the effects in memory, on which unit tests and simulations depend.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ownpost_core::testing::memory::Memory;
use ownpost_tests::effects_contract::{self, QueueBench};

struct Bench(Arc<Memory>);

#[async_trait]
impl QueueBench for Bench {
    async fn receive(&self, visibility: Duration) -> Vec<(String, String)> {
        let received = self.0.receive(10, visibility);
        received.into_iter().map(|record| (record.receipt, record.body)).collect()
    }
    async fn delete(&self, receipt: &str) {
        // A message has one receipt here: its id.
        self.0.delete(receipt);
    }
    async fn pass(&self, time: Duration) {
        self.0.pass(time);
    }
}

#[tokio::test]
async fn secrets() {
    effects_contract::secrets(&*Memory::new(), "memory").await;
}

#[tokio::test]
async fn ledger() {
    effects_contract::ledger(&*Memory::new(), "memory").await;
}

#[tokio::test]
async fn queue() {
    let memory = Memory::new();
    effects_contract::queue(&*memory, &Bench(memory.clone()), "memory").await;
}

#[tokio::test]
async fn events() {
    let memory = Memory::new();
    effects_contract::events(&*memory, "memory").await;
    assert_eq!(memory.take_emitted().len(), 12);
}
