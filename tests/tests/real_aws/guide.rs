//! The way of somebody who has only the page: docs/howto/deploy.md from its first command to the first mail.

use serde_json::json;

use super::cloud::Cloud;

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_to_the_first_mail() {
    let cloud = Cloud::without_a_stack().await;
    let said = cloud.follow_the_guide(&json!({"tenant": "acme", "email": "admin@acme.test"}));
    assert!(said.contains("not_configured"), "the token is accepted: {said}");
    assert_eq!(cloud.mail_to("jan@example.org").await, "platform", "{said}");
}
