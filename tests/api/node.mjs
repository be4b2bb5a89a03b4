// Starts a real node (all rooms, on a free port, in a directory of its own) for one test file.
import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// So that the default model does not end its answer before `max_tokens`: its </s> is 2.
export const unending = { logit_bias: { 2: -100 } };
export const sekisho = process.env.SEKISHO ?? new URL('../../build/sekisho', import.meta.url).pathname;

// An ordinary user with a copy of the program: root becomes nobody, anyone else stays who they are.
export function asUser() {
  const home = mkdtempSync(join(tmpdir(), 'sekisho-user-'));
  const build = dirname(sekisho);
  cpSync(sekisho, join(home, 'bin/sekisho'));
  cpSync(join(build, 'libexec'), join(home, 'bin/libexec'), { recursive: true });
  cpSync(join(build, '../models'), join(home, 'models'), { recursive: true });
  execFileSync('chmod', ['-R', 'a+rX', home]);
  const root = process.getuid() === 0;
  if (root) chownSync(home, 65534, 65534);
  return {
    home, sekisho: join(home, 'bin/sekisho'),
    options: { ...(root ? { uid: 65534, gid: 65534 } : {}), cwd: home, env: { PATH: process.env.PATH, HOME: home } },
    remove() { rmSync(home, { recursive: true, force: true }); },
  };
}

export function init(extra = [], user = { sekisho, options: {} }) {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-api-'));
  if (user.options.uid) chownSync(directory, user.options.uid, user.options.gid);
  const config = join(directory, 'sekisho.yaml');
  const printed = execFileSync(user.sekisho, ['init', '--config', config, '--data', join(directory, 'data'),
    '--node', 'test.invalid/api', '--listen', '127.0.0.1:0', ...extra], { ...user.options, encoding: 'utf8' });
  return {
    directory, config,
    key: /^API key +(\S+)/m.exec(printed)?.[1],
    vkey: /^verifier key +(\S+)/m.exec(printed)[1],
    remove() { rmSync(directory, { recursive: true, force: true }); },
  };
}

// Edits the configuration: pairs of [pattern, replacement], each of which must match.
export function configure(place, pairs) {
  let text = readFileSync(place.config, 'utf8');
  for (const [pattern, replacement] of pairs) {
    if (!pattern.test(text)) throw new Error(`no ${pattern} in the configuration`);
    text = text.replace(pattern, replacement);
  }
  writeFileSync(place.config, text);
}

// Where the rooms of this node are, as the hooks know it.
export function hooked(place) {
  const name = `sekisho-${createHash('sha256').update(join(place.directory, 'data')).digest('hex').slice(0, 8)}`;
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))[1];
  const mount = / (\S+) cgroup2 /.exec(readFileSync('/proc/self/mounts', 'utf8'))[1];
  return join(mount, own, name, 'rooms');
}

// A failed test must not leave its node behind (run.sh ends the process when the tests have ended).
const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });

export async function serve(place, environment = {}, user = { sekisho, options: {} }, args = []) {
  const log = join(place.directory, 'log');
  const descriptor = openSync(log, 'a');
  const env = { ...(user.options.env ?? process.env), ...environment };
  const child = spawn(user.sekisho, ['serve', '--config', place.config, ...args],
    { ...user.options, stdio: ['ignore', 'pipe', descriptor], env });
  closeSync(descriptor);
  children.add(child);
  child.once('exit', () => children.delete(child));
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const url = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
      const line = /^serving \S+ on (\S+)/m.exec(out);
      if (line) resolve(line[1]);
    });
    ended.then(({ code }) => reject(new Error(`node ended with ${code}:\n${readFileSync(log, 'utf8')}`)));
  });
  return {
    url, child, ended, log: () => readFileSync(log, 'utf8'),
    async stop() {
      child.kill('SIGTERM');
      return await ended;
    },
  };
}

// Runs `sekisho verify`; resolves to { status, output }.
export function verify(place, receipt, files = {}) {
  const args = ['verify', '-', '--key', place.vkey];
  for (const [name, content] of Object.entries(files)) {
    const path = join(place.directory, `verify-${name}`);
    writeFileSync(path, content);
    args.push(`--${name}`, path);
  }
  try {
    const output = execFileSync(sekisho, args, { input: JSON.stringify(receipt), encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
    return { status: 0, output };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
}
