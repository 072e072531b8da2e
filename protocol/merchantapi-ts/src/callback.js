import { CallbackError, isPaid } from './answers.js';
import { decode, equal, parse, sum } from './xverify.js';

const MAX_AGE = 5 * 60_000; // how old a signed callback may be, or how far ahead its clock
const LIMIT = 64 << 10;

/** One header of a fetch Headers or of node:http's plain object. */
function headerOf(headers, name) {
  if (typeof headers?.get === 'function') return headers.get(name) ?? '';
  const value = headers?.[name.toLowerCase()] ?? headers?.[name] ?? '';
  return Array.isArray(value) ? value[0] : value;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Checks callbacks (phonepe-api: Callback). */
export class Verifier {
  #saltKeys;
  #keys;

  /** saltKeys: by index, all that are live. keys: demand X-Galla-Signature as well. */
  constructor({ saltKeys, keys }) {
    this.#saltKeys = new Map(Object.entries(saltKeys).map(([index, key]) => [Number(index), key]));
    this.#keys = keys;
  }

  /** Checks headers and the body as received (text or bytes), and reads it, or throws CallbackError. */
  async verify(headers, body) {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    const response = json(new TextDecoder().decode(bytes))?.response;
    if (typeof response !== 'string' || response === '') throw new CallbackError('the body is not {"response": base64}');
    const given = parse(headerOf(headers, 'X-VERIFY'));
    const saltKey = this.#saltKeys.get(given?.index);
    // Hash for an unknown index too: both refusals take the same time.
    const same = equal(await sum(response, '', saltKey ?? ''), given?.hex ?? '');
    if (!same || !saltKey) throw new CallbackError('X-VERIFY does not fit');

    const callback = { eventId: headerOf(headers, 'X-Galla-Event-Id') };
    if (this.#keys) callback.attempted = await this.#signature(headers, bytes);
    const text = decode(response);
    const answer = text && json(new TextDecoder().decode(text));
    if (typeof answer?.success !== 'boolean' || answer.data === null || typeof answer.data !== 'object') {
      throw new CallbackError('the response is not an answer of the API');
    }
    const { code = '', message = '', data } = answer;
    if (!Number.isSafeInteger(data.amount)) throw new CallbackError('the amount is not whole paise');
    const v3 = 'paymentState' in data || !('status' in data);
    const told = v3 ? { transaction: { ...data, code } } : { payment: data };
    return { ...callback, code, message, ...told, paid: isPaid(told.transaction ?? told.payment) };
  }

  /** The detached JWS over event id, timestamp and body, joined by dots. */
  async #signature(headers, body) {
    const event = headerOf(headers, 'X-Galla-Event-Id');
    const stamp = headerOf(headers, 'X-Galla-Timestamp');
    if (!/^\d{1,15}$/.test(stamp) || event === '' || event.includes('.')) throw new CallbackError('no event id and timestamp');
    const head = new TextEncoder().encode(`${event}.${stamp}.`);
    const content = new Uint8Array(head.length + body.length);
    content.set(head);
    content.set(body, head.length);
    await this.#keys.verify(headerOf(headers, 'X-Galla-Signature'), 'galla-callback', content);
    if (Math.abs(Date.now() - Number(stamp)) > MAX_AGE) throw new CallbackError('it is of another time');
    return new Date(Number(stamp));
  }

  /**
   * A function of a fetch Request that verifies and hands on. take decides: when
   * it returns the answer is 200, when it throws 500, and the server tries again
   * later. It must be done within 5 s, and may see one event more than once.
   */
  handler(take) {
    const answer = (status, text, headers) => new Response(text, { status, headers });
    return async (request) => {
      if (request.method !== 'POST' && request.method !== 'PUT') return answer(405, 'a callback is a POST or a PUT', { Allow: 'POST, PUT' });
      const body = new Uint8Array(await request.arrayBuffer());
      if (body.length > LIMIT) return answer(413, 'a callback has at most 64 KiB');
      let callback;
      try {
        callback = await this.verify(request.headers, body);
      } catch (err) {
        if (err instanceof CallbackError) return answer(401, err.message);
        return answer(503, 'signing keys are not at hand'); // let it come again
      }
      try {
        await take(callback);
      } catch {
        return answer(500, 'not taken');
      }
      return answer(200, null);
    };
  }
}

/** A handler of fetch Requests as a listener of node:http. */
export function toNode(handler) {
  return async (req, res) => {
    const chunks = [];
    let size = 0;
    try {
      for await (const chunk of req) {
        if ((size += chunk.length) <= LIMIT) chunks.push(chunk); // the rest is read and dropped
      }
    } catch {
      return; // the caller went away
    }
    const bodyless = req.method === 'GET' || req.method === 'HEAD';
    const body = bodyless ? undefined : size > LIMIT ? new Uint8Array(LIMIT + 1) : await new Blob(chunks).arrayBuffer();
    const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)]);
    const response = await handler(new Request('http://callback.invalid/', { method: req.method, headers, body }));
    res.writeHead(response.status, Object.fromEntries(response.headers));
    res.end(await response.text());
  };
}
