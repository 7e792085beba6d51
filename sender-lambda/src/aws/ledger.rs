//! [`Ledger`] on one DynamoDB table ([`keys`] draws it).
//!
//! Every write is conditional, and every write carries a token (`w`): when the SDK repeats a write whose answer
//! was lost, the repetition fails its condition although the write has happened. The stored item,
//! which the refusal brings along, then carries our token, and the write counts as done. Without that, a lost answer
//! would leave a mail in `sending` that no sender sends.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use jiff::Timestamp;
use ownpost_core::effects::{Due, DueKind, EffectError, Filter, Ledger, Order, Page, Result, Versioned};
use ownpost_core::wire::stored_row;
use ownpost_domain::delivery::{Closed, Delivery, DeliveryId};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;

use super::{Lazy, error, keys};

const SERVICE: &str = "DynamoDB";
/// The attribute of the table's time to live.
const EXPIRES: &str = "expires";

/// What one item holds of an event's document: items are at most 400 KB with their keys.
const PART: usize = 380 * 1024;
/// A transaction is at most 4 MB.
const LARGEST_EVENT: usize = 10 * PART;
/// What one `BatchGetItem` takes.
const BATCH: usize = 100;
/// How many keys one `list` looks at, at most: a filter that no index serves ends there with a short page and a
/// cursor, instead of reading a million rows for one answer.
const SIFTED: usize = 2_000;

type Item = HashMap<String, AttributeValue>;

pub(super) struct DynamoDb {
    client: Lazy<Client>,
    table: String,
    /// How long final rows are kept.
    retain: Duration,
}

impl DynamoDb {
    pub(super) fn new(client: Lazy<Client>, table: String, retain: Duration) -> Self {
        Self { client, table, retain }
    }

    fn write_row(&self, row: &Delivery, version: u64) -> Result<Item> {
        let mut item = write_row(row, version)?;
        item.insert(EXPIRES.to_owned(), n(keys::ttl(row.kept_until(self.retain)).into()));
        Ok(item)
    }

    async fn delete_item(&self, pk: &str, sk: &str) -> Result<()> {
        let call = self.client.delete_item().table_name(&self.table).key("pk", s(pk)).key("sk", s(sk));
        call.send().await.map(drop).map_err(|error| error::of_call(SERVICE, &error))
    }

    /// Deletes a row and, first, its event's document.
    async fn forget_row(&self, row: &Delivery) -> Result<()> {
        let pk = keys::event(&row.tenant, &row.event);
        if let Some(first) = self.get_item(pk.clone(), "000").await? {
            for index in (0..number(&first, "parts")?).rev() {
                self.delete_item(&pk, &format!("{index:03}")).await?;
            }
        }
        let (pk, sk) = keys::row(&row.tenant, &row.id);
        self.delete_item(&pk, &sk).await
    }

    /// A query for what a partition of the table has, read consistently.
    fn query_partition(&self, pk: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :p")
            .expression_attribute_values(":p", s(pk))
    }

    /// The sort keys of a partition, one page of them.
    async fn sort_keys(&self, pk: &str) -> Result<Vec<String>> {
        let call = self.query_partition(pk).projection_expression("sk");
        let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
        let items = answer.items.unwrap_or_default();
        Ok(items.iter().filter_map(|item| text(item, "sk")).map(ToOwned::to_owned).collect())
    }

