// The model gate: a model is loaded when a key that the operator named signed its bytes, and else
// refused with the reason. Bundles are put together here by hand and signed by the openssl command.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { Verifier, toSignedEntity } from '@sigstore/verify';
import { configure, init, sekisho, serve, verify } from './node.mjs';
import { splitGguf } from './split.mjs';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
const openssl = (args, input) => execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
const run = (args) => {
  try {
    return { status: 0, output: execFileSync(sekisho, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }) };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
};

// A signer: two PEM files.
function signer(directory, name, kind) {
  const secret = join(directory, `${name}.key`), pem = join(directory, `${name}.pem`);
  openssl(['genpkey', ...(kind === 'ed25519' ? ['-algorithm', 'ed25519'] : ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${kind}`]), '-out', secret]);
  openssl(['pkey', '-in', secret, '-pubout', '-out', pem]);
  return { secret, pem, kind, id: sha256(readFileSync(pem)) };
}

// The bundle of these files ([name, bytes]), from the specification: in-toto statement, DSSE, Sigstore.
function bundle(by, files, change = {}) {
  const resources = files.map(([name, bytes]) => ({ name, algorithm: 'sha256', digest: sha256(bytes) }));
  const subject = sha256(...resources.map((one) => Buffer.from(one.digest, 'hex')));
  const statement = Buffer.from(JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'model', digest: { sha256: subject } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: { serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false }, resources, ...change.predicate },
  }, null, 2));
  const type = 'application/vnd.in-toto+json';
  const pae = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${statement.length} `), change.signs ?? statement]);
  const file = `${by.secret}.pae`;
  writeFileSync(file, pae);
  const sig = by.kind === 'ed25519' ? openssl(['pkeyutl', '-sign', '-rawin', '-inkey', by.secret, '-in', file])
    : openssl(['dgst', by.kind === 'P-384' ? '-sha384' : '-sha256', '-sign', by.secret, file]);
  return {
    statement: sha256(statement),
    text: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: change.material ?? { publicKey: { hint: by.id }, tlogEntries: [] },
      dsseEnvelope: { payload: statement.toString('base64'), payloadType: type, signatures: [{ sig: sig.toString('base64'), keyid: '' }] },
    }),
  };
}

