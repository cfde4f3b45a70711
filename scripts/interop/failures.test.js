'use strict';

// Upstream processes die and come back. Their own clients are told, and the
// clients of the others notice nothing.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { WebSocket } = require('ws');
const { closed, message } = require('./bridge');
const { call, connect, kinds, next, reconnected } = require('./clients');
const { atEnd } = require('./ends');
const { ports, services, start } = require('./processes');
const { direct, front } = require('./usher');

test('a process is killed: its clients get 1011, the others notice nothing', { skip: direct }, async (t) => {
  const processes = await services(t, 'main', 'admin');
  const edge = await front(t, ports(processes));
  const doomed = await Promise.all(Array.from({ length: 20 }, () => live(t, edge, 'main')));
  const others = await Promise.all(Array.from({ length: 20 }, () => live(t, edge, 'admin')));
  const talks = others.map((ws) => talk(ws, 100));
  await Promise.all(others.map((ws) => message(ws))); // they are under way

  const ends = doomed.map((ws) => closed(ws));
  processes.main.child.kill('SIGKILL');
  for (const { code, reason } of await Promise.all(ends)) {
    assert.equal(code, 1011);
    assert.match(reason, /upstream/);
    assert.doesNotMatch(reason, /\d+\.\d+\.\d+\.\d+|:\d+/, 'the reason tells an address');
  }
  await Promise.all(talks);
});

test('a process is killed in the middle of a message', { skip: direct }, async (t) => {
  const processes = await services(t, 'main');
  const edge = await front(t, ports(processes));
  const ws = await live(t, edge, 'main');
  const ended = closed(ws);
  ws.send(Buffer.alloc(16 << 20)); // comes back, but not all of it
  await once(ws._socket, 'data');
  processes.main.child.kill('SIGKILL');
  // Within a message no Close frame can stand at every place; if one does, it is legal.
  assert.ok([1006, 1011].includes((await ended).code));
});

test('a process that is down is a 502 or 503, and is used again once it is back', { skip: direct }, async (t) => {
  const { main } = await services(t, 'main');
  const edge = await front(t, { main: main.port });
  main.child.kill('SIGKILL');
  await main.exited;
  const [, response] = await once(dial(edge, 'main'), 'unexpected-response');
  assert.ok([502, 503].includes(response.statusCode), `got ${response.statusCode}`);
  assert.equal((await fetch(edge.byPath('main'))).status, response.statusCode, 'the status of plain HTTP');
  response.destroy();

  await start(t, 'services/main.js', '--port', String(main.port));
  await talk(await live(t, edge, 'main'), 3);
});

test('Socket.IO clients come back to a restarted process, the others keep their connection', async (t) => {
  const processes = await services(t, 'main', 'chat');
  const edge = await front(t, ports(processes));
  const clients = await Promise.all(kinds.map((kind) => connect(t, kind, edge.byPath('main'))));
  const others = await Promise.all(kinds.map((kind) => connect(t, kind, edge.byPath('chat'))));
  const disturbed = [];
  others.forEach((socket, i) => socket.on('disconnect', (reason) => disturbed.push({ ...kinds[i], reason })));

  const lost = clients.map((socket) => next(socket, 'disconnect'));
  processes.main.child.kill('SIGKILL');
  await Promise.all(lost);
  const again = await start(t, 'services/main.js', '--port', String(processes.main.port));
  await Promise.all(clients.map(reconnected));
  for (const socket of clients) {
    assert.equal((await call(socket, 'whoami')).pid, again.pid);
  }
  assert.deepEqual(disturbed, []);
  assert.deepEqual(await Promise.all(others.map((socket, i) => call(socket, 'echo', i))), [...kinds.keys()]);
});

function dial(edge, name) {
  return new WebSocket(edge.byPath(name).replace(/^http/, 'ws') + '/live', { maxPayload: 64 << 20 });
}

async function live(t, edge, name) {
  const ws = dial(edge, name);
  atEnd(t, () => ws.terminate());
  await once(ws, 'open');
  return ws;
}

// talk says count things, one after the other, and wants each to come back.
async function talk(ws, count) {
  for (let i = 0; i < count; i++) {
    ws.send(`thing ${i}`);
    assert.equal((await message(ws)).data.toString(), `thing ${i}`);
    await sleep(10);
  }
}
