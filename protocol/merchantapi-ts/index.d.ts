// Types of @galla/merchantapi. Names of fields are the wire's (phonepe-api).
// Amounts are whole paise, 1 to MAX_AMOUNT; timestamps are epoch milliseconds;
// expiresIn is whole seconds.

/** 10^10 paise: the largest amount of one request. */
export const MAX_AMOUNT: number;

export interface Config {
  /** The host, with its deployment prefix: "https://mercury-uat.phonepe.com/enterprise-sandbox". */
  baseUrl: string;
  merchantId: string;
  /** The merchant's, or the provider's with providerId. It is a secret: never put it into a web page. */
  saltKey: string;
  saltIndex: number;
  /** Sent as X-PROVIDER-ID. */
  providerId?: string;
  /** Sent as X-CALLBACK-URL; else the registered URL is told. */
  callbackUrl?: string;
  callbackMode?: 'POST' | 'PUT';
  /** Instead of the global fetch. */
  fetch?: typeof fetch;
  /** Milliseconds for one call; 15000 when not given. */
  timeout?: number;
}

export interface DqrSale {
  storeId: string;
  terminalId: string;
  /** Yours, unique for ever, below 40 characters. */
  merchantTransactionId: string;
  /** The bill; may repeat. */
  orderId: string;
  amount: number;
  /** 180 when not given. */
  expiresIn?: number;
}

interface EdcFields {
  storeId: string;
  merchantTransactionId: string;
  orderId: string;
  amount: number;
  paymentModes: Array<'CARD' | 'DQR'>;
  /** 60 when not given. */
  timeAllowedForHandoverToTerminalSeconds?: number;
  /** No prompt to the cashier. */
  autoAccept?: boolean;
}

/** ONE_TO_ONE is pushed to a terminal; OPEN is pulled by its short order id, 4 to 8 digits. */
export type EdcSale =
  | (EdcFields & { integrationMappingType: 'ONE_TO_ONE'; terminalId: string; shortOrderId?: never })
  | (EdcFields & { integrationMappingType: 'OPEN'; terminalId?: string; shortOrderId: string });

export interface QrSale {
  /** Yours, unique for ever, below 38 characters. */
  transactionId: string;
  merchantOrderId?: string;
  amount: number;
  expiresIn?: number;
  storeId?: string;
  terminalId?: string;
  subMerchantId?: string;
  message?: string;
  gstBreakup?: { gst?: number; cgst?: number; sgst?: number; igst?: number; cess?: number; gstIncentive?: number; gstPercentage?: number };
  invoiceDetails?: { invoiceNumber?: string; invoiceDate?: string; invoiceName?: string };
}

export interface Collect {
  transactionId: string;
  merchantOrderId: string;
  amount: number;
  instrumentType: 'VPA' | 'MOBILE';
  /** The VPA, or 10 digits. */
  instrumentReference: string;
  /** 180 is recommended; 30 days when not given. */
  expiresIn?: number;
  message?: string;
  email?: string;
  shortName?: string;
  subMerchantId?: string;
  storeId?: string;
  terminalId?: string;
}

interface RefundFields {
  /** Of the refund: new, below 38 characters. */
  transactionId: string;
  amount: number;
  merchantOrderId?: string;
  subMerchant?: string;
  message?: string;
}

export type Refund =
  | (RefundFields & { originalTransactionId: string; providerReferenceId?: never })
  | (RefundFields & { providerReferenceId: string; originalTransactionId?: never });

export interface Accepted {
  merchantId: string;
  transactionId: string;
  amount: number;
  /** The server's id; charge only. */
  providerReferenceId?: string;
  /** The upi:// link to draw; qrInit only. */
  qrString?: string;
}

export interface Instrument {
  type: string;
  amount: number;
  last4Digits?: string;
  cardNetwork?: string;
  cardType?: string;
  upiTransactionId?: string;
}

/** A v1 status answer's data. Use isFinal and isPaid. */
export interface Payment {
  merchantId: string;
  storeId?: string;
  terminalId?: string;
  orderId?: string;
  /** Yours. */
  transactionId: string;
  merchantTransactionId?: string;
  /** The server's. */
  phonepeTransactionId?: string;
  /** RRN or UTR, on success. */
  referenceNumber?: string;
  paymentMode?: 'CARD' | 'DQR';
  amount: number;
  status: 'PENDING' | 'SUCCESS' | 'FAILED' | 'EXPIRED';
  /** Why; the text "null" on success. */
  responseCode?: string;
  paymentInstruments?: Instrument[];
  timestamp: number;
}

