//! The contract of the effects, as suites that run against every implementation: memory, the embedded store, and
//! emulated AWS. Each suite takes a name of its run, so that one installation can serve many runs.
#![allow(clippy::missing_panics_doc, reason = "a suite that fails panics")]

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_core::effects::{
    Due, DueKind, EffectError, Emitted, Events, Filter, Ledger, Order, Queue, QueueMessage, SecretStage,
    Secrets, StoredVersion, Versioned,
};
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Revision, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;
use serde_json::json;

/// A queue as a test controls it: the worker's calls, and the passing of time.
#[async_trait]
pub trait QueueBench: Send + Sync {
    /// Receives a few messages, as pairs of receipt and body. A received message is hidden for `visibility`.
    async fn receive(&self, visibility: Duration) -> Vec<(String, String)>;
    /// Deletes a message that is done.
    async fn delete(&self, receipt: &str);
    /// Lets this much time pass: by setting a test clock, or by waiting.
    async fn pass(&self, time: Duration);
}

fn tenant(run: &str, name: &str) -> Tenant {
    Tenant::new(&format!("{run}-{name}")).expect("a usable name")
}

fn revision(name: &str) -> Revision {
    // Secrets Manager requires 32 to 64 characters.
    Revision(format!("{name:0>32}"))
}

/// A time on the suites' day, in seconds; whole milliseconds, so that no store rounds it.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).expect("a time in range")
}

fn row(tenant: &Tenant, event: &str, recipient: &str, queued: i64) -> Delivery {
    Delivery {
        id: DeliveryId::derive(tenant, event, recipient),
        tenant: tenant.clone(),
        event: event.to_owned(),
        category: Category::RightsRequest,
        kind: "request.opened".into(),
        recipient: recipient.to_owned(),
        status: Status::Queued,
        route: None,
        reason: "queued".into(),
        revision: None,
        message_id: format!("{event}@example.org"),
        queued_at: at(queued),
        updated_at: at(queued),
        next_attempt_at: None,
        retry_until: at(queued + 3600),
        ticket: None,
        hold_until: at(queued + 7200),
        waits_for: None,
        closed: None,
        not_after: None,
        attempts: Vec::new(),
    }
}

async fn label(secrets: &dyn Secrets, tenant: &Tenant, stage: SecretStage) -> Option<(Revision, String)> {
    let version = secrets.get(tenant, stage).await.expect("get");
    version.map(|StoredVersion { revision, document, .. }| (revision, document.to_string()))
}

/// The revisions with the labels AWSCURRENT, AWSPREVIOUS and AWSPENDING.
async fn labels(secrets: &dyn Secrets, tenant: &Tenant) -> [Option<Revision>; 3] {
    let mut found = [None, None, None];
    for (slot, stage) in
        found.iter_mut().zip([SecretStage::Current, SecretStage::Previous, SecretStage::Pending])
    {
        *slot = label(secrets, tenant, stage).await.map(|(revision, _)| revision);
    }
    found
}

