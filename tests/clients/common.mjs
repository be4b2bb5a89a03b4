// What the cells of several clients share.
import assert from 'node:assert/strict';

export const joined = (parts) => parts.map((part) => part ?? '').join('');

// Asks, leaves 100 ms later, and expects the client's own error for that.
export async function leaves(ask, kind) {
  const controller = new AbortController();
  const asked = ask(controller.signal);
  setTimeout(() => controller.abort(), 100);
  await assert.rejects(asked, kind);
}

// A client meets a limit: 429 with Retry-After, waits, and gets its answer.
// ask(key, fetch): asks with a client that tries again and uses this fetch.
export async function retried(at, ask) {
  const seen = [];
  const watched = async (...args) => {
    const response = await fetch(...args);
    seen.push([response.status, Number(response.headers.get('retry-after'))]);
    return response;
  };
  assert.ok(await ask(await at.spent(), watched));
  assert.equal(seen[0][0], 429);
  assert.ok(seen[0][1] >= 1, 'Retry-After in seconds');
  assert.equal(seen.at(-1)[0], 200);
}
