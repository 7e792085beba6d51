//! The properties of the template, checked on the template as SAM expands it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ownpost_core::functions::sender;
use ownpost_smtp::Timeouts;
use serde_json::Value;

use super::emulator::{deploy_script, python_program};

fn expanded() -> Value {
    let output = deploy_script("expand").output().expect("deploy.py starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a template as JSON")
}

/// Name and properties of all resources of a type.
fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = template["Resources"].as_object().expect("resources").iter();
    all.filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
        .collect()
}

/// The values of a member that is a single value or a list.
fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// The name in `{"Fn::GetAtt": [name, "Arn"]}` or `{"Ref": name}`.
fn target(value: &Value) -> &str {
    value["Fn::GetAtt"][0].as_str().or_else(|| value["Ref"].as_str()).unwrap_or_default()
}

/// All policy statements: the name of the role, and the statement.
fn statements(template: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (name, role) in of_type(template, "AWS::IAM::Role") {
        for policy in list(&role["Policies"]) {
            let statements = list(&policy["PolicyDocument"]["Statement"]);
            all.extend(statements.into_iter().map(|statement| (name.to_owned(), statement)));
        }
    }
    for (name, policy) in of_type(template, "AWS::IAM::ManagedPolicy") {
        let statements = list(&policy["PolicyDocument"]["Statement"]);
        let roles = list(&policy["Roles"]);
        let roles = roles.into_iter().map(target).filter(|role| !role.is_empty());
        let attached: Vec<&str> = roles.collect();
        // A policy that names no roles is attached by the roles, or by the product.
        let holders = if attached.is_empty() { vec![name] } else { attached };
        for holder in holders {
            all.extend(statements.iter().map(|statement| (holder.to_owned(), *statement)));
        }
    }
    all
}

#[test]
fn cfn_lint_finds_nothing() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let output = python_program("cfn-lint").arg(template).output().expect("cfn-lint starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn each_function_has_only_the_permissions_that_it_uses() {
    let template = expanded();
    let all = statements(&template);
    assert!(all.len() > 15, "the statements are found: {}", all.len());
    for (role, statement) in &all {
        for resource in list(&statement["Resource"]) {
            let text = resource["Fn::Sub"].as_str().or_else(|| resource.as_str()).unwrap_or_default();
            // X-Ray knows no resources; everything else is named.
            assert!(text != "*" || statement["Sid"] == "SendTraces", "{role}: {statement}");
            assert!(!text.starts_with("arn:aws"), "{role}: other partitions exist: {text}");
        }
        for action in list(&statement["Action"]) {
            let action = action.as_str().expect("an action");
            assert!(!action.contains('*'), "{role}: {action}");
            let deletes = action.contains("Delete");
            assert!(
                !deletes || matches!(action, "sqs:DeleteMessage" | "secretsmanager:DeleteSecret"),
                "{role}: {action}"
            );
            let writes_secrets = action.starts_with("secretsmanager:")
                && !matches!(action, "secretsmanager:GetSecretValue" | "secretsmanager:DescribeSecret");
            assert!(!writes_secrets || role == "SettingsRole", "{role} may {action}");
        }
    }
    let functions = of_type(&template, "AWS::Lambda::Function");
    let roles: BTreeSet<&str> = functions.iter().map(|(_, function)| target(&function["Role"])).collect();
    assert_eq!(roles.len(), functions.len(), "no role is shared: {roles:?}");
    for (name, role) in of_type(&template, "AWS::IAM::Role") {
        assert!(roles.contains(name), "{name} belongs to no function");
        // The only policy of AWS: network interfaces have no names before they exist. The others are ours.
        let conditions: Vec<_> =
            list(&role["ManagedPolicyArns"]).iter().map(|policy| policy["Fn::If"][0].clone()).collect();
        assert_eq!(conditions, ["HasVpc", "HasKey", "Traces"], "{name}");
    }
}

#[test]
fn the_template_has_the_four_functions() {
    let template = expanded();
    let functions = of_type(&template, "AWS::Lambda::Function");
    let mut handlers: Vec<_> =
        functions.iter().map(|(_, function)| function["Handler"].as_str().unwrap_or_default()).collect();
    handlers.sort_unstable();
    assert_eq!(handlers, ["monitor", "router", "sender", "settings"]);
    let groups: Vec<_> = of_type(&template, "AWS::Logs::LogGroup");
    for (name, function) in &functions {
        assert_eq!(function["Runtime"], "provided.al2023", "{name}");
        let group = target(&function["LoggingConfig"]["LogGroup"]);
        let found = groups.iter().find(|(name, _)| *name == group);
        assert!(found.is_some_and(|(_, group)| !group["RetentionInDays"].is_null()), "{name} logs for ever");
        let variables = function["Environment"]["Variables"].as_object().expect("an environment");
        for variable in ["OWNPOST_TABLE", "OWNPOST_QUEUE_URL", "OWNPOST_EVENT_BUS"] {
            assert!(variables.contains_key(variable), "{name} lacks {variable}");
        }
    }
}