/// Versions and labels of secrets. `run` is a prefix of all names of this run.
pub async fn secrets(secrets: &dyn Secrets, run: &str) {
    let (acme, other) = (tenant(run, "acme"), tenant(run, "other"));
    let (one, two, three) = (revision("1"), revision("2"), revision("3"));

    assert_eq!(labels(secrets, &acme).await, [None, None, None], "nothing stored yet");
    assert!(secrets.get_revision(&acme, &one).await.expect("get").is_none());
    secrets.discard_pending(&acme, &one).await.expect("nothing to discard is no error");

    secrets.put_pending(&acme, &one, "first").await.expect("put");
    assert_eq!(labels(secrets, &acme).await, [None, None, Some(one.clone())], "only pending");
    secrets.put_pending(&acme, &one, "first").await.expect("the same again changes nothing");
    assert_eq!(labels(secrets, &acme).await, [None, None, Some(one.clone())]);
    let stored = secrets.get_revision(&acme, &one).await.expect("get").expect("is there");
    assert_eq!((stored.revision.clone(), stored.document.as_str()), (one.clone(), "first"));

    assert!(!secrets.promote(&acme, &one, Some(&two)).await.expect("promote"), "another version is current");
    assert_eq!(labels(secrets, &acme).await, [None, None, Some(one.clone())], "no label moved");
    assert!(secrets.promote(&acme, &one, None).await.expect("promote"));
    assert_eq!(labels(secrets, &acme).await, [Some(one.clone()), None, None]);

    secrets.put_pending(&acme, &two, "second").await.expect("put");
    assert_eq!(labels(secrets, &acme).await, [Some(one.clone()), None, Some(two.clone())], "current stays");
    assert!(
        !secrets.promote(&acme, &two, None).await.expect("promote"),
        "another version was saved meanwhile"
    );
    assert!(secrets.promote(&acme, &two, Some(&one)).await.expect("promote"));
    assert_eq!(labels(secrets, &acme).await, [Some(two.clone()), Some(one.clone()), None]);

    secrets.put_pending(&acme, &three, "third").await.expect("put");
    secrets
        .discard_pending(&acme, &two)
        .await
        .expect("discarding a version that is not pending changes nothing");
    assert_eq!(labels(secrets, &acme).await, [Some(two.clone()), Some(one.clone()), Some(three.clone())]);
    secrets.discard_pending(&acme, &three).await.expect("discard");
    assert_eq!(labels(secrets, &acme).await, [Some(two.clone()), Some(one.clone()), None]);

    // Rollback: the earlier version becomes current, and the later one becomes the previous version.
    assert!(secrets.promote(&acme, &one, Some(&two)).await.expect("promote"));
    assert_eq!(labels(secrets, &acme).await, [Some(one.clone()), Some(two.clone()), None]);
    assert_eq!(label(secrets, &acme, SecretStage::Current).await, Some((one.clone(), "first".into())));

    assert!(secrets.tokens(&acme).await.expect("tokens").is_none(), "no tokens yet");
    for document in ["tokens", "other tokens"] {
        secrets.put_tokens(&acme, document).await.expect("put tokens");
        let stored = secrets.tokens(&acme).await.expect("tokens").expect("are there");
        assert_eq!(stored.as_str(), document, "the last ones");
    }
    assert_eq!(labels(secrets, &acme).await, [Some(one.clone()), Some(two.clone()), None], "no label moved");
    assert!(secrets.tokens(&other).await.expect("tokens").is_none(), "another tenant has none");

    assert_eq!(labels(secrets, &other).await, [None, None, None], "another tenant has no version");
    assert!(secrets.get_revision(&other, &one).await.expect("get").is_none());

    secrets.put_pending(&other, &one, "theirs").await.expect("put");
    secrets.forget(&acme).await.expect("forget");
    assert_eq!(labels(secrets, &acme).await, [None, None, None], "every label is gone");
    for gone in [&one, &two, &three] {
        assert!(secrets.get_revision(&acme, gone).await.expect("get").is_none(), "every version is gone");
    }
    secrets.forget(&acme).await.expect("nothing to forget is no error");
    assert_eq!(labels(secrets, &other).await, [None, None, Some(one.clone())], "another tenant's stays");
    secrets.put_pending(&acme, &one, "a new beginning").await.expect("put");
    assert!(secrets.promote(&acme, &one, None).await.expect("promote"));
    assert_eq!(labels(secrets, &acme).await, [Some(one), None, None]);
}

/// Events, rows, lists, states and what is due.
pub async fn ledger(ledger: &dyn Ledger, run: &str) {
    events_of_rows(ledger, run).await;
    rows(ledger, run).await;
    lists(ledger, run).await;
    states(ledger, run).await;
    due_rows(ledger, run).await;
    watched_relays(ledger, run).await;
    forgotten(ledger, run).await;
}

