"""Deploys infra/template.yaml on an emulator, or only the resources of the effects, and prints the outputs as JSON.

    deploy.py stack ENDPOINT BINARY PARAMETERS CLAIMS
                                                   the whole template through CloudFormation, with the binary, and
                                                   an identity provider that has signed a token for each of the claims
    deploy.py again ENDPOINT NAME PARAMETERS       one more stack, or an update of a stack, with the same binary
    deploy.py remove ENDPOINT NAME                 removes a stack
    deploy.py guide ENDPOINT BINARY PLATFORM PARAMETERS CLAIMS
                                                   docs/howto/deploy.md, followed from its first command to its last
    deploy.py live ENDPOINT NAME                   version and log level that each function of a stack runs with
    deploy.py later ENDPOINT TABLE                 lets the time come for all that is due later
    deploy.py logs ENDPOINT                        the log of the functions, line by line
    deploy.py parts ENDPOINT                       only table, queue and bus, for emulators without SAM
    deploy.py expand                               the template as SAM expands it

Every resource is created from the template, so that the tests use the same keys and indexes as operators.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from botocore.config import Config
from botocore.exceptions import WaiterError
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "infra" / "template.yaml"
# Nanoseconds since 1970, as the index of what is due sorts them.
LONG_AGO = "1".zfill(20)


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


def identity_provider(s3, endpoint, tokens):
    """Makes an issuer of tokens whose documents are in a bucket. `tokens` are the claims; returns the signed tokens."""
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    number = lambda value: encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_numbers()
    issuer = f"{endpoint}/issuer"
    s3.create_bucket(Bucket="issuer")
    # The authoriser reads the documents without credentials.
    s3.delete_public_access_block(Bucket="issuer")
    read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::issuer/*"}
    s3.put_bucket_policy(Bucket="issuer", Policy=json.dumps({"Version": "2012-10-17", "Statement": [read]}))
    documents = {
        ".well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys.json"},
        "keys.json": {
            "keys": [
                {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": number(public.n), "e": number(public.e)}
            ]
        },
    }
    for name, document in documents.items():
        s3.put_object(Bucket="issuer", Key=name, Body=json.dumps(document), ContentType="application/json")

    def token(claims):
        now = int(time.time())
        claims = {"iss": issuer, "aud": "ownpost", "iat": now - 5, "exp": now + 3600, **claims}
        head = {"alg": "RS256", "typ": "JWT", "kid": "one"}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    return issuer, {name: token(claims) for name, claims in tokens.items()}


def routes(endpoint, api, function, issuer):
    """Creates the routes of the OpenAPI body one by one, because ministack does not read the body in a template."""
    gateway = client("apigatewayv2", endpoint)
    body = expand()["Resources"]["Api"]["Properties"]["Body"]
    schemes = body["components"]["securitySchemes"]
    name = "Jwt"
    scheme = schemes[name]
    scheme = scheme["x-amazon-apigateway-authorizer"]
    assert scheme["jwtConfiguration"] == {"issuer": {"Ref": "JwtIssuer"}, "audience": {"Ref": "JwtAudience"}}
    authorizer = gateway.create_authorizer(
        ApiId=api,
        Name=name,
        AuthorizerType="JWT",
        IdentitySource=[scheme["identitySource"]],
        JwtConfiguration={"Issuer": issuer, "Audience": ["ownpost"]},
    )["AuthorizerId"]
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=client("lambda", endpoint).get_function(FunctionName=function)["Configuration"]["FunctionArn"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            open_to_all = operation["security"] == [{"NONE": []}]
            assert open_to_all or operation["security"] == [{name: []}], f"{method} {path} asks for no token"
            token = {"AuthorizationType": "JWT", "AuthorizerId": authorizer}
            gateway.create_route(
                ApiId=api,
                RouteKey=f"{method.upper()} {path}",
                Target=f"integrations/{integration}",
                **({"AuthorizationType": "NONE"} if open_to_all else token),
            )


def overlay(template):
    """Changes what the emulator does otherwise than AWS. Each is proven by the policy test of tests/infra instead."""
    resources = template["Resources"]
    # A Number parameter reaches its queue poller as text, and stops it.
    for function in ("RouterFunction", "SenderFunction"):
        scaling = resources[function]["Properties"]["Events"]["FromQueue"]["Properties"]["ScalingConfig"]
        assert list(scaling["MaximumConcurrency"]) == ["Ref"]
        scaling["MaximumConcurrency"] = 10
    unknown = ("events:source", "secretsmanager:VersionStage")
    for resource in resources.values():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            # It is reached without TLS.
            document["Statement"] = [s for s in document["Statement"] if s.get("Sid") != "OnlyTls"]
            for statement in document["Statement"]:
                condition = statement.get("Condition", {})
                # It never sets these keys of a request, so that nothing would match.
                if any(key in unknown for keys in condition.values() for key in keys):
                    assert len(condition) == 1
                    del statement["Condition"]
                # It asks for an action that IAM does not have.
                if statement.get("Action") == "sqs:SendMessage" and "Principal" not in statement:
                    statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
    # It has no metric math.
    for name in [n for n, r in resources.items() if "Metrics" in r.get("Properties", {})]:
        del resources[name]
    # A queue needs no policy then, and CloudFormation refuses one without a statement.
    for name in [n for n, r in resources.items() if r["Type"] == "AWS::SQS::QueuePolicy"]:
        if not resources[name]["Properties"]["PolicyDocument"]["Statement"]:
            del resources[name]
    return template


def sam_deploy(endpoint, folder, archive, parameters, stack="ownpost"):
    """Deploys with SAM's own command line, as docs/howto/deploy.md does."""
    changed = overlay(yaml_parse(template(str(archive))))
    file = pathlib.Path(folder, "template.json")
    file.write_text(json.dumps(changed))
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [str(ROOT / "tests/.venv-sam/bin/sam"), "deploy", "--template-file", str(file)]
    command += ["--stack-name", stack, "--s3-bucket", "artefacts", "--region", "us-east-1"]
    command += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"]
    command += ["--parameter-overrides", *(f"{key}={value}" for key, value in parameters.items())]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        for event in client("cloudformation", endpoint).describe_stack_events(StackName=stack)["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event.get("ResourceStatusReason"), file=sys.stderr)
        sys.exit(f"sam deploy: {done.stderr[-4000:]}")


def pack(binary, archive):
    """The artefact, but for what only a deployment for real needs."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as files:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        files.writestr(entry, pathlib.Path(binary).read_bytes())


def stack(endpoint, binary, parameters, tokens):
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket="artefacts")
    issuer, signed = identity_provider(s3, endpoint, tokens)
    parameters = {"JwtIssuer": issuer, "JwtAudience": "ownpost", **parameters}
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder, "ownpost-lambda.zip")
        pack(binary, archive)
        s3.upload_file(str(archive), "artefacts", "again.zip")
        sam_deploy(endpoint, folder, archive, parameters)
    return {"tokens": signed, **finished(endpoint, "ownpost", issuer)}


def finished(endpoint, stack, issuer):
    """The outputs of a stack whose API has its routes."""
    formation = client("cloudformation", endpoint)
    outputs = formation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    api = outputs["ApiUrl"].removeprefix("https://").split(".")[0]
    if not client("apigatewayv2", endpoint).get_routes(ApiId=api)["Items"]:
        routes(endpoint, api, outputs["SettingsFunctionName"], issuer)
    return outputs


def again(endpoint, stack, parameters):
    """Creates or updates one more stack with the artefact of the first, by CloudFormation without SAM's command line."""
    s3, formation = client("s3", endpoint), client("cloudformation", endpoint)
    issuer = f"{endpoint}/issuer"
    body = json.dumps(overlay(yaml_parse(template("s3://artefacts/again.zip"))))
    s3.put_object(Bucket="artefacts", Key=f"{stack}.json", Body=body)
    given = {"JwtIssuer": issuer, "JwtAudience": "ownpost", **parameters}
    request = {
        "StackName": stack,
        "TemplateURL": f"{endpoint}/artefacts/{stack}.json",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    there = {s["StackName"] for s in formation.describe_stacks()["Stacks"] if s["StackStatus"] != "DELETE_COMPLETE"}
    if stack in there:
        formation.update_stack(**request)
        waiter = "stack_update_complete"
    else:
        formation.create_stack(**request)
        waiter = "stack_create_complete"
    try:
        formation.get_waiter(waiter).wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except WaiterError as error:
        for event in formation.describe_stack_events(StackName=stack)["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event.get("ResourceStatusReason"), file=sys.stderr)
        sys.exit(str(error))
    return finished(endpoint, stack, issuer)


def remove(endpoint, stack):
    """Deletes a stack, as `sam delete` does."""
    formation = client("cloudformation", endpoint)
    formation.delete_stack(StackName=stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return {}


def live(endpoint, stack):
    """What the alias of each function of the stack points to."""
    functions, found = client("lambda", endpoint), {}
    for function in functions.list_functions()["Functions"]:
        if function["FunctionName"].startswith(f"{stack}-"):
            given = functions.get_function_configuration(FunctionName=function["FunctionName"], Qualifier="live")
            level = given["Environment"]["Variables"]["RUST_LOG"]
            found[function["Handler"]] = {"version": given["Version"], "level": level}
    return found


def later(endpoint, table):
    """Makes all that a table has in its index of what is due due now."""
    dynamodb = client("dynamodb", endpoint)
    for item in dynamodb.scan(TableName=table, FilterExpression="attribute_exists(by_due)")["Items"]:
        dynamodb.update_item(
            TableName=table,
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="SET due = :long_ago",
            ExpressionAttributeValues={":long_ago": {"S": LONG_AGO}},
        )
    return {}


def logs(endpoint):
    logs = client("logs", endpoint)
    lines = []
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        lines += [event["message"] for page in pages for event in page["events"]]
    return lines


def parts(endpoint):
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    # With every index that a parameter could leave out.
    whole = lambda entries: [entry["Fn::If"][1] if "Fn::If" in entry else entry for entry in entries]
    table = {key: whole(given) if isinstance(given, list) else given for key, given in resources["Table"]["Properties"].items()}
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
        endpoint, binary, parameters, tokens = rest
        done = stack(endpoint, binary, json.loads(parameters), json.loads(tokens))
    elif what == "guide":
        import guide

        endpoint, binary, *documents = rest
        done = guide.follow(endpoint, binary, *map(json.loads, documents))
    elif what == "again":
        endpoint, stack_name, parameters = rest
        done = again(endpoint, stack_name, json.loads(parameters))
    else:
        done = {"parts": parts, "expand": expand, "logs": logs, "remove": remove, "live": live, "later": later}[what](*rest)
    print(json.dumps(done))
