import { ApiError, UnknownOutcome, isFinal, isUnknown } from './answers.js';

const S = 1000;

/**
 * PhonePe's, for "Check Status API - Reconciliation": the first check 20 to 25 s
 * after the start, then every 3 s for 30 s, 6 s for 60 s, 10 s for 60 s, 30 s for
 * 60 s, then every minute until it is over.
 */
export const DOCUMENTED_SCHEDULE = Object.freeze(
  [[20, 20], [3, 30], [6, 60], [10, 60], [30, 60], [60, Infinity]].map(([every, during]) => Object.freeze({ every: every * S, during: during * S })),
);

/** For a controller on the same network: every 500 ms for 10 s, then every second. */
export const QUICK_SCHEDULE = Object.freeze([Object.freeze({ every: 500, during: 10 * S }), Object.freeze({ every: S, during: Infinity })]);

/** The waits before each ask, in milliseconds. */
export function* delays(schedule) {
  for (const step of schedule) {
    const every = Math.max(step.every, 1); // a schedule is no busy loop
    for (let spent = every; spent <= step.during; spent += every) yield every;
  }
}

/** Waits; rejects when the signal aborts. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Asks until the answer is final. Lost answers, INTERNAL_SERVER_ERROR and 429
 * are waited out; a refusal ends it. When the signal aborts or the schedule is
 * over it throws UnknownOutcome, with what was seen last as its last.
 */
export async function poll(ask, { schedule = DOCUMENTED_SCHEDULE, signal } = {}) {
  let last;
  let why;
  let held = 0; // by Retry-After
  const over = (cause) => Object.assign(new UnknownOutcome('not final yet', { cause }), { last });
  for (const wait of delays(schedule)) {
    try {
      await sleep(Math.max(wait, held), signal);
    } catch (reason) {
      throw over(reason);
    }
    held = 0;
    try {
      last = await ask();
      if (isFinal(last)) return last;
      why = undefined;
    } catch (err) {
      const limited = err instanceof ApiError && err.httpStatus === 429;
      if (!limited && !isUnknown(err)) throw err;
      held = err.retryAfter ?? 0;
      why = err;
    }
  }
  throw over(why);
}