    /// Puts the item when `condition` holds. `false` when it does not, unless the stored item is this writer's own.
    async fn put_if(&self, mut item: Item, condition: &str, values: Item) -> Result<bool> {
        let token = token();
        item.insert("w".to_owned(), s(&token));
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => Ok(is_own(refusal, &token)),
                _ => Err(error::of_call(SERVICE, &error)),
            },
        }
    }

    async fn get_item(&self, pk: String, sk: &str) -> Result<Option<Item>> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", s(&pk))
            .key("sk", s(sk))
            .consistent_read(true);
        let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
        Ok(answer.item)
    }

    /// The rows with these ids, read consistently, in their order; those that are gone are left out.
    async fn rows(&self, tenant: &Tenant, ids: &[DeliveryId]) -> Result<Vec<Delivery>> {
        let mut found = HashMap::new();
        for ids in ids.chunks(BATCH) {
            let key = |id| {
                let (pk, sk) = keys::row(tenant, id);
                Item::from([("pk".to_owned(), s(&pk)), ("sk".to_owned(), s(&sk))])
            };
            let mut wanted: Vec<Item> = ids.iter().map(key).collect();
            // A batch may come back in parts; each round brings at least one, or DynamoDB is overloaded.
            while !wanted.is_empty() {
                let keys = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build()
                    .map_err(|_| permanent("the keys could not be made"))?;
                let call = self.client.batch_get_item().request_items(&self.table, keys);
                let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
                let items = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
                let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
                wanted = left.map(|left| left.keys).unwrap_or_default();
                if items.is_empty() && !wanted.is_empty() {
                    return Err(transient("overloaded"));
                }
                for item in items {
                    let row = read_row(tenant, &item).value;
                    found.insert(row.id.clone(), row);
                }
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The rows of an event, read consistently: a thousand at the most.
    async fn rows_of_event(&self, tenant: &Tenant, event: &str) -> Result<Vec<Delivery>> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let call = self.query_partition(&keys::rows(tenant, event)).set_exclusive_start_key(after);
            let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
            rows.extend(answer.items.unwrap_or_default().iter().map(|item| read_row(tenant, item).value));
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}

#[async_trait]
impl Ledger for DynamoDb {
    async fn put_event(
        &self,
        tenant: &Tenant,
        event: &str,
        document: &[u8],
        keep_until: Timestamp,
    ) -> Result<bool> {
        if document.len() > LARGEST_EVENT {
            return Err(permanent("the event's document is too large"));
        }
        let pk = keys::event(tenant, event);
        let mut parts: Vec<&[u8]> = document.chunks(PART).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let count = n(parts.len() as i128);
        let mut items = parts.iter().enumerate().map(|(index, part)| {
            Item::from([
                ("pk".to_owned(), s(&pk)),
                ("sk".to_owned(), s(&format!("{index:03}"))),
                ("body".to_owned(), AttributeValue::B(Blob::new(*part))),
                ("parts".to_owned(), count.clone()),
                (EXPIRES.to_owned(), n(keys::ttl(keep_until).into())),
            ])
        });
        if parts.len() == 1 {
            let item = items.next().unwrap_or_default();
            return self.put_if(item, "attribute_not_exists(pk)", Item::new()).await;
        }
        // All parts or none; the token makes a repetition by the SDK the same transaction.
        let put = |item| {
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map_err(|_| permanent("the event's document could not be written"))?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        let writes = items.map(put).collect::<Result<Vec<_>>>()?;
        let call =
            self.client.transact_write_items().client_request_token(token()).set_transact_items(Some(writes));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => cancelled(&error),
        }
    }

    async fn get_event(&self, tenant: &Tenant, event: &str) -> Result<Option<Vec<u8>>> {
        let pk = keys::event(tenant, event);
        let Some(first) = self.get_item(pk.clone(), "000").await? else { return Ok(None) };
        let parts = number(&first, "parts")?;
        let mut document = bytes(&first)?.to_vec();
        for index in 1..parts {
            let part = self.get_item(pk.clone(), &format!("{index:03}")).await?;
            let part = part.ok_or_else(|| permanent("a part of the event's document is missing"))?;
            document.extend_from_slice(bytes(&part)?);
        }
        Ok(Some(document))
    }

    async fn keep_event(&self, tenant: &Tenant, event: &str, until: Timestamp) -> Result<()> {
        let pk = keys::event(tenant, event);
        let Some(first) = self.get_item(pk.clone(), "000").await? else { return Ok(()) };
        for index in 0..number(&first, "parts")? {
            let call = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", s(&pk))
                .key("sk", s(&format!("{index:03}")))
                .update_expression("SET expires = :until")
                .condition_expression("attribute_exists(pk) AND expires < :until")
                .expression_attribute_values(":until", n(keys::ttl(until).into()));
            if let Err(error) = call.send().await
                && !matches!(
                    error.as_service_error(),
                    Some(UpdateItemError::ConditionalCheckFailedException(_))
                )
            {
                return Err(error::of_call(SERVICE, &error));
            }
        }
        Ok(())
    }

    async fn replace_event(&self, tenant: &Tenant, event: &str, before: &[u8], after: &[u8]) -> Result<bool> {
        // No document is stored without a byte, and DynamoDB takes no transaction without a write.
        if before.is_empty() {
            return Ok(false);
        }
        let pk = keys::event(tenant, event);
        let (before, after): (Vec<_>, Vec<_>) = (before.chunks(PART).collect(), after.chunks(PART).collect());
        let failed = |_| permanent("the event's document could not be written");
        let mut writes = Vec::with_capacity(before.len());
        // A document that something is erased from has no more parts than before.
        for (index, old) in before.iter().enumerate() {
            let (sk, bytes) = (format!("{index:03}"), |part: &[u8]| AttributeValue::B(Blob::new(part)));
            let item = TransactWriteItem::builder();
            writes.push(
                match after.get(index) {
                    Some(new) => {
                        let update = Update::builder()
                            .table_name(&self.table)
                            .key("pk", s(&pk))
                            .key("sk", s(&sk))
                            .condition_expression("body = :old")
                            .expression_attribute_values(":old", bytes(old))
                            .expression_attribute_values(":parts", n(after.len() as i128));
                        // A part that stays as it is is not sent a second time.
                        let update = if new == old {
                            update.update_expression("SET parts = :parts")
                        } else {
                            update
                                .update_expression("SET body = :new, parts = :parts")
                                .expression_attribute_values(":new", bytes(new))
                        };
                        item.update(update.build().map_err(failed)?)
                    }
                    None => item.delete(
                        Delete::builder()
                            .table_name(&self.table)
                            .key("pk", s(&pk))
                            .key("sk", s(&sk))
                            .condition_expression("body = :old")
                            .expression_attribute_values(":old", bytes(old))
                            .build()
                            .map_err(failed)?,
                    ),
                }
                .build(),
            );
        }
        let call =
            self.client.transact_write_items().client_request_token(token()).set_transact_items(Some(writes));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => cancelled(&error),
        }
    }

    async fn insert(&self, row: &Delivery) -> Result<bool> {
        self.put_if(self.write_row(row, 1)?, "attribute_not_exists(pk)", Item::new()).await
    }

    async fn get(&self, tenant: &Tenant, id: &DeliveryId) -> Result<Option<Versioned<Delivery>>> {
        let (pk, sk) = keys::row(tenant, id);
        let item = self.get_item(pk, &sk).await?;
        Ok(item.as_ref().map(|item| read_row(tenant, item)))
    }

    async fn update(&self, row: &Delivery, version: u64) -> Result<bool> {
        let values = Item::from([(":v".to_owned(), n(version.into()))]);
        self.put_if(self.write_row(row, version + 1)?, "v = :v", values).await
    }

    async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        order: Order,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        let mut after = match cursor {
            None => None,
            Some(cursor) => Some(
                keys::read_cursor(cursor, tenant, filter, order)
                    .ok_or_else(|| permanent("the cursor is not one that this list gave"))?,
            ),
        };
        if let Some(event) = &filter.event {
            let rows = self.rows_of_event(tenant, event).await?;
            let (deliveries, more) = page_of(rows, filter, order, after.as_deref(), limit);
            let cursor = more.map(|at| keys::cursor(&at, tenant, filter, order));
            return Ok(Page { deliveries, cursor });
        }
        let (index, partition) = keys::Index::for_filter(tenant, filter);
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut sifted = 0;
        // One more than asked for shows whether there is a next page.
        let more = loop {
            let limit_here = (limit + 1 - deliveries.len()).clamp(1, BATCH);
            let (comparison, forward) = match order {
                Order::NewestFirst => ("<", false),
                Order::OldestFirst => (">", true),
            };
            let mut condition = format!("{} = :p", index.name());
            let mut values = Item::from([(":p".to_owned(), s(&partition))]);
            if let Some(after) = &after {
                condition = format!("{condition} AND #at {comparison} :a");
                values.insert(":a".to_owned(), s(after));
            }
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(index.name())
                .key_condition_expression(condition)
                .set_expression_attribute_names(
                    after.is_some().then(|| HashMap::from([("#at".to_owned(), "at".to_owned())])),
                )
                .set_expression_attribute_values(Some(values))
                .scan_index_forward(forward)
                .limit(i32::try_from(limit_here).unwrap_or(1));
            let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
            let items = answer.items.unwrap_or_default();
            let ats: Vec<&str> = items.iter().filter_map(|item| text(item, "at")).collect();
            let ids: Vec<DeliveryId> =
                ats.iter().filter_map(|at| keys::id_of(at)).map(DeliveryId::from_external).collect();
            // The index lags behind the table, so the row itself has the last word.
            let rows = self.rows(tenant, &ids).await?;
            deliveries.extend(rows.into_iter().filter(|row| is_shown(row, order) && matches(row, filter)));
            sifted += items.len();
            if deliveries.len() > limit {
                deliveries.truncate(limit);
                break deliveries.last().map(keys::at);
            }
            match ats.last() {
                Some(last) if answer.last_evaluated_key.is_some() => {
                    if sifted >= SIFTED {
                        break Some((*last).to_owned());
                    }
                    after = Some((*last).to_owned());
                }
                _ => break None,
            }
        };
        let cursor = more.map(|at| keys::cursor(&at, tenant, filter, order));
        Ok(Page { deliveries, cursor })
    }

    async fn get_state(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<serde_json::Value>>> {
        let Some(item) = self.get_item(keys::state(tenant), key).await? else {
            return Ok(None);
        };
        // The time to live deletes late: what has expired is compared, not trusted to be gone.
        let until = item.contains_key("valid_until").then(|| number(&item, "valid_until")).transpose()?;
        if until.is_some_and(|until| i128::from(until) <= now.as_nanosecond()) {
            return Ok(None);
        }
        let value = text(&item, "value").and_then(|value| serde_json::from_str(value).ok());
        let value = value.ok_or_else(|| permanent("a shared state cannot be read"))?;
        Ok(Some(Versioned { value, version: number(&item, "v")? }))
    }

    async fn put_state(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &serde_json::Value,
        version: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        let token = token();
        let mut values = Item::from([
            (":now".to_owned(), n(now.as_nanosecond())),
            (":value".to_owned(), s(&value.to_string())),
            (":none".to_owned(), n(0)),
            (":one".to_owned(), n(1)),
            (":w".to_owned(), s(&token)),
        ]);
        let condition = if version == 0 {
            "attribute_not_exists(pk) OR valid_until <= :now"
        } else {
            values.insert(":v".to_owned(), n(version.into()));
            "v = :v AND (attribute_not_exists(valid_until) OR valid_until > :now)"
        };
        // Counting on, even over what has expired, keeps a writer that still holds the old number from winning.
        let mut update = "SET #value = :value, w = :w, v = if_not_exists(v, :none) + :one".to_owned();
        if let Some(until) = expires {
            values.insert(":until".to_owned(), n(until.as_nanosecond()));
            values.insert(":expires".to_owned(), n(keys::ttl(until).into()));
            update.push_str(", valid_until = :until, expires = :expires");
        } else {
            update.push_str(" REMOVE valid_until, expires");
        }
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", s(&keys::state(tenant)))
            .key("sk", s(key))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_names("#value", "value")
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok(is_own(refusal, &token))
                }
                _ => Err(error::of_call(SERVICE, &error)),
            },
        }
    }

    async fn due(&self, shard: u16, before: Timestamp, limit: usize) -> Result<Vec<Due>> {
        let values = Item::from([
            (":p".to_owned(), s(&keys::due_partition(shard))),
            (":before".to_owned(), s(&keys::due_at(before))),
        ]);
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::BY_DUE)
            .key_condition_expression("by_due = :p AND due < :before")
            .set_expression_attribute_values(Some(values))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = call.send().await.map_err(|error| error::of_call(SERVICE, &error))?;
        let items = answer.items.unwrap_or_default();
        Ok(items
            .iter()
            .filter_map(|item| keys::read_due(text(item, "pk")?, text(item, "sk")?, text(item, keys::DUE)?))
            .collect())
    }

    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<bool> {
        let values = Item::from([
            (":seen".to_owned(), s(&keys::due_at(due.at))),
            (":until".to_owned(), s(&keys::due_at(until))),
        ]);
        self.set_due(&due.what, "SET due = :until", "due = :seen", values).await
    }

    async fn watch(&self, tenant: &Tenant, at: Timestamp) -> Result<()> {
        let values = Item::from([
            (":p".to_owned(), s(&keys::due_partition(due::shard(tenant.as_str())))),
            (":at".to_owned(), s(&keys::due_at(at))),
        ]);
        let update = "SET by_due = :p, due = :at";
        let sooner = "attribute_not_exists(due) OR due > :at";
        self.set_due(&DueKind::Relay(tenant.clone()), update, sooner, values).await.map(drop)
    }

    async fn forget_some(&self, tenant: &Tenant) -> Result<bool> {
        let page = self.list(tenant, &Filter::default(), Order::OldestFirst, None, BATCH).await?;
        for row in &page.deliveries {
            self.forget_row(row).await?;
        }
        let states = self.sort_keys(&keys::state(tenant)).await?;
        for key in &states {
            self.delete_item(&keys::state(tenant), key).await?;
        }
        self.delete_item(&keys::relay(tenant), keys::SINGLE).await?;
        Ok(!page.deliveries.is_empty() || !states.is_empty())
    }
}