/** A v3 status answer's data, and a refund's. code decides: use isFinal and isPaid. */
export interface Transaction {
  code: 'PAYMENT_SUCCESS' | 'PAYMENT_ERROR' | 'PAYMENT_PENDING' | 'PAYMENT_CANCELLED' | 'PAYMENT_DECLINED' | 'REQUEST_EXPIRED';
  merchantId: string;
  transactionId: string;
  merchantOrderId?: string;
  providerReferenceId?: string;
  amount: number;
  paymentState: string;
  payResponseCode?: string | null;
  paymentModes?: Array<{ mode?: string; type?: string; amount: number; utr?: string }>;
  transactionContext?: { storeId?: string | null; terminalId?: string | null; qrCodeId?: string | null } | null;
}

/** A transaction in a list: without code, and paymentState decides. */
export type ListedTransaction = Omit<Transaction, 'code'> & {
  /** "2021-02-23 16:52:27.611" or epoch milliseconds: the documents show both. */
  transactionDate?: string | number;
};

export interface Cancelled {
  code: string;
  /** The customer is paying: a success still wins, ask for the status. */
  requested: boolean;
  message: string;
  merchantId: string;
  terminalId?: string;
  merchantTransactionId: string;
}

export interface EdcSearch {
  terminalId: string;
  rrn?: string;
  /** Wins over rrn. */
  merchantTransactionId?: string;
  amount?: number;
  startTimestamp?: number;
  endTimestamp?: number;
}

export interface ListQuery {
  /** 1 to 10. */
  size: number;
  storeId: string;
  terminalId?: string;
  qrCodeId?: string;
  last4Digits?: string;
  amount?: number;
  /** 5 minutes ago when not given. */
  startTimestamp?: number;
}

export interface List {
  resultCount: number;
  startTimestamp?: number;
  endTimestamp?: number;
  transactions: Array<ListedTransaction & { mobileNumber?: string; phoneNumber?: string; name?: string }>;
}

export interface Cursor {
  timestamp: number;
  transactionId: string;
}

export interface ReconQuery {
  storeId?: string;
  startTimestamp: number;
  endTimestamp: number;
  /** Rows of a page; 10 when not given. */
  size?: number;
  searchAfter?: Cursor;
}

export type ReconRow = ListedTransaction & {
  storeId?: string;
  terminalId?: string;
  transactionLevelSettlement?: {
    status: string;
    settlementText?: string;
    toBeSettledDate?: string | number | null;
    transactionSettlementDetails?: Array<{ utr?: string; status?: string; settlementDate?: string | number; settlementAmount?: number }>;
  } | null;
  instrumentLevelSettlementDetails?: Record<string, { totalAmount?: number; settlementAmount?: number; utr?: string }> | null;
  refundTransactionDetails?: Array<ListedTransaction & { originalTransactionId?: string }>;
};

export interface ReconPage {
  transactionDetails: ReconRow[];
  totalResult?: number;
  searchAfter?: Cursor | null;
}

/** Ask every `every` for `during` milliseconds; Infinity until the signal aborts. */
export interface Step {
  readonly every: number;
  readonly during: number;
}

export interface PollOptions {
  /** DOCUMENTED_SCHEDULE when not given. */
  schedule?: readonly Step[];
  /** Ends the polling: AbortSignal.timeout(ms), longer than the payment lives. */
  signal?: AbortSignal;
}

/** 20 s, then every 3 s for 30 s, 6 s for 60 s, 10 s for 60 s, 30 s for 60 s, then every minute. */
export const DOCUMENTED_SCHEDULE: readonly Step[];
/** Every 500 ms for 10 s, then every second: for a controller on the same network. */
export const QUICK_SCHEDULE: readonly Step[];
/** The waits of a schedule, in milliseconds. */
export function delays(schedule: readonly Step[]): Generator<number, void>;

