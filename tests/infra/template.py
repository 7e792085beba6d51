"""Reads infra/template.yaml as SAM and CloudFormation do: expanded, and with every parameter and condition resolved."""

import contextlib
import copy
import io
import ipaddress
import os
import pathlib
import re

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "infra" / "template.yaml"
ARTEFACT = "../target/package/ownpost-lambda.zip"

ACCOUNT = "111122223333"
PSEUDO = {
    "AWS::StackName": "shop",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
REQUIRED = {"JwtIssuer": "https://id.example.com/", "JwtAudience": "shop"}
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234"

# The sets of parameters that, together, take every branch of every condition.
SETS = {
    "plain": {},
    "everything": {
        "AllowedOrigins": "https://app.example.com",
        "Streaming": "true",
        "SubnetIds": "subnet-1,subnet-2",
        "SecurityGroupIds": "sg-1",
        "AlertEmail": "ops@example.com",
        "KmsKey": "create",
        "SettingsConcurrency": "20",
        "Tracing": "Active",
        "FilesLayer": f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:files:1",
        "Protect": "false",
        "Deployment": "Canary10Percent10Minutes",
    },
    "fixed": {
        "VpcCidr": "10.91.0.0/24",
        "NatGateways": "2",
        "TableIndexes": "3",
    },
    "again": {
        "ExistingTable": "shop-Table-OLD",
        "KmsKey": KEY,
        "SecretPrefix": "old/",
        "PlatformSecretName": "mail-of-the-platform",
        "DkimSecretName": "keys-of-dkim",
    },
}

# What a deployment must be refused for, by the rule that does so.
CONTRADICTIONS = {
    "OneNetwork": [{"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1", "VpcCidr": "10.91.0.0/24"}],
    "ReaderNeedsAdmin": [{"ReaderClaim": "role=support"}],
    "ProvidersNeedAddress": [
        {"OAuthProvidersSecret": "shop/providers", "AllowedOrigins": "https://app.example.com"},
        {"OAuthProvidersSecret": "shop/providers", "PublicUrl": "https://api.example.com"},
    ],
    "GroupsWithSubnets": [{"SubnetIds": "subnet-1"}, {"SecurityGroupIds": "sg-1"}],
    "FilesNeedLayer": [{"TemplatesFolder": "/opt/templates"}, {"ExtraCaFile": "/opt/ca.pem"}],
}

# Values that the functions would refuse when they start, after the deployment: the parameter's pattern refuses them before.
UNUSABLE = {
    "TenantClaim": ["the tenant"],
    "AllowedOrigins": ["app.example.com", "https://app.example.com/", "https://app.example.com/settings"],
    "PublicUrl": ["http://api.example.com", "https://api.example.com/?a=b"],
    "EhloName": ["localhost", "mail_1.example.com", "mail.example.com."],
    "AllowNetworks": ["intranet", "10.0.0.0/8;10.1.0.0/16"],
    "AllowPorts": ["smtp", "25;26", "0"],
    "Product": ["Shop", "name=Shop"],
    "TemplatesFolder": ["templates"],
    "AlertEmail": ["operations"],
    "AdminClaim": ["admin"],
    "SecretPrefix": ["shop"],
    "EventSource": ["ownpost", "aws.events"],
}
# Values that they take.
USABLE = {
    "TenantClaim": ["https://example.com/tenant"],
    "AllowedOrigins": ["", "*", "https://*.example.com", "http://localhost:5173"],
    "PublicUrl": ["https://api.example.com/mail"],
    "EhloName": ["", "mail.example.com"],
    "AllowNetworks": ["", "10.0.0.0/8, fd00::/8,192.168.1.5"],
    "AllowPorts": ["", "2526", "2526, 5870"],
    "Product": ["", '{"name": "Shop",\n "url": "https://shop.example.com"}', "/opt/product.json"],
    "AlertEmail": ["", "operations@example.com"],
}

# What GetAtt ..., Arn gives for each type.
ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:{account}:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:us-east-1:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:us-east-1:{account}:rule/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:{account}:log-group:{name}:*",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::KMS::Key": "arn:aws:kms:us-east-1:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:{account}:function:{name}",
    "AWS::Lambda::Alias": "arn:aws:lambda:us-east-1:{account}:function:{name}",
}
# The types whose Ref is an ARN.
REF_IS_ARN = {"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::Lambda::Alias"}


def source():
    return SOURCE.read_text()


def expand(text, deployment="AllAtOnce"):
    """The template as SAM expands it, on AWS before every deployment. Of the parameters only `Deployment` changes that."""

    class NoPolicies:
        def load(self):
            return {}

    assert text.count(ARTEFACT) == 1, "the template names the artefact once"
    parsed = yaml_parse(text.replace(ARTEFACT, "s3://artefacts/ownpost-lambda.zip"))
    with contextlib.redirect_stderr(io.StringIO()):
        return transform(parsed, {"Deployment": deployment}, NoPolicies())


def resolve_all(text):
    """The template with each set of parameters."""
    expanded = {}
    for parameters in SETS.values():
        deployment = parameters.get("Deployment", "AllAtOnce")
        if deployment not in expanded:
            expanded[deployment] = expand(text, deployment)
    return {n: resolve(expanded[given.get("Deployment", "AllAtOnce")], given) for n, given in SETS.items()}