impl DynamoDb {
    /// Changes the entry of a row or relay in the index of what is due. `false` when the condition does not hold.
    async fn set_due(&self, what: &DueKind, update: &str, condition: &str, values: Item) -> Result<bool> {
        let (pk, sk) = keys::of_due(what);
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", s(&pk))
            .key("sk", s(&sk))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error::of_call(SERVICE, &error)),
            },
        }
    }
}

/// The result of a transaction that failed: `false` when a condition did not hold.
fn cancelled(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Result<bool> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    };
    let codes = || reasons.iter().filter_map(|reason| reason.code());
    if codes().any(|code| code == "ConditionalCheckFailed") {
        Ok(false)
    } else if codes().any(|code| !matches!(code, "None" | "ValidationError")) {
        Err(transient("the transaction met another one"))
    } else {
        Err(error::of_call(SERVICE, error))
    }
}

/// Whether the stored item, as the refusal shows it, was written under this token.
fn is_own(refusal: &ConditionalCheckFailedException, token: &str) -> bool {
    refusal.item().and_then(|item| text(item, "w")) == Some(token)
}

/// A page of rows that are all here, and the sort key of its last row where there are more.
fn page_of(
    mut rows: Vec<Delivery>,
    filter: &Filter,
    order: Order,
    after: Option<&str>,
    limit: usize,
) -> (Vec<Delivery>, Option<String>) {
    rows.retain(|row| is_shown(row, order) && matches(row, filter));
    rows.sort_by_cached_key(keys::at);
    if order == Order::NewestFirst {
        rows.reverse();
    }
    if let Some(after) = after {
        rows.retain(|row| match order {
            Order::NewestFirst => *keys::at(row) < *after,
            Order::OldestFirst => *keys::at(row) > *after,
        });
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().map(keys::at).filter(|_| more);
    (rows, last)
}

/// Whether a list in this order has the row: what goes through rows to work on them leaves out what cannot be read.
fn is_shown(row: &Delivery, order: Order) -> bool {
    order == Order::NewestFirst || row.closed != Some(Closed::Unreadable)
}

fn matches(row: &Delivery, filter: &Filter) -> bool {
    // Of a row that cannot be read only the index knows whether it matches.
    if row.closed == Some(Closed::Unreadable) {
        return filter.status.is_none_or(|status| status == row.status);
    }
    filter.event.as_ref().is_none_or(|event| *event == row.event)
        && filter.recipient.as_ref().is_none_or(|to| keys::address(to) == keys::address(&row.recipient))
        && filter.status.is_none_or(|status| status == row.status)
}

fn write_row(row: &Delivery, version: u64) -> Result<Item> {
    let packed = stored_row::pack(row).map_err(|_| permanent("the row could not be written"))?;
    let (pk, sk) = keys::row(&row.tenant, &row.id);
    let mut item = Item::from([
        ("pk".to_owned(), s(&pk)),
        ("sk".to_owned(), s(&sk)),
        ("row".to_owned(), AttributeValue::B(Blob::new(packed))),
        ("v".to_owned(), n(version.into())),
        ("at".to_owned(), s(&keys::at(row))),
    ]);
    item.extend(keys::index_keys(row).into_iter().map(|(name, key)| (name.to_owned(), s(&key))));
    Ok(item)
}

/// The row, or the one that says that it cannot be read: it must not take the others of a page with it.
fn read_row(tenant: &Tenant, item: &Item) -> Versioned<Delivery> {
    let version = number(item, "v");
    let packed = item.get("row").and_then(|value| value.as_b().ok());
    let row = packed.ok_or_else(|| "no bytes".to_owned());
    let row = row.and_then(|packed| stored_row::unpack(packed.as_ref()));
    let value = match (row, &version) {
        (Ok(row), Ok(_)) => row,
        (row, _) => {
            let error = row.err().unwrap_or_default();
            let id =
                keys::id_of_keys(text(item, "pk").unwrap_or_default(), text(item, "sk").unwrap_or_default());
            tracing::error!(%tenant, row = id.as_str(), error, "a row cannot be read");
            let queued_at = text(item, "at").and_then(keys::time_of).unwrap_or_default();
            Delivery::unreadable(tenant, id, String::new(), String::new(), queued_at)
        }
    };
    Versioned { value, version: version.unwrap_or(0) }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i128) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn number(item: &Item, name: &str) -> Result<u64> {
    let number = item.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| permanent("an item lacks a number"))
}

fn bytes(item: &Item) -> Result<&[u8]> {
    let body = item.get("body").and_then(|value| value.as_b().ok());
    body.map(AsRef::as_ref).ok_or_else(|| permanent("an event's document cannot be read"))
}

/// Random, so that two writers never share it. Without randomness two tokens could be the same, which a write
/// may not risk: then the time takes its place.
fn token() -> String {
    let number = getrandom::u64().unwrap_or_else(|_| {
        u64::try_from(Timestamp::now().as_nanosecond().rem_euclid(i128::from(u64::MAX))).unwrap_or(0)
    });
    format!("{number:016x}")
}

fn transient(message: &str) -> EffectError {
    EffectError::Transient { service: SERVICE, message: message.to_owned() }
}

fn permanent(message: &str) -> EffectError {
    EffectError::Permanent { service: SERVICE, message: message.to_owned() }
}
