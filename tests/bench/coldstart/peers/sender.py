"""What the sender does before its first request for an invocation, in Python: an SMTP client and four of AWS."""

import http.client
import os
import smtplib
import ssl
from email.message import EmailMessage

import boto3

made = [boto3.client(name) for name in ("dynamodb", "events", "secretsmanager", "sqs")]
made += [smtplib.SMTP, ssl.create_default_context(), EmailMessage]
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
runtime.request("GET", "/2018-06-01/runtime/invocation/next")
runtime.getresponse()
