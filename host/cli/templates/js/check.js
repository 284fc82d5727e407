// What the host calls, and what the check calls of the host. What it finds out stands in `judge.js`.

import { stat } from 'vitals:health/files@0.1.0';

import { judge, schema } from './judge.js';

export const healthCheck = {
  describe() {
    return {
      code: 'my-check',
      version: '0.1.0',
      summary: 'The clock is set, and the file is young.',
      configSchema: JSON.stringify(schema),
      annotations: [],
    };
  },

  check(request) {
    return judge(JSON.parse(request.config), Date.now() / 1000, modified);
  },
};

/** When a file was changed, in seconds since 1970. */
function modified(file) {
  try {
    return Number(stat(file).modified);
  } catch (error) {
    const { tag, val } = error.payload;
    // What is thrown is the message of an unhealthy result.
    throw tag === 'not-found' ? `there is no ${file}` : `cannot stat ${file}: ${val}`;
  }
}