async fn forgotten(ledger: &dyn Ledger, run: &str) {
    let (gone, other) = (tenant(run, "gone"), tenant(run, "stays"));
    for tenant in [&gone, &other] {
        for number in 0..3 {
            let row = row(tenant, &format!("e{number}"), "jan@example.org", number);
            assert_eq!(ledger.put_event(tenant, &row.event, b"{}", at(1_000_000)).await, Ok(true));
            assert_eq!(ledger.insert(&row).await, Ok(true));
        }
        for key in ["health", "tests"] {
            assert_eq!(ledger.put_state(tenant, key, &json!(1), 0, None, at(0)).await, Ok(true));
        }
        ledger.watch(tenant, at(5)).await.expect("watch");
    }
    let mut calls = 0;
    while ledger.forget_some(&gone).await.expect("forget") {
        calls += 1;
        assert!(calls < 20, "forgetting ends");
    }
    for (tenant, rows) in [(&gone, 0), (&other, 3)] {
        assert_eq!(all(ledger, tenant, &Filter::default(), Order::OldestFirst).await.0.len(), rows);
        assert_eq!(ledger.get_event(tenant, "e1").await.expect("get").is_some(), rows > 0);
        assert_eq!(ledger.get_state(tenant, "health", at(1)).await.expect("get").is_some(), rows > 0);
        let due = due_of(ledger, tenant, at(1_000_000)).await.len();
        assert_eq!(due, if rows > 0 { rows + 1 } else { 0 });
    }
    assert_eq!(ledger.forget_some(&gone).await, Ok(false), "nothing is left");
}

async fn events_of_rows(ledger: &dyn Ledger, run: &str) {
    let (acme, other) = (tenant(run, "acme"), tenant(run, "other"));
    // Binary data, larger than one DynamoDB item.
    let document: Vec<u8> = (0..900_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(ledger.get_event(&acme, "e1").await, Ok(None));
    assert_eq!(ledger.put_event(&acme, "e1", &document, at(1_000_000)).await, Ok(true));
    assert_eq!(
        ledger.put_event(&acme, "e1", b"another", at(1_000_000)).await,
        Ok(false),
        "the first one stays"
    );
    assert_eq!(ledger.get_event(&acme, "e1").await, Ok(Some(document)));
    assert_eq!(ledger.get_event(&other, "e1").await, Ok(None));
    assert_eq!(
        ledger.put_event(&other, "e1", b"theirs", at(1_000_000)).await,
        Ok(true),
        "ids are unique per tenant"
    );
    assert_eq!(ledger.get_event(&other, "e1").await, Ok(Some(b"theirs".to_vec())));

    // A document that something is erased from has no more parts than before, one or none.
    ledger.keep_event(&acme, "e1", at(2_000_000)).await.expect("keep");
    ledger.keep_event(&acme, "none", at(2_000_000)).await.expect("nothing to keep is no error");
    let document = ledger.get_event(&acme, "e1").await.expect("get").expect("there");
    assert_eq!(ledger.replace_event(&acme, "e1", b"another", b"x").await, Ok(false), "it is another one");
    assert_eq!(ledger.get_event(&acme, "e1").await, Ok(Some(document.clone())));
    // Two parts of three; the second keeps little, because moto counts an attribute's old and new value together.
    let shorter = &document[..395_000];
    assert_eq!(ledger.replace_event(&acme, "e1", &document, shorter).await, Ok(true));
    assert_eq!(ledger.get_event(&acme, "e1").await, Ok(Some(shorter.to_vec())));
    assert_eq!(ledger.replace_event(&acme, "e1", shorter, b"short").await, Ok(true));
    assert_eq!(ledger.get_event(&acme, "e1").await, Ok(Some(b"short".to_vec())));
    assert_eq!(ledger.replace_event(&acme, "none", b"", b"x").await, Ok(false));
}

async fn rows(ledger: &dyn Ledger, run: &str) {
    let (acme, other) = (tenant(run, "acme"), tenant(run, "other"));
    let mut row = row(&acme, "e1", "jan@example.org", 0);
    assert_eq!(ledger.get(&acme, &row.id).await, Ok(None));
    assert_eq!(ledger.update(&row, 1).await, Ok(false), "nothing to update");
    assert_eq!(ledger.insert(&row).await, Ok(true));
    let mut twice = row.clone();
    twice.reason = "again".into();
    assert_eq!(ledger.insert(&twice).await, Ok(false), "the first one stays");
    assert_eq!(ledger.get(&acme, &row.id).await, Ok(Some(Versioned { value: row.clone(), version: 1 })));
    assert_eq!(ledger.get(&other, &row.id).await, Ok(None), "only its own tenant reads a row");

    row.status = Status::Deferred;
    row.next_attempt_at = Some(at(60));
    row.revision = Some(revision("1"));
    assert_eq!(ledger.update(&row, 2).await, Ok(false), "a version that does not exist yet");
    assert_eq!(ledger.update(&row, 1).await, Ok(true));
    assert_eq!(ledger.update(&row, 1).await, Ok(false), "an old version");
    assert_eq!(ledger.get(&acme, &row.id).await, Ok(Some(Versioned { value: row.clone(), version: 2 })));
    row.next_attempt_at = None;
    row.status = Status::Sent;
    assert_eq!(ledger.update(&row, 2).await, Ok(true));
    assert_eq!(ledger.get(&acme, &row.id).await, Ok(Some(Versioned { value: row, version: 3 })));
    // An erased row leaves the list of its recipient.
    let by_recipient =
        Filter { recipient: Some("jan@example.org".into()), event: Some("e1".into()), status: None };
    let stored = ledger.get(&acme, &DeliveryId::derive(&acme, "e1", "jan@example.org")).await;
    let Ok(Some(Versioned { value, version })) = stored else { panic!("{stored:?}") };
    assert_eq!(all(ledger, &acme, &by_recipient, Order::OldestFirst).await.0.len(), 1);
    let erased = value.erased(at(70));
    assert_eq!(ledger.update(&erased, version).await, Ok(true));
    assert_eq!(all(ledger, &acme, &by_recipient, Order::OldestFirst).await.0, Vec::<String>::new());
    assert_eq!(
        ledger.insert(&row_again(&acme)).await,
        Ok(false),
        "its id stays, so that a repeated event sends nothing"
    );
    let nothing = DeliveryId::from_external("no/such id\u{e9}");
    assert_eq!(ledger.get(&acme, &nothing).await, Ok(None));
}

fn row_again(tenant: &Tenant) -> Delivery {
    row(tenant, "e1", "jan@example.org", 0)
}

/// All pages of a list, as the ids in order, and the number of pages.
async fn all(ledger: &dyn Ledger, tenant: &Tenant, filter: &Filter, order: Order) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let page = ledger.list(tenant, filter, order, cursor.as_deref(), 2).await.expect("list");
        assert!(page.deliveries.len() <= 2, "a page is within its limit");
        found.extend(page.deliveries.iter().map(|row| format!("{}>{}", row.event, row.recipient)));
        pages += 1;
        assert!(pages < 50, "a list ends");
        cursor = page.cursor;
        if cursor.is_none() {
            return (found, pages);
        }
    }
}

