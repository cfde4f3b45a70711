'use strict';

// The namespaces of one connection, each in the process that serves it: every
// generation of clients and servers, by every transport.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { before, describe, test } = require('node:test');
const { call, connect, connected, kindsOf, namespace, next, open, transport, upgraded, within } = require('./clients');
const { forFile } = require('./ends');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const file = forFile();

const layout = (version) => ({
  main: { version, namespaces: ['/'] },
  admin: { version, namespaces: ['/admin', '/audit', '/forbidden'], names: ['/forbidden'] },
  seller: { version, namespaces: ['/seller'] },
  chat: { version, namespaces: ['~^/room-\\d+$'] },
});

const others = ['/admin', '/seller', '/room-17'];

// Each generation of servers with the clients that may talk to it.
const servers = {
  4.8: [...kindsOf('4.x', '4.0', '3.x', '2.x')],
  3.1: [{ version: '4.x', transport: 'upgrade' }],
  2.5: kindsOf('2.x', '1.x'),
};

for (const [version, kinds] of Object.entries(servers)) {
  describe(`servers ${version}`, () => {
    let edge;
    before(async () => {
      edge = await split(file, layout(version), { max_connects: 1000 });
    });
    for (const kind of kinds) {
      describe(`client ${kind.version}, ${kind.transport}`, () => features(() => edge, kind));
    }
  });
}

// join connects a client to all namespaces, the root first.
async function join(t, edge, kind, options) {
  const welcomes = [];
  const socket = open(t, kind, edge.base, options);
  const all = { '/': socket };
  socket.on('welcome', (welcome) => welcomes.push(welcome));
  for (const name of others) {
    all[name] = socket.io.socket(name);
    all[name].on('welcome', (welcome) => welcomes.push(welcome));
  }
  await Promise.all(Object.values(all).map(connected));
  if (kind.transport === 'upgrade') {
    await upgraded(socket);
  }
  return { socket, all, welcomes };
}

