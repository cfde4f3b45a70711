'use strict';

// A thousand clients with four namespaces each, over all three transports.
// Nothing may be lost, doubled or reordered, and nothing may stay behind.

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { within } = require('./clients');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const layout = {
  main: { namespaces: ['/'] },
  admin: { namespaces: ['/admin'] },
  seller: { namespaces: ['/seller'] },
  chat: { namespaces: ['/chat'] },
};
const namespaces = Object.values(layout).flatMap((config) => config.namespaces);
const processes = 4;
const clients = 1_000;
const talk = { every: 3_000, count: 14 };
const mostMemory = 96 << 20;

function flock(t) {
  const child = fork(path.join(__dirname, 'flock.js'));
  atEnd(t, () => child.kill('SIGKILL'));
  return (order, options) =>
    within(order, (resolve, reject) => {
      child.once('message', ({ result, error }) => (error ? reject(new Error(error)) : resolve(result)));
      child.send({ order, ...options });
    }, 300_000);
}

// descriptors is how many usher has open.
const descriptors = (edge) => (direct ? 0 : fs.readdirSync(`/proc/${edge.front.usher.child.pid}/fd`).length);

test('1,000 clients in four namespaces', async (t) => {
  const options = { pingInterval: 25_000, pingTimeout: 20_000 };
  const beats = { ping_interval: '25s', ping_timeout: '20s' };
  const edge = await split(t, Object.fromEntries(Object.entries(layout).map(([name, config]) => [name, { ...config, options }])), beats);
  const before = descriptors(edge);
  const flocks = Array.from({ length: processes }, () => flock(t));
  const all = (order, more) => Promise.all(flocks.map((tell) => tell(order, more)));

  await all('gather', { base: edge.base, count: clients / processes, namespaces });
  const results = await all('talk', talk);
  const memory = direct ? 0 : edge.memory();
  assert.deepEqual(results.flatMap(({ faults }) => faults).slice(0, 20), []);
  const want = clients * namespaces.length * talk.count;
  for (const key of ['sent', 'got']) {
    assert.equal(results.reduce((sum, result) => sum + result[key], 0), want, key);
  }
  t.diagnostic(`${want} events each way, ${memory >> 20} MiB of memory, ${descriptors(edge)} descriptors`);
  assert.ok(memory < mostMemory, `usher takes ${memory >> 20} MiB`);

  await all('leave');
  await within('the end of all sessions', async (done) => {
    while (descriptors(edge) > before) {
      await sleep(50);
    }
    done();
  }).catch((err) => assert.fail(`${err.message}; ${before} descriptors before, and now ${left(edge)}`));
});

// left is what usher still has open, with the ends of its connections.
function left({ front }) {
  const { pid } = front.usher.child;
  const links = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  const sockets = fs.readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').filter((line) => links.includes(`socket:[${line.trim().split(/ +/)[9]}]`));
  return [...links, ...sockets, front.usher.log.split('\n').slice(-20)].join('\n');
}
