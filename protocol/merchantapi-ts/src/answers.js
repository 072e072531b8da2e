// What came back, and what it means.

/** Nothing was sent: the fields cannot be signed or can never be right. */
export class InvalidRequest extends Error {
  name = 'InvalidRequest';
}

/** Nobody here knows whether it was done: ask for the status. */
export class UnknownOutcome extends Error {
  name = 'UnknownOutcome';
}

/** A request is no callback of the server: answer it 401 and believe nothing of it. */
export class CallbackError extends Error {
  name = 'CallbackError';
}

/** The server said no; nothing was done, unless isUnknown. */
export class ApiError extends Error {
  name = 'ApiError';
  constructor({ httpStatus, code, message, requestId, retryAfter, data }) {
    super(`${code}: ${message ?? ''} (HTTP ${httpStatus}${requestId ? `, request ${requestId}` : ''})`);
    Object.assign(this, { httpStatus, code, requestId, retryAfter, data });
  }
}

/** INTERNAL_SERVER_ERROR and every 5xx are not final (FAQ); nor is a lost answer. */
export function isUnknown(err) {
  return err instanceof UnknownOutcome || (err instanceof ApiError && (err.code === 'INTERNAL_SERVER_ERROR' || err.httpStatus >= 500));
}

/** The transaction id was used before, perhaps by the request whose answer was lost. */
export function isDuplicate(err) {
  return err instanceof ApiError && (err.code === 'DUPLICATE_TRANSACTION_ID' || (err.code === 'INVALID_TRANSACTION_ID' && err.httpStatus === 417));
}

/** A status call found no such payment: a request that was lost never arrived. */
export function isNotFound(err) {
  return err instanceof ApiError && (err.code === 'TRANSACTION_NOT_FOUND' || (err.code === 'INVALID_TRANSACTION_ID' && err.httpStatus !== 417));
}

/** The codes that say how a v3 transaction stands; every other is a refusal. */
export const STATE_CODES = Object.freeze([
  'PAYMENT_SUCCESS', 'PAYMENT_ERROR', 'PAYMENT_PENDING', 'PAYMENT_CANCELLED', 'PAYMENT_DECLINED', 'REQUEST_EXPIRED',
]);

/** Whether it has ended. A word that is not in the contract is not an end. */
export function isFinal(p) {
  if (p.code) return p.code !== 'PAYMENT_PENDING' && STATE_CODES.includes(p.code);
  return isPaid(p) || ['FAILED', 'EXPIRED'].includes(p.status) || p.paymentState === 'FAILED';
}

/** Whether the money is there. Only this closes a bill. */
export function isPaid(p) {
  if (p.code) return p.code === 'PAYMENT_SUCCESS';
  return p.status === 'SUCCESS' || ['COMPLETED', 'PAYMENT_SUCCESS'].includes(p.paymentState);
}

/** Milliseconds that Retry-After asks for, in either of its forms. */
function retryAfter(response) {
  const text = response.headers.get('Retry-After') ?? '';
  let wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  if (!(wait > 0)) wait = 0;
  return response.status === 429 ? Math.max(wait, 1000) : wait;
}

/**
 * Tells an answer of the API from everything else that may come back on the
 * way. states are codes that answer the question although success is false.
 */
export function read(response, text, states) {
  let e = null;
  try {
    e = JSON.parse(text);
  } catch {
    // not the API's; said below
  }
  const facts = { httpStatus: response.status, requestId: response.headers.get('X-Request-Id') ?? '', retryAfter: retryAfter(response) };
  const ours = e !== null && typeof e === 'object' && typeof e.success === 'boolean' && (e.success || (typeof e.code === 'string' && e.code !== ''));
  if (!ours && response.status === 429) throw new ApiError({ ...facts, code: 'TOO_MANY_REQUESTS' }); // a gateway's, in its own form
  if (!ours || (response.status >= 300 && response.status < 400) || (e.success && !response.ok)) {
    throw new UnknownOutcome(`HTTP ${response.status} is not an answer of the API`);
  }
  if (e.success || (states.includes(e.code) && response.status < 500)) return e;
  throw new ApiError({ ...facts, code: e.code, message: e.message, data: e.data });
}

/** Holds an answer against its question, and amounts to whole paise. */
export function about(data, merchantId, gotId, wantId, amount) {
  const wrong = data.merchantId !== merchantId || gotId !== wantId || (data.amount !== undefined && !Number.isSafeInteger(data.amount));
  if (wrong || (amount !== undefined && data.amount !== amount)) {
    throw new UnknownOutcome(`asked about ${wantId} of ${merchantId}, answered about ${gotId} of ${data.merchantId}`);
  }
  return data;
}

/** The data of an answer, which must be there. */
export function dataOf(e) {
  if (e.data === null || typeof e.data !== 'object') throw new UnknownOutcome(`${e.code} without data`);
  return e.data;
}
