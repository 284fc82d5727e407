// A check in JavaScript, as an author would write it: is there room left in a quota?
//
// It asks for nothing, so it needs no grant; it logs one line through the host, returns a
// measurement with its bounds, and throws where it can't judge.

import { log } from 'vitals:health/reporting@0.1.0';

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    used: { type: 'number', minimum: 0, default: 0, description: 'How much is used.' },
    total: { type: 'number', exclusiveMinimum: 0, default: 100, description: 'How much there is.' },
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
  const { used = 0, total = 100, degraded_above = 0.8, unhealthy_above = 0.95 } = JSON.parse(
    request.config,
  );
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
