'use strict';

// An upgrade of usher takes the clients along: none of them notices.
//
// As a test this is short. For a thousand clients, ten upgrades, and a second
// between two questions of each client:
//
//   CLIENTS=1000 UPGRADES=10 PAUSE=1000 node --test scripts/interop/succession.test.js

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connected, kinds, open } = require('./clients');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] }, chat: { namespaces: ['/chat'] }, seller: { namespaces: ['/seller'] } };

const count = Number(process.env.CLIENTS ?? 2 * kinds.length);
const upgrades = Number(process.env.UPGRADES ?? 3);
const pause = Number(process.env.PAUSE ?? 5); // in milliseconds

// Two clients of each kind, one of which keeps its connections alive, three
// upgrades, and numbered events both ways in four namespaces all the while.
for (const secure of [false, true]) {
  const title = `clients of three generations go on through three upgrades${secure ? ', by TLS' : ''}`;
  test(title, { skip: direct && 'there is no usher' }, (t) => succession(t, secure));
}

async function succession(t, secure) {
  const edge = await split(t, layout, { max_connects: count + 100, max_sessions_per_address: count + 100 }, {}, secure ? { tls: { certificates: [certificate(t)] } } : {});
  const base = secure ? edge.secure : edge.base;
  let over = false;
  const clients = [];
  for (let i = 0; i < count; i++) {
    clients.push(talk(t, base, kinds[i % kinds.length], () => over, i % (2 * kinds.length) < kinds.length));
    if (i % 50 === 49) { // as many as the kernel's queue of a service may hold
      await Promise.all(clients.map((c) => c.begun));
    }
  }
  await Promise.all(clients.map((c) => c.begun));
  for (let i = 0; i < upgrades; i++) {
    const fresh = kinds.map((kind) => talk(t, base, kind, () => over, i % 2 === 0)); // in the midst of whatever it is
    clients.push(...fresh);
    await sleep(20 * i);
    const said = await edge.front.upgrade();
    t.diagnostic(`upgrade ${i + 1}: ${said.sessions} sessions moved in ${said.duration_s.toFixed(3)} s, ${JSON.stringify(said.drain)} drain`);
    assert.deepEqual(said.drain, {});
    await Promise.all(fresh.map((c) => c.begun));
    await sleep(300);
  }
  over = true;
  const counts = await Promise.all(clients.map((c) => c.ended));
  t.diagnostic(`${counts.reduce((a, b) => a + b)} events were answered`);
  for (const s of Object.values(edge.services)) {
    assert.deepEqual(s.of({ event: 'disconnect' }), [], `${s.name}: sockets lost`);
  }
}

// certificate makes one of its own.
function certificate(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-succession-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(folder, name));
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...args, '-days', '2', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

// talk is a client that asks and is asked, one after the other, until it is over.
function talk(t, base, kind, over, keepAlive) {
  const name = `${kind.version} ${kind.transport}${keepAlive ? ', kept alive' : ''}`;
  const library = base.startsWith('https') ? https : http;
  const agent = new library.Agent({ keepAlive, rejectUnauthorized: false });
  atEnd(t, () => agent.destroy());
  const root = open(t, kind, base, { agent, rejectUnauthorized: false });
  const sockets = [root, ...['/admin', '/chat', '/seller'].map((namespace) => root.io.socket(namespace))];
  const lost = [];
  const ticks = sockets.map((s) => {
    const numbers = [];
    s.on('tick', (n) => numbers.push(n));
    s.on('disconnect', (reason) => over() || lost.push(`${name}: ${reason}`));
    return numbers;
  });
  const begun = Promise.all(sockets.map(connected));
  const ended = begun.then(async () => {
    let n = 0;
    for (; !over(); n++) {
      sockets.forEach((s) => s.emit('number', n));
      const answers = await Promise.all(sockets.map((s, i) => call(s, 'echo', n, Buffer.from([i]))));
      assert.deepEqual(answers, sockets.map(() => n), `${name}: answers`);
      if (n % 20 === 0) {
        sockets.forEach((s) => s.emit('stream', 20, 5));
      }
      await sleep(pause);
    }
    for (const s of sockets) {
      assert.deepEqual(await call(s, 'numbers'), [...Array(n).keys()], `${name}: to the server`);
    }
    await sleep(300); // of streams that have begun
    for (const numbers of ticks) {
      const counts = new Map();
      numbers.forEach((k) => counts.set(k, (counts.get(k) ?? 0) + 1));
      const each = Math.ceil(n / 20);
      assert.deepEqual([...counts.entries()].sort(([a], [b]) => a - b), [...Array(20).keys()].map((k) => [k, each]), `${name}: to the client`);
    }
    assert.deepEqual(lost, [], `${name}: disconnected`);
    return n;
  });
  return { begun, ended };
}
