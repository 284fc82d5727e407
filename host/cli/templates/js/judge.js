// The logic of the check: the clock must be set and the file must be recent. It does not use the host, so
// that `node --test` can run it.

/** The settings as JSON Schema. A value of a property with `x-vitals-grant` is granted to the check. */
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    file: {
      type: 'string',
      'x-vitals-grant': 'file',
      description: 'A file that is renewed regularly, such as the last backup.',
    },
    degraded_above_hours: {
      type: 'number',
      minimum: 0,
      default: 26,
      description: 'The check is degraded if the file is older than this.',
    },
  },
};

/** 2026-01-01 in Unix time. A clock that shows an earlier time is not set. */
const EARLIEST = 1767225600;

/**
 * Judges the clock and the file. `now` is the Unix time, and `modified` returns the Unix time at which a file
 * was modified.
 */
export function judge({ file, degraded_above_hours = 26 }, now, modified) {
  const outcome = {
    status: 'healthy',
    message: 'the clock is set',
    details: [{ key: 'unix_seconds', value: { tag: 'integer', val: Math.floor(now) } }],
    measurements: [],
  };
  if (now < EARLIEST) {
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
