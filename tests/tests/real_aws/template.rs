//! What the template and the code must agree on. The suite `infra` checks the rest of the template.

use std::time::Duration;

use ownpost_core::functions::sender;
use ownpost_smtp::Timeouts;
use serde_json::Value;

use super::emulator::deploy_script;

#[test]
fn a_sender_lives_longer_than_its_longest_mail() {
    let output = deploy_script("expand").output().expect("deploy.py starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let template: Value = serde_json::from_slice(&output.stdout).expect("a template as JSON");
    let timeout = template["Resources"]["SenderFunction"]["Properties"]["Timeout"].as_u64().expect("set");
    let longest = sender::BEGIN_FOR + Timeouts::SEND.data + Timeouts::SEND.done;
    assert!(Duration::from_secs(timeout) > longest, "a sender ends while it sends: {timeout} s, {longest:?}");
}
