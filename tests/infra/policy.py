"""Who may do what: each role is asked for each action, with the keys of a request that the emulator does not set. The
evaluator is the emulator's own, so that wildcards and conditions mean here what they mean in a deployment."""

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from template import ACCOUNT, KEY, of_type

READ = "secretsmanager:GetSecretValue"


def stage(label):
    return {"secretsmanager:versionstage": label}


def via(service):
    return {"kms:viaservice": f"{service}.us-east-1.amazonaws.com"}


def secret(name):
    return f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-AbCdEf"


def queue(name):
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def code(name):
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def log(function):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:shop-{function}Logs:*"


def probes(name):
    """What is asked, by name: action, resource and keys of the request. `name` is the set of parameters."""
    again = name == "again"
    prefix, platform = ("old/", "mail-of-the-platform") if again else ("shop/tenants/", "shop/platform")
    tenant, other = secret(f"{prefix}acme"), secret("other/tenants/acme")
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/" + ("shop-Table-OLD" if again else "shop-Table")
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/shop"
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/shop-Key" if name == "everything" else KEY
    platform = secret(platform)
    dkim = secret("keys-of-dkim" if again else "shop/dkim")
    dead = queue("shop-EventsDeadLetters")
    asked = {
        "read current": (READ, tenant, stage("AWSCURRENT")),
        "read previous": (READ, tenant, stage("AWSPREVIOUS")),
        "read pending": (READ, tenant, stage("AWSPENDING")),
        "read by version": (READ, tenant, {}),
        "read platform": (READ, platform, stage("AWSCURRENT")),
        "read platform's pending": (READ, platform, stage("AWSPENDING")),
        "read DKIM keys": (READ, dkim, stage("AWSCURRENT")),
        "read DKIM keys that are pending": (READ, dkim, stage("AWSPENDING")),
        "put DKIM keys": ("secretsmanager:PutSecretValue", dkim, {}),
        "read another stack's": (READ, other, stage("AWSCURRENT")),
        "read any secret": (READ, secret("database"), stage("AWSCURRENT")),
        "create secret": ("secretsmanager:CreateSecret", tenant, {}),
        "put secret": ("secretsmanager:PutSecretValue", tenant, {}),
        "move label": ("secretsmanager:UpdateSecretVersionStage", tenant, {}),
        "describe secret": ("secretsmanager:DescribeSecret", tenant, {}),
        "forget secret": ("secretsmanager:DeleteSecret", tenant, {}),
        "put platform": ("secretsmanager:PutSecretValue", platform, {}),
        "forget platform": ("secretsmanager:DeleteSecret", platform, {}),
        "forget another stack's": ("secretsmanager:DeleteSecret", other, {}),
        "create tokens": ("secretsmanager:CreateSecret", secret(f"{prefix}acme/tokens"), {}),
        "put tokens": ("secretsmanager:PutSecretValue", secret(f"{prefix}acme/tokens"), {}),
        "read tokens": (READ, secret(f"{prefix}acme/tokens"), stage("AWSCURRENT")),
        "forget tokens": ("secretsmanager:DeleteSecret", secret(f"{prefix}acme/tokens"), {}),
        "open secret to others": ("secretsmanager:PutResourcePolicy", tenant, {}),
        "get row": ("dynamodb:GetItem", table, {}),
        "get rows": ("dynamodb:BatchGetItem", table, {}),
        "put row": ("dynamodb:PutItem", table, {}),
        "update row": ("dynamodb:UpdateItem", table, {}),
        "delete row": ("dynamodb:DeleteItem", table, {}),
        "query table": ("dynamodb:Query", table, {}),
        "query index": ("dynamodb:Query", f"{table}/index/by_time", {}),
        "query what is due": ("dynamodb:Query", f"{table}/index/by_due", {}),
        "scan table": ("dynamodb:Scan", table, {}),
        "delete table": ("dynamodb:DeleteTable", table, {}),
        "get other table's row": ("dynamodb:GetItem", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/other", {}),
        "send mail": ("sqs:SendMessage", queue("shop-mail"), {}),
        "send event": ("sqs:SendMessage", queue("shop-events"), {}),
        "give up": ("sqs:SendMessage", dead, {}),
        "take mail": ("sqs:ReceiveMessage", queue("shop-mail"), {}),
        "finish mail": ("sqs:DeleteMessage", queue("shop-mail"), {}),
        "hide mail": ("sqs:ChangeMessageVisibility", queue("shop-mail"), {}),
        "count mail": ("sqs:GetQueueAttributes", queue("shop-mail"), {}),
        "take events": ("sqs:ReceiveMessage", queue("shop-events"), {}),
        "finish events": ("sqs:DeleteMessage", queue("shop-events"), {}),
        "count events": ("sqs:GetQueueAttributes", queue("shop-events"), {}),
        "take dead letters": ("sqs:ReceiveMessage", dead, {}),
        "purge mail": ("sqs:PurgeQueue", queue("shop-mail"), {}),
        "send to another queue": ("sqs:SendMessage", queue("other-mail"), {}),
        "emit": ("events:PutEvents", bus, {"events:source": "ownpost"}),
        "pose as the product": ("events:PutEvents", bus, {"events:source": "product"}),
        "emit on the default bus": (
            "events:PutEvents",
            f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default",
            {"events:source": "ownpost"},
        ),
        "call router": ("lambda:InvokeFunction", f"{code('shop-RouterFunction')}:live", {}),
        "call sender": ("lambda:InvokeFunction", f"{code('shop-SenderFunction')}:live", {}),
        "shift sender": ("lambda:UpdateAlias", code("shop-SenderFunction"), {}),
        "shift monitor": ("lambda:UpdateAlias", f"{code('shop-MonitorFunction')}:live", {}),
        "shift another function": ("lambda:UpdateAlias", code("other"), {}),
        "change code": ("lambda:UpdateFunctionCode", code("shop-SenderFunction"), {}),
        "see alarms": ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:x", {}),
        "publish alert": ("sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:shop-Alerts", {}),
        "trace": ("xray:PutTraceSegments", "*", {}),
        "key for secrets": ("kms:Decrypt", key, via("secretsmanager")),
        "key for the table": ("kms:Decrypt", key, via("dynamodb")),
        "key for queues": ("kms:GenerateDataKey", key, via("sqs")),
        "key for S3": ("kms:Decrypt", key, via("s3")),
        "key by itself": ("kms:Decrypt", key, {}),
        "manage key": ("kms:ScheduleKeyDeletion", key, via("secretsmanager")),
    }
    for function in ("Settings", "Router", "Sender", "Monitor", "Access"):
        asked[f"log of {function.lower()}"] = ("logs:PutLogEvents", log(function), {})
    return asked


TOKENS = {"create tokens", "put tokens", "read tokens"}
# What each may do; everything else of the above must be denied.
ROWS = {"get row", "get rows", "put row", "update row", "query index", "query what is due"}
MAY = {
    "SettingsRole": ROWS
    | TOKENS
    | {"forget tokens"}
    | {"read current", "read previous", "read pending", "read by version"}
    | {"create secret", "put secret", "move label", "describe secret", "forget secret"}
    | {"query table", "read DKIM keys", "send mail", "emit", "log of settings"},
    "RouterRole": {"get row", "put row", "send mail", "give up", "log of router"}
    | {"take events", "finish events", "count events"},
    "SenderRole": ROWS
    | TOKENS
    | {"read current", "read platform", "read DKIM keys", "send mail", "emit", "log of sender"}
    | {"take mail", "finish mail", "hide mail", "count mail"}
    | {"delete row", "query table"},
    "MonitorRole": {"query what is due", "update row", "send mail", "log of monitor"},
    "DeployRole": {"shift sender", "shift monitor", "see alarms"},
    "PublisherPolicy": {"pose as the product", "send event", "call router"},
}
WITH_KEY = {"key for secrets", "key for the table", "key for queues"}


def documents(resolved):
    """The policy documents of each role, and of the policy that a product attaches."""
    managed = of_type(resolved, "AWS::IAM::ManagedPolicy")
    arns = {f"arn:aws:iam::{ACCOUNT}:policy/shop-{name}": policy for name, policy in managed.items()}
    found = {"PublisherPolicy": [managed["PublisherPolicy"]["PolicyDocument"]]}
    for name, role in of_type(resolved, "AWS::IAM::Role").items():
        found[name] = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        found[name] += [arns[arn]["PolicyDocument"] for arn in role.get("ManagedPolicyArns", []) if arn in arns]
    return found


def findings(name, resolved):
    """Each right that is missing, and each that is too much."""
    found = []
    holders = documents(resolved)
    for holder in sorted(set(MAY) | set(holders)):
        if holder not in MAY:
            found.append(f"{name}: {holder} is in no row of MAY")
            continue
        if holder not in holders:
            found.append(f"{name}: there is no {holder}")
            continue
        policies = [parse_policy_document(document) for document in holders[holder]]
        expected = set(MAY[holder])
        if resolved["Parameters"]["KmsKey"] != "aws" and holder != "DeployRole":
            expected |= {"key for queues"} if holder == "PublisherPolicy" else WITH_KEY
        if name == "everything" and holder not in ("PublisherPolicy", "DeployRole"):
            expected.add("trace")
        for what, (action, resource, keys) in probes(name).items():
            context = EvalContext(
                principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{holder}/x",
                principal_type="AssumedRole",
                principal_account=ACCOUNT,
                action=action,
                resource_arn=resource,
                region="us-east-1",
                service_context=keys,
            )
            may = evaluate(context, policies).decision == "Allow"
            if may != (what in expected):
                found.append(f"{name}: {holder} {'may' if may else 'may not'} {what} ({action})")
    return found
