// Generates the types of the four SDKs from the API's OpenAPI document: node sdk/generate/types.mjs openapi.json FOLDER
// FOLDER is the `sdk` folder of the output. `tests/it/sdk/types.rs` compares them with those in the
// repository; `TICKERQ_UPDATE_SDK=1 cargo test --test it sdk::types` updates them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [source, target] = process.argv.slice(2);
const document = JSON.parse(readFileSync(source, 'utf8'));
const schemas = document.components.schemas;
const HEAD = 'Generated from the OpenAPI document by sdk/generate/types.mjs; do not edit.';

// Every SDK has its own error classes; `CreatedJob` is a job or a recurring job, depending on the method.
const LEFT_OUT = new Set(['Problem', 'PartError', 'Place', 'CreatedJob']);
// Members of responses that may be absent; other optional members are present as `null`.
const MAY_BE_ABSENT = new Set(['Attempt.worker', 'Job.progress', 'Queue.overview', 'RecurringJob.lastOutcomes', 'JobItem.explanation', 'WebhookEndpoint.secret', 'LeasedJob.traceState', 'LeasedJob.baggage', 'Worker.refusedTypes', 'LeasedJobs.refusedTypes', 'Heartbeat.refusedTypes']);
const ALL_MAY_BE_ABSENT = new Set(['HealthView', 'WaitEvidence']);
// Strings with fixed values that the document does not list.
const STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled'];
const VALUES = {
  priority: ['low', 'normal', 'high', 'critical'],
  misfirePolicy: ['fire_once', 'skip', 'catch_up'],
  overlapPolicy: ['allow', 'skip', 'queue'],
  'Job.status': STATUSES,
  'JobItem.status': STATUSES,
};
// Query parameters that take several values, separated by commas.
const SEVERAL = new Set(['status', 'type']);

// Parts of requests that methods take as options. `required` members are separate parameters.
const RECURRING = ['cronExpression', 'timeZone', 'enabled', 'misfirePolicy', 'catchUpMax', 'overlapPolicy', 'startsAt', 'endsAt'];
const VIEWS = [
  { name: 'JobOptions', of: 'JobRequest', omit: ['type', 'parameters', 'options', ...RECURRING] },
  { name: 'NewJob', of: 'JobRequest', omit: ['options', ...RECURRING], required: ['type'] },
  { name: 'JobUpdate', of: 'PatchRequest' },
  { name: 'RecurringOptions', of: 'JobRequest', omit: ['type', 'cronExpression', 'options', 'delay', 'runAt', 'uniqueKey'] },
  { name: 'RecurringUpdate', of: 'RecurringPatch' },
  { name: 'WebhookEndpointOptions', of: 'NewWebhookEndpoint', omit: ['url'] },
  { name: 'WebhookEndpointUpdate', of: 'WebhookEndpointPatch' },
];
const FILTERS = [
  { name: 'JobFilter', of: 'list_jobs' },
  { name: 'PeriodFilter', of: 'get_job_type_metrics' },
  { name: 'PerformanceFilter', of: 'get_performance_metrics' },
  { name: 'ActivityFilter', of: 'get_activity' },
  { name: 'FailuresFilter', of: 'list_failures' },
  { name: 'FailureFilter', of: 'get_failure' },
  { name: 'RecurringFilter', of: 'list_recurring_jobs' },
  { name: 'PreviewOptions', of: 'preview_schedule', omit: ['cronExpression'] },
  { name: 'UpcomingFilter', of: 'list_upcoming' },
  { name: 'AuditFilter', of: 'list_audit_records' },
  { name: 'DeliveryFilter', of: 'list_webhook_deliveries' },
  { name: 'OperationFilter', of: 'list_operations' },
];

// Nested objects of requests, which are passed unchanged.
const PARTS = new Set(['CompletedJob', 'FailedJob', 'HeldJob', 'ProgressRequest', 'LogLineRequest', 'WebhookRetryPolicyRequest']);

