// Asks for money on the sandbox's Dynamic-QR display and prints how it stands.
//
//   node --input-type=module - URL [--once] [--expires-in SECONDS] < examples/sale.ts
//
// in this package's folder; with Node from 22.18, Deno or Bun simply
// node examples/sale.ts URL. Every type comes from the package's declarations.
import { Client, isFinal, isNotFound, isPaid, isUnknown } from '@galla/merchantapi';

const words = process.argv.filter((word) => word !== '-').slice(1);
const url = words.find((word) => /^https?:/.test(word)) ?? 'http://127.0.0.1:8080';
const once = words.includes('--once');
const expiresIn = words.includes('--expires-in') ? Number(words[words.indexOf('--expires-in') + 1]) : 180;

const client = new Client({
  baseUrl: url,
  merchantId: process.env.GALLA_MERCHANT ?? 'MERCHANTUAT',
  saltKey: process.env.GALLA_SALT_KEY ?? 'sandbox-merchant-key',
  saltIndex: 1,
});

// An id is unique for ever: keep it with the bill before asking for the money.
const id = `TS-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;
const sale = { storeId: 'teststore1', terminalId: 'testterminal1', merchantTransactionId: id, orderId: 'order1', amount: 245, expiresIn };

try {
  await client.initDqr(sale);
} catch (err) {
  if (!isUnknown(err)) throw err; // refused: nothing is asked for
  console.log(`${id} the answer is lost: asking for the status`);
}

// Quick, because the sandbox is near by; without a schedule poll asks when
// PhonePe's documents say. An attempt that began in time may end after expiry.
const schedule = [{ every: 500, during: (expiresIn + 300) * 1000 }];
try {
  let payment = await client.status(id);
  console.log(`${id} ${payment.status}`);
  if (!once && !isFinal(payment)) {
    payment = await client.poll(id, { schedule });
    console.log(`${id} ${payment.status} ${payment.responseCode}`);
  }
  if (isPaid(payment)) console.log(`${id} paid, reference ${payment.referenceNumber}: close the bill`);
} catch (err) {
  if (!isNotFound(err)) throw err;
  console.log(`${id} never arrived: it may be asked for again under the same id`);
  process.exitCode = 1;
}
