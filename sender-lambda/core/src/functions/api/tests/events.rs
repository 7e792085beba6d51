//! `POST /events`.

use super::*;
use crate::access::{Access, Claim};

fn event(id: &str, tenant: &str) -> Value {
    json!({
        "id": id, "tenant": tenant, "category": "notification", "type": "comment.created",
        "recipients": [{"address": "jan@example.org"}],
    })
}

/// The caller of a token with these claims, where admins have the role of that name.
fn caller(token: &Value) -> Caller {
    let claim = |text| Some(Claim::parse(text).unwrap());
    Caller::of(&Access { tenant: None, admin: claim("role=admin"), reader: claim("role=support") }, token)
}

async fn post(world: &World, token: &Value, body: &Value) -> (u16, Value) {
    call_by(world, caller(token), "POST", "/events", body).await
}

#[tokio::test]
async fn a_token_sends_events_of_its_tenant_or_by_its_scope_of_all() {
    let admin = json!({"tenant": "acme", "role": "admin"});
    let product = json!({"scope": "openid events:write"});
    for (token, tenant, status, code) in [
        (&admin, "acme", 202, Value::Null),
        (&admin, "other", 403, json!("event.tenant_foreign")),
        (&product, "acme", 202, Value::Null),
        (&product, "other", 202, Value::Null),
        (&json!({"tenant": "acme", "scope": "events:write"}), "other", 202, Value::Null),
        (&json!({"tenant": "acme", "role": "support"}), "acme", 403, json!("role.reader")),
        (&json!({"tenant": "acme"}), "acme", 403, json!("role.missing")),
        (&json!({"role": "admin"}), "acme", 403, json!("tenant.missing")),
        (&json!({"scope": "events:read"}), "acme", 403, json!("tenant.missing")),
    ] {
        let world = World::new();
        let (answered, body) = post(&world, token, &event("e1", tenant)).await;
        assert_eq!((answered, &body["code"]), (status, &code), "{token} {tenant} {body}");
        assert_eq!(world.memory.rows().len(), usize::from(status == 202), "{token} {tenant}");
    }
}

#[tokio::test]
async fn the_scope_for_events_opens_nothing_else() {
    let world = World::new();
    for (method, path) in [("GET", "/smtp"), ("GET", "/deliveries"), ("PUT", "/smtp"), ("POST", "/smtp/test")]
    {
        let product = caller(&json!({"scope": "events:write"}));
        let (status, body) = call_by(&world, product, method, path, &json!({})).await;
        assert_eq!((status, &body["code"]), (403, &json!("tenant.missing")), "{method} {path}");
        let product = caller(&json!({"tenant": "acme", "scope": "events:write"}));
        let (status, body) = call_by(&world, product, method, path, &json!({})).await;
        assert_eq!((status, &body["code"]), (403, &json!("role.missing")), "{method} {path}");
    }
}

#[tokio::test]
async fn each_event_of_an_array_has_its_own_answer() {
    let world = World::new();
    let token = json!({"tenant": "acme", "role": "admin"});
    let batch = json!([event("e1", "acme"), event("e2", "other"), 7, event("e1", "acme")]);
    let (status, body) = post(&world, &token, &batch).await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(body["accepted"].as_array().map(Vec::len), Some(2));
    let refused: Vec<_> = body["refused"].as_array().unwrap().iter().collect();
    assert_eq!(
        refused.iter().map(|one| (&one["index"], &one["code"])).collect::<Vec<_>>(),
        [(&json!(1), &json!("event.tenant_foreign")), (&json!(2), &json!("event.wrong_shape"))]
    );
    assert!(refused.iter().all(|one| one["detail"].is_string()));
    assert_eq!(post(&world, &token, &json!([])).await, (202, json!({"accepted": [], "refused": []})));

    let (status, body) = post(&world, &token, &json!([7, event("e2", "other")])).await;
    assert_eq!((status, &body["code"]), (422, &json!("event.wrong_shape")), "all were refused");
    assert_eq!(
        body["refused"][1],
        json!({
            "index": 1, "code": "event.tenant_foreign",
            "detail": "tenant: the event is of another tenant than the caller",
        })
    );
}

#[tokio::test]
async fn an_array_has_its_limits() {
    let world = World::new();
    let token = json!({"tenant": "acme", "role": "admin"});
    let (status, body) = post(&world, &token, &json!(vec![7; 10_001])).await;
    assert_eq!((status, &body["code"]), (413, &json!("request.too_many_events")));
    let (_, body) = post(&world, &token, &json!(vec![7; 200])).await;
    let told = body["refused"].as_array().unwrap().iter().filter(|one| one["detail"].is_string()).count();
    assert_eq!((body["refused"].as_array().unwrap().len(), told), (200, 100));

    let batch = json!([event("e1", "acme"), event("e2", "acme")]).to_string();
    let request = Request {
        method: "POST",
        path: "/events",
        query: Vec::new(),
        caller: caller(&token),
        origin: None,
        accept_language: None,
        body: batch.as_bytes(),
        time: Some(Duration::ZERO),
    };
    let response = handle(&world.app, request, None).await;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, &body["code"]), (503, &json!("event.unavailable")), "{body}");
    assert_eq!((response.retry_after, world.memory.rows().len()), (Some(5), 0));
}

#[tokio::test]
async fn a_store_out_of_reach_is_said_for_each_event() {
    let world = World::new();
    let token = json!({"tenant": "acme", "role": "admin"});
    world.memory.fail("ledger.put_event", 1);
    let (status, body) = post(&world, &token, &json!([event("e1", "acme"), event("e2", "acme")])).await;
    assert_eq!((status, &body["refused"][0]["code"]), (202, &json!("event.unavailable")), "{body}");
    world.memory.fail("ledger.put_event", 1);
    let (status, body) = post(&world, &token, &event("e3", "acme")).await;
    assert_eq!((status, &body["code"], &body["retryAfter"]), (503, &json!("event.unavailable"), &json!(5)));
}