const operations = Object.values(document.paths).flatMap((item) => Object.values(item)).filter(({ operationId }) => operationId);
const nameOf = (ref) => ref.split('/').pop();
const isSpan = (text) => typeof text === 'string' && /^(\d+\.)?\d\d:\d\d:\d\d/.test(text);
const isRequest = (name) => schemas[name].additionalProperties === false || name === 'WebhookRetryPolicyRequest';

/** A parsed schema: `{kind, nullable, …}`. */
function typeOf(schema, owner, name) {
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) {
    const real = choices.filter((choice) => choice.type !== 'null');
    if (real.length > 1) return { kind: 'union', of: real.map((choice) => typeOf(choice, owner, name)), nullable: real.length < choices.length };
    return { ...typeOf(real[0], owner, name), nullable: real.length < choices.length };
  }
  if (schema.allOf?.length === 1) return typeOf(schema.allOf[0], owner, name);
  if (schema.$ref !== undefined) {
    const to = nameOf(schema.$ref);
    const found = schemas[to];
    if (found.enum !== undefined) return { kind: 'values', values: found.enum, nullable: false };
    return { kind: 'ref', to, nullable: false };
  }
  const types = [schema.type ?? []].flat();
  const nullable = types.includes('null');
  const type = types.find((each) => each !== 'null');
  const values = schema.enum?.filter((value) => value !== null) ?? (schema.const === undefined ? undefined : [schema.const])
    ?? (type === 'string' ? VALUES[`${owner}.${name}`] ?? VALUES[name] : undefined);
  if (values !== undefined) return { kind: 'values', values, nullable };
  const examples = [schema.example, ...(schema.examples ?? [])];
  if (type === 'string') {
    const kind = schema.format === 'date-time' ? 'time' : examples.some(isSpan) ? 'span' : 'text';
    return { kind, nullable };
  }
  if (type === 'integer') return { kind: schema.format === 'int64' ? 'long' : 'int', nullable };
  if (type === 'number') return { kind: 'number', nullable };
  if (type === 'boolean') return { kind: 'flag', nullable };
  if (type === 'array') {
    const items = typeOf(schema.items ?? {}, owner, name);
    return { kind: 'list', of: name === 'retryIntervals' ? { ...items, kind: 'span' } : items, nullable };
  }
  return { kind: 'any', nullable: false };
}

/** The members of an object; `isAlways` if the document requires them. `allOf` is flattened. */
function membersOf(schema, owner) {
  if (schema.$ref !== undefined) return membersOf(schemas[nameOf(schema.$ref)], nameOf(schema.$ref));
  const own = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const type = typeOf(property, owner, name);
    const isAlways = schema.required?.includes(name) ?? false;
    const isAbsent = MAY_BE_ABSENT.has(`${owner}.${name}`) || ALL_MAY_BE_ABSENT.has(owner);
    const isThere = !isRequest(owner) && (type.nullable || type.kind === 'any') && !isAbsent;
    return { name, type: isThere && !isAlways && type.kind !== 'any' ? { ...type, nullable: true } : type, isRequired: isAlways || isThere, isAlways };
  });
  return [...(schema.allOf ?? []).flatMap((part) => membersOf(part, owner)), ...own];
}

const objects = Object.keys(schemas)
  .filter((name) => !LEFT_OUT.has(name) && schemas[name].enum === undefined)
  .map((name) => ({ name, isRequest: isRequest(name), members: membersOf(schemas[name], name) }));

const views = VIEWS.map(({ name, of, omit = [], required = [] }) => ({
  name,
  isRequest: true,
  members: membersOf(schemas[of], of)
    .filter((member) => !omit.includes(member.name))
    .map((member) => ({ ...member, isRequired: required.includes(member.name) })),
}));

