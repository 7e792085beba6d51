"""Mistakes that somebody could make in infra/template.yaml, each with the link of the chain that catches it. The table
in infra/README.md is made of this list."""

# Name of the mistake, the link, the text that it replaces, and by what. The text is there once, or the n-th time as
# `(n, text)`; `SHORT` are those that every run of the suite plants.
MUTANTS = [
    # Names and references.
    ("a property that SAM does not know", "sam", "      Timeout: 60\n", "      Timeouts: 60\n"),
    ("a Ref in Globals to nothing", "expand", "OWNPOST_QUEUE_URL: !Ref Queue", "OWNPOST_QUEUE_URL: !Ref Qeue"),
    ("a Ref in a role to nothing", "expand", "!GetAtt RouterLogs.Arn", "!GetAtt RouteLogs.Arn"),
    ("a condition that is not there", "expand", "!If [Reserves, 1,", "!If [Reserve, 1,"),
    ("a property that CloudFormation does not know", "lint", "      EnableKeyRotation: true", "      KeyRotation: true"),
    ("an action of no service", "lint", "kms:ReEncrypt*, kms:GenerateDataKey*", "kms:Recrypt, kms:GenerateDataKey*"),
    ("a value beyond its range", "lint", "VisibilityTimeout: 2880", "VisibilityTimeout: 288000"),
    ("a retention that does not exist", "lint", "AllowedValues: [1, 3, 5, 7, 14, 30,", "AllowedValues: [1, 3, 5, 7, 14, 31,"),
    # Rights: missing, misspelt, too wide, on the wrong thing.
    ("the router may read secrets", "rights", (2, "              - Sid: UseLedger"), "READ              - Sid: UseLedger"),
    ("the router may change rows", "rights", "Action: [dynamodb:GetItem, dynamodb:PutItem]", "Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]"),
    ("the router may not write rows", "rights", "Action: [dynamodb:GetItem, dynamodb:PutItem]", "Action: [dynamodb:GetItem]"),
    ("a misspelt action", "rights", (1, "sqs:ReceiveMessage"), "sqs:RecieveMessage"),
    ("an action of another service", "rights", (1, "dynamodb:BatchGetItem"), "dynamodb:GetItems"),
    ("settings may not move labels", "rights", "                  - secretsmanager:UpdateSecretVersionStage\n", ""),
    ("the sender may read what is being tested", "rights", (3, "                Condition: {StringEquals: {secretsmanager:VersionStage: AWSCURRENT}}\n"), ""),
    ("the monitor may read secrets", "rights", "              - Sid: QueryDue", "READ              - Sid: QueryDue"),
    ("the monitor may read mail", "rights", "/index/by_due", "/index/by_*"),
    ("the sender may delete settings", "rights", "              - Sid: KeepTokens\n                Effect: Allow\n                Action: [secretsmanager:CreateSecret,", "              - Sid: KeepTokens\n                Effect: Allow\n                Action: [secretsmanager:DeleteSecret, secretsmanager:CreateSecret,"),
    ("a label with another case", "rights", (3, "secretsmanager:VersionStage: AWSCURRENT"), "secretsmanager:VersionStage: AwsCurrent"),
    ("the secrets of all stacks", "rights", (3, "secret:${Name}*"), "secret:*"),
    ("the tenants' prefix is another in a role", "rights", (3, '"${AWS::StackName}/tenants/"'), '"ownpost/tenants/"'),
    ("the platform's secret under another name", "rights", (3, "secret:${Name}-??????"), "secret:${Name}"),
    ("the DKIM keys under another name", "rights", "secret:${Name}-??????", "secret:${Name}"),
    ("every table of the account", "rights", (1, "table/${Name}\n"), "table/*\n"),
    ("a right on the index alone", "rights", (1, "table/${Name}/index/by_*"), "table/${Name}/index/by_time_*"),
    ("the table itself cannot be queried", "rights", "Action: [dynamodb:DeleteItem, dynamodb:Query]", "Action: dynamodb:DeleteItem"),
    ("nothing can be erased", "rights", "Action: [dynamodb:DeleteItem, dynamodb:Query]", "Action: dynamodb:Query"),
    ("events of any source may be emitted", "rights", (1, "                Condition: {StringEquals: {events:source: ownpost}}\n"), ""),
    ("events of another source may be emitted", "rights", (2, "events:source: ownpost"), "events:source: product"),
    ("the sender may not hide messages", "rights", "                  - sqs:ChangeMessageVisibility\n", ""),
    ("refused events cannot be put aside", "rights", "              - Sid: GiveUp\n                Effect: Allow", "              - Sid: GiveUp\n                Effect: Deny"),
    ("a log of another function", "rights", "Resource: !GetAtt SenderLogs.Arn", "Resource: !GetAtt RouterLogs.Arn"),
    ("a role without the key", "rights", (1, "        - !If [HasKey, !Ref UseKey, !Ref AWS::NoValue]\n"), ""),
    ("the key for every service", "rights", "                  - !Sub sqs.${AWS::Region}.${AWS::URLSuffix}\n", "                  - !Sub sqs.${AWS::Region}.${AWS::URLSuffix}\n                  - !Sub s3.${AWS::Region}.${AWS::URLSuffix}\n"),
    ("the product may not send to the queue", "rights", "            Action: sqs:SendMessage\n            Resource: !GetAtt EventsQueue.Arn", "            Action: sqs:SendMessages\n            Resource: !GetAtt EventsQueue.Arn"),
    ("the product may pose as Ownpost", "rights", "Condition: {StringEquals: {events:source: !Ref EventSource}}", "Condition: {StringLike: {events:source: '*'}}"),
    # Queues, table, key and topic.
    ("a queue without TLS", "guard", (1, 'aws:SecureTransport: "false"'), 'aws:SecureTransport: "true"'),
    ("a queue that keeps messages for four days", "guard", (1, "MessageRetentionPeriod: 1209600"), "MessageRetentionPeriod: 345600"),
    ("a table that goes with the stack", "guard", (1, "    DeletionPolicy: Retain\n"), ""),
    ("a table without a way back", "guard", "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"),
    ("rows that never expire", "guard", "AttributeName: expires, Enabled: true", "AttributeName: expires, Enabled: false"),
    ("an index with all of a row", "guard", (2, "ProjectionType: KEYS_ONLY"), "ProjectionType: ALL"),
    ("a key that goes with the stack", "guard", (2, "    DeletionPolicy: Retain\n"), ""),
    ("a batch that fails as a whole", "guard", (2, "            FunctionResponseTypes: [ReportBatchItemFailures]\n"), ""),
    ("a function without its claim", "guard", "        OWNPOST_ADMIN_CLAIM: !Ref AdminClaim\n", ""),
    ("an alert that nobody can read", "guard", "          InputTransformer:\n            InputPathsMap: {tenant: $.detail.tenant, host: $.detail.host}\n            InputTemplate: !Sub |\n              \"${AWS::StackName}: the mail server of <tenant>, <host>, works again. Held mail leaves now.\"\n", ""),
    ("an API without an access log", "guard", "        DestinationArn: !GetAtt AccessLogs.Arn\n", ""),
    # What must fit together.
    ("a message that shows while it is sent", "related", "VisibilityTimeout: 2880", "VisibilityTimeout: 480"),
    ("dead letters that refuse a queue", "related", "${AWS::AccountId}:${AWS::StackName}-events", "${AWS::AccountId}:${AWS::StackName}-event"),
    ("a queue without dead letters", "related", "      RedrivePolicy: {deadLetterTargetArn: !GetAtt EventsDeadLetters.Arn, maxReceiveCount: 5}\n", ""),
    ("an alarm on the wrong dimension", "related", (1, "Name: QueueName,"), "Name: QueueNames,"),
    ("an alarm on another function", "related", "Dimensions: [{Name: FunctionName, Value: !Ref SenderFunction}]\n      Statistic: Sum\n      Period: 60", "Dimensions: [{Name: FunctionName, Value: !Ref RouterFunction}]\n      Statistic: Sum\n      Period: 60"),
    ("an alarm on a metric that is not there", "related", "MetricName: 5xx", "MetricName: 5XXError"),
    ("a schedule of another pace", "related", "rate(5 minutes)", "rate(5 hours)"),
    ("a rule on the default bus", "related", "      EventBusName: !Ref Bus\n      EventPattern: {source: [!Ref EventSource]}", "      EventPattern: {source: [!Ref EventSource]}"),
    ("events of another source reach the router", "related", "EventPattern: {source: [!Ref EventSource]}", "EventPattern: {source: [ownpost]}"),
    ("the bus's wrapping reaches the queue", "related", "          InputPath: $.detail\n", ""),
    ("the queue refuses the bus", "related", "          - Sid: FromTheBus\n            Effect: Allow\n            Principal: {Service: events.amazonaws.com}\n            Action: sqs:SendMessage\n            Resource: !GetAtt EventsQueue.Arn\n            Condition: {ArnEquals: {aws:SourceArn: !GetAtt EventsToQueue.Arn}}\n", ""),
    ("an undeliverable event is lost", "related", "          DeadLetterConfig: {Arn: !GetAtt EventsDeadLetters.Arn}\n", ""),
    ("removed settings that nobody ends", "related", "detail-type: [Settings Expired]", "detail-type: [Settings Removed]"),
    ("the topic refuses an alert", "related", "!GetAtt RelayUnhealthy.Arn, !GetAtt RelayRecovered.Arn,", "!GetAtt RelayRecovered.Arn,"),
    ("CORS without a method", "related", "AllowMethods: [GET, PUT, POST, DELETE]", "AllowMethods: [GET, PUT, POST]"),
    ("CORS without the token", "related", "AllowHeaders: [authorization, ", "AllowHeaders: ["),
    ("a route without a token", "related", "GetSettings: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /smtp}}", "GetSettings: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /smtp, Auth: {Authorizer: NONE}}}"),
    ("a function with another's role", "related", "Role: !GetAtt RouterRole.Arn", "Role: !GetAtt SenderRole.Arn"),
    ("a queue with one name in every stack", "related", "QueueName: !Sub ${AWS::StackName}-events", "QueueName: ownpost-events"),
    ("stacks that share secrets", "related", '!Sub "${AWS::StackName}/tenants/"]\n        OWNPOST_PLATFORM', '"ownpost/"]\n        OWNPOST_PLATFORM'),
    ("the platform's secret below the tenants'", "related", '!Sub "${AWS::StackName}/platform"]\n        OWNPOST_KMS', '!Sub "${AWS::StackName}/tenants/platform"]\n        OWNPOST_KMS'),
    ("a queue for everybody", "guard", "          - Sid: FromTheBus\n            Effect: Allow\n            Principal: {Service: events.amazonaws.com}\n            Action: sqs:SendMessage\n            Resource: !GetAtt EventsDeadLetters.Arn\n            Condition: {ArnEquals: {aws:SourceArn: !GetAtt EventsToQueue.Arn}}", "          - Sid: FromTheBus\n            Effect: Allow\n            Principal: \"*\"\n            Action: sqs:*\n            Resource: !GetAtt EventsDeadLetters.Arn"),
    ("an alarm on another stack's mails", "related", "{Name: Stack, Value: !Ref AWS::StackName}, {Name: Route, Value: platform}", "{Name: Stack, Value: ownpost}, {Name: Route, Value: platform}"),
    ("an alarm on an outcome that is not counted", "related", "MetricName: Unknown", "MetricName: Lost"),
    # The function URL.
    ("a URL whose function knows no issuer", "related", '        OWNPOST_JWT_ISSUER: !If [Streams, !Ref JwtIssuer, ""]\n', '        OWNPOST_JWT_ISSUER: ""\n'),
    ("a URL that answers at the end", "related", "InvokeMode: RESPONSE_STREAM", "InvokeMode: BUFFERED"),
    ("a URL past the alias", "related", "      Qualifier: live\n      AuthType: NONE\n", "      AuthType: NONE\n"),
    ("a function that everybody may invoke", "related", "      InvokedViaFunctionUrl: true\n", ""),
    ("a public URL that nobody asked for", "related", "    Type: AWS::Lambda::Url\n    Condition: Streams\n", "    Type: AWS::Lambda::Url\n"),
    # Versions, gradual deployments, and the network of the stack's own.
    ("a parameter that reaches no version", "related", "          - !Ref LogLevel\n          - !Ref FilesLayer", "          - !Ref FilesLayer"),
    ("a version that no parameter renews", "related", "      Handler: sender\n      VersionDescription: !Sub configuration ${Configuration}\n", "      Handler: sender\n"),
    ("the product may call what no update moves", "rights", "Resource: !Sub ${RouterFunction.Arn}:live", "Resource: !GetAtt RouterFunction.Arn"),
    ("every alias of the account may be shifted", "rights", "                  - !GetAtt SettingsFunction.Arn\n", '                  - "*"\n'),
    ("the deployment may change code", "rights", "Action: [lambda:GetAlias, lambda:UpdateAlias,", "Action: [lambda:GetAlias, lambda:UpdateAlias, lambda:UpdateFunctionCode,"),
    ("a deployment that no alarm stops", "related", "!Ref RouterErrors, !Ref SenderErrors, !Ref MonitorErrors]", "!Ref RouterErrors, !Ref MonitorErrors]"),
    ("an alarm that rings after the deployment", "related", (1, "      DatapointsToAlarm: 2\n"), "      DatapointsToAlarm: 10\n"),
    ("a deployment that is never gradual", "related", '      Canary10Percent10Minutes: "true"', '      Canary10Percent10Minutes: "false"'),
    ("an alarm that waits for its own deployment", "lint", "Alarms: [!Ref SettingsErrors,", "Alarms: [!Ref ApiFailing, !Ref SettingsErrors,"),
    ("functions in a public subnet", "related", "[MakesVpc, [!Ref PrivateA,", "[MakesVpc, [!Ref PublicA,"),
    ("a private subnet that leaves by changing addresses", "related", "      NatGatewayId: !Ref NatA\n", "      GatewayId: !Ref Internet\n"),
    ("a NAT gateway that reaches no Internet", "related", "SubnetId: !Ref PublicA\n", "SubnetId: !Ref PrivateA\n"),
    ("a network that lets somebody in", "related", "      SecurityGroupEgress:\n", "      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]\n      SecurityGroupEgress:\n"),
    ("a role that cannot enter the network", "related", (1, "          - InVpc\n          - !Sub arn"), "          - HasVpc\n          - !Sub arn"),
    ("an address that goes with the stack", "guard", "    DependsOn: InternetAttachment\n    DeletionPolicy: Retain\n", "    DependsOn: InternetAttachment\n"),
    ("an attribute that no index uses", "related", "        - !If [HasDueIndex, {AttributeName: due, AttributeType: S}, !Ref AWS::NoValue]\n", "        - {AttributeName: due, AttributeType: S}\n"),
    ("two networks at once", "related", '!Or [!Equals [!Ref VpcCidr, ""], {', '!Or [!Equals [!Ref SubnetIds, "-"], !Equals [!Ref VpcCidr, "10.91.0.0/24"], {'),
    ("a reader without an admin", "related", '!Or [!Equals [!Ref ReaderClaim, ""], !Not [!Equals [!Ref AdminClaim, ""]]]', '!Or [!Equals [!Ref AdminClaim, ""], !Not [!Equals [!Ref ReaderClaim, ""]]]'),
    ("a network without a security group", "related", "- Assert: !Or [{\"Fn::EachMemberEquals\": [!Ref SubnetIds, \"\"]}, ", "- Assert: !Or [{\"Fn::EachMemberEquals\": [!Ref SecurityGroupIds, \"\"]}, "),
    ("files without a layer", "related", "!And [!Equals [!Ref TemplatesFolder, \"\"], !Equals [!Ref ExtraCaFile, \"\"]]", "!Equals [!Ref TemplatesFolder, \"\"]"),
    ("a value with which no function starts", "related", "    AllowedPattern: ^$|^\\*$|^https?://[A-Za-z0-9.:*-]+$\n", ""),
    # General practice.
    ("a key that is never rotated", "checkov", "EnableKeyRotation: true", "EnableKeyRotation: false"),
]

READ = """              - Sid: ReadTenants
                Effect: Allow
                Action: secretsmanager:GetSecretValue
                Resource: !Sub
                  - arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}*
                  - Name: !If [HasPrefix, !Ref SecretPrefix, !Sub "${AWS::StackName}/tenants/"]
"""

# One of each fast kind, for every run of the suite.
SHORT = {
    "a Ref in Globals to nothing",
    "the router may read secrets",
    "the sender may read what is being tested",
    "a queue without TLS",
    "an alarm on the wrong dimension",
    "CORS without a method",
    "stacks that share secrets",
    "a parameter that reaches no version",
    "a private subnet that leaves by changing addresses",
}


def plant(text, old, new):
    """The template with one mistake."""
    which, old = old if isinstance(old, tuple) else (1, old)
    parts = text.split(old)
    assert len(parts) > which, f"not {which} times in the template: {old!r}"
    new = new.replace("READ", READ) if new.startswith("READ") else new
    return old.join(parts[:which]) + new + old.join(parts[which:])
