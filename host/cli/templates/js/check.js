// The interface to the host. The logic of the check is in `judge.js`.

import { stat } from 'vitals:health/files@0.1.0';

import { judge, schema } from './judge.js';

export const healthCheck = {
  describe() {
    return {
      code: 'my-check',
      version: '0.1.0',
      summary: 'Checks that the clock is set and that a file is recent.',
      configSchema: JSON.stringify(schema),
      annotations: [],
    };
  },

  check(request) {
    return judge(JSON.parse(request.config), Date.now() / 1000, modified);
  },
};

/** Returns the Unix time at which a file was modified. */
function modified(file) {
  try {
    return Number(stat(file).modified);
  } catch (error) {
    const { tag, val } = error.payload;
    // A thrown string is the message of an unhealthy result.
    throw tag === 'not-found' ? `there is no ${file}` : `cannot stat ${file}: ${val}`;
  }
}
