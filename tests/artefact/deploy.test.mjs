// `cargo xtask deploy` with programs in the place of SAM's and AWS' command lines, which write down how they are called.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { write } from './zip.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const xtask = join(root, 'target/debug/xtask');
const work = await mkdtemp(join(tmpdir(), 'ownpost-deploy-'));
after(() => rm(work, { recursive: true, force: true }));

const TEMPLATE = await readFile(join(root, 'infra/template.yaml'), 'utf8');
const PASSWORD = 'correct-horse-battery';
const PLATFORM = { host: 'smtp.product.test', senderAddress: 'no-reply@product.test', password: { set: PASSWORD } };
const OUTPUTS = { ApiUrl: 'https://api.test', RouterFunctionName: 'router-1', SettingsFunctionName: 'settings-1' };

/** A program that writes down its arguments and answers by the table in `answers.json`. */
const fake = (name) => `#!${process.execPath}
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const [folder, args] = [${JSON.stringify(work)}, process.argv.slice(2)];
const call = ${JSON.stringify(name)} + ' ' + args.join(' ');
appendFileSync(process.env.CALLS, call + '\\n');
const answers = JSON.parse(readFileSync(process.env.ANSWERS, 'utf8'));
const found = Object.keys(answers).find((key) => call.startsWith(key));
let answer = answers[found];
if (Array.isArray(answer)) {
  const [first, ...rest] = answer;
  if (rest.length > 0) writeFileSync(process.env.ANSWERS, JSON.stringify({ ...answers, [found]: rest }));
  answer = first;
}
if (answer === undefined) answer = { fails: 'no answer for ' + call };
if (answer.fails) { console.error('\\n' + answer.fails); process.exit(254); }
if (answer.payload !== undefined) {
  const event = readFileSync(args[args.indexOf('--payload') + 1].replace('fileb://', ''), 'utf8');
  appendFileSync(process.env.CALLS, 'event ' + event + '\\n');
  writeFileSync(args[args.indexOf('--payload') + 2], JSON.stringify(answer.payload));
}
console.log(typeof answer.says === 'string' ? answer.says : JSON.stringify(answer.says ?? {}));
`;

const row = (status, reason) => ({
  says: { StatusCode: 200 },
  payload: { statusCode: 200, body: JSON.stringify({ status, reason }) },
});
const NO_SECRET = { fails: "An error occurred (ResourceNotFoundException) when calling DescribeSecret: can't find it" };
const NO_STACK = { fails: 'An error occurred (ValidationError) when calling DescribeStacks: does not exist' };
const DEPLOYED = {
  says: {
    Stacks: [
      {
        StackStatus: 'CREATE_COMPLETE',
        Outputs: Object.entries(OUTPUTS).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
      },
    ],
  },
};
/** Everything goes well. */
const WELL = {
  'aws sts get-caller-identity': { says: { Account: '123456789012' } },
  'aws secretsmanager describe-secret': NO_SECRET,
  'aws secretsmanager create-secret': {},
  'aws secretsmanager put-secret-value': {},
  'aws cloudformation describe-stacks': [NO_STACK, DEPLOYED],
  'sam deploy': { says: 'created' },
  'aws lambda invoke --function-name router-1': {
    says: { StatusCode: 200 },
    payload: { deliveries: ['dlv_1'], refused: [] },
  },
  'aws lambda invoke --function-name settings-1': [row('queued', 'Waits.'), row('sent', 'It was accepted: 250 ok')],
};

const elf = (machine) => {
  const program = Buffer.alloc(64);
  program.write('\x7fELF\x02\x01\x01', 'latin1');
  program.writeUInt16LE(machine, 18);
  return program;
};

