// Answers are judged too: what a client may see depends on where it is. The node's own model says
// protected things, in pieces cut anywhere; clients stand on this machine and on a network that the
// policy calls abroad (border_world.sh).
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, serve, verify } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = '{% for m in messages %}{{ m.content }}\n{% endfor %}';
const said = {
  mail: '担当は経理です。連絡は taro@example.jp までお願いします。よろしくお願いいたします。',
  number: 'お調べします。個人番号は123456789018です。以上です。',
  plain: '京都は晴れです。明日は雨でしょう。',
};
const policy = `format: 1
name: answers
home: JP
unknown: node
classes:
  my_number: {detect: [jp.mynumber], reach: node, consent: cannot, masked_reach: node}
  contact: {detect: [email], reach: country, masked_reach: listed}
clients:
  - {network: 10.81.1.0/24, reach: listed}
`;
let home, node;
before(async () => {
  home = init();
  const file = join(home.directory, 'policy.yaml');
  writeFileSync(file, policy);
  const rows = Object.entries(said).flatMap(([id, text]) => [1, 2, 3].map((seed) => {
    const model = scripted({ template, scripts: [pieces(text, 2 * seed, seed)], context: 4096 });
    return `  - {id: "${id}${seed}", file: "${model.write(join(home.directory, `${id}${seed}.gguf`))}"}\n`;
  }));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`], [/models:\n( .*\n)+/, `models:\n${rows.join('')}`],
    [/^listen: .*$/m, 'listen: "0.0.0.0:0"']]);
  node = await serve(home);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail|drop) /);
  home.remove();
});

// Asked from `host`, which is then also where the client is.
function ask(host, path, body) {
  const { port } = new URL(node.url.replace('0.0.0.0', '127.0.0.1'));
  const headers = { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, path, method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => { text += more; }).on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject).end(JSON.stringify({ max_tokens: 200, temperature: 0, ...body }));
  });
}
const chat = (model, more = {}) => ({ model, messages: [{ role: 'user', content: 'はい' }], ...more });
const here = '127.0.0.1', abroad = '10.81.1.1';
const events = (text) => text.split('\n\n').filter((event) => event.startsWith('data: {')).map((event) => JSON.parse(event.slice(6)));
const closeOf = (receipt) => JSON.parse(receipt.close.leaf);

async function both(host, model) {
  const whole = JSON.parse((await ask(host, '/v1/chat/completions', chat(model))).text);
  const stream = events((await ask(host, '/v1/chat/completions', chat(model, { stream: true }))).text);
  const content = stream.map((event) => event.choices[0]?.delta?.content ?? '').join('');
  const finish = stream.map((event) => event.choices[0]?.finish_reason).find(Boolean);
  assert.equal(finish, whole.choices[0].finish_reason);
  const close = closeOf(whole.sekisho.receipt);
  assert.equal(verify(home, whole.sekisho.receipt, { response: JSON.stringify(whole) }).status, 0);
  return { whole: whole.choices[0].message.content ?? '', content, finish, close };
}

for (const seed of [1, 2, 3]) {
  test(`on this machine everything is shown (${seed})`, async () => {
    for (const id of Object.keys(said)) {
      const { whole, content, finish, close } = await both(here, `${id}${seed}`);
      assert.deepEqual([whole, content, finish, close.client], [said[id], said[id], 'stop', 'node']);
    }
  });

  test(`abroad an address is masked, a My Number ends the answer before it (${seed})`, async () => {
    const mail = await both(abroad, `mail${seed}`);
    for (const text of [mail.whole, mail.content])
      assert.match(text, /^担当は経理です。連絡は ⟦EML:[0-9A-Z]{8}⟧ までお願いします。よろしくお願いいたします。$/);
    assert.deepEqual([mail.finish, mail.close.client, mail.close.answer_classes], ['stop', 'listed', ['contact']]);
    const number = await both(abroad, `number${seed}`);
    assert.deepEqual([number.whole, number.content], ['お調べします。', 'お調べします。']);
    assert.deepEqual([number.finish, number.close.outcome, number.close.rule], ['content_filter', 'filtered', 'class.my_number']);
    const plain = await both(abroad, `plain${seed}`);
    assert.deepEqual([plain.whole, plain.content, plain.finish], [said.plain, said.plain, 'stop']);
  });
}

test('in the words of Anthropic and of responses', async () => {
  const message = JSON.parse((await ask(abroad, '/v1/messages', chat('number1'))).text);
  assert.deepEqual([message.stop_reason, message.content[0].text], ['refusal', 'お調べします。']);
  const { max_tokens, ...body } = { model: 'number2', input: 'はい', max_output_tokens: 200 };
  const response = JSON.parse((await ask(abroad, '/v1/responses', { ...body, max_tokens: undefined })).text);
  assert.deepEqual([response.status, response.incomplete_details], ['incomplete', { reason: 'content_filter' }]);
});
