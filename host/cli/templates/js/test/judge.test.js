import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge } from '../judge.js';

const NOW = 1800000000;

test('a clock that is not set is unhealthy', () => {
  assert.equal(judge({}, NOW).status, 'healthy');
  assert.equal(judge({}, 60).message, 'the clock is not set');
});

test('an old file is degraded, and a missing file is an error', () => {
  const settings = { file: '/backups/last', degraded_above_hours: 2 };
  assert.equal(judge(settings, NOW, () => NOW - 3600).status, 'healthy');
  const old = judge(settings, NOW, () => NOW - 3 * 3600);
  assert.equal(old.status, 'degraded');
  assert.equal(old.message, '/backups/last is 3 hours old');

  const missing = () => {
    throw 'not there';
  };
  assert.throws(() => judge(settings, NOW, missing));
});
