"""What must fit together in the template, and no tool knows."""

import re

from template import ROOT, of_type

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
} | {
    (metric, f"shop-{function}Function")
    for metric in ("Errors", "Throttles")
    for function in ("Settings", "Router", "Sender", "Monitor")
}
# The events that somebody must hear of.
ALERTED = {"Relay Unhealthy", "Relay Recovered", "Certificate Expiring"}
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
            known = METRICS.get((namespace, metric))
            if not known:
                yield f"{name}: there is no metric {namespace} {metric}"
                continue
            if [d["Name"] for d in dimensions] != [known[0]]:
                yield f"{name}: {metric} has the dimension {known[0]}"
            elif dimensions[0]["Value"] not in names[known[1]]:
                yield f"{name}: {dimensions[0]['Value']} is no {known[1]}"
            seen.add((metric, dimensions[0]["Value"]))
    yield from (f"nothing watches {metric} of {of}" for metric, of in sorted(WATCHED - seen))


def queues(resolved):
    queues = of_type(resolved, "AWS::SQS::Queue")
    functions = of_type(resolved, "AWS::Lambda::Function")
    by_arn = {f"arn:aws:sqs:us-east-1:111122223333:{q.get('QueueName', f'shop-{n}')}": (n, q) for n, q in queues.items()}
    fed = set()
    for name, mapping in of_type(resolved, "AWS::Lambda::EventSourceMapping").items():
        function = functions[mapping["FunctionName"].removeprefix("shop-")]
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
    functions = of_type(resolved, "AWS::Lambda::Function")
    arns = {f"arn:aws:lambda:us-east-1:111122223333:function:shop-{name}": f for name, f in functions.items()}
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
            if "shop-SettingsFunction" not in uri:
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


def findings(name, resolved):
    return [f"{name}: {finding}" for part in (alarms, queues, rules, api, names) for finding in part(resolved)]
