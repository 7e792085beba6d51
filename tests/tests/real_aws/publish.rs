//! The part of docs/howto/publish-events.md for Rust. It stands here as it stands on the page, which a test compares.
#![allow(unreachable_pub, reason = "a reader copies the functions into a crate of theirs")]

// begin
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

pub async fn on_eventbridge(
    client: &aws_sdk_eventbridge::Client,
    bus: &str,
    event: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source("my.product")
        .detail_type("Notification")
        .detail(event)
        .build();
    let answer = client.put_events().entries(entry).send().await?;
    if answer.failed_entry_count() > 0 {
        return Err(answer.entries()[0].error_message().unwrap_or("not accepted").into());
    }
    Ok(())
}

pub async fn on_sqs(
    client: &aws_sdk_sqs::Client,
    queue: &str,
    event: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    client.send_message().queue_url(queue).message_body(event).send().await?;
    Ok(())
}
// end

#[test]
fn the_page_has_this_text() {
    let here = include_str!("publish.rs");
    let text =
        here.split("// begin\n").nth(1).and_then(|rest| rest.split("// end").next()).expect("the text");
    let page = include_str!("../../../docs/howto/publish-events.md");
    assert!(page.contains(&format!("```rust\n{text}```\n")), "docs/howto/publish-events.md has another text");
}
