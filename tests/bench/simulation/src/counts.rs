//! Counters of the calls to the services of AWS.

use std::fmt;
use std::ops::{Index, IndexMut};

/// A kind of call to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A call of `Ledger::put_event`.
    EventPut,
    /// A call of `Ledger::get_event`.
    EventGet,
    /// A call of `Ledger::keep_event`.
    EventKeep,
    /// A call of `Ledger::insert`.
    RowInsert,
    /// A call of `Ledger::get`.
    RowGet,
    /// A call of `Ledger::update`.
    RowUpdate,
    /// A call of `Ledger::list`.
    List,
    /// A call of `Ledger::get_state`.
    StateGet,
    /// A call of `Ledger::put_state`.
    StatePut,
    /// A call of `Ledger::due`.
    Due,
    /// A call of `Ledger::postpone`.
    Postpone,
    /// A call of `Ledger::watch`.
    Watch,
    /// A call of `Secrets::get`.
    SecretGet,
    /// A call of `Secrets::platform`.
    PlatformGet,
    /// A call of SQS `SendMessageBatch`.
    QueueSend,
    /// A call of `Queue::hide`.
    QueueHide,
    /// An event passed to `Events::emit`.
    Emit,
    /// A batch that Lambda received from the queue, with one run of `sender`.
    Batch,
    /// A call of SQS `DeleteMessageBatch`.
    QueueDelete,
}

impl Operation {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::EventPut,
        Self::EventGet,
        Self::EventKeep,
        Self::RowInsert,
        Self::RowGet,
        Self::RowUpdate,
        Self::List,
        Self::StateGet,
        Self::StatePut,
        Self::Due,
        Self::Postpone,
        Self::Watch,
        Self::SecretGet,
        Self::PlatformGet,
        Self::QueueSend,
        Self::QueueHide,
        Self::Emit,
        Self::Batch,
        Self::QueueDelete,
    ];
}

/// The number of calls of each kind.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Counts([u64; 19]);

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