function features(edgeOf, kind) {
  const old = kind.version === '1.x' || kind.version === '2.x';
  const plain = kind.version === '1.x'; // it encodes text twice in polls, which newer servers do not undo

  test('S-01 four namespaces of four processes over one connection', async (t) => {
    const { services } = edgeOf();
    const { socket, all, welcomes } = await join(t, edgeOf(), kind);
    const told = await Promise.all(Object.values(all).map((joined) => call(joined, 'whoami')));
    assert.deepEqual(told.map((who) => who.namespace), Object.keys(all));
    for (const joined of Object.values(all)) {
      assert.equal(joined.io.engine, socket.io.engine);
    }
    assert.deepEqual(welcomes.map((w) => w.namespace).sort(), ['/', ...others].sort(), 'one welcome each');
    if (!direct) {
      assert.equal(new Set(told.map((who) => who.pid)).size, 4, 'processes');
      for (const { service, leg } of told) {
        assert.deepEqual(services[service].of({ event: 'engine', leg }).map((e) => e.transport), ['websocket']);
      }
    }
  });

  test('S-02 a socket has the same id on both ends', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    for (const [name, socket] of Object.entries(all)) {
      if (name === '/' || !old || (direct && kind.version === '2.x')) {
        assert.equal(socket.id, (await call(socket, 'whoami')).id, name);
      }
    }
  });

  test('S-03 acknowledgements of all namespaces at once', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    const values = ['', 'Grüße, 世界 🙂', 0, null, [1, { deep: ['x'] }], 'x'.repeat(200_000)];
    if (plain) {
      values[1] = 'plain';
    }
    const asked = Object.values(all).flatMap((socket) => values.map((value) => [value, call(socket, 'echo', value)]));
    for (const [value, answer] of asked) {
      assert.deepEqual(await answer, value);
    }
    const none = within('an answer without arguments', (done) => all['/admin'].emit('echo', (...args) => done(args)));
    assert.deepEqual(await none, []);
  });

  test('S-04 servers ask and get their own answers', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    const asked = Object.entries(all).map(([name, socket]) => {
      socket.on('question', (question, ack) => ack(`${question} of ${name}`));
      return call(socket, 'ask', 'answer');
    });
    assert.deepEqual(await Promise.all(asked), Object.keys(all).map((name) => `answer of ${name}`));
  });

  test('S-05 binary events and acknowledgements both ways', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    for (const socket of Object.values(all)) {
      socket.on('question', (question, ack) => ack(Buffer.from(question)));
      for (const size of [1, 126, 65_536]) {
        const bytes = randomBytes(size);
        const back = await call(socket, 'echo', { deep: [bytes] });
        assert.ok(bytes.equals(back.deep[0]), `${size} bytes came back changed`);
        assert.ok(bytes.equals(await call(socket, 'ask', bytes)), `${size} bytes asked came back changed`);
      }
    }
  });

  test('S-06 binary floods of four processes at once', async (t) => {
    const { socket, all } = await join(t, edgeOf(), kind);
    const lost = [];
    socket.on('disconnect', (reason) => lost.push(reason));
    const floods = Object.entries(all).map(([name, joined]) => collect(joined, 'flood', 50).then((got) => check(name, got)));
    Object.values(all).forEach((joined) => joined.emit('flood', 50, 500));
    await Promise.all(floods);
    assert.deepEqual(lost, []);
  });

  test('S-07 binary to four processes in turn, by many posts and over the upgrade', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    const count = 40;
    const size = kind.version === '4.x' ? 20_000 : 2_000; // older clients make one post of all, whatever the server takes
    for (let i = 0; i < count; i++) {
      Object.values(all).forEach((socket) => socket.emit('binary', i, Buffer.alloc(size, i)));
      if (i % 10 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const numbers = await Promise.all(Object.values(all).map((socket) => call(socket, 'numbers')));
    for (const got of numbers) {
      assert.deepEqual(got, [...Array(count).keys()]);
    }
  });

  test('S-08 what a client says of itself reaches the namespace', async (t) => {
    const socket = await connect(t, kind, edgeOf().base);
    if (!old) {
      const joined = await namespace(t, socket, '/admin', { auth: { token: 'object' } });
      assert.equal((await call(joined, 'handshake')).auth.token, 'object');
      const called = await namespace(t, socket, '/seller', { auth: (done) => done({ token: 'function' }) });
      assert.equal((await call(called, 'handshake')).auth.token, 'function');
      return;
    }
    const joined = await namespace(t, socket, '/admin', { query: kind.version === '1.x' ? 'token=q%20x' : { token: 'q x' } });
    const { query, auth } = await call(joined, 'handshake');
    assert.equal(query.token ?? auth.token, 'q x'); // servers of 4.x take it for auth
  });

  test('S-09 the handshake is the one of the client', async (t) => {
    const tenant = plain ? 'grande &' : 'größe &';
    const options = { extraHeaders: { 'X-Custom': 'yes', Cookie: 'a=1; b=2' }, query: { tenant, n: 1 } };
    const { all } = await join(t, edgeOf(), kind, options);
    for (const socket of Object.values(all)) {
      const { headers, query } = await call(socket, 'handshake');
      assert.equal(query.tenant, tenant);
      assert.equal(query.n, '1');
      assert.equal(headers['x-custom'], 'yes');
      assert.equal(headers.cookie, 'a=1; b=2');
      assert.equal(headers.host, `127.0.0.1:${edgeOf().port}`);
      if (!direct) {
        assert.equal(headers['x-forwarded-for'], '127.0.0.1');
        assert.equal(headers['x-forwarded-proto'], 'http');
        assert.equal(query.transport, 'websocket');
        assert.equal(query.sid, undefined);
      }
    }
  });

  test('S-10 a middleware refuses a namespace, and the others go on', async (t) => {
    const { socket, all } = await join(t, edgeOf(), kind);
    const refused = socket.io.socket('/forbidden');
    const err = await next(refused, old ? 'error' : 'connect_error');
    if (old) {
      assert.equal(err.code ?? err, 'E_TOKEN');
    } else {
      assert.equal(err.message, 'not authorized');
      assert.equal(err.data.code, 'E_TOKEN');
    }
    await Promise.all(Object.values(all).map((joined) => call(joined, 'whoami')));
  });

  test('S-11 a namespace that nobody has', async (t) => {
    const socket = await connect(t, kind, edgeOf().base);
    for (const name of ['/nope', '/room-x', '/Admin']) {
      const err = await next(socket.io.socket(name), old ? 'error' : 'connect_error');
      assert.equal(err.message ?? err, 'Invalid namespace');
    }
    await call(socket, 'whoami');
  });

  test('S-12 what is said in a room reaches everybody in it', async (t) => {
    const room = `${kind.version} ${kind.transport}`;
    const [anna, ben] = await Promise.all([1, 2].map(() => join(t, edgeOf(), kind)));
    for (const name of ['/', '/room-17']) {
      await Promise.all([anna, ben].map(({ all }) => call(all[name], 'join', room)));
      const heard = [anna, ben].map(({ all }) => next(all[name], 'said'));
      anna.all[name].emit('say', room, name);
      assert.deepEqual(await Promise.all(heard), [name, name]);
    }
  });

  test('S-13 leave a namespace, and join it again', async (t) => {
    const { seller } = edgeOf().services;
    const { socket, all } = await join(t, edgeOf(), kind);
    const { id, leg } = await call(all['/seller'], 'whoami');
    all['/seller'].disconnect();
    const { reason } = await seller.told({ event: 'disconnect', id, namespace: '/seller' });
    assert.equal(reason, 'client namespace disconnect');
    if (!direct) {
      await seller.told({ event: 'engine close', leg });
    }
    all['/seller'].connect();
    await next(all['/seller'], 'connect');
    const again = await call(all['/seller'], 'whoami');
    assert.ok(old || again.id !== id);
    await Promise.all(Object.values(all).map((joined) => call(joined, 'whoami')));
    assert.ok(socket.connected);
  });

  test('S-14 two namespaces of one process share its leg', { skip: direct }, async (t) => {
    const { admin } = edgeOf().services;
    const socket = await connect(t, kind, edgeOf().base);
    const both = await Promise.all(['/admin', '/audit'].map((name) => namespace(t, socket, name)));
    const [{ id, leg }, other] = await Promise.all(both.map((joined) => call(joined, 'whoami')));
    assert.equal(leg, other.leg);
    both[0].disconnect();
    await admin.told({ event: 'disconnect', id, namespace: '/admin' });
    assert.equal((await call(both[1], 'whoami')).namespace, '/audit');
    assert.deepEqual(admin.of({ event: 'engine close', leg }), []);
    both[1].disconnect();
    await admin.told({ event: 'engine close', leg });
  });

  test('S-15 a server ends a namespace while events are under way', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    const reason = next(all['/admin'], 'disconnect');
    all['/admin'].emit('leave');
    for (let i = 0; i < 20 && !direct; i++) { // ends a direct connection
      all['/admin'].emit('number', i);
    }
    assert.equal(await reason, 'io server disconnect');
    for (const name of ['/', '/seller', '/room-17']) {
      assert.equal((await call(all[name], 'whoami')).namespace, name);
    }
  });

  test('S-16 a server ends the connection', { skip: direct }, async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    const audit = await namespace(t, all['/'], '/audit');
    const reasons = Promise.all([all['/admin'], audit].map((socket) => next(socket, 'disconnect')));
    all['/admin'].emit('out');
    assert.deepEqual(await reasons, ['io server disconnect', 'io server disconnect']);
    for (const name of ['/', '/seller', '/room-17']) {
      assert.equal((await call(all[name], 'whoami')).namespace, name);
    }
  });

  test('S-20 empty attachments', async (t) => {
    const { all } = await join(t, edgeOf(), kind);
    for (const socket of Object.values(all)) {
      const [empty, bytes] = await call(socket, 'echo', [Buffer.alloc(0), Buffer.from([7])]);
      assert.deepEqual([Buffer.from(empty), Buffer.from(bytes)], [Buffer.alloc(0), Buffer.from([7])]);
    }
  });

  test('S-06 as text, in order, while the client upgrades', async (t) => {
    const socket = open(t, kind, edgeOf().base);
    const joined = ['/', ...others].map((name) => (name === '/' ? socket : socket.io.socket(name)));
    const got = joined.map((s) => (s.on('connect', () => s.emit('text', 100)), collect(s, 'text', 100)));
    for (const events of await Promise.all(got)) {
      assert.deepEqual(events.map(([i]) => i), [...Array(100).keys()]);
    }
    assert.equal(transport(socket), kind.transport === 'polling' ? 'polling' : transport(socket));
  });
}

// collect waits for the first count events and returns their arguments.
function collect(socket, event, count) {
  const all = [];
  return within(`${count} × ${event}`, (resolve, reject) => {
    socket.on(event, (...args) => all.push(args) === count && resolve(all));
    socket.on('disconnect', (reason) => reject(new Error(`${reason} after ${all.length} of ${count} × ${event}`)));
  });
}

// check looks at a flood's numbers, bytes and texts.
function check(name, events) {
  events.forEach(([i, bytes, text], n) => {
    assert.equal(i, n, `${name}: order`);
    assert.ok(Buffer.alloc(500, n).equals(bytes), `${name}: bytes of ${n}`);
    assert.equal(text, `${name} ${n}`);
  });
}