async fn lists(ledger: &dyn Ledger, run: &str) {
    let acme = tenant(run, "lists");
    let rows = [("e1", "a@x.org", 1), ("e1", "b@x.org", 1), ("e2", "a@x.org", 2), ("e3", "c@x.org", 3)];
    for (event, recipient, queued) in rows {
        let mut row = row(&acme, event, recipient, queued);
        assert_eq!(ledger.insert(&row).await, Ok(true));
        if event == "e2" {
            row.status = Status::Held;
            assert_eq!(ledger.update(&row, 1).await, Ok(true));
        }
    }
    let other = tenant(run, "lists2");
    assert_eq!(ledger.insert(&row(&other, "e1", "a@x.org", 1)).await, Ok(true));

    let by = |event: Option<&str>, recipient: Option<&str>, status| Filter {
        event: event.map(Into::into),
        recipient: recipient.map(Into::into),
        status,
    };
    // Pairs of a filter and the rows that it selects, the oldest first. Rows of the same time may come in any one
    // order.
    let cases: [(Filter, &[&str]); 9] = [
        (by(None, None, None), &["e1>a@x.org", "e1>b@x.org", "e2>a@x.org", "e3>c@x.org"]),
        (by(Some("e1"), None, None), &["e1>a@x.org", "e1>b@x.org"]),
        (by(None, Some("a@x.org"), None), &["e1>a@x.org", "e2>a@x.org"]),
        (by(None, None, Some(Status::Held)), &["e2>a@x.org"]),
        (by(None, None, Some(Status::Queued)), &["e1>a@x.org", "e1>b@x.org", "e3>c@x.org"]),
        (by(Some("e1"), Some("b@x.org"), Some(Status::Queued)), &["e1>b@x.org"]),
        (by(Some("e2"), None, Some(Status::Queued)), &[]),
        (by(Some("none"), None, None), &[]),
        (by(None, Some("' OR 1=1 --"), None), &[]),
    ];
    for (filter, expected) in cases {
        let time = |entry: &String| entry.split_once('>').map(|(event, _)| event.to_owned());
        let (oldest_first, pages) = all(ledger, &acme, &filter, Order::OldestFirst).await;
        let mut sorted = oldest_first.clone();
        sorted.sort();
        assert_eq!(sorted, expected, "{filter:?}");
        assert!(oldest_first.is_sorted_by_key(time), "{filter:?}: {oldest_first:?}");
        assert!(pages <= expected.len() + 1, "{filter:?}: {pages} pages");
        let (newest_first, _) = all(ledger, &acme, &filter, Order::NewestFirst).await;
        assert!(newest_first.iter().rev().is_sorted_by_key(time), "{filter:?}: {newest_first:?}");
        let mut sorted = newest_first;
        sorted.sort();
        assert_eq!(sorted, expected, "{filter:?}");
    }
    for cursor in ["rubbish", "", "\u{e9}\u{0}", "AAAA"] {
        let page = ledger.list(&acme, &Filter::default(), Order::NewestFirst, Some(cursor), 2).await;
        assert!(matches!(page, Err(EffectError::Permanent { .. })), "{cursor:?}: {page:?}");
    }
}