const filters = FILTERS.flatMap(({ name, of, omit = [] }) => {
  const operation = operations.find(({ operationId }) => operationId === of);
  if (operation === undefined) throw new Error(`operation ${of} not found`);
  const members = operation.parameters
    .filter((parameter) => parameter.in === 'query' && !omit.includes(parameter.name))
    .map((parameter) => {
      const type = typeOf(parameter.schema, 'Job', parameter.name);
      const isTime = ['from', 'to', 'since'].includes(parameter.name) || (name === 'PreviewOptions' && parameter.name === 'after');
      return { name: parameter.name, type: isTime ? { kind: 'moment' } : { ...type, nullable: false, isSeveral: SEVERAL.has(parameter.name) && name !== 'RecurringFilter' }, isRequired: false };
    });
  return [{ name, isRequest: true, isFilter: true, members }];
});

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const pascal = (name) => name[0].toUpperCase() + name.slice(1);

// TypeScript

function typeScript() {
  const write = (type, isRequestMember) => {
    const texts = {
      text: 'string', int: 'number', long: 'number', number: 'number', flag: 'boolean', any: 'any',
      time: isRequestMember ? 'string | Date' : 'string', moment: 'string | Date', span: isRequestMember ? 'Duration' : 'string',
    };
    let text = texts[type.kind];
    if (type.kind === 'values') text = type.values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' | ');
    if (type.kind === 'ref') text = LEFT_OUT.has(type.to) ? 'unknown' : type.to;
    if (type.kind === 'union') text = type.of.map((each) => write(each, isRequestMember)).join(' | ');
    if (type.kind === 'list') text = `Array<${write(type.of, isRequestMember)}>`;
    if (type.isSeveral) text = `${text} | Array<${text}>`;
    return type.nullable ? `${text} | null` : text;
  };
  const lines = [`// ${HEAD}`, '', '/** `[d.]hh:mm:ss[.fffffff]`, ISO 8601 such as `PT5M`, units such as `5m`, or a number of milliseconds. */', 'export type Duration = string | number;'];
  for (const { name, isRequest, members } of [...objects, ...views, ...filters]) {
    lines.push('', `export interface ${name} {`);
    for (const member of members) lines.push(`  ${member.name}${member.isRequired ? '' : '?'}: ${write(member.type, isRequest)};`);
    lines.push('}');
  }
  return `${lines.join('\n')}\n`;
}

// Python

function python() {
  const write = (type, isOption) => {
    const texts = {
      text: 'str', int: 'int', long: 'int', number: 'float', flag: 'bool', any: 'Any',
      time: isOption ? 'Union[str, datetime]' : 'str', moment: 'Union[str, date]', span: isOption ? 'Union[str, timedelta]' : 'str',
    };
    let text = texts[type.kind];
    if (type.kind === 'values') text = `Literal[${type.values.map((value) => JSON.stringify(value)).join(', ')}]`;
    if (type.kind === 'ref') text = type.to;
    if (type.kind === 'union') text = `Union[${type.of.map((each) => write(each, isOption)).join(', ')}]`;
    if (type.kind === 'list') text = `${isOption ? 'Sequence' : 'List'}[${write(type.of, isOption)}]`;
    if (type.isSeveral) text = `Union[${text}, Sequence[${text}]]`;
    return type.nullable ? `Optional[${text}]` : text;
  };
  const lines = [
    `"""The API's objects, and what methods take. ${HEAD}"""`, '', 'from __future__ import annotations', '',
    'from datetime import date, datetime, timedelta', 'from typing import Any, List, Literal, Optional, Sequence, TypedDict, Union',
  ];
  const emit = (name, members, isRequest, isOption) => {
    const call = (member) => (member.name === 'from' && isOption ? 'from_' : isOption ? snake(member.name) : member.name);
    const typed = members.map((member) => [call(member), write(isOption && !member.isRequired ? { ...member.type, nullable: true } : member.type, isRequest), member.isRequired]);
    if (typed.some(([member]) => member === 'from')) {
      lines.push('', `${name} = TypedDict("${name}", {${typed.map(([member, type]) => `"${member}": ${type}`).join(', ')}})`, '');
      return;
    }
    const required = typed.filter(([, , isRequired]) => isRequired);
    const optional = typed.filter(([, , isRequired]) => !isRequired);
    const body = (list) => (list.length === 0 ? ['    pass'] : list.map(([member, type]) => `    ${member}: ${type}`));
    if (required.length === 0) lines.push('', '', `class ${name}(TypedDict, total=False):`, ...body(optional));
    else if (optional.length === 0) lines.push('', '', `class ${name}(TypedDict):`, ...body(required));
    else lines.push('', '', `class _${name}Optional(TypedDict, total=False):`, ...body(optional), '', '', `class ${name}(_${name}Optional):`, ...body(required));
  };
  for (const { name, members, isRequest } of objects) if (!isRequest || PARTS.has(name)) emit(name, members, isRequest, false);
  for (const { name, members } of [...views, ...filters]) emit(name, members, true, true);
  return `${lines.join('\n')}\n`;
}