class Gone:
    """What `AWS::NoValue` leaves."""


def resolve(expanded, parameters):
    """The expanded template with these parameters: no intrinsic function is left, and no resource of a false condition."""
    values = {name: str(given.get("Default", "")) for name, given in expanded["Parameters"].items()}
    values |= REQUIRED | parameters
    lists = {n for n, given in expanded["Parameters"].items() if given["Type"] == "CommaDelimitedList"}
    resources = expanded["Resources"]
    known = {}

    def holds(name):
        if name not in known:
            known[name] = bool(value(expanded["Conditions"][name]))
        return known[name]

    def name_of(logical):
        given = resources[logical].get("Properties", {})
        if resources[logical]["Type"] == "AWS::Lambda::Alias":
            return f"{value(given['FunctionName'])}:{given['Name']}"
        for key in ("QueueName", "Name", "DashboardName"):
            if key in given and resources[logical]["Type"] != "AWS::ApiGatewayV2::Api":
                return value(given[key])
        return f"shop-{logical}"

    def arn(logical):
        pattern = ARNS.get(resources[logical]["Type"], "arn:aws:other:us-east-1:{account}:{name}")
        return pattern.format(account=ACCOUNT, name=name_of(logical))

    def ref(name):
        if name == "AWS::NoValue":
            return Gone
        if name in PSEUDO:
            return PSEUDO[name]
        if name in values:
            return values[name].split(",") if name in lists else values[name]
        if name not in resources:
            raise KeyError(f"Ref to {name}, which is not there")
        return arn(name) if resources[name]["Type"] in REF_IS_ARN else name_of(name)

    def attribute(target):
        logical, _, what = target.partition(".")
        return arn(logical) if what == "Arn" else name_of(logical)

    def substitute(given):
        text, own = (given, {}) if isinstance(given, str) else (given[0], {k: value(v) for k, v in given[1].items()})

        def one(match):
            name = match.group(1)
            if name in own:
                return str(own[name])
            return str(attribute(name) if "." in name else ref(name))

        return re.sub(r"\$\{([A-Za-z0-9:._]+)\}", one, text)

    def value(node):
        if isinstance(node, list):
            return [v for v in (value(item) for item in node) if v is not Gone]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, given),) = node.items()
            if function == "Ref":
                return ref(given)
            if function == "Condition" and isinstance(given, str):
                return holds(given)
            if function == "Fn::GetAtt":
                return attribute(".".join(given) if isinstance(given, list) else given)
            if function == "Fn::Sub":
                return substitute(given)
            if function == "Fn::If":
                return value(given[1] if holds(given[0]) else given[2])
            if function == "Fn::Join":
                return given[0].join(map(str, value(given[1])))
            if function == "Fn::Equals":
                one, other = value(given)
                return str(one) == str(other)
            if function == "Fn::Not":
                return not value(given[0])
            if function == "Fn::And":
                return all(value(given))
            if function == "Fn::Or":
                return any(value(given))
            if function == "Fn::EachMemberEquals":
                members, other = value(given)
                return all(member == other for member in members)
            if function == "Fn::Select":
                return value(given[1])[int(given[0])]
            if function == "Fn::GetAZs":
                return ["us-east-1a", "us-east-1b", "us-east-1c"]
            if function == "Fn::Cidr":
                network, count, bits = value(given)
                parts = ipaddress.ip_network(network).subnets(new_prefix=32 - int(bits))
                return [str(next(parts)) for _ in range(int(count))]
        return {k: v for k, v in ((k, value(v)) for k, v in node.items()) if v is not Gone}

    done = {}
    for logical, resource in resources.items():
        if "Condition" in resource and not holds(resource["Condition"]):
            continue
        kept = copy.copy(resource)
        kept.pop("Condition", None)
        done[logical] = {k: value(v) if k == "Properties" else v for k, v in kept.items()}
    rules = expanded.get("Rules", {}).items()
    refusing = [name for name, rule in rules if not all(value(each["Assert"]) for each in rule["Assertions"])]
    return {"Resources": done, "Parameters": values, "Refusing": refusing}


def wrongly_accepted(text):
    """What the template takes although it contradicts itself or no function starts with it, and what it wrongly refuses."""
    expanded = expand(text)
    for rule, sets in CONTRADICTIONS.items():
        for parameters in sets:
            if resolve(expanded, parameters)["Refusing"] != [rule]:
                yield f"{rule} does not refuse {parameters}"
    for name, parameters in SETS.items():
        for rule in resolve(expanded, parameters)["Refusing"]:
            yield f"{rule} refuses the set {name}"
    for values, refused in ((UNUSABLE, True), (USABLE, False)):
        for name, value in ((name, value) for name, given in values.items() for value in given):
            pattern = expanded["Parameters"][name].get("AllowedPattern", "")
            if (re.search(pattern, value) is None) != refused:
                yield f"{name} {'takes' if refused else 'refuses'} {value!r}"


def of_type(resolved, kind):
    """Name and properties of each resource of this type."""
    return {n: r["Properties"] for n, r in resolved["Resources"].items() if r["Type"] == kind}
