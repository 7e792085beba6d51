"""What must fit together in the template, and no tool knows."""

import re

from template import ROOT, of_type

# The metrics of the functions, and the dimensions that each has beside `Stack`: docs/howto/operate.md.
OWN = {"BreakerOpened": {"Route"}, "Unknown": {"Category", "Route"}}
# The metrics of AWS that alarms watch, and the dimension that each has.
METRICS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName", "AWS::SQS::Queue"),
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/Lambda", "Throttles"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/Lambda", "Invocations"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/ApiGateway", "5xx"): ("ApiId", "AWS::ApiGatewayV2::Api"),
    ("AWS/DynamoDB", "ReadThrottleEvents"): ("TableName", "AWS::DynamoDB::Table"),
    ("AWS/DynamoDB", "WriteThrottleEvents"): ("TableName", "AWS::DynamoDB::Table"),
}
# What must be watched.
WATCHED = {
    ("ApproximateNumberOfMessagesVisible", "shop-DeadLetters"),
    ("ApproximateNumberOfMessagesVisible", "shop-EventsDeadLetters"),
    ("ApproximateAgeOfOldestMessage", "shop-events"),
    ("ApproximateAgeOfOldestMessage", "shop-mail"),
    ("Invocations", "shop-MonitorFunction"),
    ("5xx", "shop-Api"),
    ("BreakerOpened", "platform"),
    ("BreakerOpened", "relay"),
    ("Unknown", "shop"),
} | {
    (metric, f"shop-{function}Function")
    for metric in ("Errors", "Throttles")
    for function in ("Settings", "Router", "Sender", "Monitor")
}
# The events that somebody must hear of.
ALERTED = {"Relay Unhealthy", "Relay Recovered", "Certificate Expiring", "Credential Expiring"}
WITHOUT_TOKEN = {"GET /smtp/oauth/callback"}