#[test]
fn the_queue_settings_lose_no_message_and_show_none_too_early() {
    let template = expanded();
    let queues = of_type(&template, "AWS::SQS::Queue");
    let functions = of_type(&template, "AWS::Lambda::Function");
    let mappings = of_type(&template, "AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), 2);
    for (name, mapping) in mappings {
        assert_eq!(list(&mapping["FunctionResponseTypes"]), ["ReportBatchItemFailures"], "{name}");
        let property = |all: &[(&str, &Value)], of: &str, property: &str| {
            let (_, found) = all.iter().find(|(name, _)| *name == of).expect("declared");
            found[property].clone()
        };
        let queue = target(&mapping["EventSourceArn"]);
        let visibility = property(&queues, queue, "VisibilityTimeout").as_u64().expect("set");
        let timeout =
            property(&functions, target(&mapping["FunctionName"]), "Timeout").as_u64().expect("set");
        assert!(visibility >= 6 * timeout, "{name}: visibility {visibility}, timeout {timeout}");
        let redrive = property(&queues, queue, "RedrivePolicy");
        assert_eq!(target(&redrive["deadLetterTargetArn"]), "DeadLetters", "{name}");
    }
    let sends = functions.iter().find(|(_, function)| function["Handler"] == "sender");
    let timeout = Duration::from_secs(sends.expect("a sender").1["Timeout"].as_u64().expect("set"));
    let longest = sender::BEGIN_FOR + Timeouts::SEND.data + Timeouts::SEND.done;
    assert!(timeout > longest, "the sender may be ended while it sends a mail: {timeout:?}, {longest:?}");
    for (name, queue) in queues {
        assert_eq!(queue["SqsManagedSseEnabled"]["Fn::If"][2], true, "{name}");
        assert_eq!(queue["MessageRetentionPeriod"], 1_209_600, "{name}");
    }
    let (_, invoke) = of_type(&template, "AWS::Lambda::EventInvokeConfig")[0];
    assert_eq!(target(&invoke["DestinationConfig"]["OnFailure"]["Destination"]), "DeadLetters");
}

#[test]
fn the_ledger_outlives_the_stack() {
    let template = expanded();
    let tables = of_type(&template, "AWS::DynamoDB::Table");
    let [(name, table)] = tables[..] else { panic!("one table") };
    assert_eq!(template["Resources"][name]["DeletionPolicy"], "Retain");
    assert_eq!(template["Resources"][name]["UpdateReplacePolicy"], "Retain");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], "expires");
    for index in list(&table["GlobalSecondaryIndexes"]) {
        // Rows hold recipients and server replies; the indexes do not need them again.
        assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY", "{index}");
    }
}

#[test]
fn every_route_asks_for_a_token() {
    let template = expanded();
    let (_, api) = of_type(&template, "AWS::ApiGatewayV2::Api")[0];
    let mut routes = Vec::new();
    for (path, methods) in api["Body"]["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            // Only the way back from an OAuth provider has no token: its one-time state is checked by the function.
            let scheme = if path == "/smtp/oauth/callback" { "NONE" } else { "Jwt" };
            assert_eq!(operation["security"], serde_json::json!([{scheme: []}]), "{method} {path}");
            assert_eq!(operation["x-amazon-apigateway-integration"]["payloadFormatVersion"], "2.0");
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes.sort();
    assert_eq!(
        routes,
        [
            "DELETE /deliveries",
            "DELETE /smtp",
            "GET /deliveries",
            "GET /deliveries/{id}",
            "GET /smtp",
            "GET /smtp/history",
            "GET /smtp/oauth/callback",
            "POST /deliveries/resend",
            "POST /deliveries/{id}/cancel",
            "POST /deliveries/{id}/resend",
            "POST /events",
            "POST /held/release",
            "POST /smtp/oauth/start",
            "POST /smtp/rollback",
            "POST /smtp/test",
            "POST /smtp/validate",
            "PUT /smtp",
        ]
    );
}
