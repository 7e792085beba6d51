//! A test of settings is charged once, and only when it runs.

use super::*;
use crate::config::DkimSource;
use crate::functions::signing::Signing;

/// How many tests acme has used.
async fn used(world: &World) -> usize {
    let state = world.app.effects.ledger.get_state(&acme(), "tests", world.memory.now()).await.unwrap();
    let left = state.map_or(30.0, |state| state.value["tokens"].as_f64().unwrap());
    // The bucket fills by a little between two calls.
    (0..=30)
        .rev()
        .find(|used| f64::from(*used) - 0.5 < 30.0 - left)
        .map_or(0, |used| used.try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_test_that_runs_is_charged_once_whatever_it_finds() {
    let world = World::new();
    let (one, two) = (draft("smtp.one.example"), draft("smtp.two.example"));
    let calls = [
        ("POST", "/smtp/test", &one, false, 200),
        ("POST", "/smtp/test", &one, true, 200),
        ("PUT", "/smtp", &one, true, 409),
        ("PUT", "/smtp", &one, false, 200),
        ("PUT", "/smtp", &one, false, 200),
        ("PUT", "/smtp", &two, false, 200),
        ("POST", "/smtp/rollback", &Value::Null, true, 409),
        ("POST", "/smtp/rollback", &Value::Null, false, 200),
        ("POST", "/held/release", &Value::Null, true, 409),
        ("POST", "/held/release", &Value::Null, false, 202),
    ];
    for (number, (method, path, body, fails, expected)) in calls.into_iter().enumerate() {
        *world.relays.failing_tests.lock().unwrap() = u32::from(fails);
        let (status, answer) = call(&world, method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert_eq!(world.relays.tested.lock().unwrap().len(), number + 1, "{method} {path}");
        assert_eq!(used(&world).await, number + 1, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_that_does_not_run_is_not_charged() {
    let mut world = World::new();
    let nobody = || Claims { email: None, ..claims("acme") };
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    let tested = || world.relays.tested.lock().unwrap().len();
    assert_eq!((tested(), used(&world).await), (1, 1));

    let mut kept = draft("smtp.other.example");
    kept["password"] = json!({"keep": true});
    let refused = [
        (claims("acme"), "POST", "/smtp/test", json!({"host": 7}), 422),
        (claims("acme"), "POST", "/smtp/test", kept.clone(), 422),
        (claims("acme"), "PUT", "/smtp", kept, 422),
        (claims("acme"), "POST", "/smtp/validate", draft("smtp.two.example"), 200),
        (nobody(), "PUT", "/smtp", draft("smtp.two.example"), 400),
        (nobody(), "POST", "/held/release", Value::Null, 400),
        // Before these settings there was the platform's server: nothing is tested.
        (claims("acme"), "POST", "/smtp/rollback", Value::Null, 409),
    ];
    for (who, method, path, body, expected) in refused {
        let (status, answer) = call_as(&world, who, method, path, &body).await;
        assert_eq!((status, used(&world).await), (expected, 1), "{method} {path}: {answer}");
    }
    world.memory.fail("secrets.put_pending", 1);
    let (status, answer) = call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!((status, used(&world).await), (503, 1), "the draft could not be stored: {answer}");
    call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!((tested(), used(&world).await), (2, 2));

    world.app.signing = Signing::of(Some(&DkimSource::Secret("dkim".to_owned()))).unwrap();
    for (method, path, body) in [
        ("POST", "/smtp/test", draft("smtp.two.example")),
        ("PUT", "/smtp", draft("smtp.two.example")),
        ("POST", "/smtp/rollback", Value::Null),
        ("POST", "/held/release", Value::Null),
    ] {
        let (status, answer) = call(&world, method, path, &body).await;
        assert_eq!((status, &answer["code"]), (503, &json!("dkim.unreadable")), "{method} {path}");
        assert_eq!(used(&world).await, 2, "{method} {path}");
    }
    assert_eq!(world.relays.tested.lock().unwrap().len(), 2);
}
