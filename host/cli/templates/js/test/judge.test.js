import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge, reason } from '../judge.js';
import { decode, encode } from '../text.js';

const judgeText = (text, settings = {}) => judge(settings, { status: 200, text });

test('a long queue is degraded', () => {
  assert.equal(judgeText('{"waiting": 100}').status, 'healthy');
  const long = judgeText('{"waiting": 3}', { degraded_above: 2 });
  assert.equal(long.status, 'degraded');
  assert.equal(long.message, '3 jobs wait');
});

test('a response that cannot be judged is unhealthy', () => {
  const message = (response) => {
    try {
      return judge({}, response).message;
    } catch (error) {
      return error;
    }
  };
  assert.equal(message({ status: 503, text: '' }), 'the status is 503');
  assert.match(message({ status: 200, text: '<html>' }), /^the response is not JSON: /);
  for (const text of ['{}', 'null', '{"waiting": "3"}']) {
    assert.equal(message({ status: 200, text }), 'the response does not say how many jobs wait');
  }
});

test('a failure has a reason', () => {
  const url = 'https://shop.example/queue';
  const of = (tag, val) => reason({ url, error: { tag, val } });
  assert.equal(of('refused'), `cannot get ${url}: connection refused`);
  assert.equal(of('timeout', 'first-byte'), `cannot get ${url}: timed out in the phase \`first-byte\``);
});

test('text becomes bytes in UTF-8 and text again', () => {
  assert.deepEqual(encode('é€'), new Uint8Array([0xc3, 0xa9, 0xe2, 0x82, 0xac]));
  const long = '€'.repeat(5000);
  assert.equal(decode(encode(long)), long);
  assert.equal(decode(new Uint8Array([0xff, 0x41])), 'ÿA');
});