// C#

const CSHARP_NAMES = {
  Job: 'JobDetails', Attempt: 'JobAttempt', Progress: 'JobProgress', LogLine: 'JobLogLine', Queue: 'QueueDetails', ClearedQueue: 'ClearedQueueDetails',
  Node: 'NodeDetails', Worker: 'WorkerDetails', RecurringListView: 'RecurringJobList', RedeliveredView: 'RedeliveredDeliveries',
  HealthView: 'ServerHealth', LogLevel: 'ServerLogLevel', Period: 'MetricsPeriod',
};

function cSharp() {
  const called = (name) => CSHARP_NAMES[name] ?? name;
  const write = (type, isOption) => {
    const values = { int: 'int', long: 'long', number: 'double', flag: 'bool', time: 'DateTimeOffset', moment: 'DateTimeOffset', span: 'TimeSpan' };
    if (type.kind in values) return type.nullable || isOption ? `${values[type.kind]}?` : values[type.kind];
    if (type.kind === 'any' || type.kind === 'union') return isOption ? 'object' : 'JsonElement';
    if (type.kind === 'ref') return called(type.to);
    if (type.kind === 'list') return `List<${write(type.of, false)}>`;
    return 'string';
  };
  const lines = [`// ${HEAD}`, '', 'using System;', 'using System.Collections.Generic;', 'using System.Text.Json;', '', '#pragma warning disable CS1591', '', 'namespace TickerQ.Client', '{'];
  const shown = objects.filter(({ name, isRequest }) => !isRequest || name === 'WebhookRetryPolicyRequest');
  for (const { name, members, isRequest, isFilter } of [...shown, ...views, ...filters]) {
    const properties = members.map((member) => `        public ${write({ ...member.type, nullable: member.type.nullable || !member.isRequired }, isRequest)} ${pascal(member.name)} { get; set; }`);
    lines.push(`    public partial class ${called(name)}${isFilter ? ' : Query' : ''}`, '    {', ...properties, '    }', '');
  }
  lines.pop();
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

// Rust: responses, and requests that need no conversion. Values of the domain have the types of the `tickerq-core` crate.

const RUST_NAMES = { JobList: 'JobPage', RecurringListView: 'RecurringPage', Worker: 'WorkerInfo', RedeliveredView: 'Redelivered' };
// Callers without `read` receive the id and the status of these.
const RUST_REDUCED = new Set(['Job', 'JobItem', 'RecurringJob', 'Queue', 'ClearedQueue']);
const RUST_DEFAULTS = new Set(['Throughput']);
const RUST_REQUESTS = new Set(['WebhookRetryPolicyRequest', 'WebhookEndpointOptions', 'WebhookEndpointUpdate']);
const RUST_TYPES = {
  jobId: 'JobId', recurringJobId: 'RecurringId', 'Job.id': 'JobId', 'JobItem.id': 'JobId', 'JobChange.id': 'JobId', 'RecurringJob.id': 'RecurringId',
  'RecurringJob.jobId': 'RecurringId', 'Job.status': 'JobStatus', 'JobItem.status': 'JobStatus', 'Job.priority': 'Priority', 'JobItem.priority': 'Priority',
  'LeasedJob.priority': 'Priority', 'Heartbeat.cancelled': 'JobId', 'Heartbeat.lost': 'JobId', 'EndedJobs.lost': 'JobId',
  'Batch.missing': 'JobId',
};

function rust() {
  const called = (name) => RUST_NAMES[name] ?? name;
  const write = (type, domain) => {
    const texts = { text: 'String', int: 'u32', long: 'u64', number: 'f64', flag: 'bool', any: 'Json', time: 'DateTime<Utc>', values: 'String', union: 'Json' };
    let text = texts[type.kind];
    if (type.kind === 'ref') text = called(type.to);
    if (type.kind === 'list') text = `Vec<${write(type.of, domain)}>`;
    else if (domain !== undefined) text = domain;
    return type.nullable ? `Option<${text}>` : text;
  };
  const attributesOf = (member, domain, isRequest, isOptional, isReduced) => {
    const attributes = member.name === 'type' ? ['rename = "type"'] : [];
    if (isRequest) attributes.push('skip_serializing_if = "Option::is_none"');
    else if (member.type.kind === 'list' && !member.type.nullable && !member.isRequired) attributes.push('default');
    else if (isOptional || isReduced) attributes.push('default');
    if (domain === undefined) return attributes;
    const isList = member.type.kind === 'list';
    if (isRequest) attributes.push(`serialize_with = "wire::write_${isList ? 'list' : 'optional'}"`);
    else attributes.push(`deserialize_with = "wire::${isList ? (isOptional ? 'optional_list' : 'list') : isOptional ? 'optional' : 'text'}"`);
    return attributes;
  };
  const lines = [];
  for (const { name, members, isRequest } of [...objects, ...views]) {
    if (isRequest && !RUST_REQUESTS.has(name)) continue;
    const derive = isRequest
      ? 'Clone, Debug, Default, PartialEq, Serialize'
      : `Clone, Debug, ${RUST_DEFAULTS.has(name) ? 'Default, ' : ''}PartialEq, Deserialize`;
    lines.push('', `/// \`${name}\` of the API.`, `#[derive(${derive})]`, '#[serde(rename_all = "camelCase")]', `pub struct ${called(name)} {`);
    for (const member of members) {
      const isSpan = member.type.kind === 'span' || member.type.of?.kind === 'span';
      const domain = isSpan ? 'TimeSpan' : RUST_TYPES[`${name}.${member.name}`] ?? RUST_TYPES[member.name];
      const isOptional = member.type.nullable || (member.type.kind === 'any' && !member.isAlways) || (!member.isRequired && (isRequest || member.type.kind !== 'list'));
      const isReduced = RUST_REDUCED.has(name) && !['id', 'jobId', 'status'].includes(member.name);
      const attributes = attributesOf(member, domain, isRequest, isOptional, isReduced);
      if (attributes.length > 0) lines.push(`    #[serde(${attributes.join(', ')})]`);
      lines.push(`    pub ${member.name === 'type' ? 'job_type' : snake(member.name)}: ${write({ ...member.type, nullable: isOptional }, domain)},`);
    }
    lines.push('}');
  }
  const domains = ['job::priority::Priority', 'job::status::JobStatus', 'recurring::RecurringId', 'values::id::JobId', 'values::time_span::TimeSpan'];
  const imports = ['use chrono::{DateTime, Utc};', 'use serde::{Deserialize, Serialize};', ...domains.map((name) => `use tickerq_core::${name};`), '', 'use crate::json::Json;', 'use crate::wire;'];
  return `//! ${HEAD}\n\n#![expect(missing_docs, reason = "the fields are those of the API's description")]\n\n${imports.join('\n')}\n${lines.join('\n')}\n`;
}

const files = {
  'javascript/src/schemas.d.ts': typeScript(),
  'python/tickerq/types.py': python(),
  'dotnet/src/Models.cs': cSharp(),
  'rust/src/schemas.rs': rust(),
};
for (const [path, text] of Object.entries(files)) {
  const file = join(target, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
