// The logic of the check: what the response says, and why there is none. It does not use the host, so that
// `node --test` can run it.

/** The settings as JSON Schema. A value of a property with `x-vitals-grant` is granted to the check. */
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      'x-vitals-grant': 'http',
      description: 'Answers with a JSON object in which `waiting` is the number of jobs that wait.',
    },
    token: {
      type: 'string',
      writeOnly: true,
      description: 'The bearer token that the server requires. The host never shows it.',
    },
    degraded_above: {
      type: 'number',
      minimum: 0,
      default: 100,
      description: 'The check is degraded if more jobs wait.',
    },
  },
};

/** Judges a response by its status and its text. A thrown string is the message of an unhealthy result. */
export function judge({ degraded_above = 100 }, { status, text }) {
  if (status !== 200) {
    throw `the status is ${status}`;
  }
  const waiting = parse(text)?.waiting;
  if (typeof waiting !== 'number') {
    throw 'the response does not say how many jobs wait';
  }
  const bound = { tag: 'above', val: degraded_above };
  return {
    status: waiting > degraded_above ? 'degraded' : 'healthy',
    message: `${waiting} jobs wait`,
    details: [],
    measurements: [{ name: 'waiting', value: waiting, unit: '', degradedAt: bound }],
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw `the response is not JSON: ${error.message}`;
  }
}

/** Says for a person why there is no response. */
export function reason({ url, error: { tag, val } }) {
  const reasons = {
    denied: val,
    'invalid-request': `the request is not valid: ${val}`,
    'not-resolved': `cannot look up the host: ${val}`,
    refused: 'connection refused',
    unreachable: `cannot reach the host: ${val}`,
    timeout: `timed out in the phase \`${val}\``,
    tls: val,
    protocol: val,
    'too-large': `too large: ${val}`,
    redirect: `cannot follow the redirect: ${val}`,
  };
  return `cannot get ${url}: ${reasons[tag]}`;
}