async fn states(ledger: &dyn Ledger, run: &str) {
    let (acme, other) = (tenant(run, "acme"), tenant(run, "other"));
    let (first, second) = (json!({"open": true}), json!(["x", 1, null]));
    let state = async |tenant, now| ledger.get_state(tenant, "breaker", now).await.expect("get_state");

    assert_eq!(state(&acme, at(0)).await, None);
    assert_eq!(
        ledger.put_state(&acme, "breaker", &first, 1, None, at(0)).await,
        Ok(false),
        "the state does not exist yet"
    );
    assert_eq!(ledger.put_state(&acme, "breaker", &first, 0, None, at(0)).await, Ok(true));
    assert_eq!(
        ledger.put_state(&acme, "breaker", &second, 0, None, at(0)).await,
        Ok(false),
        "the state exists"
    );
    let Some(Versioned { value, version }) = state(&acme, at(0)).await else { panic!("written") };
    assert_eq!(value, first);
    assert_eq!(state(&other, at(0)).await, None, "only its own tenant reads a state");
    assert_eq!(ledger.get_state(&acme, "health", at(0)).await, Ok(None), "each state has its own key");

    assert_eq!(
        ledger.put_state(&acme, "breaker", &second, version, Some(at(10)), at(1)).await,
        Ok(true),
        "the version just read"
    );
    assert_eq!(
        ledger.put_state(&acme, "breaker", &first, version, None, at(1)).await,
        Ok(false),
        "an old version"
    );
    let read = state(&acme, at(9)).await;
    assert_eq!(read, Some(Versioned { value: second, version: version + 1 }));
    assert_eq!(state(&acme, at(10)).await, None, "expired");
    assert_eq!(
        ledger.put_state(&acme, "breaker", &first, 0, None, at(9)).await,
        Ok(false),
        "not yet expired"
    );
    assert_eq!(ledger.put_state(&acme, "breaker", &first, 0, Some(at(99)), at(10)).await, Ok(true));
    assert_eq!(state(&acme, at(11)).await.map(|state| state.value), Some(first));
}