let count = 0;
/** Runs the command in a folder of its own; returns status, output, and the calls of the programs. */
async function deploy(args, given = {}) {
  const { answers = WELL, programs = ['sam', 'aws'], parameters = [], machine = 0xb7, stack = 'own-staging' } = given;
  const { always = ['JwtIssuer=https://login.product.test/', 'JwtAudience=app'] } = given;
  const folder = join(work, String(++count));
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const name of programs) await writeFile(join(bin, name), fake(name), { mode: 0o755 });
  for (const name of ['rustc', 'rustup']) {
    const found = process.env.PATH.split(delimiter).map((path) => join(path, name));
    const there = await Promise.all(
      found.map((path) =>
        readFile(path).then(
          () => path,
          () => null,
        ),
      ),
    );
    const program = there.find(Boolean);
    if (program) await symlink(program, join(bin, name));
  }
  const list = [...always, ...parameters];
  const stage = `[staging.deploy.parameters]\nstack_name = "${stack}"\nregion = "eu-west-1"\n`;
  await writeFile(
    join(folder, 'samconfig.toml'),
    `${stage}template_file = "template.yaml"\nparameter_overrides = ${JSON.stringify(list)}\n`,
  );
  await writeFile(
    join(folder, 'template.yaml'),
    TEMPLATE.replace('CodeUri: ../target/package/ownpost-lambda.zip', 'CodeUri: code.zip'),
  );
  await writeFile(join(folder, 'code.zip'), write('bootstrap', elf(machine)));
  await writeFile(join(folder, 'platform.json'), JSON.stringify(PLATFORM));
  const [calls, table] = [join(folder, 'calls'), join(folder, 'answers.json')];
  await writeFile(calls, '');
  await writeFile(table, JSON.stringify(answers));
  const environment = { ...process.env, PATH: bin, CALLS: calls, ANSWERS: table };
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) delete environment[name];
  const config = ['--config', 'samconfig.toml', '--packaged'];
  const { status, text } = await new Promise((resolve) => {
    execFile(xtask, ['deploy', ...config, ...args], { cwd: folder, env: environment }, (error, out, err) =>
      resolve({ status: error ? error.code : 0, text: out + err }),
    );
  });
  const made = (await readFile(calls, 'utf8')).trim().split('\n').filter(Boolean);
  for (const line of [text, ...made]) assert.ok(!line.includes(PASSWORD), 'the password is seen');
  return { status, text, calls: made, folder };
}

const WRITES = /^sam|create-secret|put-secret-value|lambda invoke/;
const names = (calls) =>
  calls.filter((call) => !call.startsWith('event')).map((call) => call.split(' ').slice(0, 3).join(' '));

test('what is missing is named at once, each with its remedy, and nothing is changed', async () => {
  const { status, text, calls } = await deploy(['--stage', 'staging', '--packaged'], {
    programs: ['aws'],
    parameters: ['AllowedOrigins=https://app.example.com', 'DkimSecretName=own/dkim'],
    answers: {
      ...WELL,
      'aws cloudformation describe-stacks': { says: { Stacks: [{ StackStatus: 'ROLLBACK_COMPLETE' }] } },
    },
    machine: 0x3e,
  });
  assert.equal(status, 1);
  const expected = [
    /7 things are missing to deploy staging/,
    /AllowedOrigins of the stage still have addresses of example\.com\n {2}put yours into/,
    /nobody gets the mail of the smoke test\n {2}say --to ADDRESS/,
    /there is no SAM CLI\n {2}`pip install aws-sam-cli`/,
    /code\.zip is for x86_64, and the stage for arm64\n {2}`cargo xtask package --arch arm64`/,
    /no secret own-staging\/platform with .+\n {2}write them into a file .+ --platform FILE/,
    /no secret own\/dkim, which DkimSecretName names/,
    /the stack own-staging is in ROLLBACK_COMPLETE.+\n {2}`sam delete --stack-name own-staging`/,
  ];
  for (const pattern of expected) assert.match(text, pattern);
  assert.ok(!calls.some((call) => WRITES.test(call)), calls.join('\n'));
});

test('without a stage, credentials or a command line the rest is still looked at', async () => {
  const unknown = await deploy(['--stage', 'prod'], { programs: [] });
  assert.equal(unknown.status, 1);
  for (const pattern of [/no stage `prod`; it has staging/, /no SAM CLI/, /no AWS CLI/])
    assert.match(unknown.text, pattern);
  const nobody = await deploy(['--stage', 'staging', '--to', 'me@product.test', '--platform', 'platform.json'], {
    answers: { 'aws sts get-caller-identity': { fails: 'Unable to locate credentials.' } },
  });
  assert.match(
    nobody.text,
    /one thing is missing .+\n\n- AWS does not know you: Unable to locate credentials\.\n {2}`aws sso login`/,
  );
});

test('a name that nothing takes is named before anything is built', async () => {
  const { status, text, calls } = await deploy(['--stage', 'staging', '--no-smoke', '--platform', 'platform.json'], {
    stack: `own-${'s'.repeat(61)}`,
    always: ['JwtIssuer=https://login.product.test/'],
    // SAM would leave the first out without a word, and every user would be an admin.
    parameters: ['AdminClaims=role=admin', 'SecretPrefix=own/', 'DkimSecretName=own/dkim'],
  });
  assert.equal(status, 1);
  const expected = [
    /the stack's name `own-s+` cannot be used\n {2}.+at most 64/,
    /the template has no parameter AdminClaims, which the stage gives/,
    /the stage does not give JwtAudience, which has no default/,
    /the secret own\/dkim begins with the prefix of the tenants' secrets, own\/\n {2}.+DkimSecretName/,
  ];
  for (const pattern of expected) assert.match(text, pattern);
  assert.match(text, /4 things are missing/);
  assert.ok(!calls.some((call) => WRITES.test(call)), calls.join('\n'));
});

