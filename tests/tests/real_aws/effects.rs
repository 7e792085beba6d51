//! The contract of the effects against two emulators of AWS: one may accept a request that the other refuses.

use std::time::Duration;

use async_trait::async_trait;
use ownpost_core::config::AwsResources;
use ownpost_core::effects::Effects;
use ownpost_tests::effects_contract::{self as contract, QueueBench};
use sender_lambda::aws;
use serde_json::Value;

use super::emulator::{Emulator, Kind};

/// The effects, on the resources that `deploy.py` created.
pub(crate) fn effects(emulator: &Emulator, deployed: &Value) -> Effects {
    let output = |name: &str| deployed[name].as_str().map(ToOwned::to_owned);
    let resources = AwsResources {
        secret_prefix: "ownpost/".to_owned(),
        table: output("TableName"),
        queue_url: output("QueueUrl"),
        event_bus: output("BusName"),
        ..AwsResources::default()
    };
    let environment = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        "AWS_ENDPOINT_URL" => Some(emulator.endpoint.clone()),
        _ => None,
    };
    aws::effects(&resources, environment).expect("a complete environment")
}

/// The worker's side of the queue. Time passes by waiting.
struct Bench {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Bench {
    fn new(emulator: &Emulator, deployed: &Value) -> Self {
        let url = deployed["QueueUrl"].as_str().expect("a queue").to_owned();
        Self { client: aws_sdk_sqs::Client::new(&emulator.sdk()), url }
    }
}

#[async_trait]
impl QueueBench for Bench {
    async fn receive(&self, visibility: Duration) -> Vec<(String, String)> {
        let seconds = i32::try_from(visibility.as_secs()).expect("a short time");
        let call = self.client.receive_message().queue_url(&self.url).visibility_timeout(seconds);
        let answer = call.max_number_of_messages(10).send().await.expect("receive");
        let pair = |message: aws_sdk_sqs::types::Message| {
            (message.receipt_handle.unwrap_or_default(), message.body.unwrap_or_default())
        };
        answer.messages.unwrap_or_default().into_iter().map(pair).collect()
    }

    async fn delete(&self, receipt: &str) {
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        call.send().await.expect("delete");
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

async fn check(kind: Kind) {
    let emulator = Emulator::start(kind);
    let deployed = emulator.deploy("parts", &[]);
    let effects = effects(&emulator, &deployed);
    contract::secrets(&*effects.secrets, "run1").await;
    contract::ledger(&*effects.ledger, "run1").await;
    contract::events(&*effects.events, "run1").await;
    contract::queue(&*effects.queue, &Bench::new(&emulator, &deployed), "run1").await;
}

#[tokio::test]
async fn ministack_keeps_the_contract() {
    check(Kind::Ministack).await;
}

#[tokio::test]
async fn moto_keeps_the_contract() {
    check(Kind::Moto).await;
}
