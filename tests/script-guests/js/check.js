// A check in JavaScript, as an author would write it: is there room left in a quota?
//
// The quota is in the settings, for which it needs no grant, or in a file, or a server tells it. The
// check logs one line through the host, returns a measurement with its bounds, and throws where it
// can't judge.

import { read, stat } from 'vitals:health/files@0.1.0';
import { fetch as fetchByContract } from 'vitals:health/http@0.1.0';
import { log } from 'vitals:health/reporting@0.1.0';

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    used: { type: 'number', minimum: 0, default: 0, description: 'How much is used.' },
    total: { type: 'number', exclusiveMinimum: 0, default: 100, description: 'How much there is.' },
    file: { type: 'string', 'x-vitals-grant': 'file', description: 'A file with both as JSON.' },
    url: { type: 'string', 'x-vitals-grant': 'http', description: 'Answers with both as JSON.' },
    ungranted_url: { type: 'string', description: 'The same, but writing it grants nothing.' },
    token: { type: 'string', writeOnly: true, description: 'The bearer token for the server.' },
    by: {
      enum: ['contract', 'contract with options', 'fetch'],
      default: 'contract',
      description: 'How to ask the server.',
    },
    degraded_above: { type: 'number', default: 0.8, description: 'Degraded above this share.' },
    unhealthy_above: { type: 'number', default: 0.95, description: 'Unhealthy above this share.' },
  },
};

function describe() {
  return {
    code: 'quota',
    version: '1.0.0',
    summary: 'Tells whether there is room left in a quota.',
    configSchema: JSON.stringify(schema),
    annotations: [['language', 'JavaScript']],
  };
}

function check(request) {
  const settings = JSON.parse(request.config);
  if (settings.file !== undefined) {
    return judge(request, { ...settings, ...byFile(settings.file) });
  }
  const url = settings.url ?? settings.ungranted_url;
  if (url === undefined) {
    return judge(request, settings);
  }
  if (settings.by === 'fetch') {
    if (typeof fetch === 'undefined') {
      throw 'QuickJS has no `fetch`';
    }
    return byFetch(url, settings.token).then((quota) => judge(request, { ...settings, ...quota }));
  }
  const options = settings.by === 'contract with options' ? OPTIONS : undefined;
  const quota = byContract(url, settings.token, options);
  return judge(request, { ...settings, ...quota });
}

function byFile(path) {
  try {
    // Integers of 64 bits are numbers in QuickJS, and `BigInt` in StarlingMonkey, which takes both.
    const { sizeBytes, modified } = stat(path);
    const bytes = read(path, 0, Number(sizeBytes));
    return { ...JSON.parse(String.fromCharCode(...bytes)), modified: Number(modified) };
  } catch (error) {
    throw `${error.payload.tag}: ${error.payload.val}`;
  }
}

function byContract(url, token, options) {
  const headers = [['authorization', Uint8Array.from(`Bearer ${token}`, (c) => c.charCodeAt(0))]];
  try {
    const { body } = fetchByContract({ method: 'GET', url, headers, timeoutMs: 5000, options });
    return JSON.parse(String.fromCharCode(...body));
  } catch (error) {
    throw `${error.payload.error.tag}: ${error.payload.error.val}`;
  }
}

// All of them, because a record has no defaults of its own.
const OPTIONS = {
  redirects: 3,
  cookies: true,
  decode: true,
  bodyMax: 4096,
  version: 'http1',
  family: 'ipv4',
  serverName: undefined,
  verification: { tag: 'chain-and-name' },
  clientCertificate: undefined,
  proxy: undefined,
};

// StarlingMonkey waits for the promise.
async function byFetch(url, token) {
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    return await response.json();
  } catch (error) {
    throw `${error}`;
  }
}

function judge(request, settings) {
  const { used = 0, total = 100, degraded_above = 0.8, unhealthy_above = 0.95 } = settings;
  if (degraded_above > unhealthy_above) {
    // What is thrown is the error arm of the contract.
    throw `degraded_above (${degraded_above}) is greater than unhealthy_above (${unhealthy_above})`;
  }

  const share = used / total;
  let status = 'healthy';
  if (share > unhealthy_above) {
    status = 'unhealthy';
  } else if (share > degraded_above) {
    status = 'degraded';
  }
  log('info', `${request.check}: ${used} of ${total} used`);

  return {
    status,
    message: `${Math.round(share * 100)} % used`,
    details: [
      { key: 'used', value: { tag: 'decimal', val: used } },
      { key: 'full', value: { tag: 'boolean', val: used >= total } },
      { key: 'quota', value: { tag: 'json', val: JSON.stringify({ used, total }) } },
      { key: 'now', value: { tag: 'integer', val: Math.floor(Date.now() / 1000) } },
      { key: 'modified', value: { tag: 'integer', val: settings.modified ?? 0 } },
      { key: 'previous', value: { tag: 'text', val: request.previous ?? 'none' } },
    ],
    measurements: [
      {
        name: 'used_share',
        value: share,
        unit: 'ratio',
        degradedAt: { tag: 'above', val: degraded_above },
        unhealthyAt: { tag: 'above', val: unhealthy_above },
      },
    ],
  };
}

export const healthCheck = { describe, check };
