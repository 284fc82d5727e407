// The interface to the host. The logic of the check is in `judge.js`.

import { fetch } from 'vitals:health/http@0.1.0';

import { judge, reason, schema } from './judge.js';
import { decode, encode } from './text.js';

export const healthCheck = {
  describe() {
    return {
      code: 'my-check',
      version: '0.1.0',
      summary: 'Checks that few jobs wait.',
      configSchema: JSON.stringify(schema),
      annotations: [],
    };
  },

  check(request) {
    const settings = JSON.parse(request.config);
    // Shorter than the run, so that a timeout is a result with a reason.
    const timeoutMs = Math.floor(request.timeoutMs * 0.9);
    return judge(settings, get(settings.url, settings.token, timeoutMs));
  },
};

/** Gets a URL with a bearer token. */
function get(url, token, timeoutMs) {
  const headers = [['accept', encode('application/json')]];
  if (token !== undefined) {
    headers.push(['authorization', encode(`Bearer ${token}`)]);
  }
  try {
    const { status, body } = fetch({ method: 'GET', url, headers, timeoutMs });
    return { status, text: decode(body) };
  } catch (error) {
    // The payload is the `failure` of the contract. Other errors are defects of this check.
    throw error.payload ? reason(error.payload) : error;
  }
}
