'use strict';

// Clients that upgrade while there is traffic, and clients that vanish.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connected, open, transport, upgraded, within } = require('./clients');
const { session } = require('./engine');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');

const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };

test('E-19 24 clients of three generations upgrade under load', async (t) => {
  const edge = await split(t, layout, { max_connects: 100 });
  const versions = ['4.x', '3.x', '2.x'];
  await Promise.all(Array.from({ length: 24 }, (_, i) => traffic(t, edge, versions[i % 3])));
});

// traffic is numbered both ways, in two namespaces, before, while and after a
// client upgrades.
async function traffic(t, edge, version) {
  const root = open(t, { version, transport: 'upgrade' }, edge.base);
  const admin = root.io.socket('/admin');
  const both = [root, admin];
  const got = both.map((s) => {
    const numbers = [];
    s.on('text', (n) => numbers.push(n));
    return numbers;
  });
  await Promise.all(both.map(connected));
  const count = 150;
  for (let i = 0; i < count; i++) {
    both.forEach((s) => s.emit('number', i));
    if (i % 50 === 0) {
      both.forEach((s) => s.emit('text', 50));
    }
    await sleep(1);
  }
  await upgraded(root);
  for (const s of both) {
    assert.deepEqual(await call(s, 'numbers'), [...Array(count).keys()], `${version}: to the server`);
  }
  const want = [0, 1, 2].flatMap(() => [...Array(50).keys()]);
  got.forEach((numbers) => assert.deepEqual(numbers, want, `${version}: to the client`));
  assert.equal(transport(root), 'websocket');
}

test('E-20 a probe without an end', async (t) => {
  const edge = await split(t, layout, { ping_interval: '25s', ping_timeout: '20s' });
  const s = await session(t, edge.base);
  await s.join();
  const ws = await s.socket();
  ws.send('2probe');
  await ws.next('3probe');
  await within('the end of the probe', (done) => ws.once('close', done), 20_000);
  await s.post('420["echo","still"]');
  assert.match(await s.until('still'), /430\["still"\]/);
});

describe('E-22 a client vanishes', () => {
  for (const transports of ['websocket', 'polling']) {
    for (const signal of ['SIGKILL', 'SIGSTOP']) {
      test(`E-22 ${transports}, ${signal}`, async (t) => {
        const edge = await split(t, layout, { ping_interval: '300ms', ping_timeout: '300ms' });
        const client = spawn(process.execPath, [path.join(__dirname, 'visitor.js'), edge.base, transports], { stdio: 'ignore' });
        atEnd(t, () => client.kill('SIGKILL'));
        for (const s of Object.values(edge.services)) {
          await s.told({ event: 'connection' });
        }
        client.kill(signal);
        for (const s of Object.values(edge.services)) {
          assert.equal((await s.told({ event: 'disconnect' })).reason, 'transport close');
        }
      });
    }
  }
});
