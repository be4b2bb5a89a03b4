// docs/verify-by-hand.md as it stands there: its commands, in order, on receipts of a node and of a log of
// 800 entries, and on the same with one byte changed.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';

// Every indented line of the page is one to type.
const commands = (name) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  .split('\n').filter((line) => line.startsWith('    ')).map((line) => line.slice(4)).join('\n');
const script = commands('verify-by-hand.md');

const good = [
  /^the checkpoint has the name of the log$/, /^the log signed this checkpoint$/, /^the witness saw it, .* 20\d\d$/,
  /^the open leaf is entry \d+ of the log$/, /^the close leaf is entry \d+ of the log$/,
  /^a decision and an outcome$/, /^the outcome is of that decision$/, /^both have the same key$/, /^both have the same n$/,
  /^the request is the one committed to$/,
];

// Types the commands over these files, in an empty directory; what was proven, and what was refuted at last.
function typed(files) {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-byhand-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const done = spawnSync('bash', ['-e'], { cwd: directory, input: script, encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  const told = (word) => [...done.stdout.matchAll(new RegExp(`^${word}: (.*)$`, 'gm'))].map((match) => match[1]);
  return { status: done.status, proven: told('proven'), refuted: told('REFUTED'), stderr: done.stderr };
}

function holds(files) {
  const done = typed(files);
  assert.equal(done.status, 0, JSON.stringify(done));
  assert.deepEqual(done.refuted, []);
  assert.equal(done.proven.length, good.length);
  good.forEach((text, i) => assert.match(done.proven[i], text));
}

// Each change of one byte, and the step that must notice.
function breaks(files, otherClose) {
  const receipt = (pattern, replacement) => {
    const changed = files['receipt.json'].replace(pattern, replacement);
    assert.notEqual(changed, files['receipt.json'], String(pattern));
    return { ...files, 'receipt.json': changed };
  };
  const swap = (_, before, letter) => before + (letter === 'A' ? 'B' : 'A');
  const cases = [
    [/log signed/, receipt(/("checkpoint":"[^"]*?\\n\d+\\n)(.)/, swap), 'the root'],
    [/log signed/, receipt(/("checkpoint":"[^"]*?\\n)(\d)/, (_, before, digit) => before + (digit === '9' ? '8' : '9')), 'the size'],
    [/log signed/, receipt(/("checkpoint":"[^—]*— \S+ .{30})(.)/, swap), 'the signature'],
    [/name of the log/, receipt(/("checkpoint":")(.)/, swap), 'the name'],
    [/witness saw/, receipt(/(— \S+\/w\w* .{30})(.)/, swap), 'the cosignature'],
    [/witness saw/, receipt(/(— \S+\/w\w* .{10})(.)/, swap), 'its time'],
    [/witness saw/, receipt(/— \S+\/w\w* .+?\\n/, ''), 'no cosignature'],
    [/open leaf/, receipt(/("open":\{"index":\d+,"leaf":".{20})(.)/, swap), 'a letter of the decision'],
    [/close leaf/, receipt(/("close":\{"index":\d+,"leaf":".{20})(.)/, swap), 'a letter of the outcome'],
    [/open leaf/, receipt(/("open":\{.*?"proof":\[")(.)/, swap), 'a hash of its path'],
    [/close leaf/, receipt(/("close":\{.*?,")(.)(?=[^"]{43}"\]\},"checkpoint")/, swap), 'the last hash of its path'],
    [/open leaf/, receipt(/("open":\{.*?"proof":\[)"[^"]*",?/, '$1'), 'a hash less'],
    [/open leaf/, receipt(/("open":\{"index":)\d+/, '$1999999'), 'an index past the end'],
    [/open leaf/, receipt(/("open":\{"index":)(\d+)/, (_, before, n) => before + (Number(n) + 1)), 'another index'],
    [/request is/, { ...files, 'request.json': `${files['request.json']} ` }, 'the request'],
    [/request is/, { ...files, 'answer.json': files['answer.json'].replace(/("request_body":")(.)/,
      (_, before, digit) => before + (digit === '0' ? '1' : '0')) }, 'the salt'],
    [/log signed/, { ...files, 'log.vkey': files['log.vkey'].replace(/(\+.{8}\+.{9})(.)/, swap) }, 'the key'],
  ];
  if (otherClose) cases.push([/of that decision/, receipt(/"close":\{.*?\]\}/, () => otherClose), 'the outcome of another']);
  for (const [notices, changed, what] of cases) {
    const done = typed(changed);
    assert.notEqual(done.status, 0, what);
    assert.match(done.refuted.join(), notices, `${what}: ${JSON.stringify(done)}`);
    assert.equal(done.refuted.length, 1, what);
  }
  return cases.length;
}

test('both languages have the same commands', () => {
  assert.ok(script.length > 2000);
  assert.equal(commands('verify-by-hand.ja.md'), script);
});

test('a receipt of a log of 800 entries, and each change of it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-byhand-'));
  execFileSync(process.env.VERIFY_WRITE, [directory]);
  const read = (name) => readFileSync(join(directory, name), 'utf8');
  const witness = /^witness W1 (\S+)$/m.exec(read('policy'))[1];
  const files = { 'receipt.json': read('receipt.json'), 'answer.json': read('receipt.json'), 'request.json': read('request'),
    'log.vkey': read('vkey'), 'witness.vkey': `${witness}\n` };
  holds(files);
  assert.equal(breaks(files), 17);
  rmSync(directory, { recursive: true });
});

test('every receipt of a node, as it came', async (t) => {
  const place = init();
  const show = execFileSync(sekisho, ['key', 'show', '--config', place.config], { encoding: 'utf8' });
  const witness = /^witness +(\S+)$/m.exec(show)[1];
  configure(place, [[/^ +logs: .*$/m, `  logs: ["${place.vkey}"]`]]); // a witness of itself: what it signs is the same
  const node = await serve(place);
  t.after(async () => { await node.stop(); place.remove(); });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${place.key}` };
  const answers = [];
  for (const word of ['はい', '"quoted" \\ text', 'é', 'x'.repeat(300), '🌸', '\u001e']) {
    const body = JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: word }], temperature: 0, max_tokens: 4 });
    const answer = await (await fetch(`${node.url}/chat/completions`, { method: 'POST', headers, body })).text();
    answers.push({ body, answer, open: JSON.parse(answer).sekisho.receipt.open.index });
  }
  const receipts = await Promise.all(answers.map(async ({ open }) => (await fetch(`${node.url}/receipts/${open}`, { headers })).text()));
  const note = JSON.parse(receipts[0]).checkpoint;
  const cosigned = await fetch(new URL('/witness/add-checkpoint', node.url), { method: 'POST', body: `old 0\n\n${note}` });
  assert.equal(cosigned.status, 200);
  const line = (await cosigned.text()).replace('\n', '\\n');
  const set = answers.map(({ body, answer }, i) => ({
    'receipt.json': receipts[i].replace(/("checkpoint":"[^"]*)"/, `$1${line}"`), 'answer.json': answer, 'request.json': body,
    'log.vkey': `${place.vkey}\n`, 'witness.vkey': `${witness}\n`,
  }));
  for (const files of set) holds(files);
  assert.equal(breaks(set[3], /"close":\{.*?\]\}/.exec(set[4]['receipt.json'])[0]), 18);
});
