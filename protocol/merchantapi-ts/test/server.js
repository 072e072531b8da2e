// The conformance server that node_test.go starts, and ways to say what it does.
import { Client } from '../index.js';

export const url = process.env.GALLA_TEST_URL;
if (!url) throw new Error('GALLA_TEST_URL names no server: run "go test ./protocol/merchantapi-ts"');
export const base = `${url}/enterprise-sandbox`;
export const MERCHANT = 'MERCHANTUAT';
export const OTHER = 'MERCHANTTWO';
export const PROVIDER = 'MERCHANTPROVIDER';

const run = `${process.pid}-${Date.now() % 1e6}`;
let count = 0;
/** A transaction id that nobody had. */
export const fresh = () => `T${run}-${++count}`;

export const open = (more) => new Client({ baseUrl: base, merchantId: MERCHANT, saltKey: 'sandbox-merchant-key', saltIndex: 1, ...more });

async function ask(path, method = 'POST') {
  const response = await fetch(url + path, { method });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

export const control = {
  settle: (id, outcome, reason = '', merchant = MERCHANT) =>
    ask(`/conformance/${id}/settle?${new URLSearchParams({ outcome, reason, merchant })}`),
  fail: (id, ...faults) => ask(`/conformance/${id}/fault?faults=${faults}`),
  requests: async (id) => (await ask(`/conformance/${id}/requests`, 'GET')).json(),
};
