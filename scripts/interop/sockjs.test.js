'use strict';

// SockJS: its sessions begin with polling or streaming too, and have their id in
// the path. Its clients keep no cookie here.

const assert = require('node:assert/strict');
const { before, describe, test } = require('node:test');
const SockJS = require('sockjs-client');
const { within } = require('./clients');
const { atEnd, forFile } = require('./ends');
const { start } = require('./processes');
const { behind, direct } = require('./usher');

const transports = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];
const file = forFile();
let processes;

before(async () => (processes = await Promise.all([1, 2, 3, 4].map(() => start(file, 'services/sock.js')))));

const endpoints = (list) => list.map(({ port }) => `http://127.0.0.1:${port}`);
const routes = (list, more) => ({ upstreams: { main: { endpoints: endpoints(list), ...more } }, routes: [{ path: '/sock', upstream: 'main' }] });

// open connects by one transport and waits until it is told by which process.
function open(t, port, transport) {
  const sock = new SockJS(`http://127.0.0.1:${port}/sock`, null, { transports: transport });
  const received = [];
  let look = () => {};
  sock.onmessage = ({ data }) => (received.push(data), look());
  sock.lost = new Promise((resolve) => (sock.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)));
  atEnd(t, () => sock.close());
  sock.next = () =>
    within(`a message by ${transport}`, (resolve, reject) => {
      look = () => received.length > 0 && resolve(received.shift());
      sock.lost.then((why) => reject(new Error(`${transport}: ${why}`)));
      look();
    });
  return sock.next().then((pid) => Object.assign(sock, { pid: Number(pid) }));
}

// wantEchoes sends several messages, each of which is a request of its own
// where it is no WebSocket.
async function wantEchoes(sock) {
  for (const text of ['a', 'b', 'c']) {
    sock.send(text);
    assert.equal(await sock.next(), text);
  }
}

describe('every session of a client meets one of four processes', { skip: direct }, () => {
  for (const [how, more] of Object.entries({
    'by default': {},
    'by its path': { affinity: 'none', balance: { hash: { path: 3 } } },
    'by a part of its path': { affinity: 'none', balance: { hash: { path: '~^/sock/[^/]+/(?<session>[^/]+)/' } } },
  })) {
    for (const transport of transports) {
      test(`${transport}, ${how}`, async (t) => {
        const { port, front } = await behind(t, routes(processes, more));
        const socks = await Promise.all(Array.from({ length: 12 }, () => open(t, port, transport)));
        await Promise.all(socks.map(wantEchoes));
        assert.ok(new Set(socks.map(({ pid }) => pid)).size >= 2, 'all come to one process');
        assert.deepEqual(front.logged('request refused'), []);
      });
    }
  }
});

test('what leads nobody shows what is at stake', { skip: direct }, async (t) => {
  const { port } = await behind(t, routes(processes, { affinity: 'none' }));
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, async () => wantEchoes(await open(t, port, 'xhr-polling'))));
  assert.deepEqual(outcomes.map(({ status }) => status), Array(6).fill('rejected'));
});

test('a process that comes disturbs nobody', { skip: direct }, async (t) => {
  const { port, front } = await behind(t, routes(processes.slice(0, 2)));
  const many = transports.flatMap((transport) => Array(4).fill(transport));
  const socks = await Promise.all(many.map((transport) => open(t, port, transport)));
  await front.reload(routes(processes));
  await Promise.all(socks.map(wantEchoes));
});