// A keyless place with a copy of the model under each name; `more` are lines of its row.
function place(names, more = () => '') {
  const made = init(['--keyless']);
  const from = /file: "(.*)"/.exec(readFileSync(made.config, 'utf8'))[1];
  made.file = (name) => join(made.directory, `${name}.gguf`);
  for (const name of names) copyFileSync(from, made.file(name));
  const rows = names.map((name) => `  - {id: "${name}", file: "${made.file(name)}"${more(name, made)}}\n`).join('');
  configure(made, [[/models:\n( .*\n)+/, `models:\n${rows}`]]);
  return made;
}
const ask = async (node, model) => await fetch(`${node.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 4 }),
});
const models = async (node) => (await (await fetch(`${node.url}/models`)).json()).data;

for (const kind of ['ed25519', 'P-256', 'P-384']) {
  test(`signed by another hand (${kind}): served, and its signer is in the receipt`, async () => {
    const home = place(['one'], (name, made) => {
      made.by = signer(made.directory, 'signer', kind);
      made.other = signer(made.directory, 'other', 'ed25519');
      return `, signed_by: ["${made.other.pem}", "${made.by.pem}"]`;
    });
    const made = bundle(home.by, [['.', readFileSync(home.file('one'))]]);
    writeFileSync(`${home.file('one')}.sig`, made.text);
    const node = await serve(home);
    const answer = await (await ask(node, 'one')).json();
    const leaf = JSON.parse(answer.sekisho.receipt.open.leaf);
    assert.equal(leaf.model_signer, home.by.id);
    assert.equal(leaf.model_signature_sha256, made.statement);
    assert.equal(leaf.model_sha256, sha256(readFileSync(home.file('one'))));
    assert.equal(verify(home, answer.sekisho.receipt).status, 0);
    const [card] = await models(node);
    assert.equal(card.sekisho.signer, home.by.id);
    assert.equal(card.sekisho.signature_sha256, made.statement);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    home.remove();
  });
}

test('a refused model: why is said in the log, by doctor, in /v1/models and to who asks for it', async () => {
  const names = ['good', 'unsigned', 'changed', 'forged', 'stranger', 'certified', 'unlisted', 'sharded'];
  const home = place(names, (name, made) => {
    made.by ??= signer(made.directory, 'signer', 'P-256');
    made.stranger ??= signer(made.directory, 'stranger', 'ed25519');
    return `, signed_by: ["${made.by.pem}"]`;
  });
  const bytes = readFileSync(home.file('good'));
  const put = (name, ...how) => writeFileSync(`${home.file(name)}.sig`, bundle(...how).text);
  put('good', home.by, [['good.gguf', bytes], ['README.md', 'not loaded, not read']]);
  put('changed', home.by, [['changed.gguf', bytes]]);
  appendFileSync(home.file('changed'), 'x');
  put('forged', home.by, [['forged.gguf', bytes]], { signs: Buffer.from('{"another":"statement"}') });
  put('stranger', home.stranger, [['stranger.gguf', bytes]]);
  put('certified', home.by, [['certified.gguf', bytes]], { material: { certificate: { rawBytes: 'AAAA' }, tlogEntries: [] } });
  put('unlisted', home.by, [['another.gguf', bytes]]);
  put('sharded', home.by, [['sharded.gguf', bytes]], { predicate: { serialization: { method: 'shards', hash_type: 'sha256', shard_size: 1, allow_symlinks: false } } });
  const why = {
    unsigned: /it is not signed: no \S+unsigned\.gguf\.sig \(sekisho model sign\)/,
    changed: /changed\.gguf is not the file that was signed: its bytes are others; get it again/,
    forged: /its signature is not over this statement: one was changed/,
    stranger: new RegExp(`its signer ${home.stranger.id} is not in signed_by`),
    certified: /it is signed with a certificate: sign it with a plain key/,
    unlisted: /unlisted\.gguf is not among the 1 files that were signed/,
    sharded: /it is not over SHA-256 of whole files .*: sign the model again/,
  };
  const node = await serve(home);
  assert.equal((await ask(node, 'good')).status, 200);
  const listed = Object.fromEntries((await models(node)).map((model) => [model.id, model.sekisho]));
  assert.equal(listed.good.refused, undefined);
  for (const [name, reason] of Object.entries(why)) {
    const answer = await ask(node, name);
    assert.equal(answer.status, 503);
    const { error } = await answer.json();
    assert.equal(error.code, 'model_unavailable');
    assert.match(error.message, new RegExp(`^The model '${name}' cannot be loaded: `));
    for (const text of [error.message, listed[name].refused, node.log()]) assert.match(text, reason);
    assert.equal(listed[name].loaded, false);
    assert.equal(listed[name].signer, undefined);
  }
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  const doctor = run(['doctor', '--config', home.config]);
  assert.equal(doctor.status, 1);
  for (const reason of Object.values(why)) assert.match(doctor.output, reason);
  home.remove();
});

test('the first model, or one that nobody has to sign, under require_signed_models', async () => {
  const home = place(['one'], (name, made) => {
    made.by = signer(made.directory, 'signer', 'ed25519');
    return '';
  });
  configure(home, [[/require_signed_models: "no"/, 'require_signed_models: yes']]);
  await assert.rejects(serve(home), /the first model: require_signed_models is yes, and it has no signed_by/);
  configure(home, [[/gguf"}/, `gguf", signed_by: ["${home.by.pem}"]}`]]);
  await assert.rejects(serve(home), /the first model: it is not signed: no /);
  const signed = run(['model', 'sign', home.file('one'), '--key', home.by.secret]);
  assert.equal(signed.status, 0, signed.output);
  assert.match(signed.output, new RegExp(`signer +${home.by.id}`));
  const node = await serve(home);
  assert.equal(JSON.parse((await (await ask(node, 'one')).json()).sekisho.receipt.open.leaf).model_signer, home.by.id);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  // A key file that is none.
  writeFileSync(home.by.pem, 'no key');
  await assert.rejects(serve(home), /signed_by: \S+signer\.pem: it must be one public key, PEM/);
  home.remove();
});

