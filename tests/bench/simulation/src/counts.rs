//! What was asked of the cloud's services, counted.

use std::fmt;
use std::ops::{Index, IndexMut};

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Ledger::put_event`.
    EventPut,
    /// `Ledger::get_event`.
    EventGet,
    /// `Ledger::insert`.
    RowInsert,
    /// `Ledger::get`.
    RowGet,
    /// `Ledger::update`.
    RowUpdate,
    /// `Ledger::list`.
    List,
    /// `Ledger::get_state`.
    StateGet,
    /// `Ledger::put_state`.
    StatePut,
    /// `Secrets::get`.
    SecretGet,
    /// `Secrets::platform`.
    PlatformGet,
    /// Calls of `SendMessageBatch`.
    QueueSend,
    /// `Queue::hide`.
    QueueHide,
    /// Events given to `Events::emit`.
    Emit,
    /// Batches that Lambda received from the queue, each with one run of `sender`.
    Batch,
    /// Calls of `DeleteMessageBatch`.
    QueueDelete,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::EventPut,
        Self::EventGet,
        Self::RowInsert,
        Self::RowGet,
        Self::RowUpdate,
        Self::List,
        Self::StateGet,
        Self::StatePut,
        Self::SecretGet,
        Self::PlatformGet,
        Self::QueueSend,
        Self::QueueHide,
        Self::Emit,
        Self::Batch,
        Self::QueueDelete,
    ];
}

/// How often each was called.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Counts([u64; 15]);

impl Index<Operation> for Counts {
    type Output = u64;
    fn index(&self, operation: Operation) -> &u64 {
        &self.0[operation as usize]
    }
}

impl IndexMut<Operation> for Counts {
    fn index_mut(&mut self, operation: Operation) -> &mut u64 {
        &mut self.0[operation as usize]
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called = Operation::ALL.iter().filter(|operation| self[**operation] > 0);
        f.debug_map().entries(called.map(|operation| (operation, self[*operation]))).finish()
    }
}
