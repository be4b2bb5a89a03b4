// The archive read, and written, by its description alone (docs/erasure.md), and every byte below a
// directory looked through.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const head = 104, row = 112;

// HChaCha20: XChaCha20's key for the rest, with a nonce of zeros.
function subkey(key) {
  const x = new Uint32Array(16);
  x.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  for (let i = 0; i < 8; i++) x[4 + i] = key.readUInt32LE(4 * i);
  const turn = (a, b, bits) => { x[a] ^= x[b]; x[a] = (x[a] << bits) | (x[a] >>> (32 - bits)); };
  const quarter = (a, b, c, d) => {
    x[a] += x[b]; turn(d, a, 16); x[c] += x[d]; turn(b, c, 12);
    x[a] += x[b]; turn(d, a, 8); x[c] += x[d]; turn(b, c, 7);
  };
  for (let i = 0; i < 10; i++) {
    quarter(0, 4, 8, 12); quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15);
    quarter(0, 5, 10, 15); quarter(1, 6, 11, 12); quarter(2, 7, 8, 13); quarter(3, 4, 9, 14);
  }
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((word, i) => out.writeUInt32LE(x[word], 4 * i));
  return out;
}
const cipher = (make, key, bound, length) => {
  const made = make('chacha20-poly1305', subkey(key), Buffer.alloc(12), { authTagLength: 16 });
  made.setAAD(bound, { plaintextLength: length });
  return made;
};

// The text; null under another key.
export function unseal(key, bound, sealed) {
  const opened = cipher(createDecipheriv, key, bound, sealed.length - 16);
  opened.setAuthTag(sealed.subarray(-16));
  const text = opened.update(sealed.subarray(0, -16));
  try { opened.final(); return text; } catch { return null; }
}
function seal(key, bound, text) {
  const closed = cipher(createCipheriv, key, bound, text.length);
  return Buffer.concat([closed.update(text), closed.final(), closed.getAuthTag()]);
}
const derived = (key, what, clear) => createHmac('sha256', key).update(`sekisho/archive/v1 ${what}`).update(clear).digest();

export const keyId = (archive) => createHmac('sha256', archive).update('sekisho/archive/v1 id').digest('hex').slice(0, 16);

const epochOf = (file, archive) => unseal(derived(archive, 'epoch', file.subarray(0, 56)), file.subarray(0, 56), file.subarray(56, head));

// Rows of a key file, each with its record's key, for who has the archive key; null for who has another.
export function keysOf(file, archive) {
  const epoch = file.length >= head && epochOf(file, archive), rows = [];
  if (!epoch) return null;
  for (let at = head; at + row <= file.length; at += row) {
    const clear = file.subarray(at, at + 64);
    rows.push({ at, open: clear.subarray(0, 8), segment: clear.readUInt32LE(16), len: clear.readUInt32LE(20),
      offset: Number(clear.readBigUInt64LE(24)), key: unseal(derived(epoch, 'key', clear), clear, file.subarray(at + 64, at + row)) });
  }
  return rows;
}

// A row for the same record and key, of another request and until another second.
function rowAgain(epoch, old, key, open, seconds) {
  const out = Buffer.from(old), clear = out.subarray(0, 64);
  clear.writeBigUInt64LE(BigInt(open));
  clear.writeBigInt64LE(BigInt(seconds), 8);
  randomBytes(32).copy(clear, 32); // no sealing key is used twice
  seal(derived(epoch, 'key', clear), clear, key).copy(out, 64);
  return out;
}

// The same key file with another last second for one request, as whoever has the archive key could write it;
// with `others`, these requests have rows more until then instead.
export function lasting(file, archive, open, seconds, others = []) {
  const { at, key } = keysOf(file, archive).find((one) => Number(one.open.readBigUInt64LE()) === open);
  const made = (which) => rowAgain(epochOf(file, archive), file.subarray(at, at + row), key, which, seconds);
  if (others.length) return Buffer.concat([file, ...others.map(made)]);
  return Buffer.concat([file.subarray(0, at), made(open), file.subarray(at + row)]);
}

// The record of a row, out of the directory that has its file.
export function recordOf(directory, row) {
  const file = readFileSync(join(directory, `kept.${String(row.segment).padStart(6, '0')}`));
  return unseal(row.key, row.open, file.subarray(row.offset, row.offset + row.len));
}

// Every file below a directory, with its bytes.
export function* files(directory) {
  for (const one of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, one.name);
    if (one.isDirectory()) yield* files(path);
    else if (one.isFile()) yield [path, readFileSync(path)];
  }
}
