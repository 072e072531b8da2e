// The package's door; index.d.ts says what each of these is.
export { Client, MAX_AMOUNT } from './src/client.js';
export { ApiError, CallbackError, InvalidRequest, UnknownOutcome, isDuplicate, isFinal, isNotFound, isPaid, isUnknown } from './src/answers.js';
export { DOCUMENTED_SCHEDULE, QUICK_SCHEDULE, delays } from './src/poll.js';
export { Verifier, toNode } from './src/callback.js';
export { KeySet } from './src/keys.js';
export { xVerify } from './src/xverify.js';