/// What is due of this tenant before this time: in the order of each shard, with the entries as they are.
async fn due_of(ledger: &dyn Ledger, tenant: &Tenant, before: Timestamp) -> Vec<Due> {
    let mut found = Vec::new();
    for shard in 0..due::SHARDS {
        let page = ledger.due(shard, before, 1000).await.expect("due");
        assert!(page.is_sorted_by_key(|due| due.at), "the longest due first: {page:?}");
        // Other runs may have entries in the same installation.
        found.extend(page.into_iter().filter(|due| match &due.what {
            DueKind::Row(owner, _) | DueKind::Relay(owner) => owner == tenant,
        }));
    }
    found
}

async fn due_rows(ledger: &dyn Ledger, run: &str) {
    let acme = tenant(run, "due");
    let hour = 3600;
    let mut row = row(&acme, "e1", "jan@example.org", 0);
    row.hold_until = at(100 * hour);
    assert_eq!(ledger.insert(&row).await, Ok(true));
    assert_eq!(due_of(ledger, &acme, at(0)).await, [], "not yet");
    let found = due_of(ledger, &acme, at(hour)).await;
    let [entry] = &found[..] else { panic!("{found:?}") };
    assert_eq!(entry.what, DueKind::Row(acme.clone(), row.id.clone()));
    assert_eq!(Some(entry.at), due::at(&row));

    // Of two that have read the same entry, one moves it. The row does not change.
    assert_eq!(ledger.postpone(entry, at(5 * hour)).await, Ok(true));
    assert_eq!(ledger.postpone(entry, at(5 * hour)).await, Ok(false), "it has moved");
    assert_eq!(due_of(ledger, &acme, at(hour)).await, []);
    assert_eq!(due_of(ledger, &acme, at(6 * hour)).await.len(), 1);
    assert_eq!(ledger.get(&acme, &row.id).await, Ok(Some(Versioned { value: row.clone(), version: 1 })));

    // Each write of the row moves its entry, whatever was there.
    row.status = Status::Deferred;
    row.next_attempt_at = Some(at(2 * hour));
    assert_eq!(ledger.update(&row, 1).await, Ok(true));
    assert_eq!(due_of(ledger, &acme, at(hour)).await, []);
    assert_eq!(due_of(ledger, &acme, at(3 * hour)).await.len(), 1);
    row.status = Status::Sent;
    assert_eq!(ledger.update(&row, 2).await, Ok(true));
    assert_eq!(due_of(ledger, &acme, at(1000 * hour)).await, [], "a final row is never due");
    assert_eq!(ledger.postpone(entry, at(5 * hour)).await, Ok(false), "nor can it become so");
    let nothing = Due { what: DueKind::Row(acme.clone(), DeliveryId::from_external("dlv_0")), at: at(1) };
    assert_eq!(ledger.postpone(&nothing, at(2)).await, Ok(false));

    let mut rows = Vec::new();
    for number in 0..40 {
        let row = self::row(&acme, "e2", &format!("r{number}@example.org"), number * hour);
        assert_eq!(ledger.insert(&row).await, Ok(true));
        rows.push(DueKind::Row(acme.clone(), row.id));
    }
    let mut found: Vec<DueKind> =
        due_of(ledger, &acme, at(100 * hour)).await.into_iter().map(|due| due.what).collect();
    found.sort();
    rows.sort();
    assert_eq!(found, rows, "every row once, in whichever shard");
}

async fn watched_relays(ledger: &dyn Ledger, run: &str) {
    let acme = tenant(run, "watched");
    let times = async |before| {
        let found = due_of(ledger, &acme, before).await;
        assert!(found.iter().all(|due| due.what == DueKind::Relay(acme.clone())), "{found:?}");
        found.into_iter().map(|due| due.at).collect::<Vec<_>>()
    };
    assert_eq!(times(at(1000)).await, []);
    ledger.watch(&acme, at(500)).await.expect("watch");
    assert_eq!(times(at(500)).await, [], "not before its time");
    assert_eq!(times(at(501)).await, [at(500)]);
    ledger.watch(&acme, at(900)).await.expect("watch");
    assert_eq!(times(at(1000)).await, [at(500)], "it is due sooner");
    ledger.watch(&acme, at(100)).await.expect("watch");
    assert_eq!(times(at(1000)).await, [at(100)]);
    let entry = Due { what: DueKind::Relay(acme.clone()), at: at(100) };
    assert_eq!(ledger.postpone(&entry, at(2000)).await, Ok(true));
    assert_eq!(ledger.postpone(&entry, at(3000)).await, Ok(false), "it has moved");
    assert_eq!((times(at(1000)).await, times(at(2001)).await), (vec![], vec![at(2000)]));
}

