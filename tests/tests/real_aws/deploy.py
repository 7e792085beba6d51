"""Deploys infra/template.yaml on an emulator, or only what the effects need, and prints the outputs as JSON.

    deploy.py stack ENDPOINT ARTEFACT PARAMETERS   the whole template through CloudFormation, with the artefact
    deploy.py parts ENDPOINT                       table, queue and bus alone, for emulators without SAM
    deploy.py expand                               the template as SAM expands it

Whatever is created comes out of the template, so that the tests meet the keys and indexes that operators get.
"""

import json
import os
import pathlib
import sys

import boto3
from botocore.config import Config
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "infra" / "template.yaml"


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}, retries={"max_attempts": 2}),
    )


def template(artefact):
    body = TEMPLATE.read_text()
    local = "../target/package/ownpost-lambda.zip"
    assert body.count(local) == 1, "the template names the artefact once"
    return body.replace(local, artefact)


def expand():
    class NoManagedPolicies:
        def load(self):
            return {}

    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    return transform(yaml_parse(template("s3://artefacts/ownpost-lambda.zip")), {}, NoManagedPolicies())


def stack(endpoint, artefact, parameters):
    # `sam deploy` does the same: the artefact goes to a bucket, and the template names it there.
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket="artefacts")
    s3.upload_file(artefact, "artefacts", "ownpost-lambda.zip")
    formation = client("cloudformation", endpoint)
    formation.create_stack(
        StackName="ownpost",
        TemplateBody=template("s3://artefacts/ownpost-lambda.zip"),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    waiter = formation.get_waiter("stack_create_complete")
    try:
        waiter.wait(StackName="ownpost", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except Exception:
        for event in formation.describe_stack_events(StackName="ownpost")["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event.get("ResourceStatusReason"), file=sys.stderr)
        raise
    outputs = formation.describe_stacks(StackName="ownpost")["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def parts(endpoint):
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    table = resources["Table"]["Properties"]
    created = client("dynamodb", endpoint).create_table(
        TableName="ownpost",
        **{
            key: table[key]
            for key in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        },
    )
    queue = client("sqs", endpoint).create_queue(QueueName="ownpost")
    client("events", endpoint).create_event_bus(Name="ownpost")
    return {
        "TableName": created["TableDescription"]["TableName"],
        "QueueUrl": queue["QueueUrl"],
        "BusName": "ownpost",
    }


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "stack":
        endpoint, artefact, parameters = rest
        done = stack(endpoint, artefact, json.loads(parameters))
    else:
        done = {"parts": parts, "expand": expand}[what](*rest)
    print(json.dumps(done))
