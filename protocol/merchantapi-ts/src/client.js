import { InvalidRequest, STATE_CODES, UnknownOutcome, ApiError, about, dataOf, read } from './answers.js';
import { KeySet } from './keys.js';
import { poll, sleep } from './poll.js';
import { encode, xVerify } from './xverify.js';

/** The largest amount of one request, in paise (phonepe-api: Wire rules). */
export const MAX_AMOUNT = 10_000_000_000;

const CALL_TIMEOUT = 15_000;
const LIMITED_TRIES = 4; // sends of a request that is answered 429
const LONGEST_LIMIT = 30_000; // a longer Retry-After is the caller's to wait for

const isId = (s, limit = 64) => typeof s === 'string' && s.length <= limit && /^[A-Za-z0-9_-]+$/.test(s);

function check(good, problem) {
  if (!good) throw new InvalidRequest(`not sent: ${problem}`);
}

const checkId = (id, limit = 64) => check(isId(id, limit), `transaction id must be 1 to ${limit} letters, digits, _ or -`);

function checkNew(id, limit, amount) {
  checkId(id, limit);
  check(Number.isSafeInteger(amount) && amount >= 1 && amount <= MAX_AMOUNT, `amount must be a whole number of paise, 1 to ${MAX_AMOUNT}`);
}

/**
 * Makes the requests of one merchant. It never sends a request a second time,
 * but for one case: 429 says that it was refused unread, so the same bytes are
 * sent again after Retry-After.
 */
export class Client {
  #c;

  constructor(config) {
    const c = { fetch: globalThis.fetch, timeout: CALL_TIMEOUT, ...config };
    let url;
    try {
      url = new URL(c.baseUrl);
    } catch {
      check(false, 'baseUrl must be http(s)://host, with a path at most');
    }
    check(/^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username, 'baseUrl must be http(s)://host, with a path at most');
    check(isId(c.merchantId), 'merchantId must be 1 to 64 letters, digits, _ or -');
    check(!c.providerId || isId(c.providerId), 'providerId must be letters, digits, _ or -');
    check(typeof c.saltKey === 'string' && c.saltKey !== '', 'saltKey is empty');
    check(Number.isInteger(c.saltIndex) && c.saltIndex >= 1 && c.saltIndex <= 999_999, 'saltIndex must be 1 to 999999');
    check(typeof c.fetch === 'function', 'there is no fetch here: give one');
    this.#c = { ...c, baseUrl: c.baseUrl.replace(/\/+$/, '') };
  }

  get merchantId() {
    return this.#c.merchantId;
  }

