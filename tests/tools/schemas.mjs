// Makes the schemas of infra/schemas from the AsyncAPI document of `ownpost schema`: OpenAPI 3.0, which EventBridge's registry
// takes, where AsyncAPI has JSON Schema 2020-12.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ownpost } from '../harness/ownpost.mjs';

const FOLDER = fileURLToPath(new URL('../../infra/schemas/', import.meta.url));
/** The longest schema that the registry takes, in characters. */
export const LONGEST = 100_000;

/** `schema` or null: `nullable` counts only beside the type that it widens, so that a reference is written out. */
function orNull(schema, all) {
  const target = schema.$ref ? older(all[schema.$ref.split('/').at(-1)], all) : schema;
  if (!target.type) return { ...schema, nullable: true };
  const { description = target.description, ...rest } = { ...target, ...schema };
  delete rest.$ref;
  return {
    ...rest,
    ...(description && { description }),
    nullable: true,
    ...(rest.enum && { enum: [...rest.enum, null] }),
  };
}

/** A schema of 2020-12 in the words of OpenAPI 3.0, without `const`, lists of types and the type null. */
export function older(schema, all = {}) {
  if (Array.isArray(schema)) return schema.map((each) => older(each, all));
  if (schema === null || typeof schema !== 'object') return schema;
  const { const: only, type, anyOf, oneOf, examples, ...rest } = schema;
  const made = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, older(value, all)]));
  const types = [type ?? []].flat().filter((name) => name !== 'null');
  if (only !== undefined) Object.assign(made, { type: typeof only, enum: [only] });
  else if (types.length === 1) made.type = types[0];
  else if (types.length) made.oneOf = types.map((name) => ({ type: name }));
  let optional = Array.isArray(type) && type.includes('null');
  for (const [key, given] of Object.entries({ anyOf, oneOf })) {
    if (!given) continue;
    const kinds = given.filter((each) => each.type !== 'null').map((each) => older(each, all));
    optional ||= kinds.length < given.length;
    // A choice of single values is a list of values.
    if (kinds.every((kind) => kind.enum?.length === 1)) {
      Object.assign(made, { type: 'string', enum: kinds.flatMap((kind) => kind.enum) });
    } else if (kinds.length === 1) Object.assign(made, { ...kinds[0], ...made });
    else made[key] = kinds;
  }
  return optional ? orNull(made, all) : made;
}

/** The schemas that `schema` needs, by their names. */
function needed(schema, all, found = {}) {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    if (found[name]) continue;
    found[name] = older(all[name], all);
    needed(all[name], all, found);
  }
  return found;
}

/** EventBridge's envelope around `detail`; the registry finds source and type by the members `x-amazon-events-…`. */
function document(name, summary, source, type, detail, all) {
  const text = { type: 'string' };
  const envelope = {
    type: 'object',
    required: ['detail-type', 'resources', 'detail', 'id', 'source', 'time', 'region', 'version', 'account'],
    'x-amazon-events-detail-type': type,
    'x-amazon-events-source': source,
    properties: {
      detail: older(detail, all.schemas),
      account: text,
      'detail-type': text,
      id: text,
      region: text,
      resources: { type: 'array', items: text },
      source: text,
      time: { type: 'string', format: 'date-time' },
      version: text,
    },
  };
  return {
    openapi: '3.0.0',
    info: { title: name, version: all.version, description: summary },
    paths: {},
    components: { schemas: { AWSEvent: envelope, ...needed(detail, all.schemas) } },
  };
}

/** Every schema by the name of its file. */
export async function schemas() {
  const asyncapi = JSON.parse((await ownpost(['schema', '--asyncapi'])).stdout);
  const all = { schemas: asyncapi.components.schemas, version: asyncapi.info.version };
  const files = {};
  for (const [name, { summary, payload }] of Object.entries(asyncapi.components.messages)) {
    const emitted = payload.properties?.['detail-type']?.const;
    const [source, type, detail] = emitted
      ? ['ownpost', emitted, payload.properties.detail]
      : ['product', 'Notification', payload];
    const made = document(name, summary, source, type, detail, all);
    files[`${source}@${type.replaceAll(' ', '')}.json`] = `${JSON.stringify(made, null, 2)}\n`;
  }
  return files;
}

export const kept = () =>
  Object.fromEntries(readdirSync(FOLDER).map((file) => [file, readFileSync(FOLDER + file, 'utf8')]));

export function write(files) {
  for (const file of readdirSync(FOLDER)) rmSync(FOLDER + file);
  for (const [file, text] of Object.entries(files)) writeFileSync(FOLDER + file, text);
}
