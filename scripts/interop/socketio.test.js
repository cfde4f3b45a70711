'use strict';

// Socket.IO clients of 2.x, 3.x and 4.x, by polling, WebSocket and the upgrade
// from one to the other, against the services of the legacy backend.

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const { before, describe, test } = require('node:test');
const { call, connect, connected, kinds, namespace, next, open, reconnected, transport, within } = require('./clients');
const { forFile } = require('./ends');
const { ports, services } = require('./processes');
const { front } = require('./usher');

const file = forFile();
let edge;

before(async () => {
  edge = await front(file, ports(await services(file, 'main', 'admin', 'seller', 'chat')));
});

for (const kind of kinds) {
  describe(`socket.io-client ${kind.version}, ${kind.transport}`, () => {
    test('reaches the process that the path names', async (t) => {
      for (const service of edge.names) {
        const socket = await connect(t, kind, edge.byPath(service));
        assert.equal((await call(socket, 'whoami')).service, service);
      }
    });

    test('reaches the process that the host names', async (t) => {
      for (const service of edge.names) {
        const socket = await connect(t, kind, edge.byHost(service));
        assert.equal((await call(socket, 'whoami')).service, service);
      }
    });

    test('acknowledgements go both ways', async (t) => {
      const socket = await connect(t, kind, edge.byPath('main'));
      for (const value of ['', 'Grüße, 世界 🙂', 0, null, [1, { deep: ['x'] }], 'x'.repeat(200_000)]) {
        assert.deepEqual(await call(socket, 'echo', value), value);
      }
      socket.on('question', (question, ack) => ack(`${question} 42`));
      assert.equal(await call(socket, 'ask', 'the answer?'), 'the answer? 42');
    });

    test('binary arrives byte for byte', async (t) => {
      const socket = await connect(t, kind, edge.byPath('seller'));
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
        const bytes = randomBytes(size);
        assert.ok(bytes.equals(await call(socket, 'echo', bytes)), `${size} bytes came back changed`);
      }
      const invoice = randomBytes(100_000);
      const order = { items: [{ price: 250, count: 2 }, { price: 99, count: 1 }], invoice };
      const { total, digest } = await call(socket, 'order', order);
      assert.equal(total, 599);
      assert.ok(createHash('sha256').update(invoice).digest().equals(digest), 'digest of the invoice');
    });

    test('a broadcast reaches everybody in the room, in order', async (t) => {
      const room = `${kind.version} ${kind.transport}`;
      const [anna, ben, eve] = await Promise.all([1, 2, 3].map(() => connect(t, kind, edge.byPath('chat'))));
      await Promise.all([call(anna, 'join', room), call(ben, 'join', room), call(eve, 'join', 'elsewhere')]);
      const heard = { anna: collect(anna, 'said', 50), ben: collect(ben, 'said', 50) };
      eve.on('said', (message) => assert.fail(`heard ${message} from another room`));
      const said = Array.from({ length: 50 }, (_, i) => `message ${i}`);
      said.forEach((message) => anna.emit('say', room, message));
      assert.deepEqual(await heard.anna, said);
      assert.deepEqual(await heard.ben, said);
    });

    test('namespaces share one connection', async (t) => {
      const socket = await connect(t, kind, edge.byPath('main'));
      const news = await namespace(t, socket, '/news');
      assert.equal((await call(socket, 'whoami')).namespace, '/');
      assert.equal((await call(news, 'whoami')).namespace, '/news');
      const headline = next(news, 'news');
      news.emit('publish', 'usher is out');
      assert.equal(await headline, 'usher is out');
      assert.equal(news.io.engine, socket.io.engine);
    });

    test('a refused namespace says why, and the others go on', async (t) => {
      const socket = await connect(t, kind, edge.byPath('admin'));
      await assert.rejects(namespace(t, socket, '/audit'), /not an admin/);
      assert.equal((await call(socket, 'whoami')).service, 'admin');
    });

    test('reconnects after the connection was lost', async (t) => {
      const socket = await connect(t, kind, edge.byPath('main'));
      for (let i = 0; i < 3; i++) {
        const lost = next(socket, 'disconnect');
        socket.emit('drop');
        await lost;
        await reconnected(socket);
        assert.equal(await call(socket, 'echo', i), i);
      }
    });
  });
}

for (const version of ['2.x', '3.x', '4.x']) {
  test(`socket.io-client ${version} loses nothing while it upgrades`, async (t) => {
    const socket = open(t, { version, transport: 'upgrade' }, edge.byPath('main'));
    await connected(socket);
    const answers = [];
    for (let i = 0; i < 200 || transport(socket) !== 'websocket'; i++) {
      answers.push(call(socket, 'echo', i));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await Promise.all(answers), answers.map((_, i) => i));
  });
}

test('idle clients of every kind survive their heartbeats', async (t) => {
  const lost = [];
  const sockets = await Promise.all(kinds.map((kind) => connect(t, kind, edge.byPath('main'))));
  sockets.forEach((socket, i) => socket.on('disconnect', (reason) => lost.push({ ...kinds[i], reason })));
  await Promise.all(sockets.map(twoPings));
  assert.deepEqual(lost, []);
  assert.deepEqual(await Promise.all(sockets.map((socket, i) => call(socket, 'echo', i))), [...kinds.keys()]);
});

// twoPings waits for two heartbeats, whoever pings in this generation.
function twoPings(socket) {
  let count = 0;
  return within('two heartbeats', (done) =>
    socket.io.engine.on('packet', ({ type }) => ['ping', 'pong'].includes(type) && ++count === 2 && done()));
}

// collect waits for the first count events.
function collect(socket, event, count) {
  const all = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${all.length} of ${count} came: ${event}`)), 10_000);
    socket.on(event, (value) => {
      if (all.push(value) === count) {
        clearTimeout(timer);
        resolve(all);
      }
    });
  });
}
