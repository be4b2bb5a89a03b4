// Receipts of a node that lies, or is older: any two leaves in a log of two, signed with a key of our own.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const bytes = Buffer.concat([Buffer.from([1]), publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)]);
const origin = 'forge.invalid/log';
const id = sha256(origin, Buffer.from([10]), bytes).subarray(0, 4);
export const forgeKey = `${origin}+${id.toString('hex')}+${bytes.toString('base64')}`;

// `from`: a whole receipt; its leaves with other members ({member: undefined} takes one away).
export function forge(from, open, close) {
  const leaves = [{ ...JSON.parse(from.open.leaf), ...open }, { ...JSON.parse(from.close.leaf), open: 0, ...close }].map((leaf) => JSON.stringify(leaf));
  const hashes = leaves.map((leaf) => sha256(Buffer.from([0]), leaf));
  const text = `${origin}\n2\n${sha256(Buffer.from([1]), ...hashes).toString('base64')}\n`;
  const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString('base64');
  const entry = (index) => ({ index, leaf: leaves[index], proof: [hashes[1 - index].toString('base64')] });
  return { ...from, origin, open: entry(0), close: entry(1), checkpoint: `${text}\n— ${origin} ${signature}\n` };
}
