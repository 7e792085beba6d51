// What the sender does before its first request for an invocation, in Node: an SMTP client and four of AWS.
import { get } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createTransport } from 'nodemailer';

export const made = [
  new DynamoDBClient({}),
  new EventBridgeClient({}),
  new SecretsManagerClient({}),
  new SQSClient({}),
  createTransport({ host: 'smtp.example.com', port: 587, requireTLS: true }),
];
get(`http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next`).on('error', () => {});
