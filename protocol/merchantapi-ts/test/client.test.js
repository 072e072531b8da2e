// The client against the conformance server, whose address node_test.go gives:
// it checks every signature and refuses fields that the contract does not name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as api from '../index.js';
import { MERCHANT, OTHER, PROVIDER, base, control, fresh, open } from './server.js';

const { Client, MAX_AMOUNT, InvalidRequest, isDuplicate, isFinal, isNotFound, isPaid, isUnknown } = api;
const store = { storeId: 'teststore1', terminalId: 'testterminal1' };
const dqr = (id, amount = 100) => ({ ...store, merchantTransactionId: id, orderId: 'order1', amount, expiresIn: 180 });
const edc = (id) => ({
  ...store, merchantTransactionId: id, orderId: 'order1', amount: 200, integrationMappingType: 'ONE_TO_ONE', paymentModes: ['CARD', 'DQR'],
  timeAllowedForHandoverToTerminalSeconds: 60,
});
const qr = (id, amount = 1000) => ({ transactionId: id, merchantOrderId: 'order1', amount, expiresIn: 180, storeId: 'teststore1' });
const collect = (id) => ({
  transactionId: id, merchantOrderId: 'M1', amount: 100, instrumentType: 'VPA', instrumentReference: 'testvpa@ybl', expiresIn: 180,
});
const m = { merchantId: MERCHANT };

test('every request of the contract', async (t) => {
  const c = open();
  const rows = [
    ['payment init, DQR display', (id) => c.initDqr(dqr(id)), 'POST', '/v1/payment/init', (id) => ({ ...m, ...dqr(id), solutionType: 'DQR_DEVICE' })],
    ['payment init, EDC pushed', (id) => c.initEdc(edc(id)), 'POST', '/v1/payment/init', (id) => ({ ...m, ...edc(id), solutionType: 'EDC' })],
    ['payment init, EDC pulled', (id) => c.initEdc({ ...edc(id), integrationMappingType: 'OPEN', shortOrderId: '0042', autoAccept: true }),
      'POST', '/v1/payment/init',
      (id) => ({ ...m, ...edc(id), solutionType: 'EDC', integrationMappingType: 'OPEN', shortOrderId: '0042', autoAccept: true })],
    ['EDC sale request, the older form', (id) => c.edcSaleRequest(edc(id)), 'POST', '/v1/edc/transaction/init', (id) => {
      const { merchantTransactionId, ...rest } = edc(id);
      return { ...m, ...rest, transactionId: merchantTransactionId };
    }],
    ['QR init', (id) => c.qrInit({ ...qr(id), gstBreakup: { gst: 100 }, invoiceDetails: { invoiceNumber: '1' } }), 'POST', '/v3/qr/init',
      (id) => ({ ...m, ...qr(id), gstBreakup: { gst: 100 }, invoiceDetails: { invoiceNumber: '1' } })],
    ['collect', (id) => c.charge(collect(id)), 'POST', '/v3/charge', (id) => ({ ...m, ...collect(id) })],
    ['unified status', (id) => c.initDqr(dqr(id)).then(() => c.status(id)), 'GET', (id) => `/v1/payment/MERCHANTUAT/${id}/status`],
    ['EDC status', (id) => c.initEdc(edc(id)).then(() => c.edcStatus(id)), 'GET', (id) => `/v1/edc/transaction/MERCHANTUAT/${id}/status`],
    ['EDC search', (id) => c.initEdc(edc(id)).then(() => c.edcSearch({ terminalId: 'testterminal1', merchantTransactionId: id })),
      'POST', '/v1/edc/transaction/status', (id) => ({ ...m, terminalId: 'testterminal1', merchantTransactionId: id })],
    ['unified cancel', (id) => c.initDqr(dqr(id)).then(() => c.cancel(id)), 'PUT', (id) => `/v1/payment/MERCHANTUAT/${id}/cancel`],
    ['v3 status', (id) => c.qrInit(qr(id)).then(() => c.transactionStatus(id)), 'GET', (id) => `/v3/transaction/MERCHANTUAT/${id}/status`],
    ['v3 cancel', (id) => c.charge(collect(id)).then(() => c.cancelCharge(id)), 'POST', (id) => `/v3/charge/MERCHANTUAT/${id}/cancel`],
    ['collect reminder', (id) => c.charge(collect(id)).then(() => c.remind(id)), 'POST', (id) => `/v3/charge/MERCHANTUAT/${id}/remind`],
  ];
  for (const [name, call, method, path, payload] of rows) {
    await t.test(name, async () => {
      const id = fresh();
      const answer = await call(id);
      const last = (await control.requests(id)).at(-1);
      assert.equal(`${last.method} ${last.path}`, `${method} ${typeof path === 'string' ? path : path(id)}`);
      assert.equal(last.prefixed, true); // sent under the deployment prefix, signed without
      assert.deepEqual(last.payload, payload?.(id));
      if (payload && !Array.isArray(answer)) assert.equal(answer.transactionId, id);
    });
  }
});