/// Sending and hiding messages, and the visibility timeout.
pub async fn queue(queue: &dyn Queue, bench: &dyn QueueBench, run: &str) {
    const VISIBILITY: Duration = Duration::from_secs(4);
    let acme = tenant(run, "acme");
    let message = |body: &str, delay| QueueMessage {
        group: acme.clone(),
        category: None,
        body: body.to_owned(),
        delay: Duration::from_secs(delay),
    };
    let sent = queue.send(&[message("now", 0), message("too late", 901), message("later", 3)]).await;
    assert!(sent[0].is_ok() && sent[2].is_ok(), "{sent:?}");
    assert!(matches!(sent[1], Err(EffectError::Permanent { .. })), "only the bad entry fails: {sent:?}");
    assert!(queue.send(&[]).await.is_empty());
    // More messages than one SQS call takes.
    let many: Vec<_> = (0..23).map(|n| message(&format!("many-{n:02}"), 0)).collect();
    assert!(queue.send(&many).await.iter().all(Result::is_ok));

    let mut bodies = Vec::new();
    while bodies.len() < 24 {
        let received = bench.receive(VISIBILITY).await;
        assert!(!received.is_empty(), "a visible message is received; so far: {bodies:?}");
        for (receipt, body) in received {
            if body != "now" {
                bench.delete(&receipt).await;
            }
            bodies.push(body);
        }
    }
    bodies.sort();
    let mut expected: Vec<_> = (0..23).map(|n| format!("many-{n:02}")).collect();
    expected.push("now".into());
    assert_eq!(bodies, expected, "each once, and none before its delay is over");

    bench.pass(Duration::from_secs(5)).await;
    let mut again = bench.receive(VISIBILITY).await;
    again.extend(bench.receive(VISIBILITY).await);
    again.sort_by(|(_, a), (_, b)| a.cmp(b));
    let bodies: Vec<_> = again.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(
        bodies,
        ["later", "now"],
        "an undeleted message is visible again, a delayed message after its delay"
    );

    let (later, now) = (&again[0].0, &again[1].0);
    bench.delete(later).await;
    queue.hide(now, Duration::from_secs(8)).await.expect("hide");
    bench.pass(Duration::from_secs(5)).await;
    assert_eq!(bench.receive(VISIBILITY).await, [], "hidden beyond the visibility timeout");
    bench.pass(Duration::from_secs(4)).await;
    let back = bench.receive(VISIBILITY).await;
    assert_eq!(back.len(), 1, "{back:?}");
    queue.hide(&back[0].0, Duration::ZERO).await.expect("hiding for no time makes a message visible");
    let back = bench.receive(VISIBILITY).await;
    assert_eq!(back.len(), 1, "{back:?}");
    let beyond = queue.hide(&back[0].0, Duration::from_hours(13)).await;
    assert!(matches!(beyond, Err(EffectError::Permanent { .. })), "{beyond:?}");
    bench.delete(&back[0].0).await;
    bench.pass(Duration::from_secs(9)).await;
    assert_eq!(bench.receive(VISIBILITY).await, [], "nothing is left");
}

/// Emitting events to the bus.
pub async fn events(events: &dyn Events, run: &str) {
    let emitted = |n: usize| Emitted {
        detail_type: "Relay Recovered",
        detail: json!({"tenant": format!("{run}-acme"), "number": n}),
    };
    assert!(events.emit(&[]).await.is_empty());
    // More events than one PutEvents call takes.
    let many: Vec<_> = (0..12).map(emitted).collect();
    let results = events.emit(&many).await;
    assert_eq!(results.len(), 12);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}
