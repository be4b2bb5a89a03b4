// The border's tools for operators: a text judged, detectors measured, texts to measure them with.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sekisho } from './node.mjs';

const detectors = new URL('../../detectors/', import.meta.url).pathname;
const run = (args, input) => {
  const done = spawnSync(sekisho, ['border', ...args], { encoding: 'utf8', timeout: 60_000, input });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const place = (id, country, home) => `  - id: ${id}
    country: ${country}
    operator: Example
    operator_home: ${home}
    processing: single-region
    url: https://${id}.example/v1
    addresses: [203.0.113.9]
    spki_sha256: ["4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E="]
    contract: C-1
    contract_until: 2999-12-31
    models: [big]
`;
const policy = `format: 1
name: test
home: JP
unknown: country
classes:
  numbers: {detect: [jp.mynumber], reach: node}
  contact: {detect: [jp.phone, email], reach: country, masked_reach: listed}
  secret: {detect: [secret.password], reach: node, masked_reach: country, one_way: true}
places:
${place('near', 'JP', 'JP')}${place('far', 'DE', 'DE')}routes:
  - {model: big, to: [{place: near}, {place: node}]}
`;

const folder = mkdtempSync(join(tmpdir(), 'sekisho-border-'));
const file = join(folder, 'policy.yaml');
writeFileSync(file, policy);
process.on('exit', () => rmSync(folder, { recursive: true }));
const judge = (text, ...words) => run(['judge', '--policy', file, '--detectors', detectors, ...words], text);

test('judge shows what stands in a text, and where it may go, with the rule', () => {
  const text = '一行目\nお電話は０９０－１２３４－５６７８です。a@example.jp';
  const plain = judge(text);
  assert.equal(plain.status, 0, plain.err);
  assert.match(plain.out, /2:5\s+jp\.phone\s+\d+\s+０\*{12}/);
  assert.ok(!plain.out.includes('example.jp'), 'a finding is not shown in clear');
  const { findings, classes, places, vouched } = JSON.parse(judge(text, '--json').out);
  assert.deepEqual(findings.map((is) => [is.detector, is.line, is.column]),
    [['jp.phone', 2, 5], ['email', 2, 21]]);
  assert.equal(Buffer.from(text).subarray(findings[0].start, findings[0].end).toString(),
    '０９０－１２３４－５６７８');
  assert.deepEqual(classes, ['contact']);
  assert.equal(vouched, false);
  assert.deepEqual(places.map((is) => [is.place, is.verdict, is.rule]), [
    ['node', 'send', places[0].rule], ['near', 'send', places[1].rule], ['far', 'local-only', 'unknown']]);
  const far = JSON.parse(judge('マイナンバー 1234-5678-9018', '--json', '--to', 'near').out);
  assert.deepEqual(far.places.map((is) => [is.verdict, is.rule]), [['local-only', 'class.numbers']]);
  assert.equal(JSON.parse(judge('x', '--json', '--model', 'big').out).places.length, 2);
});

test('judge --mask prints what a place would get, and nothing it may not', () => {
  const text = '電話 090-1234-5678、password: hT7mQx2nLw9p、電話 ０９０ー１２３４ー５６７８。';
  const near = judge(text, '--mask', '--to', 'near');
  assert.equal(near.status, 0, near.err);
  assert.match(near.out, /^電話 090-1234-5678、password: ⟦PWD:[0-9A-Z]{8}⟧、電話 ０９０ー/);
  const all = judge(text, '--mask').out;
  const [, first, , second] = /^電話 ⟦TEL:(\w{8})⟧、password: ⟦PWD:(\w{8})⟧、電話 ⟦TEL:(\w{8})-\d+⟧。$/.exec(all);
  assert.equal(first, second, 'one number has one token');
  assert.notEqual(all, judge(text, '--mask').out, 'another conversation has other tokens');
  const no = judge(text, '--mask', '--to', 'far');
  assert.equal(no.status, 1);
  assert.equal(no.out, '');
  assert.match(no.err, /does not go to far: local-only, class\.secret/);
});

test('wrong words are told', () => {
  assert.equal(judge('x', '--to', 'nowhere').status, 1);
  assert.equal(judge('x', '--label', 'nothing').status, 1);
  assert.equal(judge('x', '--purpose', 'nothing').status, 1);
  assert.equal(judge('x', '--consent', 'world').status, 1);
  assert.equal(judge('x', '--level', 'high').status, 1);
  assert.equal(judge('x', '--mask', '--json').status, 2);
  assert.equal(judge(Buffer.from([0xff, 0xfe])).status, 1);
  assert.equal(run(['generate', '--split', 'half']).status, 2);
  assert.equal(run(['generate', '--count', '0']).status, 2);
  assert.equal(run(['eval']).status, 2);
  assert.equal(run(['eval', '--only', 'jp.nothing', '-'], '{}').status, 1);
});

test('what generate writes, eval measures', () => {
  const made = run(['generate', '--seed', '5', '--count', '400', '--split', 'held-out']);
  assert.equal(made.status, 0);
  assert.equal(made.out, run(['generate', '--seed', '5', '--count', '400', '--split', 'held-out']).out);
  const lines = made.out.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.length, 400);
  let labels = 0;
  for (const { text, spans, negatives } of lines) {
    const bytes = Buffer.from(text);
    for (const { start, end } of [...spans, ...negatives])
      assert.ok(Buffer.from(bytes.subarray(start, end).toString()).equals(bytes.subarray(start, end)));
    labels += spans.filter((span) => span.label === 'email').length;
  }
  const words = ['eval', '--detectors', detectors, '--only', 'email,ip', '-'];
  const result = JSON.parse(run([...words.slice(0, -1), '--json', '-'], made.out).out);
  assert.equal(result.texts, 400);
  assert.equal(result.classes.email.labels, labels);
  assert.ok(result.classes.email.overlap.recall > 0.9);
  assert.ok(Object.keys(result.classes).every((name) => ['email', 'ip'].includes(name)));
  assert.match(run(words, made.out).out, /^email\s+\d+/m);
});