test('status of every end, by either id', async () => {
  const c = open();
  const [paid, failed, card] = [fresh(), fresh(), fresh()];
  await c.initDqr(dqr(paid));
  await c.initDqr(dqr(failed));
  await c.initEdc(edc(card));
  const pending = await c.status(paid);
  assert.deepEqual([pending.status, isFinal(pending), isPaid(pending)], ['PENDING', false, false]);
  await control.settle(paid, 'SUCCESS');
  await control.settle(failed, 'FAILED', 'UPI:ZM');
  await control.settle(card, 'SUCCESS');
  const p = await c.status(`GP${paid}`);
  assert.deepEqual([p.transactionId, p.referenceNumber, isFinal(p), isPaid(p)], [paid, `UTR${paid}`, true, true]);
  const f = await c.status(failed);
  assert.deepEqual([f.responseCode, isFinal(f), isPaid(f)], ['UPI:ZM', true, false]);
  assert.equal((await c.edcStatus(card)).paymentInstruments[0].last4Digits, '4894');
});

test('a word that is not in the contract is never an end', () => {
  const ends = (p) => [isFinal(p), isPaid(p)];
  for (const status of ['PENDING', '', 'success', 'PAID', undefined]) assert.deepEqual(ends({ status }), [false, false]);
  assert.deepEqual(ends({ status: 'EXPIRED' }), [true, false]);
  for (const code of ['PAYMENT_PENDING', 'INTERNAL_SERVER_ERROR', 'SUCCESS']) assert.deepEqual(ends({ code, paymentState: 'COMPLETED' }), [false, false]);
  for (const code of ['PAYMENT_ERROR', 'PAYMENT_DECLINED', 'PAYMENT_CANCELLED', 'REQUEST_EXPIRED']) assert.deepEqual(ends({ code }), [true, false]);
});

test('cancel races', async () => {
  const c = open();
  const id = fresh();
  await c.initDqr(dqr(id));
  await control.settle(id, 'PAYING');
  assert.equal((await c.cancel(id)).requested, true);
  await control.settle(id, 'SUCCESS');
  await assert.rejects(c.cancel(id), { code: 'PAYMENT_ALREADY_COMPLETED', httpStatus: 400 });
});

test('refunds', async () => {
  const c = open();
  const [id, first, second] = [fresh(), fresh(), fresh()];
  await c.qrInit(qr(id));
  await control.settle(id, 'SUCCESS');
  const r = await c.refund({ transactionId: first, originalTransactionId: id, amount: 600 });
  assert.deepEqual([r.code, isFinal(r)], ['PAYMENT_PENDING', false]);
  const much = await c.refund({ transactionId: second, providerReferenceId: `GP${id}`, amount: 401 });
  assert.deepEqual([isFinal(much), isPaid(much), much.payResponseCode], [true, false, 'EXCESS_REFUND_AMOUNT']);
  await assert.rejects(c.refund({ transactionId: first, originalTransactionId: id, amount: 1 }), isDuplicate);
  await control.settle(first, 'SUCCESS');
  assert.equal(isPaid(await c.transactionStatus(first)), true);
});

