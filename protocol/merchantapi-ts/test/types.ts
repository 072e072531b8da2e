// Compiled, never run: what the declarations allow, and what they forbid.
import { ApiError, Client, Verifier, isPaid, isUnknown, type Callback, type EdcSale, type Payment } from '@galla/merchantapi';

const client = new Client({ baseUrl: 'http://127.0.0.1:8080', merchantId: 'M', saltKey: 'k', saltIndex: 1 });

// @ts-expect-error a salt index is a number
new Client({ baseUrl: '', merchantId: 'M', saltKey: 'k', saltIndex: '1' });

const fields = { storeId: 's', merchantTransactionId: 't', orderId: 'o', amount: 100, paymentModes: ['CARD' as const] };
const pushed: EdcSale = { ...fields, integrationMappingType: 'ONE_TO_ONE', terminalId: 't' };
const pulled: EdcSale = { ...fields, integrationMappingType: 'OPEN', shortOrderId: '0042' };
// @ts-expect-error an OPEN order needs its short order id
const bare: EdcSale = { ...fields, integrationMappingType: 'OPEN' };
// @ts-expect-error a pushed sale has none
const both: EdcSale = { ...fields, integrationMappingType: 'ONE_TO_ONE', terminalId: 't', shortOrderId: '0042' };

export async function shop(): Promise<Payment | undefined> {
  await client.initEdc(pushed);
  await client.edcSaleRequest(pulled);
  void [bare, both];
  await client.refund({ transactionId: 'r', originalTransactionId: 't', amount: 1 });
  // @ts-expect-error one of the two names the payment
  await client.refund({ transactionId: 'r', amount: 1 });
  // @ts-expect-error amounts are numbers of paise
  await client.qrInit({ transactionId: 'q', amount: '1.00' });
  for await (const row of client.recon({ startTimestamp: 0, endTimestamp: 1 })) {
    if (isPaid(row)) void row.transactionLevelSettlement?.transactionSettlementDetails?.[0]?.utr;
  }
  try {
    return await client.poll('t', { signal: new AbortController().signal });
  } catch (err) {
    if (isUnknown(err)) return undefined;
    if (err instanceof ApiError) void [err.code, err.httpStatus, err.retryAfter];
    throw err;
  }
}

const verifier = new Verifier({ saltKeys: { 1: 'k' }, keys: client.keys() });
export const handler: (r: Request) => Promise<Response> = verifier.handler(async (callback: Callback) => {
  if (callback.paid) void callback.payment?.amount;
});
