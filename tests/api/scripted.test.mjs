// The scripted model itself: what a script says comes out of a real node, whatever the sampler.
import test from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { configure, init, serve } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";
const said = ['Hello there.', '東京は晴れ、{"a": [1, "\\n"]}\n🗻。', 'abab'.repeat(5), 'Hello there.', ...Array.from({ length: 40 }, (_, i) => `答え ${i}`.repeat(i + 1))];
const scripts = [['Hello', ' there', '.'], pieces(said[1], 2), ['a', 'b', { again: 0 }],
  ['Hello', { control: '<mark>' }, ' there', { user: '.' }], ...said.slice(4).map((text, i) => pieces(text, 7, i))];

test('each script by the bias of its first token, greedy and drawn', async () => {
  const model = scripted({ template, scripts, special: ['<|im_start|>', '<|im_end|>'] });
  const place = init(['--keyless']);
  configure(place, [[/models:\n( .*\n)+/, `models:\n  - {id: "m", file: "${model.write(join(place.directory, 'm.gguf'))}", parallel: 2}\n`]]);
  const node = await serve(place);
  const ask = async (extra) => {
    const response = await fetch(`${node.url}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'あ Hello there. <mark>' }], ...extra }) });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()).choices[0];
  };
  assert.equal((await ask({ temperature: 1 })).message.content, said[0], 'the first without a bias');
  for (const [i, token] of model.first.entries())
    for (const setting of [{ temperature: 0 }, { temperature: 2, seed: i }]) {
      const { message, finish_reason } = await ask({ ...setting, max_tokens: i === 2 ? 20 : 2000, logit_bias: { [token]: 100 } });
      assert.equal(message.content, said[i]);
      assert.equal(finish_reason, i === 2 ? 'length' : 'stop');
    }
  assert.equal((await node.stop()).code, 0);
  place.remove();
});
