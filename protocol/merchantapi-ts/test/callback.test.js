import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { webcrypto } from 'node:crypto';
import { CallbackError, KeySet, Verifier, toNode, xVerify } from '../index.js';
import { decode, equal } from '../src/xverify.js';
import { base, control, fresh, open } from './server.js';

const saltKeys = { 1: 'sandbox-merchant-key' };
const sale = (id) => ({ storeId: 'teststore1', terminalId: 'testterminal1', merchantTransactionId: id, orderId: 'o', amount: 100 });

/** A shop's server that keeps what it is told. */
async function shop(t, handler) {
  const server = createServer(toNode(handler)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${server.address().port}/paid`;
}

/** A callback of the real server, as it came: headers and body. */
async function caught(t, begin, id) {
  let request;
  const url = await shop(t, async (r) => {
    request = { headers: Object.fromEntries(r.headers), body: await r.text() };
    return new Response(null);
  });
  await begin(open().withCallback(url));
  await control.settle(id, 'SUCCESS');
  return request;
}

// Made with the sha256sum program.
test('X-VERIFY is the documented sum', async () => {
  assert.equal(await xVerify('eyJhbW91bnQiOjEwMH0=', '/v1/payment/init', 'sandbox-merchant-key', 1),
    'a19d288f6c02b2c1fbb7de8b59cad4ec3ec0a65d1439f9d662dfb98b9415eebe###1');
  assert.equal(await xVerify('', '/v1/payment/MERCHANTUAT/TXN0015985/status', 'sandbox-provider-key', 1),
    'b99130b1631773c1c6e71f7b0df5209d29bf9cdeaade0b91513d819f88af9cc1###1');
  assert.equal(await xVerify('eyJzdWNjZXNzIjp0cnVlfQ==', '', 'sandbox-merchant-key', 12),
    'cacd06d5ea17c05cc1d912332822429d5d5da060a2ffdb2f0147b1abc40c8c07###12');
});

test('base64 has one spelling', () => {
  const good = { 'eyJhIjoxfQ==': '{"a":1}', '+/+/': '\xfb\xff\xbf', '-_-_': '\xfb\xff\xbf', '-_8': '\xfb\xff', '-_8=': '\xfb\xff', eyJhIjoxfQ: '{"a":1}', '': '' };
  for (const [text, want] of Object.entries(good)) assert.equal(String.fromCharCode(...decode(text)), want, text);
  for (const text of ['+/8', '+_8=', '-/+_', 'eyJhIjoxfQ=', 'eyJhIjoxfQ===', 'eyJh=IjoxfQ=', 'eyJhIjoxfR==', 'eyJhIjoxfR', 'eyJhI', 'eyJh IjoxfQ==', 'eyJhIjoxfQ==\n', '====', '%']) {
    assert.equal(decode(text), null, text);
  }
});

test('texts are compared whole', () => {
  assert.equal(equal('abc', 'abc'), true);
  for (const [a, b] of [['abc', 'abd'], ['abc', 'ab'], ['ab', 'abc'], ['abc', ''], ['', 'abc'], ['abab', 'ab']]) assert.equal(equal(a, b), false, `${a} ${b}`);
});

test('a callback of v1 and one of v3', async (t) => {
  const [v1, v3] = [fresh(), fresh()];
  const first = await caught(t, (c) => c.initDqr(sale(v1)), v1);
  const second = await caught(t, (c) => c.qrInit({ transactionId: v3, amount: 100 }), v3);
  for (const verifier of [new Verifier({ saltKeys }), new Verifier({ saltKeys: { ...saltKeys, 2: 'next' }, keys: open().keys() })]) {
    const one = await verifier.verify(first.headers, first.body);
    assert.deepEqual([one.paid, one.code, one.payment.transactionId, one.transaction], [true, 'SUCCESS', v1, undefined]);
    assert.match(one.eventId, /^event-/);
    const two = await verifier.verify(new Headers(second.headers), new TextEncoder().encode(second.body));
    assert.deepEqual([two.paid, two.code, two.transaction.transactionId, two.payment], [true, 'PAYMENT_SUCCESS', v3, undefined]);
  }
  const known = new KeySet(await (await fetch(`${base}/v1/keys`)).json());
  assert.ok((await new Verifier({ saltKeys, keys: known }).verify(first.headers, first.body)).attempted instanceof Date);
});

test('what is forged, replayed or broken', async (t) => {
  const id = fresh();
  const { headers, body } = await caught(t, (c) => c.initDqr(sale(id)), id);
  const response = JSON.parse(body).response;
  const signed = async (text, key = saltKeys[1], index = 1) => [{ ...headers, 'x-verify': await xVerify(text, '', key, index) }, `{"response":"${text}"}`];
  const strict = new Verifier({ saltKeys, keys: open().keys() });
  const plain = new Verifier({ saltKeys });
  const rows = [
    // name, [headers, body], whether the checksum alone lets it pass
    ['another event', [{ ...headers, 'x-galla-event-id': 'event-x' }, body], true],
    ['another time', [{ ...headers, 'x-galla-timestamp': '946684800000' }, body], true],
    ['no signature', [{ ...headers, 'x-galla-signature': undefined }, body], true],
    ['signature cut', [{ ...headers, 'x-galla-signature': headers['x-galla-signature'].slice(0, -4) }, body], true],
    ['payload in the signature', [{ ...headers, 'x-galla-signature': headers['x-galla-signature'].replace('..', '.e30.') }, body], true],
    ['signature by none', [{ ...headers, 'x-galla-signature': 'eyJhbGciOiJub25lIiwidHlwIjoiZ2FsbGEtY2FsbGJhY2sifQ..' }, body], true],
    ['a space in the body', [headers, body.replace(':', ': ')], true],
    ['no X-VERIFY', [{ ...headers, 'x-verify': undefined }, body], false],
    ['another key', await signed(response, 'guess'), false],
    ['an unknown index', await signed(response, saltKeys[1], 2), false],
    ['an empty key under an unknown index', await signed(response, '', 7), false],
    ['another response', [headers, `{"response":"${btoa('{}')}"}`], false],
    ['no response', [headers, '{}'], false],
    ['null', [headers, 'null'], false],
    ['not base64', await signed('%%%'), false],
    ['not an answer', await signed(btoa('{"amount":1}')), false],
    ['a fraction of a paisa', await signed(btoa('{"success":true,"code":"SUCCESS","data":{"status":"SUCCESS","amount":1.5}}')), false],
  ];
  for (const [name, [h, b], passes] of rows) {
    if (passes) await plain.verify(h, b);
    else await assert.rejects(plain.verify(h, b), CallbackError, name);
    await assert.rejects(strict.verify(h, b), CallbackError, name);
  }
});

test('an old one and one signed for another purpose, by the right key', async (t) => {
  const { publicKey, privateKey } = await webcrypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  const keys = new KeySet({ keys: [{ ...(await webcrypto.subtle.exportKey('jwk', publicKey)), kid: 'k' }] });
  const b64url = (x) => Buffer.from(x).toString('base64url');
  const response = btoa('{"success":true,"code":"SUCCESS","data":{"status":"SUCCESS","amount":1}}');
  const body = `{"response":"${response}"}`;
  const at = async (time, typ = 'galla-callback') => {
    const head = b64url(JSON.stringify({ alg: 'EdDSA', kid: 'k', typ }));
    const signature = await webcrypto.subtle.sign('Ed25519', privateKey, Buffer.from(`${head}.${b64url(`e.${time}.${body}`)}`));
    return {
      'x-verify': await xVerify(response, '', saltKeys[1], 1), 'x-galla-event-id': 'e', 'x-galla-timestamp': String(time),
      'x-galla-signature': `${head}..${b64url(signature)}`,
    };
  };
  const verifier = new Verifier({ saltKeys, keys });
  assert.equal((await verifier.verify(await at(Date.now()), body)).paid, true);
  await assert.rejects(verifier.verify(await at(Date.now(), 'galla-down'), body), CallbackError);
  await assert.rejects(verifier.verify(await at(Date.now() - 301_000), body), CallbackError);
  await assert.rejects(verifier.verify(await at(Date.now() + 301_000), body), CallbackError);
});

test('the handler answers as the server expects', async (t) => {
  const id = fresh();
  const { headers, body } = await caught(t, (c) => c.initDqr(sale(id)), id);
  let taken = 0;
  let away = false;
  const take = () => {
    taken++;
    if (away) throw new Error('the database is away');
  };
  const url = await shop(t, new Verifier({ saltKeys, keys: open().keys() }).handler(take));
  const down = await shop(t, new Verifier({ saltKeys, keys: open({ baseUrl: `${base}/nowhere` }).keys() }).handler(take));
  delete headers.host;
  delete headers['content-length'];
  const send = async (to, init) => (await fetch(to, { method: 'POST', headers, body, ...init })).status;
  assert.deepEqual([await send(url), taken], [200, 1]);
  assert.deepEqual([await send(url, { method: 'PUT' }), taken], [200, 2]);
  away = true;
  assert.deepEqual([await send(url), taken], [500, 3]); // it must come again
  assert.deepEqual([await send(url, { headers: {} }), taken], [401, 3]);
  assert.deepEqual([await send(url, { body: 'x'.repeat(65 << 10) }), taken], [413, 3]);
  assert.deepEqual([await send(url, { method: 'GET', body: undefined }), taken], [405, 3]);
  assert.deepEqual([await send(down), taken], [503, 3]);
});
