'use strict';

// The founding story. Clients that cannot be changed, all on /socket.io, kill
// the backend whose four services share one HTTP server. The same clients talk
// for a while to the same services as four processes behind usher: nobody dies,
// every answer is right, and no socket is claimed twice.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, kinds, namespace } = require('./clients');
const { ports, services, start } = require('./processes');
const { direct, front } = require('./usher');

const names = ['main', 'admin', 'seller', 'chat'];
const crash = 'server.handleUpgrade() was called more than once with the same socket';
const duration = 10_000;

test('in one process, the clients kill the backend', async (t) => {
  const backend = await start(t, 'legacy/one-process.js');
  const visits = visitAll(t, (name) => `http://${name}.localhost:${backend.port}`, 5_000);
  const end = await Promise.race([backend.exited, sleep(60_000, 'still alive', { ref: false })]);
  assert.deepEqual(end, { code: 1, signal: null });
  assert.ok(backend.stderr.includes(crash), backend.stderr);
  await visits;
});

test('in four processes behind usher, the same clients are served', async (t) => {
  const processes = await services(t, ...names);
  const edge = await front(t, ports(processes));
  const results = await visitAll(t, (name) => edge.byHost(name), duration, processes);
  assert.deepEqual(results.flatMap(({ error }) => error ?? []), []);

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  t.diagnostic(`${sum('answers')} answers over ${sum('connections')} connections, all of them right`);
  assert.ok(sum('answers') > 1_000, `only ${sum('answers')} answers`);
  for (const name of names) {
    assert.equal(processes[name].child.exitCode, null, `${name} died: ${processes[name].stderr}`);
  }
  if (!direct) {
    const { claims, duplicate_claims: duplicates } = await edge.stop();
    assert.equal(claims, sum('upgrades'), 'claims');
    assert.equal(duplicates, 0, 'duplicate claims');
  }
});

test('each service has the namespace that the default routes.yaml leads to it', async (t) => {
  const processes = await services(t, ...names);
  for (const name of names) {
    const root = await connect(t, kinds[0], `http://127.0.0.1:${processes[name].port}`);
    const socket = await namespace(t, root, `/${name}`);
    assert.deepEqual(await call(socket, 'whoami'), { service: name, pid: processes[name].pid, namespace: `/${name}` });
  }
});

// visitAll lets clients of every kind visit every service at the same time.
// A visit fails alone: its error is a property of its result.
function visitAll(t, baseOf, milliseconds, processes) {
  const until = Date.now() + milliseconds;
  const visits = names.flatMap((name) =>
    kinds.map(async (kind) => {
      const result = { answers: 0, connections: 0, upgrades: 0 };
      const want = { service: name, pid: processes?.[name].pid };
      try {
        await visit(t, kind, baseOf(name), until, want, result);
      } catch (err) {
        result.error = `${kind.version} ${kind.transport} at ${name}: ${err.stack}`;
      }
      return result;
    }),
  );
  return Promise.all(visits);
}

// visit connects, asks, verifies and leaves, again and again.
async function visit(t, kind, base, until, want, result) {
  while (Date.now() < until) {
    const socket = await connect(t, kind, base, { reconnection: false, timeout: 20_000 });
    result.connections++;
    result.upgrades += kind.transport === 'polling' ? 0 : 1;
    const { service, pid } = await call(socket, 'whoami');
    assert.deepEqual({ service, pid }, want);
    for (let i = 0; i < 20; i++) {
      const sent = { number: i, text: `${want.service} 🙂 ${i}`, bytes: Buffer.alloc(i * 100, i) };
      assert.deepEqual(await call(socket, 'echo', sent), sent);
      result.answers++;
      await sleep(20);
    }
    socket.close();
  }
}