test('list and reconciliation', async () => {
  const c = open({ merchantId: OTHER, saltKey: 'other-merchant-key', providerId: undefined });
  const startTimestamp = Date.now();
  const ids = Array.from({ length: 9 }, () => fresh());
  for (const id of ids) {
    await c.qrInit(qr(id));
    await control.settle(id, 'SUCCESS', '', OTHER);
  }
  const list = await c.transactionList({ size: 3, storeId: 'teststore1' });
  assert.deepEqual(list.transactions.map((row) => [row.transactionId, isPaid(row)]), ids.slice(-3).reverse().map((id) => [id, true]));
  const rows = [];
  for await (const row of c.recon({ startTimestamp, endTimestamp: Date.now() + 1000, size: 4 })) rows.push(row);
  assert.deepEqual(rows.map((row) => row.transactionId), ids);
  assert.equal(rows[0].transactionLevelSettlement.transactionSettlementDetails[0].settlementAmount, 1000);
  assert.equal(typeof rows[0].transactionDate, 'number');
});

test('a cursor that stands ends a reconciliation', async () => {
  const body = '{"success":true,"code":null,"message":null,"data":{"transactionDetails":[{}],"searchAfter":{"timestamp":1,"transactionId":"A"}}}';
  const c = open({ fetch: async () => new Response(body) });
  let rows = 0;
  await assert.rejects(async () => {
    for await (const row of c.recon({ startTimestamp: 0, endTimestamp: 1 })) rows += row ? 1 : 0;
  }, isUnknown);
  assert.equal(rows, 2);
});

test('a provider signs for the merchants that are mapped to it', async () => {
  const c = open({ providerId: PROVIDER, saltKey: 'sandbox-provider-key' });
  const id = fresh();
  await c.initDqr(dqr(id));
  assert.equal((await control.requests(id))[0].provider, PROVIDER);
  await assert.rejects(c.forMerchant(OTHER).status(id), { code: 'UNAUTHORIZED', httpStatus: 401 });
});

test('what may go wrong with an init', async (t) => {
  const rows = [
    // fault, unknown, sent, exists afterwards
    ['lost-before', true, 1, false], ['lost-after', true, 1, true], ['500', true, 1, true], ['503', true, 1, false],
    ['page', true, 1, false], ['redirect', true, 1, false], ['other', true, 1, true], ['429', false, 2, true],
  ];
  await Promise.all(rows.map(([fault, unknown, sent, exists]) => t.test(fault, async () => {
    const c = open();
    const id = fresh();
    await control.fail(id, fault);
    if (unknown) await assert.rejects(c.initDqr(dqr(id)), isUnknown);
    else await c.initDqr(dqr(id));
    assert.equal((await control.requests(id)).length, sent);
    if (exists) await c.status(id);
    else await assert.rejects(c.status(id), isNotFound);
    if (exists) await assert.rejects(c.initDqr(dqr(id)), isDuplicate);
    else await c.initDqr(dqr(id));
  })));
});

test('answers that are not the API\'s', async () => {
  const data = (more) => JSON.stringify({ success: true, code: 'SUCCESS', data: { merchantId: MERCHANT, transactionId: 'T1', amount: 100, ...more } });
  for (const [status, body] of [
    [200, ''], [200, '{"success":true,"co'], [200, '[]'], [200, 'null'], [200, '{"code":"SUCCESS"}'], [400, '{"success":false}'],
    [200, '{"success":true,"code":"SUCCESS"}'], [502, data()], [200, data({ amount: 101 })], [200, data({ amount: 100.5 })],
    [200, data({ amount: '100' })], [200, data({ merchantId: 'OTHER' })], [200, data({ transactionId: 'T2' })],
  ]) {
    await assert.rejects(open({ fetch: async () => new Response(body, { status }) }).initDqr(dqr('T1')), isUnknown, `${status} ${body}`);
  }
});