/**
 * Makes the requests of one merchant. Every promise rejects with InvalidRequest
 * (nothing was sent), ApiError (the server said no) or, where isUnknown, with an
 * error that says that it may have been done: ask for the status, and never ask
 * for the money again under another id.
 */
export class Client {
  constructor(config: Config);
  readonly merchantId: string;
  forMerchant(merchantId: string): Client;
  withCallback(callbackUrl: string): Client;
  initDqr(sale: DqrSale): Promise<Accepted>;
  initEdc(sale: EdcSale): Promise<Accepted>;
  edcSaleRequest(sale: EdcSale): Promise<Accepted>;
  status(id: string, options?: { signal?: AbortSignal }): Promise<Payment>;
  edcStatus(id: string, options?: { signal?: AbortSignal }): Promise<Payment>;
  edcSearch(search: EdcSearch): Promise<Payment[]>;
  cancel(id: string): Promise<Cancelled>;
  qrInit(sale: QrSale): Promise<Accepted>;
  charge(collect: Collect): Promise<Accepted>;
  remind(id: string): Promise<void>;
  cancelCharge(id: string): Promise<Cancelled>;
  transactionStatus(id: string, options?: { signal?: AbortSignal }): Promise<Transaction>;
  refund(refund: Refund): Promise<Transaction>;
  transactionList(query: ListQuery): Promise<List>;
  reconPage(query: ReconQuery): Promise<ReconPage>;
  recon(query: ReconQuery): AsyncGenerator<ReconRow, void>;
  poll(id: string, options?: PollOptions): Promise<Payment>;
  pollTransaction(id: string, options?: PollOptions): Promise<Transaction>;
  keys(): KeySet;
}

export class InvalidRequest extends Error {}

export class UnknownOutcome extends Error {
  cause?: unknown;
  /** What a poll saw last. */
  last?: Payment | Transaction;
}

export class ApiError extends Error {
  httpStatus: number;
  /** A word of the API's vocabulary: "INVALID_AMOUNT". */
  code: string;
  /** X-Request-Id, to name when asking for help. */
  requestId: string;
  /** Milliseconds; 0 when not said. */
  retryAfter: number;
  data?: unknown;
}

/** It may have been done or not: ask for the status. */
export function isUnknown(err: unknown): boolean;
/** The transaction id was used before, perhaps by the request whose answer was lost. */
export function isDuplicate(err: unknown): boolean;
/** A status call found no such payment. */
export function isNotFound(err: unknown): boolean;

type Told = Payment | Transaction | ListedTransaction;
export function isFinal(payment: Told): boolean;
/** Only this closes a bill. */
export function isPaid(payment: Told): boolean;

export interface Callback {
  /** The same over all attempts: do nothing for one that you have seen. Proven only with keys. */
  eventId: string;
  /** When this attempt began; only with keys. */
  attempted?: Date;
  code: string;
  message: string;
  /** v1: initDqr, initEdc. */
  payment?: Payment;
  /** v3: qrInit, charge, refund. */
  transaction?: Transaction;
  paid: boolean;
}

type HeaderBag = Headers | Record<string, string | string[] | undefined>;

export class Verifier {
  /**
   * saltKeys: by index, all that are live; a callback is signed by the key that
   * signed the init. keys: demand X-Galla-Signature, which cannot be replayed.
   */
  constructor(options: { saltKeys: Record<number, string>; keys?: KeySet });
  /** The body as received. Rejects with CallbackError, or the error of getting the keys. */
  verify(headers: HeaderBag, body: string | Uint8Array): Promise<Callback>;
  /** For Deno, browsers' workers and frameworks that speak fetch. */
  handler(take: (callback: Callback) => void | Promise<void>): (request: Request) => Promise<Response>;
}

export class CallbackError extends Error {}

/** A handler as a listener of node:http. */
export function toNode(handler: (request: Request) => Promise<Response>): (req: any, res: any) => Promise<void>;

/** The server's signing keys. */
export class KeySet {
  /** A JWKS that is known beforehand, or where to ask for it. */
  constructor(source: { keys: object[] } | { url: string; fetch: typeof fetch });
  verify(jws: string, typ: string, content: Uint8Array): Promise<void>;
}

/** The X-VERIFY header. payload is the base64, empty without a body; path is empty for a callback. */
export function xVerify(payload: string, path: string, saltKey: string, saltIndex: number): Promise<string>;