test('sign and verify on the command line; a split model, and one below its signature', async () => {
  const home = place(['one']);
  const by = signer(home.directory, 'signer', 'P-256'), other = signer(home.directory, 'other', 'ed25519');
  const parts = splitGguf(readFileSync(home.file('one')), 3).map((bytes, i) => {
    const path = join(home.directory, `part-0000${i + 1}-of-00003.gguf`);
    writeFileSync(path, bytes);
    return path;
  });
  const check = (file, key, ...more) => run(['model', 'verify', file, '--key', key, ...more]);
  assert.equal(run(['model', 'sign', parts[0], '--key', by.secret]).status, 0);
  assert.equal(run(['model', 'sign', parts[0], '--key', by.secret]).status, 1, 'nothing is overwritten');
  const good = check(parts[0], by.pem);
  assert.equal(good.status, 0, good.output);
  assert.match(good.output, /every byte of \S+ and its parts/);
  assert.equal(check(parts[0], other.pem).status, 3);
  // The bundle says what openssl says it does.
  const { dsseEnvelope, verificationMaterial } = JSON.parse(readFileSync(`${parts[0]}.sig`, 'utf8'));
  const statement = Buffer.from(dsseEnvelope.payload, 'base64');
  writeFileSync(join(home.directory, 'pae'), `DSSEv1 28 application/vnd.in-toto+json ${statement.length} ${statement}`);
  writeFileSync(join(home.directory, 'sig'), Buffer.from(dsseEnvelope.signatures[0].sig, 'base64'));
  openssl(['dgst', '-sha256', '-verify', by.pem, '-signature', join(home.directory, 'sig'), join(home.directory, 'pae')]);
  assert.equal(verificationMaterial.publicKey.hint, by.id);
  assert.deepEqual(JSON.parse(statement).predicate.resources.map((one) => one.digest), parts.map((part) => sha256(readFileSync(part))));
  appendFileSync(parts[2], 'x');
  const changed = check(parts[0], by.pem);
  assert.equal(changed.status, 3);
  assert.match(changed.output, /00003-of-00003\.gguf is not the file that was signed/);
  // model.sig of a directory lists paths below it.
  execFileSync('mkdir', [join(home.directory, 'hub'), join(home.directory, 'hub/gguf')]);
  const below = join(home.directory, 'hub/gguf/one.gguf');
  renameSync(home.file('one'), below);
  writeFileSync(join(home.directory, 'hub/model.sig'), bundle(by, [['README.md', 'read me'], ['gguf/one.gguf', readFileSync(below)]]).text);
  assert.equal(check(below, by.pem).status, 3);
  assert.equal(check(below, by.pem, '--signature', join(home.directory, 'hub/model.sig')).status, 0);
  rmSync(home.directory, { recursive: true });
});

test('what is signed here, the verifier of Sigstore reads and believes', () => {
  const home = place(['one']);
  for (const kind of ['ed25519', 'P-256']) { // it hashes by SHA-256 whatever the curve
    const by = signer(home.directory, kind, kind), signature = join(home.directory, `${kind}.sig`);
    assert.equal(run(['model', 'sign', home.file('one'), '--key', by.secret, '--signature', signature]).status, 0);
    const text = readFileSync(signature, 'utf8'), hints = [];
    const verifier = new Verifier({
      certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
      publicKey(hint) { hints.push(hint); return { publicKey: createPublicKey(readFileSync(by.pem)), validFor: () => true }; },
    }, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    const entity = (json) => toSignedEntity(bundleFromJSON(json));
    verifier.verify(entity(JSON.parse(text)));
    const changed = JSON.parse(text);
    changed.dsseEnvelope.payload = Buffer.from(Buffer.from(changed.dsseEnvelope.payload, 'base64').toString().replace('one.gguf', 'two.gguf')).toString('base64');
    assert.throws(() => verifier.verify(entity(changed)), /signature verification failed/);
    assert.deepEqual(hints, [by.id, by.id]);
  }
  home.remove();
});
