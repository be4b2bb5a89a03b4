// A log of C2SP's formats in a few lines, that signs whatever a test wants it to.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

const sha = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
export const leafHash = (leaf) => sha(Buffer.of(0), Buffer.from(leaf));
const split = (n) => { let k = 1; while (2 * k < n) k *= 2; return k; };
export function root(leaves) { // of leaf hashes
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return sha(Buffer.of(1), root(leaves.slice(0, k)), root(leaves.slice(k)));
}
// RFC 6962 2.1.2
export function consistency(leaves, old, whole = true) {
  if (old === leaves.length) return whole ? [] : [root(leaves)];
  const k = split(leaves.length);
  return old <= k ? [...consistency(leaves.slice(0, k), old, whole), root(leaves.slice(k))]
    : [...consistency(leaves.slice(k), old - k, false), root(leaves.slice(0, k))];
}

const keyId = (name, type, raw) => sha(Buffer.from(`${name}\n`), Buffer.of(type), raw).subarray(0, 4);
const vkeyOf = (name, type, raw) =>
  `${name}+${keyId(name, type, raw).toString('hex')}+${Buffer.concat([Buffer.of(type), raw]).toString('base64')}`;
const rawOf = (key) => key.export({ type: 'spki', format: 'der' }).subarray(-32);
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex'), SPKI = Buffer.from('302a300506032b6570032100', 'hex');

// A log called `name`; `skey`: with the key of that line instead of a new one.
export function makeLog(name, skey) {
  const secret = skey
    ? createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(skey.trim().split('+').slice(4).join('+'), 'base64').subarray(1)]), format: 'der', type: 'pkcs8' })
    : generateKeyPairSync('ed25519').privateKey;
  const raw = rawOf(createPublicKey(secret)), leaves = [];
  const log = {
    name, vkey: vkeyOf(name, 1, raw), leaves,
    add(...texts) { leaves.push(...texts.map(leafHash)); return log; },
    note(size = leaves.length, hash = root(leaves.slice(0, size))) {
      const text = `${name}\n${size}\n${hash.toString('base64')}\n`;
      return `${text}\n— ${name} ${Buffer.concat([keyId(name, 1, raw), sign(null, Buffer.from(text), secret)]).toString('base64')}\n`;
    },
    request(old, size = leaves.length, note = log.note(size)) {
      const proof = old > 0 && old <= size ? consistency(leaves.slice(0, size), old) : [];
      return `old ${old}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`;
    },
  };
  return log;
}
// A witness's key: `line(note)` is its cosignature of a checkpoint.
export function makeWitness(name) {
  const secret = generateKeyPairSync('ed25519').privateKey, raw = rawOf(createPublicKey(secret));
  return {
    name, vkey: vkeyOf(name, 4, raw),
    line(note, time = Math.floor(Date.now() / 1000)) {
      const text = note.slice(0, note.lastIndexOf('\n\n') + 1), stamp = Buffer.alloc(8);
      stamp.writeBigUInt64BE(BigInt(time));
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), secret);
      return `— ${name} ${Buffer.concat([keyId(name, 4, raw), stamp, signature]).toString('base64')}\n`;
    },
  };
}
export const originHex = (name) => sha(Buffer.from(name)).toString('hex');

// The time of a cosignature line by that key over the note's text; null when it is none.
export function cosigned(note, line, vkey) {
  const [name, id] = vkey.split('+'), raw = Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1);
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
  const match = /^— (\S+) (\S+)\n$/.exec(line), blob = match && Buffer.from(match[2], 'base64');
  if (!match || match[1] !== name || blob.subarray(0, 4).toString('hex') !== id || blob.length !== 76) return null;
  const time = blob.readBigUInt64BE(4), key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), key, blob.subarray(12)) ? Number(time) : null;
}
