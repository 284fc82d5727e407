// The check itself: is the clock set, and is what has to be renewed young enough? It knows no host, so
// that `node --test` runs it.

/** The settings, as JSON Schema. What is marked `x-vitals-grant` is granted by being written there. */
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    file: {
      type: 'string',
      'x-vitals-grant': 'file',
      description: 'A file that something renews, such as the last backup.',
    },
    degraded_above_hours: {
      type: 'number',
      minimum: 0,
      default: 26,
      description: 'A file that is older is degraded.',
    },
  },
};

/** 2026-01-01: a clock that tells less was never set. */
const WRITTEN = 1767225600;

/** Settings, the time in seconds since 1970, and what tells when a file was changed. */
export function judge({ file, degraded_above_hours = 26 }, now, modified) {
  const outcome = {
    status: 'healthy',
    message: 'the clock is set',
    details: [{ key: 'unix_seconds', value: { tag: 'integer', val: Math.floor(now) } }],
    measurements: [],
  };
  if (now < WRITTEN) {
    return { ...outcome, status: 'unhealthy', message: 'the clock is not set' };
  }
  if (file === undefined) {
    return outcome;
  }

  const age = Math.max(now - modified(file), 0);
  const bound = degraded_above_hours * 3600;
  if (age > bound) {
    outcome.status = 'degraded';
    outcome.message = `${file} is ${Math.floor(age / 3600)} hours old`;
  }
  outcome.measurements.push({
    name: 'age',
    value: age,
    unit: 'seconds',
    degradedAt: { tag: 'above', val: bound },
  });
  return outcome;
}
