'use strict';

// What a server's own answer to a handshake becomes, when it says no: the
// clients are told, whom it is about, and nobody else notices.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const { Server } = require('socket.io');
const { WebSocket } = require('ws');
const { call, connect, connected, next, open, within } = require('./clients');
const { atEnd } = require('./ends');
const { behind, direct } = require('./usher');

// guarded is a Socket.IO server whose middleware of Engine.IO lets nobody in
// without a token, as passport does. On an upgrade, engine.io closes the
// connection without a word then.
async function guarded(t, status, headers) {
  const server = http.createServer((req, res) => res.end('a page'));
  const io = new Server(server);
  io.engine.use((req, res, next) => {
    if (req.headers.token === 'good') {
      return next();
    }
    res.writeHead(status, headers);
    res.end();
  });
  io.on('connection', (socket) => socket.on('echo', (value, ack) => ack(value)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(t, () => io.close());
  return `http://127.0.0.1:${server.address().port}`;
}

const kindOf = (transport) => ({ version: '4.x', transport });
const good = { extraHeaders: { token: 'good' } };

function blameless(front) {
  assert.deepEqual(front.logged('endpoint state').filter(({ state }) => state !== 'healthy'), []);
}

for (const [status, headers, data] of [
  [401, {}, { status: 401 }],
  [200, {}, { status: 200 }],
  [204, {}, { status: 204 }],
  [429, { 'Retry-After': '7' }, { status: 429, retryAfter: 7 }],
  [503, { 'Retry-After': '7' }, { status: 503, retryAfter: 7 }],
]) {
  for (const transport of ['websocket', 'polling', 'upgrade']) {
    test(`an engine's middleware answers ${status} to a namespace, ${transport}`, { skip: direct }, async (t) => {
      const upstreams = { main: await guarded(t, status, headers) };
      const { port, front } = await behind(t, { upstreams, routes: [{ path: '/socket.io', namespaces: { '/': 'main' } }] });
      const base = `http://127.0.0.1:${port}`;
      const other = await connect(t, kindOf(transport), base, good);
      for (let i = 0; i < 8; i++) {
        const err = await next(open(t, kindOf(transport), base, { reconnection: false }), 'connect_error');
        assert.deepEqual(err.data, data);
      }
      assert.equal(await call(other, 'echo', 1), 1);
      await connect(t, kindOf(transport), base, good);
      blameless(front);
      const lines = front.logged('upgrade declined by upstream');
      assert.deepEqual(new Set(lines.map((line) => line.status)), new Set([status]));
      assert.equal(lines.length, 8);
    });
  }
}

test("an engine's middleware refuses at an eager upstream: it is the answer to the handshake", { skip: direct }, async (t) => {
  const upstreams = { main: await guarded(t, 429, { 'Retry-After': '7' }) };
  const { port, front } = await behind(t, { upstreams, routes: [{ path: '/socket.io', namespaces: { '/': 'main' }, socketio: { eager: 'main' } }] });
  const base = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=`;
  for (let i = 0; i < 8; i++) {
    const answer = await fetch(`${base}polling`);
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '7']);
    const [, res] = await once(new WebSocket(`${base}websocket`), 'unexpected-response');
    assert.deepEqual([res.statusCode, res.headers['retry-after']], [429, '7']);
    res.destroy();
  }
  await connect(t, kindOf('websocket'), `http://127.0.0.1:${port}`, good);
  blameless(front);
});

for (const relay of ['frames', 'messages']) {
  test(`an engine's middleware refuses on a plain route, ${relay}`, { skip: direct }, async (t) => {
    const upstreams = { main: await guarded(t, 401, { 'WWW-Authenticate': 'Bearer' }) };
    const { port, front } = await behind(t, { upstreams, routes: [{ path: '/', upstream: 'main', relay }] });
    const base = `http://127.0.0.1:${port}`;
    for (let i = 0; i < 8; i++) {
      const [, res] = await once(new WebSocket(`${base}/socket.io/?EIO=4&transport=websocket`), 'unexpected-response');
      assert.deepEqual([res.statusCode, res.headers['www-authenticate']], [401, 'Bearer']);
      res.destroy();
    }
    await connect(t, kindOf('websocket'), base, good);
    blameless(front);
  });
}

// A server of 4.x without allowEIO3 refuses clients of 2.x behind its 101.
async function modern(t) {
  const server = http.createServer();
  const io = new Server(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(t, () => io.close());
  return `http://127.0.0.1:${server.address().port}`;
}

for (const [kind, route] of Object.entries({
  namespaces: { path: '/socket.io', namespaces: { '/': 'main' } },
  frames: { path: '/', upstream: 'main' },
  messages: { path: '/', upstream: 'main', relay: 'messages' },
})) {
  test(`a client of 2.x at a server of 4.x, ${kind}`, { skip: direct }, async (t) => {
    const { port, front } = await behind(t, { upstreams: { main: await modern(t) }, routes: [route] });
    const base = `http://127.0.0.1:${port}`;
    for (let i = 0; i < 8; i++) {
      const answer = await fetch(`${base}/socket.io/?EIO=3&transport=polling`);
      assert.equal(answer.status, 400);
      assert.deepEqual(await answer.json(), { code: 5, message: 'Unsupported protocol version' });
      const [, res] = await once(new WebSocket(`${base}/socket.io/?EIO=3&transport=websocket`), 'unexpected-response');
      assert.equal(res.statusCode, 400);
      assert.match((await once(res.setEncoding('utf8'), 'data'))[0], /Unsupported protocol version/);
    }
    for (const transport of ['websocket', 'polling']) {
      const socket = open(t, { version: '2.x', transport }, base, { reconnection: false });
      await next(socket, 'connect_error');
    }
    await connected(open(t, kindOf('websocket'), base));
    await within('the log to name the option', (done) => front.usher.log.includes('allowEIO3') && done());
    assert.ok(!front.usher.log.includes('fragmented'));
    blameless(front);
  });
}