test('--dry-run says what would be done', async () => {
  const args = ['--stage', 'staging', '--to', 'me@product.test', '--platform', 'platform.json', '--dry-run'];
  const { status, text, calls } = await deploy(args);
  assert.equal(status, 0, text);
  assert.match(text, /create the secret own-staging\/platform from .+platform\.json/);
  assert.match(text, /sam deploy --config-env staging/);
  assert.match(text, /send a notification to me@product\.test/);
  assert.ok(!calls.some((call) => WRITES.test(call)), calls.join('\n'));
});

test('a deployment stores the secret, deploys, and ends when the mail is sent', async () => {
  const args = ['--stage', 'staging', '--to', 'me@product.test', '--platform', 'platform.json', '--yes'];
  const { status, text, calls, folder } = await deploy(args, {
    parameters: ['AdminClaim=scope=smtp:write', 'TenantClaim=org'],
  });
  assert.equal(status, 0, text);
  assert.deepEqual(names(calls), [
    'aws sts get-caller-identity',
    'aws secretsmanager describe-secret',
    'aws cloudformation describe-stacks',
    'aws secretsmanager create-secret',
    'sam deploy --config-env',
    'aws cloudformation describe-stacks',
    'aws lambda invoke',
    'aws lambda invoke',
    'aws lambda invoke',
  ]);
  assert.ok(
    calls.every((call) => !call.startsWith('aws') || call.includes('--region eu-west-1')),
    calls.join('\n'),
  );
  assert.ok(calls.some((call) => call.includes(`--secret-string file://${join(folder, 'platform.json')}`)));
  assert.ok(
    calls.some((call) =>
      /^sam deploy --config-env staging --config-file .+ --no-fail-on-empty-changeset --no-confirm-changeset$/.test(
        call,
      ),
    ),
  );
  const [event, question] = calls.filter((call) => call.startsWith('event')).map((call) => JSON.parse(call.slice(6)));
  assert.deepEqual([event.recipients, event.category], [[{ address: 'me@product.test' }], 'notification']);
  const { claims } = question.requestContext.authorizer.jwt;
  assert.deepEqual([question.rawPath, claims.org, claims.scope], ['/deliveries/dlv_1', event.tenant, 'smtp:write']);
  assert.match(text, /sent: It was accepted: 250 ok/);
  assert.match(text, /https:\/\/api\.test {2}the form's `api`/);
  assert.match(text, /sha256 [0-9a-f]{64}/);
});

test('settings that are there stay, or get a new value', async () => {
  const there = { ...WELL, 'aws secretsmanager describe-secret': { says: { Name: 'own-staging/platform' } } };
  const kept = await deploy(['--stage', 'staging', '--no-smoke'], { answers: there });
  assert.equal(kept.status, 0, kept.text);
  assert.ok(!kept.calls.some((call) => /create-secret|put-secret-value|invoke/.test(call)), kept.calls.join('\n'));
  const changed = await deploy(['--stage', 'staging', '--no-smoke', '--platform', 'platform.json'], { answers: there });
  assert.ok(
    changed.calls.some((call) => call.includes('put-secret-value --secret-id own-staging/platform')),
    changed.text,
  );
  const deleted = { ...WELL, 'aws secretsmanager describe-secret': { says: { DeletedDate: 1 } } };
  const gone = await deploy(['--stage', 'staging', '--no-smoke', '--platform', 'platform.json'], { answers: deleted });
  assert.match(gone.text, /is being deleted\n {2}`aws secretsmanager restore-secret/);
});

test('a failed deployment sends nothing, and a mail that is not taken fails with its reason', async () => {
  const args = ['--stage', 'staging', '--to', 'me@product.test', '--platform', 'platform.json'];
  const failed = await deploy(args, { answers: { ...WELL, 'sam deploy': { fails: 'Failed to create changeset' } } });
  assert.equal(failed.status, 1);
  assert.match(failed.text, /Failed to create changeset/);
  assert.ok(!failed.calls.some((call) => call.includes('invoke')));
  const refused = row('failed', 'The platform server refused the sender: 550 5.7.1');
  const answers = { ...WELL, 'aws lambda invoke --function-name settings-1': refused };
  const lost = await deploy(args, { answers });
  assert.equal(lost.status, 1);
  assert.match(
    lost.text,
    /the mail to me@product\.test is failed: The platform server refused the sender: 550 5\.7\.1/,
  );
  const broken = { says: { FunctionError: 'Unhandled' }, payload: { errorMessage: 'store.unavailable' } };
  const dead = await deploy(args, { answers: { ...WELL, 'aws lambda invoke --function-name router-1': broken } });
  assert.match(dead.text, /router-1 failed: store\.unavailable/);
});