def alarm_metrics(alarm):
    if "Metrics" not in alarm:
        return [(alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"])]
    metrics = [entry["MetricStat"]["Metric"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    return [(metric["Namespace"], metric["MetricName"], metric["Dimensions"]) for metric in metrics]


def alarms(resolved):
    names = {kind: {f"shop-{name}" for name in of_type(resolved, kind)} for _, kind in METRICS.values()}
    names["AWS::SQS::Queue"] |= {queue.get("QueueName") for queue in of_type(resolved, "AWS::SQS::Queue").values()}
    names["AWS::DynamoDB::Table"] |= {resolved["Parameters"]["ExistingTable"]}
    seen = set()
    for name, alarm in of_type(resolved, "AWS::CloudWatch::Alarm").items():
        if "shop-Alerts" not in str(alarm["AlarmActions"]):
            yield f"{name} tells nobody"
        for namespace, metric, dimensions in alarm_metrics(alarm):
            if namespace == "Ownpost":
                given = {d["Name"]: d["Value"] for d in dimensions}
                if given.pop("Stack", None) != "shop" or not set(given) <= OWN.get(metric, set()):
                    yield f"{name}: the functions put no {metric} with {dimensions}"
                seen.add((metric, given.get("Route", "shop")))
                continue
            known = METRICS.get((namespace, metric))
            if not known:
                yield f"{name}: there is no metric {namespace} {metric}"
                continue
            if [d["Name"] for d in dimensions] != [known[0]]:
                yield f"{name}: {metric} has the dimension {known[0]}"
            elif dimensions[0]["Value"] not in names[known[1]]:
                yield f"{name}: {dimensions[0]['Value']} is no {known[1]}"
            seen.add((metric, dimensions[0]["Value"]))
        if f"`{name}`" not in (ROOT / "docs/howto/operate.md").read_text():
            yield f"docs/howto/operate.md does not say what to do when {name} rings"
    yield from (f"nothing watches {metric} of {of}" for metric, of in sorted(WATCHED - seen))


def functions_by_alias(resolved):
    """Each function by the ARN of its alias, which everything must call."""
    functions = of_type(resolved, "AWS::Lambda::Function")
    return {f"arn:aws:lambda:us-east-1:111122223333:function:shop-{name}:live": f for name, f in functions.items()}


def queues(resolved):
    queues = of_type(resolved, "AWS::SQS::Queue")
    functions = functions_by_alias(resolved)
    by_arn = {f"arn:aws:sqs:us-east-1:111122223333:{q.get('QueueName', f'shop-{n}')}": (n, q) for n, q in queues.items()}
    fed = set()
    for name, mapping in of_type(resolved, "AWS::Lambda::EventSourceMapping").items():
        function = functions.get(mapping["FunctionName"])
        if not function:
            yield f"{name} calls {mapping['FunctionName']}, which no update moves"
            continue
        logical, queue = by_arn[mapping["EventSourceArn"]]
        fed.add((logical, function["Handler"]))
        if queue.get("VisibilityTimeout", 30) < 6 * function["Timeout"]:
            yield f"{name}: a message of {logical} is visible again while {function['Handler']} works on it"
        redrive = queue.get("RedrivePolicy")
        if not redrive:
            yield f"{logical} has no dead letters"
            continue
        dead = by_arn[redrive["deadLetterTargetArn"]][1]
        allowed = dead.get("RedriveAllowPolicy", {})
        own = f"arn:aws:sqs:us-east-1:111122223333:{queue.get('QueueName')}"
        if allowed.get("redrivePermission") != "byQueue" or own not in allowed.get("sourceQueueArns", []):
            yield f"the dead letters do not take those of {logical}"
    if fed != {("Queue", "sender"), ("EventsQueue", "router")}:
        yield f"queues feed {fed}"
    policies = of_type(resolved, "AWS::SQS::QueuePolicy").values()
    covered = {url for policy in policies for url in policy["Queues"]}
    yield from (f"{name} has no policy" for name, q in queues.items() if q.get("QueueName", f"shop-{name}") not in covered)
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow" and statement["Action"] != "sqs:SendMessage":
                yield f"a queue's policy allows {statement['Action']}"


def takes(policy, queue, rule):
    allowed = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow" and s["Resource"] == queue]
    return any(s["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(rule) for s in allowed)


def rules(resolved):
    arns = functions_by_alias(resolved)
    heard, scheduled, routed, ended = set(), set(), False, False
    taking = of_type(resolved, "AWS::SQS::QueuePolicy").values()
    for name, rule in of_type(resolved, "AWS::Events::Rule").items():
        pattern = rule.get("EventPattern", {})
        for target in rule.get("Targets", []):
            handler = arns.get(target["Arn"], {}).get("Handler")
            if "ScheduleExpression" in rule:
                scheduled.add((handler, rule["ScheduleExpression"]))
            elif pattern.get("source") == ["product"]:
                routed = target["Arn"].endswith(":shop-events") and target.get("InputPath") == "$.detail"
                for queue in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")):
                    if not any(takes(policy, queue, f"shop-{name}") for policy in taking):
                        yield f"{name}: an event that cannot be delivered is lost: {queue} takes none of it"
            elif pattern.get("source") == ["ownpost"] and "shop-Alerts" in target["Arn"]:
                heard |= set(pattern["detail-type"])
                used = set(re.findall(r"<(\w+)>", target.get("InputTransformer", {}).get("InputTemplate", "")))
                if used != set(target.get("InputTransformer", {}).get("InputPathsMap", {})):
                    yield f"{name}: its text and its paths do not fit"
            elif pattern == {"source": ["ownpost"], "detail-type": ["Settings Expired"]}:
                ended = handler == "settings" and "InputPath" not in target
        if "EventPattern" in rule and rule.get("EventBusName") != "shop":
            yield f"{name} is on another bus"
    if not routed:
        yield "no rule leads the product's events, without their wrapping, to the events queue"
    if not ended:
        yield "nobody ends removed settings whose time is over"
    if scheduled != {("monitor", "rate(5 minutes)")}:
        yield f"the schedule is {scheduled}"
    yield from (f"nobody hears of {detail_type}" for detail_type in sorted(ALERTED - heard))
    topic = of_type(resolved, "AWS::SNS::TopicPolicy")["AlertsPolicy"]["PolicyDocument"]["Statement"]
    allowed = str([s for s in topic if s["Effect"] == "Allow"])
    for name, rule in of_type(resolved, "AWS::Events::Rule").items():
        if any("shop-Alerts" in t["Arn"] for t in rule.get("Targets", [])) and f"shop-{name}'" not in allowed:
            yield f"the topic refuses {name}"


def api(resolved):
    (api,) = of_type(resolved, "AWS::ApiGatewayV2::Api").values()
    body = api["Body"]
    functions = of_type(resolved, "AWS::Lambda::Function")
    page = (ROOT / "docs/reference/api.md").read_text()
    routes = set()
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            if method == "options":
                continue
            route = f"{method.upper()} {path}"
            routes.add(route)
            scheme = "NONE" if route in WITHOUT_TOKEN else "Jwt"
            if operation.get("security") != [{scheme: []}]:
                yield f"{route} asks for {operation.get('security')}"
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            if "shop-SettingsFunction:live/" not in uri:
                yield f"{route} leads to {uri}"
    documented = {f"{m} {p}" for m, p in re.findall(r"^## (GET|PUT|POST|DELETE) (/[^\s?]*)", page, re.M)}
    documented |= {f"{m} {p}" for m, p in re.findall(r"\| `(GET|PUT|POST|DELETE) (/[^`?\s]*)", page)}
    yield from (f"{route} is in docs/reference/api.md alone" for route in sorted(documented - routes))
    cors = body.get("x-amazon-apigateway-cors") or api.get("CorsConfiguration")
    if resolved["Parameters"]["AllowedOrigins"]:
        used = {route.split(" ")[0] for route in routes}
        missing = used - set((cors or {}).get("allowMethods", []))
        if missing:
            yield f"CORS allows no {sorted(missing)}"
        for header in ("authorization", "content-type"):
            if header not in (cors or {}).get("allowHeaders", []):
                yield f"CORS allows no {header}"
    handlers = sorted(f["Handler"] for f in functions.values())
    if handlers != ["monitor", "router", "sender", "settings"]:
        yield f"the functions are {handlers}"
    roles = [f["Role"] for f in functions.values()]
    if len(set(roles)) != len(roles):
        yield "two functions share a role"
    for name, function in functions.items():
        logs = f"shop-{function['Handler'].capitalize()}Logs"
        if function["LoggingConfig"]["LogGroup"] != logs or function["Role"] != f"arn:aws:iam::111122223333:role/shop-{function['Handler'].capitalize()}Role":
            yield f"{name} has the role or the log of another"
        if function["Handler"] == "settings" and function["Timeout"] < 26:
            yield "settings ends before its longest test"


def stream(resolved):
    """The URL whose answers stream: public, so its function has to know whose tokens it takes; and no other is public."""
    functions = of_type(resolved, "AWS::Lambda::Function")
    parameters = resolved["Parameters"]
    wanted = parameters["Streaming"] == "true"
    urls = of_type(resolved, "AWS::Lambda::Url")
    if len(urls) != (1 if wanted else 0):
        yield f"there are {len(urls)} function URLs"
    for name, url in urls.items():
        if (url["TargetFunctionArn"], url.get("Qualifier")) != ("shop-SettingsFunction", "live"):
            yield f"{name} calls {url['TargetFunctionArn']}:{url.get('Qualifier')}"
        if url.get("InvokeMode") != "RESPONSE_STREAM":
            yield f"{name} answers at the end"
        (body,) = (api["Body"] for api in of_type(resolved, "AWS::ApiGatewayV2::Api").values())
        given, cors = body.get("x-amazon-apigateway-cors"), url.get("Cors")
        same = ("AllowMethods", "AllowHeaders", "ExposeHeaders", "MaxAge")
        if bool(cors) != bool(given) or any(cors[key] != given[key[0].lower() + key[1:]] for key in same if cors):
            yield f"{name} has other rules for pages than the API"
        if cors and cors["AllowOrigins"] != parameters["AllowedOrigins"].split(","):
            yield f"{name} lets pages of {cors['AllowOrigins']} call"
    for name, function in functions.items():
        variables = function["Environment"]["Variables"]
        told = (variables["OWNPOST_JWT_ISSUER"], variables["OWNPOST_JWT_AUDIENCE"])
        if told != ((parameters["JwtIssuer"], parameters["JwtAudience"]) if wanted else ("", "")):
            yield f"{name} takes the tokens of {told}"
    public = {n: p for n, p in of_type(resolved, "AWS::Lambda::Permission").items() if p["Principal"] == "*"}
    asked = {
        (p["Action"], p.get("FunctionUrlAuthType"), p.get("InvokedViaFunctionUrl")) for p in public.values()
    }
    expected = {("lambda:InvokeFunctionUrl", "NONE", None), ("lambda:InvokeFunction", None, True)} if wanted else set()
    if asked != expected:
        yield f"everybody may {sorted(map(str, asked))}"
    for name, permission in public.items():
        if "SettingsFunction" not in str(permission["FunctionName"]) or ":live" not in str(permission["FunctionName"]):
            yield f"{name} opens {permission['FunctionName']}"


def versions(resolved):
    """A version is published exactly when a function changes: its description has the number of the configuration, and the
    configuration is all that parameters change in a function."""
    content = of_type(resolved, "AWS::AppConfig::HostedConfigurationVersion")["Configuration"]["Content"].split("\n")
    parameters = resolved["Parameters"]
    network = [parameters["VpcCidr"] or parameters["SubnetIds"], parameters["SecurityGroupIds"]]
    for name, function in of_type(resolved, "AWS::Lambda::Function").items():
        own = {"OWNPOST_REFUSED_QUEUE_URL"}
        variables = function["Environment"]["Variables"]
        expected = [str(value) for key, value in variables.items() if key not in own]
        expected += [parameters["FilesLayer"], *network, parameters["Tracing"]]
        if content != expected:
            yield f"{name}: a version's configuration is {content}, the function's {expected}"
        if function["TracingConfig"]["Mode"] != parameters["Tracing"]:
            yield f"{name} traces otherwise"
    described = [v.get("Description") for v in of_type(resolved, "AWS::Lambda::Version").values()]
    if described != ["configuration shop-Configuration"] * 4:
        yield f"versions are described by {described}"


def deployments(resolved):
    """A gradual deployment goes back when an alarm of any function rings."""
    groups = of_type(resolved, "AWS::CodeDeploy::DeploymentGroup")
    gradual = resolved["Parameters"]["Deployment"] != "AllAtOnce"
    if len(groups) != (4 if gradual else 0):
        yield f"there are {len(groups)} deployment groups"
    aliases = [n for n, r in resolved["Resources"].items() if r["Type"] == "AWS::Lambda::Alias"]
    shifted = [n for n in aliases if "CodeDeployLambdaAliasUpdate" in resolved["Resources"][n].get("UpdatePolicy", {})]
    if len(shifted) != len(groups):
        yield f"{len(shifted)} of the aliases are shifted"
    errors = {f"shop-{function}Errors" for function in ("Settings", "Router", "Sender", "Monitor")}
    for name, group in groups.items():
        missing = errors - {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        if missing or not group["AutoRollbackConfiguration"]["Enabled"]:
            yield f"{name} does not go back when {sorted(missing)} ring"
        if group["ServiceRoleArn"] != "arn:aws:iam::111122223333:role/shop-DeployRole":
            yield f"{name} has the role {group['ServiceRoleArn']}"
    watched = of_type(resolved, "AWS::CloudWatch::Alarm")
    for name in ("SettingsErrors", "RouterErrors", "SenderErrors", "MonitorErrors"):
        alarm = watched[name]
        if alarm["Period"] * alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) > 300:
            yield f"{name} rings when a gradual deployment is over"


def network(resolved):
    """The functions of a VPC that the stack makes leave by its NAT gateways alone, and nothing comes in."""
    parameters = resolved["Parameters"]
    made = bool(parameters["VpcCidr"])
    gateways = of_type(resolved, "AWS::EC2::NatGateway")
    if len(gateways) != (int(parameters["NatGateways"]) if made else 0):
        yield f"there are {len(gateways)} NAT gateways"
    for name, function in of_type(resolved, "AWS::Lambda::Function").items():
        subnets = function.get("VpcConfig", {}).get("SubnetIds", [])
        if made and subnets != ["shop-PrivateA", "shop-PrivateB"]:
            yield f"{name} is in {subnets}"
    for name, role in of_type(resolved, "AWS::IAM::Role").items():
        enters = "AWSLambdaENIManagementAccess" in str(role.get("ManagedPolicyArns"))
        if enters != (name != "DeployRole" and bool(made or parameters["SubnetIds"])):
            yield f"{name} {'may' if enters else 'may not'} enter a network"
    if not made:
        return
    subnets = of_type(resolved, "AWS::EC2::Subnet")
    cidrs = [subnet["CidrBlock"] for subnet in subnets.values()]
    if len(set(cidrs)) != 4 or len({subnet["AvailabilityZone"] for subnet in subnets.values()}) != 2:
        yield f"the subnets are {cidrs}"
    used = {u["SubnetId"]: u["RouteTableId"] for u in of_type(resolved, "AWS::EC2::SubnetRouteTableAssociation").values()}
    ways = {route["RouteTableId"]: route for route in of_type(resolved, "AWS::EC2::Route").values()}
    for zone in "AB":
        private, public = ways[used[f"shop-Private{zone}"]], ways[used[f"shop-Public{zone}"]]
        if "GatewayId" in private or private.get("NatGatewayId") != f"shop-Nat{zone}":
            yield f"zone {zone} does not leave by its NAT gateway"
        if public.get("GatewayId") != "shop-Internet":
            yield f"the NAT gateway of zone {zone} reaches no Internet"
        if gateways[f"Nat{zone}"]["SubnetId"] != f"shop-Public{zone}":
            yield f"the NAT gateway of zone {zone} is in {gateways[f'Nat{zone}']['SubnetId']}"
    (group,) = of_type(resolved, "AWS::EC2::SecurityGroup").values()
    if "SecurityGroupIngress" in group:
        yield "something may come in"


def table(resolved):
    """The attributes of the table are those of its keys: DynamoDB refuses others."""
    for given in of_type(resolved, "AWS::DynamoDB::Table").values():
        keys = [*given["KeySchema"], *(key for index in given["GlobalSecondaryIndexes"] for key in index["KeySchema"])]
        if {key["AttributeName"] for key in keys} != {a["AttributeName"] for a in given["AttributeDefinitions"]}:
            yield "the table's attributes are not those of its keys"
        if len(given["GlobalSecondaryIndexes"]) != int(resolved["Parameters"]["TableIndexes"]):
            yield f"the table has {len(given['GlobalSecondaryIndexes'])} indexes"


def names(resolved):
    """Two stacks share nothing: what has a name of its own begins with the stack's."""
    for name, resource in resolved["Resources"].items():
        for key in ("QueueName", "TableName", "FunctionName", "RoleName", "TopicName", "LogGroupName", "ManagedPolicyName"):
            given = resource["Properties"].get(key)
            if given and resource["Type"].split("::")[-1] in key and not str(given).startswith("shop"):
                yield f"{name} is called {given} in every stack"
    for name, function in of_type(resolved, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        prefix, platform = variables["OWNPOST_SECRET_PREFIX"], variables["OWNPOST_PLATFORM_SECRET"]
        if platform.startswith(prefix):
            yield f"{name}: a tenant could own the platform's secret"
        if variables["OWNPOST_DKIM"].startswith(prefix):
            yield f"{name}: a tenant could own the DKIM keys"
        if not resolved["Parameters"]["SecretPrefix"] and not (prefix.startswith("shop/") and platform.startswith("shop/")):
            yield f"{name}: two stacks share secrets"


PARTS = (alarms, queues, rules, api, stream, names, versions, deployments, network, table)


def findings(name, resolved):
    return [f"{name}: {finding}" for part in PARTS for finding in part(resolved)]
