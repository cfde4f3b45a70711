'use strict';

// Several processes of one service: a client that begins with polling must meet
// the one process that knows its sid, with each of its requests. None of them
// keeps a cookie here.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { call, connect, kindsOf, next, open, transport, within } = require('./clients');
const { forFile } = require('./ends');
const { roundRobin } = require('./nginx');
const { start } = require('./processes');
const { behind, direct } = require('./usher');

const versions = ['1.x', '2.x', '3.x', '4.0', '4.x'];
const kinds = kindsOf(...versions).filter(({ transport }) => transport === 'upgrade');

const file = forFile();
let processes;

before(async () => {
  processes = await Promise.all([1, 2, 3, 4, 5].map(() => start(file, 'services/main.js')));
});

const urls = (list) => list.map(({ port }) => `http://127.0.0.1:${port}`);
const routes = (list, more) => ({ upstreams: { main: { endpoints: urls(list), ...more } }, routes: [{ upstream: 'main' }] });

test('500 clients of every version, in front of 4 processes: no sid is unknown', { skip: direct }, async (t) => {
  const four = processes.slice(0, 4);
  const { port, front } = await behind(t, routes(four));
  const { faults, served } = await crowd(t, `http://127.0.0.1:${port}`, 500);
  assert.deepEqual(faults, []);
  for (const { pid } of four) {
    assert.ok(served.get(pid) > 100, `process ${pid} has ${served.get(pid)} of 500 clients`);
  }
  assert.deepEqual(front.logged('request refused'), []);
});

test('the same through nginx, in turn, shows what is at stake', async (t) => {
  const base = await roundRobin(t, processes.slice(0, 4).map(({ port }) => port));
  const query = `${base}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(query)).text()).slice(1));
  const second = await fetch(`${query}&sid=${sid}`);
  assert.equal(`${second.status} ${await second.text()}`, '400 {"code":1,"message":"Session ID unknown"}');

  const { faults } = await crowd(t, base, 50);
  assert.ok(faults.length > 25, `${faults.length} of 50 clients fail`);
});

test('a reload that adds a process disturbs nobody, one that removes another only its own', { skip: direct }, async (t) => {
  const { port, front } = await behind(t, routes(processes.slice(0, 4)));
  const base = `http://127.0.0.1:${port}`;
  const clients = await Promise.all(
    kindsOf(...versions).flatMap((kind) => [1, 2, 3, 4].map(() => settle(t, kind, base))),
  );
  const wantCalm = async (list) => {
    const answers = await Promise.all(list.map(({ socket }) => call(socket, 'whoami')));
    list.forEach(({ pid, lost, kind }, i) => {
      assert.deepEqual(lost, [], `${kind.version} ${kind.transport} was disturbed`);
      assert.equal(answers[i].pid, pid, 'another process answers');
    });
  };

  await front.reload(routes(processes));
  await wantCalm(clients);
  const came = await Promise.all(Array.from({ length: 10 }, (_, i) => settle(t, kinds[i % 5], base)));
  assert.ok(came.some(({ pid }) => pid === processes[4].pid), 'nobody comes to the process that was added');

  const removed = processes[1].pid;
  const all = [...clients, ...came];
  const polling = all.filter(({ pid, kind }) => pid === removed && kind.transport === 'polling');
  assert.ok(polling.length > 0);
  const back = polling.map(({ socket }) => next(socket, 'connect'));
  await front.reload(routes(processes.filter(({ pid }) => pid !== removed)));
  await Promise.all(back);
  for (const { socket } of polling) {
    assert.notEqual((await call(socket, 'whoami')).pid, removed);
  }
  await wantCalm(all.filter(({ pid }) => pid !== removed));
});

// settle connects a client and notes by which process it is served, and what
// happens to it from now on.
async function settle(t, kind, base) {
  const socket = await connect(t, kind, base);
  const { pid } = await call(socket, 'whoami');
  const lost = [];
  socket.on('disconnect', (reason) => lost.push(reason));
  return { socket, kind, pid, lost };
}

// crowd connects so many clients, of all versions, a few at a time. Each has
// one attempt.
async function crowd(t, base, size) {
  const faults = [];
  const served = new Map();
  const left = Array.from({ length: size }, (_, i) => kinds[i % kinds.length]);
  const one = async () => {
    for (let kind = left.pop(); kind; kind = left.pop()) {
      try {
        const pid = await attempt(t, kind, base);
        served.set(pid, (served.get(pid) ?? 0) + 1);
      } catch (err) {
        faults.push(`${kind.version}: ${err.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 50 }, one));
  return { faults, served };
}

// attempt is one client, from its first poll until its upgrade. The answer is
// the process that it has come to.
function attempt(t, kind, base) {
  const socket = open(t, kind, base, { reconnection: false });
  const { engine } = socket.io;
  return within('the upgrade', (resolve, reject) => {
    for (const event of ['error', 'close', 'upgradeError']) {
      engine.once(event, (err) => reject(new Error(`${event} ${err?.message ?? err}`)));
    }
    socket.once('connect', () => socket.emit('whoami', ({ pid }) => {
      const done = () => resolve(pid);
      return transport(socket) === 'websocket' ? done() : engine.once('upgrade', done);
    }));
  });
}