test('429 and Retry-After', async () => {
  const limited = (header) => async () => new Response('slow down', { status: 429, headers: header ? { 'Retry-After': header } : {} });
  await assert.rejects(open({ fetch: limited('31') }).initDqr(dqr('T1')), (err) => err.httpStatus === 429 && err.retryAfter === 31_000 && !isUnknown(err));
  const far = new Date(Date.now() + 60_000).toUTCString();
  await assert.rejects(open({ fetch: limited(far) }).initDqr(dqr('T1')), (err) => err.retryAfter > 55_000 && err.retryAfter <= 60_000);
  let sent = 0;
  const signal = AbortSignal.timeout(100); // waiting ends with the signal
  await assert.rejects(open({ fetch: async () => (sent++, limited()()) }).status('T1', { signal }), { httpStatus: 429, retryAfter: 1000 });
  assert.equal(sent, 1);
});

test('a call that takes too long is unknown', async () => {
  const hangs = (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  await assert.rejects(open({ fetch: hangs, timeout: 20 }).initDqr(dqr('T1')), isUnknown);
});

test('nothing is sent that cannot be right', async () => {
  const c = open({ fetch: () => assert.fail('sent') });
  const wrong = [
    () => c.initDqr(dqr('T1', 0)), () => c.initDqr(dqr('T1', 1.5)), () => c.initDqr(dqr('T1', '100')), () => c.initDqr(dqr('T1', MAX_AMOUNT + 1)),
    () => c.initDqr(dqr('T1', NaN)), () => c.initDqr(dqr('T 1')), () => c.initDqr(dqr('x'.repeat(40))), () => c.qrInit(qr('x'.repeat(38))),
    () => c.status('../x'), () => c.status(''), () => c.cancel('a/b'), () => c.remind('a b'),
    () => c.refund({ transactionId: 'R', amount: 1 }),
    () => c.refund({ transactionId: 'R', amount: 1, originalTransactionId: 'a', providerReferenceId: 'b' }),
    () => c.edcSearch({ terminalId: 't' }), () => c.transactionList({ size: 11, storeId: 's' }), () => c.reconPage({ startTimestamp: 2, endTimestamp: 1 }),
  ];
  for (const call of wrong) await assert.rejects(async () => call(), InvalidRequest, String(call));
  for (const config of [
    { baseUrl: '' }, { baseUrl: `${base}?a=b` }, { baseUrl: 'ftp://x' }, { merchantId: 'a/b' }, { saltKey: '' }, { saltIndex: 0 }, { saltIndex: '1' }, { providerId: 'a b' },
  ]) {
    assert.throws(() => open(config), InvalidRequest, JSON.stringify(config));
  }
});

test('keys are not printed', () => {
  const secret = 'very-secret';
  const things = [open({ saltKey: secret }), new api.Verifier({ saltKeys: { 1: secret } })];
  for (const thing of things) assert.doesNotMatch(inspect(thing, { depth: 9, showHidden: true }) + JSON.stringify(thing), /secret/);
});

test('a sale cannot name another merchant or solution', async () => {
  const id = fresh();
  await open().initDqr({ ...dqr(id), merchantId: OTHER, solutionType: 'EDC' });
  const [{ payload }] = await control.requests(id);
  assert.deepEqual([payload.merchantId, payload.solutionType], [MERCHANT, 'DQR_DEVICE']);
});

test('the declarations name what is there', async () => {
  const { readFile } = await import('node:fs/promises');
  const types = await readFile(new URL('../index.d.ts', import.meta.url), 'utf8');
  const declared = [...types.matchAll(/^export (?:const|function|class) (\w+)/gm)].map((found) => found[1]);
  assert.deepEqual(declared.sort(), Object.keys(api).sort());
  const body = /^export class Client \{\n(.*?)^\}/ms.exec(types)[1];
  const methods = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((found) => found[1]);
  assert.deepEqual(methods.sort(), Object.getOwnPropertyNames(Client.prototype).sort());
});
