//! [`Events`] on EventBridge.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use ownpost_core::effects::{EffectError, Emitted, Events, Result};

use super::queue::batches;
use super::{Lazy, error};

const SERVICE: &str = "EventBridge";
/// The `source` of everything that Ownpost emits.
const SOURCE: &str = "ownpost";
/// The bus that every account has.
const DEFAULT_BUS: &str = "default";

/// What one `PutEvents` takes: entries, and bytes of all entries together.
const ENTRIES: usize = 10;
const BYTES: usize = 262_144;

pub(super) struct EventBridge {
    client: Lazy<Client>,
    bus: String,
}

impl EventBridge {
    pub(super) fn new(client: Lazy<Client>, bus: Option<String>) -> Self {
        Self { client, bus: bus.unwrap_or_else(|| DEFAULT_BUS.to_owned()) }
    }

    async fn put(&self, events: &[(&'static str, String)], indexes: &[usize], results: &mut [Result<()>]) {
        let entries = indexes.iter().map(|&index| {
            let (detail_type, detail) = &events[index];
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(SOURCE)
                .detail_type(*detail_type)
                .detail(detail)
                .build()
        });
        match self.client.put_events().set_entries(Some(entries.collect())).send().await {
            Err(error) => {
                let error = error::of_call(SERVICE, &error);
                for &index in indexes {
                    results[index] = Err(error.clone());
                }
            }
            // The call succeeds although entries failed; each answer has the index of its entry.
            Ok(answer) => {
                for (&index, entry) in indexes.iter().zip(answer.entries()) {
                    results[index] = match entry.error_code() {
                        Some(code) => Err(error::of_entry(SERVICE, code, entry.error_message())),
                        None => Ok(()),
                    };
                }
            }
        }
    }
}

#[async_trait]
impl Events for EventBridge {
    async fn emit(&self, events: &[Emitted]) -> Vec<Result<()>> {
        let unsaid = || {
            let message = "said nothing about this entry".to_owned();
            Err(EffectError::Transient { service: SERVICE, message })
        };
        let mut results: Vec<Result<()>> = events.iter().map(|_| unsaid()).collect();
        let events: Vec<(&'static str, String)> =
            events.iter().map(|event| (event.detail_type, event.detail.to_string())).collect();
        let size =
            |(detail_type, detail): &(&'static str, String)| SOURCE.len() + detail_type.len() + detail.len();
        let sizes: Vec<usize> = events.iter().map(size).collect();
        for (index, _) in sizes.iter().enumerate().filter(|(_, size)| **size > BYTES) {
            let message = "the event is larger than 256 KiB".to_owned();
            results[index] = Err(EffectError::Permanent { service: SERVICE, message });
        }
        for batch in batches(&sizes, ENTRIES, BYTES) {
            self.put(&events, &batch, &mut results).await;
        }
        results
    }
}
