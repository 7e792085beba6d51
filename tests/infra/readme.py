"""infra/README.md, made of the template: each permission with its reason, and the mistakes that the chain catches."""

import links
import mutants
import template
from samtranslator.yaml_helper import yaml_parse

FILE = template.ROOT / "infra" / "README.md"
LINKS = {
    "sam": "`sam validate --lint`",
    "expand": "SAM's transform, and every reference and condition resolved for four sets of parameters",
    "lint": "cfn-lint on the source, and on the transform with gradual deployments, which has every resource",
    "guard": "cfn-guard with [our rules](../tests/infra/rules.guard)",
    "rights": "each role asked for each of some sixty actions, by [one table](../tests/infra/policy.py)",
    "related": "[what must fit together](../tests/infra/relations.py): timeouts, alarms, rules, routes, names, versions, network; and parameters that contradict each other",
    "checkov": "checkov, without [checks that are left out for a reason](../tests/infra/checkov.skip)",
}


def name(resource):
    """A resource of a statement, for a reader."""
    if isinstance(resource, list):
        return ", ".join(map(name, resource))
    if isinstance(resource, str):
        return "everything" if resource == "*" else f"`{resource}`"
    if "Fn::GetAtt" in resource:
        target = resource["Fn::GetAtt"]
        return f"`{target[0].removesuffix('Function') if isinstance(target, list) else target.split('.')[0]}`"
    if "Fn::If" in resource:
        return "the key"
    if isinstance(resource["Fn::Sub"], str):
        what = resource["Fn::Sub"]
        return "all alarms" if what.endswith(":alarm:*") else f"`{what.removeprefix('${').replace('Function.Arn}:', ':')}`"
    text = resource["Fn::Sub"][0] if isinstance(resource["Fn::Sub"], list) else resource["Fn::Sub"]
    kind = text.split(":")[-1] if ":table/" not in text else text.split(":table/")[1]
    default = resource["Fn::Sub"][1]["Name"]["Fn::If"]
    if ":table/" in text:
        return "`Table`" + kind.removeprefix("${Name}").replace("/index/", ", indexes `").replace("*", "*`")
    return f"secrets `{default[2]['Fn::Sub'].replace('${AWS::StackName}', 'STACK')}{kind.removeprefix('${Name}')}`"


def condition(given):
    parts = []
    for keys in given.values():
        for key, value in keys.items():
            value = "secretsmanager, dynamodb and sqs alone" if key == "kms:ViaService" else value
            parts.append(f"{key} is {value}")
    return "; ".join(parts)


def permissions(parsed):
    """The rows of the table; a statement without a reason, or a reason without a statement, is an error."""
    for logical, resource in parsed["Resources"].items():
        reasons = dict(resource.get("Metadata", {}).get("Why", {}))
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in properties["Policies"]]
        elif resource["Type"] == "AWS::IAM::ManagedPolicy" and reasons:
            documents = [properties["PolicyDocument"]]
        else:
            continue
        for document in documents:
            for statement in document["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                actions = ", ".join(f"`{action}`" for action in actions)
                if statement["Sid"] not in reasons:
                    raise SystemExit(f"{logical}: no reason for {statement['Sid']} in its Metadata")
                on = name(statement["Resource"])
                if "Condition" in statement:
                    on += f", if {condition(statement['Condition'])}"
                yield f"| `{logical}` | {actions} | {on} | {reasons.pop(statement['Sid'])} |"
        if reasons:
            raise SystemExit(f"{logical}: reasons without a statement: {sorted(reasons)}")


def page(text):
    parsed = yaml_parse(text)
    rows = "\n".join(permissions(parsed))
    chain = "\n".join(f"| `{link}` | {LINKS[link]} |" for link in links.LINKS)
    caught = "\n".join(f"| {mistake} | `{link}` |" for mistake, link, _, _ in mutants.MUTANTS)
    return f"""# Infrastructure

`template.yaml` is the SAM template of a stack, `samconfig.toml` has the settings of a staging and a production stack,
`events` are samples. [Deploy on AWS](../docs/howto/deploy.md) says how to use them, [Operate](../docs/howto/operate.md)
what to do when an alarm rings. `xtask` are the tasks of the workspace.

This page is made of the template: `tests/.venv/bin/python tests/infra/run.py write`.

## Permissions
Each function has a role of its own. Whatever is not in this table is denied, and the suite `infra` asks for it.

| role | may | on | because |
|---|---|---|---|
{rows}

In a VPC each role also has AWS's `AWSLambdaENIManagementAccess`, since network interfaces have no names before they
exist. `DeployRole` is CodeDeploy's, for gradual deployments. `PublisherPolicy` is for your product: it puts events on the bus with the source given, sends them to the events
queue, or calls the router.

## How the template is tested
`cargo xtask test infra` runs these links, and plants a few of the mistakes below; `cargo xtask test infra mutants` plants
all of them. Each must be caught by its link.

| link | |
|---|---|
{chain}

The suite `real` then deploys the template with SAM's own command line into an emulator that enforces the roles, and
sends mail through the result.

| mistake | caught by |
|---|---|
{caught}
"""
