// X-VERIFY, the checksum of the merchant API (phonepe-api: Wire rules):
//
//	hex(SHA256(base64 + path + saltKey)) + "###" + saltIndex
//
// The base64 is hashed as it stands in the body, never a re-encoding.

const utf8 = new TextEncoder();

/** WebCrypto: a global in browsers, Deno and Node from 19, a module in Node 18. */
export async function subtle() {
  const crypto = globalThis.crypto ?? (await import('node:crypto')).webcrypto;
  if (!crypto.subtle) throw new Error('WebCrypto is only there in secure contexts: serve the page by https');
  return crypto.subtle;
}

export async function sum(payload, path, saltKey) {
  const digest = await (await subtle()).digest('SHA-256', utf8.encode(payload + path + saltKey));
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The header's value. payload is empty without a body, path is empty for a callback. */
export async function xVerify(payload, path, saltKey, saltIndex) {
  return `${await sum(payload, path, saltKey)}###${saltIndex}`;
}

/** Reads the header strictly: {hex, index}, or null. */
export function parse(header) {
  const m = /^([0-9a-fA-F]{64})###([1-9][0-9]{0,5})$/.exec(header ?? '');
  return m && { hex: m[1].toLowerCase(), index: Number(m[2]) };
}

/** Compares two texts of one length in a time that does not depend on where they differ. */
export function equal(a, b) {
  let different = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) different |= a.charCodeAt(i) ^ b.charCodeAt(i % (b.length || 1));
  return different === 0;
}

/** Standard base64 with padding of a text's UTF-8. */
export function encode(text) {
  return toBase64(utf8.encode(text));
}

function toBase64(bytes) {
  let binary = '';
  for (const b of bytes) binary += String.fromCharCode(b);
  return btoa(binary);
}

export function toBase64url(bytes) {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Bytes of strict base64, standard with padding or URL-safe with or without, or
 * null: atob alone takes spaces, missing padding and bits left over, and so one
 * message would have many spellings.
 */
export function decode(text) {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  const bare = standard.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return null;
  const padded = bare + '='.repeat((4 - (bare.length % 4)) % 4);
  const mixed = /[+/]/.test(text) && /[-_]/.test(text);
  if (mixed || (text.endsWith('=') && standard !== padded) || (/[+/]/.test(text) && standard !== padded)) return null;
  const bytes = Uint8Array.from(atob(padded), (c) => c.charCodeAt(0));
  return toBase64(bytes) === padded ? bytes : null; // no bits left over
}

export const decodeUrl = (text) => (/^[A-Za-z0-9_-]*$/.test(text) ? decode(text) : null);
