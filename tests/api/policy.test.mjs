// A policy file as an operator meets it: checked, tested, explained, compared, served, reloaded.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';

const run = (args, options = {}) => {
  const done = spawnSync(sekisho, args, { encoding: 'utf8', timeout: 30_000, ...options });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const packs = new URL('../../packs/', import.meta.url).pathname;
const days = (n) => new Date(Date.now() + n * 86400_000).toISOString().slice(0, 10);

const policy = ({ until = days(400), reach = 'country', extra = '' } = {}) => `format: 1
name: "日本の方針"
home: JP
packs: [jp]
classes:
  shop: {detect: [email], reach: ${reach}, masked_reach: listed}
places:
  - id: abroad
    country: DE
    operator: Beispiel GmbH
    operator_home: DE
    processing: single-region
    url: https://llm.example.de/v1
    addresses: [203.0.113.9]
    spki_sha256: ["4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E="]
    contract: SCC-1
    contract_until: ${until}
    models: [big]
routes:
  - {model: big, to: [{place: abroad}, {place: node}]}
tests:
  - {say: "shop words go abroad masked", classes: [shop], to: abroad, expect: mask, rule: class.shop}
${extra}`;

// A directory with a policy and the packs it names.
function desk(text = policy()) {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-policy-'));
  const file = (name, body) => { writeFileSync(join(directory, name), body); return join(directory, name); };
  file('jp.yaml', readFileSync(join(packs, 'jp.yaml')));
  return { directory, file, policy: file('policy.yaml', text), remove: () => rmSync(directory, { recursive: true }) };
}

test('border: usage, and what a policy is checked for', () => {
  assert.equal(run(['border', '--help']).status, 0);
  for (const word of ['check', 'test', 'explain', 'diff']) {
    assert.match(run(['border', '--help']).out, new RegExp(`^  ${word} `, 'm'));
    assert.match(run(['border', word, '--help']).out, new RegExp(`^usage: sekisho border ${word}`));
  }
  assert.equal(run(['border', 'fly']).status, 2);
  assert.equal(run(['border', 'diff', 'one']).status, 2);
  assert.match(run(['border', 'example', '--help']).out, /^usage: sekisho border example/);
  const at = desk();
  const good = run(['border', 'check', at.policy]);
  assert.equal(good.status, 0, good.err);
  assert.match(good.out, /good: 5 classes, 2 places, 1 routes, 14 tests pass\n/);
  assert.match(run(['border', 'test', at.policy]).out, /14 tests pass/);
  at.file('policy.yaml', policy({ until: days(12) }));
  assert.match(run(['border', 'check', at.policy]).out, /soon\n  place\.abroad contract_until \S+ in 12 days\n/);
  at.file('policy.yaml', policy({ until: days(-2) }));
  const off = run(['border', 'check', at.policy]);
  assert.equal(off.status, 0, off.err); // a contract that ended turns a place off, not the node
  assert.match(off.out, /place\.abroad is off: contract_until \S+ is over/);
  at.remove();
});

test('border example prints a policy that loads, with nothing to guess', () => {
  const at = desk();
  const example = run(['border', 'example']);
  assert.equal(example.status, 0, example.err);
  const checked = run(['border', 'check', at.file('policy.yaml', example.out)]);
  assert.equal(checked.status, 0, checked.err);
  assert.match(checked.out, /tests pass\nto look at\n  place\.jp-gpu is off: no address\n$/);
  at.file('policy.yaml', example.out.replace('    # addresses:', '    addresses:'));
  assert.match(run(['border', 'check', at.policy]).out, /tests pass\n$/);
  at.remove();
});

test('a failing test, an unknown word, a wider class and a lost pack are refused with their place', () => {
  const at = desk();
  const wrong = (text, why) => {
    at.file('policy.yaml', text);
    for (const word of ['check', 'test', 'explain']) {
      const done = run(['border', word, at.policy]);
      assert.equal(done.status, 1);
      assert.match(done.err, why);
    }
  };
  wrong(policy({ extra: '  - {say: "no", classes: [my_number], to: abroad, expect: send}\n' }),
    /policy\.yaml:23:5: test "no" fails: expected send, got local-only by class\.my_number; place 'abroad' is listed for tenant 'default'/);
  wrong(policy().replace('home: JP', 'home: JP\nhomes: DE'), /policy\.yaml:4:1: unknown key 'homes'/);
  wrong(policy().replace('classes:\n', 'classes:\n  my_number: {consent: country}\n'),
    /policy\.yaml:6:3: consent of class my_number is wider than in pack jp \(My Number Act/);
  wrong(policy().replace('[{place: abroad}, {place: node}]', '[{place: node}, {place: abroad}]'),
    /route big, step 2 \(abroad\): listed for tenant default, farther than node; class contact would go there masked|class \S+ would/);
  wrong(policy().replace('[jp]', '[xx]'), /pack xx is neither beside it nor in/);
  at.remove();
});

test('a class whose detector has no file is told; words of one\'s own may stand beside the policy', () => {
  const listed = policy().replace('detect: [email]', 'detect: [email, listed]');
  const at = desk(listed);
  const place = init();
  configure(place, [[/  policy: ""/, `  policy: "${at.policy}"`], [/  detectors: ""/, `  detectors: "${at.directory}"`]]);
  const check = () => run(['border', 'check', '--config', place.config]).out;
  assert.match(check(), /class\.contact: jp\.address has no detector file: every request is refused/);
  configure(place, [[/  detectors: ".*"/, '  detectors: ""']]);
  assert.match(check(), /class\.shop: listed has no detector file/);
  const words = at.file('words.txt', '山吹計画\n');
  assert.equal(run(['border', 'words', '--out', join(at.directory, 'listed.skdt'), words]).status, 0);
  assert.doesNotMatch(check(), /listed has no detector file/);
  writeFileSync(join(at.directory, 'listed.skdt'), 'no such thing');
  assert.match(check(), /every request is refused: .*listed\.skdt/);
  place.remove();
  at.remove();
});

test('explain prints the table, diff says what opens', () => {
  const at = desk();
  const text = run(['border', 'explain', at.policy]);
  assert.equal(text.status, 0, text.err);
  assert.match(text.out, /^my_number +any +send  local-only  local-only  local-only  walled  one-way$/m);
  const json = JSON.parse(run(['border', 'explain', at.policy, '--json']).out);
  assert.equal(json.cells.length, 2 * (5 * 4 + 1));
  assert.ok(json.cells.every((cell) => cell.class !== 'my_number' || cell.place === 'node' || cell.verdict === 'local-only'));
  const other = at.file('other.yaml', policy({ reach: 'listed' }).replace('expect: mask', 'expect: send'));
  const opens = run(['border', 'diff', at.policy, other]);
  assert.equal(opens.status, 3, opens.err);
  assert.match(opens.out, /^opens +place\.abroad \(listed for JP\) +class\.shop +mask +-> +send$/m);
  const closes = run(['border', 'diff', other, at.policy, '--json']);
  assert.equal(closes.status, 0);
  assert.deepEqual(JSON.parse(closes.out).changes.map((c) => [c.change, c.old, c.new]), [['closes', 'send', 'mask']]);
  assert.match(run(['border', 'diff', other, other]).out, /nothing opens, nothing closes/);
  at.remove();
});

test('a node names its policy, takes a new one whole, and keeps the old one when it is wrong', async () => {
  const at = desk(policy({ until: days(20) }));
  const place = init();
  configure(place, [[/  policy: ""/, `  policy: "${at.policy}"`]]);
  assert.match(run(['border', 'check', '--config', place.config]).out, /good: 5 classes/);
  const sha = () => JSON.parse(run(['border', 'explain', at.policy, '--json']).out).sha256;
  const node = await serve(place);
  const first = sha();
  const said = async (pattern) => {
    for (let i = 0; i < 200 && !pattern.test(node.log()); i++) await new Promise((done) => setTimeout(done, 50));
    assert.match(node.log(), pattern);
  };
  await said(new RegExp(`policy name="日本の方針" classes=5 places=2 routes=1 sha256=${first}`));
  await said(/expires what="place\.abroad contract_until \S+ in (19|20) days"/);
  appendFileSync(at.policy, 'colour: red\n');
  node.child.kill('SIGHUP');
  await said(/policy kept=old text=".*unknown key 'colour'"/);
  at.file('policy.yaml', policy({ until: days(30) }));
  const second = sha();
  assert.notEqual(first, second);
  node.child.kill('SIGHUP');
  await said(new RegExp(`sha256=${second}`));
  // Words that a running border lacks: the old policy stays, or every request would be refused.
  at.file('policy.yaml', policy({ until: days(30) }).replace('[email]', '[email, listed]'));
  const words = at.file('words.txt', '山吹計画\n');
  assert.equal(run(['border', 'words', '--out', join(at.directory, 'listed.skdt'), words]).status, 0);
  node.child.kill('SIGHUP');
  await said(/policy kept=old text="detector listed: there was no listed\.skdt at the start: restart"/);
  at.file('policy.yaml', policy({ until: days(29) }));
  node.child.kill('SIGHUP');
  await said(/detector file=listed\.skdt restart_needed=changed/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  at.file('policy.yaml', 'home: JP\n');
  const bad = run(['serve', '--config', place.config]);
  assert.equal(bad.status, 1);
  assert.match(bad.err, /border\.policy: .*policy\.yaml:1:1: format is missing/);
  place.remove();
  at.remove();
});
