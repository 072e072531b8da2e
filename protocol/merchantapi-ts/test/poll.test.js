import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOCUMENTED_SCHEDULE, QUICK_SCHEDULE, delays, isNotFound, isPaid, isUnknown } from '../index.js';
import { control, fresh, open } from './server.js';

const sale = (id) => ({
  storeId: 'teststore1', terminalId: 'testterminal1', merchantTransactionId: id, orderId: 'order1', amount: 100, expiresIn: 180,
});
const busy = [{ every: 5, during: Infinity }];

test('the documented schedule', () => {
  const asks = [];
  let at = 0;
  for (const wait of delays(DOCUMENTED_SCHEDULE)) {
    at += wait / 1000;
    if (at > 360) break;
    asks.push(at);
  }
  assert.equal(asks.join(' '), '20 23 26 29 32 35 38 41 44 47 50 56 62 68 74 80 86 92 98 104 110 120 130 140 150 160 170 200 230 290 350');
});

test('it asks on through everything that is not final', async () => {
  const c = open();
  const id = fresh();
  await c.initDqr(sale(id));
  await control.fail(id, 'lost-before', '500', 'page', 'other', 'redirect', '429', '503');
  const start = performance.now();
  const told = c.poll(id, { schedule: busy });
  await control.settle(id, 'SUCCESS');
  assert.equal(isPaid(await told), true);
  assert.ok((await control.requests(id)).length >= 9);
  assert.ok(performance.now() - start >= 1990, 'Retry-After of the 429 and of the 503, a second each');
});

test('an init that never arrived', async () => {
  const c = open();
  const id = fresh();
  await control.fail(id, 'lost-before');
  await assert.rejects(c.initDqr(sale(id)), isUnknown);
  await assert.rejects(c.poll(id, { schedule: QUICK_SCHEDULE }), isNotFound);
});

test('it ends with its signal or its schedule, and says what it saw last', async () => {
  const c = open();
  const id = fresh();
  await c.qrInit({ transactionId: id, amount: 100 });
  for (const options of [{ schedule: busy, signal: AbortSignal.timeout(200) }, { schedule: [{ every: 1, during: 3 }] }]) {
    await assert.rejects(c.pollTransaction(id, options), (err) => isUnknown(err) && err.last.code === 'PAYMENT_PENDING');
  }
  await assert.rejects(c.pollTransaction(id, { schedule: busy, signal: AbortSignal.abort() }), (err) => isUnknown(err) && err.last === undefined);
});

test('expiry is an end', async () => {
  const c = open();
  const id = fresh();
  await c.qrInit({ transactionId: id, amount: 100, expiresIn: 1 });
  assert.equal((await c.pollTransaction(id, { schedule: [{ every: 50, during: Infinity }] })).code, 'REQUEST_EXPIRED');
});
