// HTTP/1.1 byte by byte: a connection that is written as the test says and read answer by answer.
import { connect } from 'node:net';

export const body = '{"model":"sekisho-keigo","max_tokens":2,"messages":[{"role":"user","content":"hi"}]}';

// Heads that must be refused, by name; `post` makes a request of more header lines and a body.
export function smuggling(post, host) {
  const n = body.length;
  return {
    'length with chunked': post(`Content-Length: ${n}\r\nTransfer-Encoding: chunked\r\n`),
    'two lengths': post(`Content-Length: ${n}\r\nContent-Length: ${n}\r\n`),
    'lengths in a list': post(`Content-Length: ${n}, ${n}\r\n`),
    'length with a sign': post(`Content-Length: +${n}\r\n`),
    'length too large': post('Content-Length: 99999999999999999999999\r\n'),
    'two hosts': post(`Host: evil.example\r\nContent-Length: ${n}\r\n`),
    'no host': `GET /healthz HTTP/1.1\r\n\r\n`,
    'bare line feed': post(`Content-Length: ${n}\r\n`).replace('\r\nContent-Length', '\nContent-Length'),
    'folded header': post(`X-A: 1\r\n  2\r\nContent-Length: ${n}\r\n`),
    'NUL in a header': post(`X-A: a\0b\r\nContent-Length: ${n}\r\n`),
    'space before the colon': post(`Content-Length : ${n}\r\n`),
    'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'),
    'chunked in disguise': post('Transfer-Encoding: xchunked\r\n'),
    'chunked, then identity': post('Transfer-Encoding: chunked, identity\r\n'),
    'bare carriage return': post(`X-A: a\rb\r\nContent-Length: ${n}\r\n`),
    'a control character in the path': `GET /v1/\x01models HTTP/1.1\r\n${host}\r\n`,
    'an absolute target': `GET http://evil.example/v1/models HTTP/1.1\r\n${host}\r\n`,
    'HTTP/3.0': `GET /healthz HTTP/3.0\r\n${host}\r\n`,
    'no version': `GET /healthz\r\n\r\n`,
    'a TLS hello': Buffer.from('16030100a5010000a10303', 'hex').toString('latin1') + '\r\n\r\n',
  };
}

// One connection. `answer()` resolves to the next whole answer, or to null when the node closed before one;
// interim answers (1xx) are left out.
export function wire(port) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  let bytes = Buffer.alloc(0), ended = false, stirred = () => {};
  const stir = () => { const call = stirred; stirred = () => {}; call(); };
  const more = () => new Promise((resolve) => { stirred = resolve; });
  socket.on('data', (data) => { bytes = Buffer.concat([bytes, data]); stir(); });
  for (const end of ['end', 'error', 'close']) socket.on(end, () => { ended = true; stir(); });

  // Bytes up to and with `mark`, or `n` of them; null at the end.
  async function until(mark) {
    for (;;) {
      const at = typeof mark === 'number' ? (bytes.length >= mark ? 0 : -1) : bytes.indexOf(mark);
      if (at >= 0) {
        const len = typeof mark === 'number' ? mark : at + mark.length;
        const part = bytes.subarray(0, len);
        bytes = bytes.subarray(len);
        return part.toString('latin1');
      }
      if (ended) return null;
      await more();
    }
  }
  async function chunked() {
    for (let all = ''; ;) {
      const size = parseInt(await until('\r\n'), 16);
      const chunk = await until(size + 2);
      if (!size) return all;
      all += chunk.slice(0, -2);
    }
  }
  return {
    socket,
    write: (text) => socket.write(Buffer.from(text, 'latin1')),
    close: () => socket.destroy(),
    async closed() { while (!ended) await more(); return bytes.toString('latin1'); },
    async answer({ head = false } = {}) {
      for (;;) {
        const top = await until('\r\n\r\n');
        if (top === null) return null;
        const status = Number(top.slice(9, 12));
        if (status < 200) continue;
        const headers = Object.fromEntries(top.trimEnd().split('\r\n').slice(1).map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }));
        const none = head || status === 204;
        const all = none ? '' : headers['transfer-encoding'] ? await chunked() : await until(Number(headers['content-length']));
        const text = Buffer.from(all ?? '', 'latin1').toString();
        return { status, headers, text, keeps: headers.connection !== 'close', json: () => JSON.parse(text) };
      }
    },
  };
}