  /** The same client for another merchant: a provider's key signs for all that are mapped to it. */
  forMerchant(merchantId) {
    return new Client({ ...this.#c, merchantId });
  }

  /** The same client with another X-CALLBACK-URL. */
  withCallback(callbackUrl) {
    return new Client({ ...this.#c, callbackUrl });
  }

  /** Asks for money on a Dynamic-QR display: POST /v1/payment/init. */
  initDqr(sale) {
    return this.#begin('/v1/payment/init', sale.merchantTransactionId, 39, { ...sale, solutionType: 'DQR_DEVICE' });
  }

  /** Asks for money on an EDC terminal: POST /v1/payment/init. */
  initEdc(sale) {
    return this.#begin('/v1/payment/init', sale.merchantTransactionId, 39, { ...sale, solutionType: 'EDC' });
  }

  /** The older form of initEdc: POST /v1/edc/transaction/init. */
  edcSaleRequest({ merchantTransactionId, ...sale }) {
    return this.#begin('/v1/edc/transaction/init', merchantTransactionId, 39, { ...sale, transactionId: merchantTransactionId });
  }

  /** Asks for a QR's text, to draw it: POST /v3/qr/init. */
  qrInit(sale) {
    return this.#begin('/v3/qr/init', sale.transactionId, 37, sale);
  }

  /** Sends a collect request: POST /v3/charge. */
  charge(collect) {
    return this.#begin('/v3/charge', collect.transactionId, 37, collect);
  }

  async #begin(path, id, limit, fields) {
    checkNew(id, limit, fields.amount);
    const data = dataOf(await this.#call('POST', path, fields));
    return about(data, this.merchantId, data.transactionId, id, fields.amount);
  }

  /** How a payment stands, by your id or the server's: GET /v1/payment/{m}/{id}/status. */
  status(id, options) {
    return this.#status('/v1/payment/', id, options);
  }

  /** The older form of status: GET /v1/edc/transaction/{m}/{id}/status. */
  edcStatus(id, options) {
    return this.#status('/v1/edc/transaction/', id, options);
  }

  async #status(route, id, options) {
    checkId(id);
    const data = dataOf(await this.#call('GET', `${route}${this.merchantId}/${id}/status`, undefined, [], options));
    return about(data, this.merchantId, id === data.phonepeTransactionId ? id : data.transactionId, id);
  }

  /** Finds payments of a terminal by rrn or merchantTransactionId: POST /v1/edc/transaction/status. */
  async edcSearch(search) {
    check(search.rrn || search.merchantTransactionId, 'a search needs rrn or merchantTransactionId');
    const data = dataOf(await this.#call('POST', '/v1/edc/transaction/status', search));
    if (!Array.isArray(data)) throw new UnknownOutcome('the answer to a search is not a list');
    return data;
  }

  /** Ends a payment that nobody has begun to pay: PUT /v1/payment/{m}/{id}/cancel. */
  cancel(id) {
    return this.#cancel('PUT', '/v1/payment/', id);
  }

  /** cancel for qrInit and charge: POST /v3/charge/{m}/{id}/cancel. */
  cancelCharge(id) {
    return this.#cancel('POST', '/v3/charge/', id);
  }

  async #cancel(method, route, id) {
    checkId(id);
    const e = await this.#call(method, `${route}${this.merchantId}/${id}/cancel`, undefined, ['CANCEL_REQUESTED']);
    // Documented are the fields beside success as well as below data, and nothing at all.
    const { merchantId = this.merchantId, terminalId, merchantTransactionId = id } = { ...e, ...(e.data ?? {}) };
    const code = e.code || 'SUCCESS';
    const answer = { code, requested: code === 'CANCEL_REQUESTED', message: e.message ?? '', merchantId, terminalId, merchantTransactionId };
    return about(answer, this.merchantId, merchantTransactionId, id);
  }

  /** Reminds the customer of a collect request: POST /v3/charge/{m}/{id}/remind. */
  async remind(id) {
    checkId(id);
    await this.#call('POST', `/v3/charge/${this.merchantId}/${id}/remind`);
  }

  /**
   * How a QR, a collect or a refund stands: GET /v3/transaction/{m}/{id}/status.
   * How it ended is in the answer's code, never an error.
   */
  async transactionStatus(id, options) {
    checkId(id);
    const e = await this.#call('GET', `/v3/transaction/${this.merchantId}/${id}/status`, undefined, STATE_CODES, options);
    return this.#transaction(e, id);
  }

  /** Gives money back: POST /v3/credit/backToSource. pollTransaction tells the end. */
  async refund(refund) {
    checkNew(refund.transactionId, 37, refund.amount);
    check(!refund.originalTransactionId !== !refund.providerReferenceId, 'a refund needs one of originalTransactionId and providerReferenceId');
    const e = await this.#call('POST', '/v3/credit/backToSource', refund, STATE_CODES);
    return this.#transaction(e, refund.transactionId, refund.amount);
  }

  #transaction(e, id, amount) {
    const data = dataOf(e);
    about(data, this.merchantId, id === data.providerReferenceId ? id : data.transactionId, id, amount);
    return { ...data, code: e.code };
  }

  /** The newest payments of a store: POST /v3/qr/transaction/list. */
  async transactionList(query) {
    check(Number.isInteger(query.size) && query.size >= 1 && query.size <= 10, 'size must be 1 to 10');
    return dataOf(await this.#call('POST', '/v3/qr/transaction/list', query));
  }

  /** One page of a reconciliation: POST /v1/transactions/details. */
  async reconPage({ size = 10, ...query }) {
    check(query.startTimestamp >= 0 && query.endTimestamp > query.startTimestamp, 'a reconciliation needs a start before its end');
    check(Number.isInteger(size) && size >= 1, 'size must be at least 1');
    return dataOf(await this.#call('POST', '/v1/transactions/details', { ...query, size }));
  }

  /** Walks all pages, row by row; a cursor that does not move ends it with UnknownOutcome. */
  async *recon(query) {
    for (let after = query.searchAfter; ; ) {
      const page = await this.reconPage({ ...query, ...(after && { searchAfter: after }) });
      const rows = page.transactionDetails ?? [];
      yield* rows;
      const next = page.searchAfter;
      if (rows.length === 0 || !next?.transactionId) return;
      if (after && next.transactionId === after.transactionId && next.timestamp === after.timestamp) {
        throw new UnknownOutcome(`the cursor ${next.transactionId} does not move`);
      }
      after = next;
    }
  }

  /** Asks for the status on a schedule until it is final. */
  poll(id, options) {
    return poll(() => this.status(id, options), options);
  }

  /** poll for qrInit, charge and refund. */
  pollTransaction(id, options) {
    return poll(() => this.transactionStatus(id, options), options);
  }

  /** The server's signing keys at /v1/keys, for a Verifier. */
  keys() {
    return new KeySet({ url: `${this.#c.baseUrl}/v1/keys`, fetch: this.#c.fetch });
  }

  async #call(method, path, fields, states = [], { signal } = {}) {
    const request = fields && encode(JSON.stringify({ ...fields, merchantId: this.merchantId }));
    for (let tries = 1; ; tries++) {
      try {
        return await this.#send(method, path, request, states, signal);
      } catch (err) {
        const again = err instanceof ApiError && err.httpStatus === 429 && err.retryAfter <= LONGEST_LIMIT && tries < LIMITED_TRIES;
        if (!again) throw err;
        try {
          await sleep(err.retryAfter, signal);
        } catch {
          throw err; // aborted meanwhile: it was refused, that is known
        }
      }
    }
  }

  async #send(method, path, request, states, signal) {
    const c = this.#c;
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      'X-VERIFY': await xVerify(request ?? '', path, c.saltKey, c.saltIndex), // the path without the deployment prefix
    };
    if (c.providerId) headers['X-PROVIDER-ID'] = c.providerId;
    if (request && c.callbackUrl) headers['X-CALLBACK-URL'] = c.callbackUrl;
    if (request && c.callbackMode) headers['X-CALL-MODE'] = c.callbackMode;
    const stop = new AbortController();
    const abort = () => stop.abort(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => stop.abort(new Error(`no answer within ${c.timeout} ms`)), c.timeout);
    let response;
    let text;
    try {
      const body = request && JSON.stringify({ request });
      const { fetch } = c; // browsers' fetch must not be called as a method
      response = await fetch(c.baseUrl + path, { method, headers, body, redirect: 'manual', signal: stop.signal });
      text = await response.text();
    } catch (cause) {
      throw new UnknownOutcome('the answer is lost', { cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
    return read(response, text, states);
  }
}
