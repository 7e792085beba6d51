// The samples for other tools: Terraform, CDK and pipelines.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const read = (file) => readFileSync(join(root, file), 'utf8');
const python = (...options) =>
  execFileSync(join(root, 'tests/.venv-tools/bin/python'), options, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const folder = mkdtempSync(join(tmpdir(), 'ownpost-tools-'));
after(() => rmSync(folder, { recursive: true }));

/** The names of a section of the template, as they stand at the first indentation. */
function section(name) {
  const [, text] =
    read('infra/template.yaml').match(new RegExp(`^${name}:\\n(.*?)(?=^\\w)`, 'ms')) ?? assert.fail(name);
  return [...text.matchAll(/^ {2}(\w+):/gm)].map(([, each]) => each);
}

/** Is there a program of this name here? */
function there(program) {
  return process.env.PATH.split(':').some((path) => {
    try {
      return readdirSync(path).includes(program);
    } catch {
      return false;
    }
  });
}

// Terraform's own program and providers are in no registry of the suites, so that a parser of HCL reads the module.
test('the Terraform module is HCL, and gives the stack what CloudFormation wants', () => {
  const parse = 'import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))';
  const text = python('-c', parse, join(root, 'infra/terraform/main.tf')).replaceAll('\\"', '');
  const module = JSON.parse(python('-c', parse, join(root, 'infra/terraform/main.tf')));
  const named = (kind) => Object.assign({}, ...module[kind].map((block) => block));
  const bare = (object) => Object.fromEntries(Object.entries(object).map(([k, v]) => [k.replaceAll('"', ''), v]));
  const variables = bare(named('variable'));
  assert.deepEqual(Object.keys(variables).sort(), ['bucket', 'name', 'parameters', 'tags', 'template']);
  // Every variable is used, and every variable that is used is there.
  const used = new Set([...read('infra/terraform/main.tf').matchAll(/\bvar\.(\w+)/g)].map(([, name]) => name));
  assert.deepEqual([...used].sort(), Object.keys(variables).sort());
  for (const capability of ['CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND']) assert.match(text, new RegExp(capability));
  for (const name of ['JwtIssuer', 'JwtAudience']) assert.ok(section('Parameters').includes(name));
  if (there('terraform')) execFileSync('terraform', ['fmt', '-check', '-diff', join(root, 'infra/terraform')]);
});

test('the CDK construct makes the template, with its parameters', async () => {
  const { App, Stack } = await import('aws-cdk-lib');
  const { Template } = await import('aws-cdk-lib/assertions');
  // As in a product's workspace, the packages are beside the construct.
  copyFileSync(join(root, 'infra/cdk/ownpost.mjs'), join(folder, 'ownpost.mjs'));
  symlinkSync(join(import.meta.dirname, 'node_modules'), join(folder, 'node_modules'));
  const { Ownpost } = await import(join(folder, 'ownpost.mjs'));
  const template = join(folder, 'packaged.yaml');
  const local = '../target/package/ownpost-lambda.zip';
  assert.ok(read('infra/template.yaml').includes(local));
  writeFileSync(template, read('infra/template.yaml').replace(local, 's3://artefacts/ownpost-lambda.zip'));
  const stack = new Stack(new App(), 'Shop');
  const parameters = { JwtIssuer: 'https://id.example.com/', JwtAudience: 'shop', RetainDays: 30 };
  const made = new Ownpost(stack, 'Ownpost', { template, parameters });
  assert.ok(stack.resolve(made.bus));
  const { Resources, Parameters = {}, Transform } = Template.fromStack(stack).toJSON();
  assert.equal(Transform, 'AWS::Serverless-2016-10-31');
  assert.deepEqual(Object.keys(Resources).sort(), section('Resources').sort());
  for (const name of Object.keys(parameters)) assert.ok(!(name in Parameters), `${name} is still asked for`);
  assert.throws(() => made.output('NoSuchOutput'));
});

test('the pipelines are what GitHub and GitLab take', () => {
  for (const [file, schema] of [
    ['infra/ci/github.yaml', 'vendor.github-workflows'],
    ['infra/ci/gitlab.yaml', 'vendor.gitlab-ci'],
  ]) {
    python('-m', 'check_jsonschema', '--builtin-schema', schema, join(root, file));
    const text = read(file);
    for (const step of ['sam validate --lint', 'cargo xtask package', 'sam deploy --config-env']) {
      assert.ok(text.includes(step), `${file}: ${step}`);
    }
    // The role is assumed by a token of the job; no key of AWS is kept.
    assert.match(text, /id-token: write|id_tokens:/);
    assert.doesNotMatch(text, /AWS_(ACCESS|SECRET)_/);
    const stages = [...read('infra/samconfig.toml').matchAll(/^\[(\w+)\.deploy/gm)].map(([, stage]) => stage);
    for (const stage of stages) assert.match(text, new RegExp(`environment: ${stage}`));
  }
});
