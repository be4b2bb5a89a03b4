// What others take of the machine while we measure: cores that neither this process nor what it
// started used, and those that the host gave to somebody else.
import { readFileSync, readdirSync } from 'node:fs';

const HZ = 100; // of /proc

function machineTicks() {
  const [user, nice, system, , , irq, soft, steal] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + soft + steal;
}

// Of this process and its descendants, those included that have ended.
function ownTicks() {
  const ticks = new Map(), children = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let fields;
    try { fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' '); } catch { continue; } // it has ended
    ticks.set(pid, fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0)); // utime, stime, cutime, cstime
    children.set(fields[1], [...children.get(fields[1]) ?? [], pid]);
  }
  let sum = 0;
  for (const queue = [String(process.pid)]; queue.length;) {
    const pid = queue.pop();
    sum += ticks.get(pid) ?? 0;
    queue.push(...children.get(pid) ?? []);
  }
  return sum;
}

// A function that says how many cores others used since.
export function watchOthers() {
  const since = performance.now(), before = machineTicks() - ownTicks();
  return () => Math.max(0, (machineTicks() - ownTicks() - before) / HZ / ((performance.now() - since) / 1000));
}
