import { CallbackError } from './answers.js';
import { decodeUrl, subtle, toBase64url } from './xverify.js';

const FRESH = 5 * 60_000; // a key that was retired is believed no longer than this
const PAUSE = 10_000; // unknown key ids do not make us ask more often

function parse(jwks) {
  const keys = new Map();
  for (const k of Array.isArray(jwks?.keys) ? jwks.keys : []) {
    const x = typeof k.x === 'string' ? decodeUrl(k.x) : null;
    if (k.kty === 'OKP' && k.crv === 'Ed25519' && k.kid && x?.length === 32) keys.set(k.kid, x);
  }
  if (keys.size === 0) throw new Error('signing keys: there is no Ed25519 key among them');
  return keys;
}

/** The server's signing keys: asked for when needed and kept for five minutes, or given. */
export class KeySet {
  #source;
  #keys;
  #asked = -Infinity;

  constructor(source) {
    this.#source = source;
    if (!source.url) this.#keys = parse(source);
  }

  async #key(id) {
    const age = performance.now() - this.#asked;
    if (this.#source.url && (!this.#keys || age > FRESH || (!this.#keys.has(id) && age > PAUSE))) {
      const { fetch } = this.#source;
      const response = await fetch(this.#source.url, { redirect: 'manual' });
      if (!response.ok) throw new Error(`signing keys: HTTP ${response.status}`);
      this.#keys = parse(await response.json());
      this.#asked = performance.now();
    }
    const key = this.#keys.get(id);
    if (!key) throw new CallbackError('signed by a key that the server does not name');
    return key;
  }

  /** Checks a compact JWS with detached payload, "header..signature" (RFC 7515 appendix F), EdDSA only. */
  async verify(jws, typ, content) {
    const [head, payload, signature, ...rest] = (jws ?? '').split('.');
    const [headBytes, signatureBytes] = [decodeUrl(head), decodeUrl(signature ?? '')];
    let h;
    try {
      h = JSON.parse(new TextDecoder().decode(headBytes));
    } catch {
      // said below
    }
    if (payload !== '' || rest.length > 0 || !signatureBytes || h === null || typeof h !== 'object') {
      throw new CallbackError('X-Galla-Signature is not header..signature');
    }
    if (h.alg !== 'EdDSA' || h.typ !== typ || 'crit' in h || 'b64' in h) throw new CallbackError('X-Galla-Signature is of another kind');
    const crypto = await subtle();
    const key = await crypto.importKey('raw', await this.#key(h.kid), { name: 'Ed25519' }, false, ['verify']);
    const signed = new TextEncoder().encode(`${head}.${toBase64url(content)}`);
    if (!(await crypto.verify({ name: 'Ed25519' }, key, signatureBytes, signed))) throw new CallbackError('X-Galla-Signature does not fit');
  }
}
