'use strict';

// Socket.IO packets that no client of today would send, and what else is rare:
// each transcript is also taken of a real server that has all namespaces.

const assert = require('node:assert/strict');
const { before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { Manager } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { call, connect, connected, namespace, next, open, within } = require('./clients');
const { socket } = require('./engine');
const { atEnd, forFile } = require('./ends');
const { service, split } = require('./namespaces');

const file = forFile();
const kind = { version: '4.x', transport: 'websocket' };
const calm = { pingInterval: 25_000, pingTimeout: 20_000 };
let real;
let usher;

before(async () => {
  const beats = { ping_interval: '25s', ping_timeout: '20s' };
  const chat = ['~^/room-\\d+$', '/ä.b%20c', `/${'n'.repeat(255)}`];
  [real, usher] = await Promise.all([
    service(file, { name: 'direct', namespaces: ['/', '/admin', ...chat], options: calm }),
    split(file, { main: { namespaces: ['/'], options: calm }, admin: { namespaces: ['/admin'], options: calm }, chat: { namespaces: chat, options: calm } }, { ...beats, strict_namespaces: true }),
  ]);
});

const base = ({ port }) => `http://127.0.0.1:${port}`;

// transcript is what a server answers to packets, until it closes or is silent.
async function transcript(t, at, packets) {
  const ws = await socket(t, at, 'EIO=4&transport=websocket');
  const seen = [];
  await ws.next('open');
  ws.on('message', (data, binary) => seen.push(binary ? data.toString('hex') : data.toString()));
  let closed = false;
  ws.once('close', () => (closed = true));
  for (const packet of packets) {
    const before = seen.length;
    ws.send(packet);
    // The answers of one namespace are waited for, since those of several
    // processes have no order.
    for (let i = 0; i < 50 && !closed && String(packet).startsWith('40') && seen.length === before; i++) {
      await sleep(10);
    }
    await sleep(30);
  }
  for (let quiet = 0, count = -1; quiet < 4 && !closed; count = seen.length) {
    await sleep(50);
    quiet = count === seen.length ? quiet + 1 : 0;
  }
  ws.close();
  return { closed, seen: seen.filter((p) => !p.includes('welcome')).map((p) => p.replace(/"(sid|pid)":"[^"]+"/g, '$1')).sort() };
}

const placeholder = (num) => `{"_placeholder":true,"num":${num}}`;

const eleven = [...Array(11).keys()];

describe('S-17', () => {
  const violations = {
    'a second CONNECT': [['40', '40'], true],
    'an event before CONNECT': [['42["echo"]'], true],
    'an event to a namespace that was not joined': [['40', '42/admin,["x"]'], true],
    'text within a group': [['40', `451-["x",${placeholder(0)}]`, '42["y"]'], true],
    'bytes without a header': [['40', Buffer.from([1])], true],
    'eleven attachments': [['40', `4511-["x",${eleven.map(placeholder)}]`, ...eleven.map((i) => Buffer.from([i]))], true],
    'a count that is none': [['40', '45x-["x"]'], true],
    'a CONNECT_ERROR': [['40', '44{"message":"x"}'], true],
    'a broken payload': [['40', '42["x"'], true],
    'a payload that is no array': [['40', '42{"x":1}'], true],
    'a type that does not exist': [['40', '47'], true],
    'an empty packet': [['40', '4'], true],
    'an Engine.IO packet that does not exist': [['40', '8'], true],
    'CONNECT without a comma': [['40/admin', '42/admin,1["echo",2]'], false],
    'leave all and join again': [['40', '41', '40', '421["echo",2]'], false],
    'leave one and join again': [['40', '40/admin,', '41/admin,', '40/admin,', '42/admin,1["echo",2]'], false],
    'acknowledgements of nothing': [['40', '437[]', '4399["x"]', '421["echo",2]'], false],
    'nobody has the namespace': [['40/nope,', '40/nope2', '40', '421["echo",2]'], false],
    'no bytes in a group': [['40', '450-7["echo",2]'], true],
    'a group': [['40', `452-7["echo",${placeholder(0)},${placeholder(1)}]`, Buffer.from([1]), Buffer.from([2])], undefined],
  };
  for (const [name, [packets, ends]] of Object.entries(violations)) {
    test(`S-17 ${name}`, async (t) => {
      const [want, got] = await Promise.all([real, usher].map((s) => transcript(t, base(s), packets)));
      assert.deepEqual(got, want);
      assert.equal(want.closed, ends ?? want.closed);
    });
  }

  test('S-17 an event in flight to a namespace that was left', async (t) => {
    const kinder = await split(t, { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } });
    const { closed, seen } = await transcript(t, base(kinder), ['40', '40/admin,', '41/admin,', '42/admin,["x"]', '42/nobody,["x"]', '421["echo",2]']);
    assert.equal(closed, false);
    assert.ok(seen.includes('431[2]'));
  });
});

test('S-18 connect, disconnect and connect while a middleware thinks', async (t) => {
  const edge = await split(t, { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'], slow: 300 } });
  const root = await connect(t, kind, edge.base);
  const admin = root.io.socket('/admin');
  const seen = [];
  admin.on('connect', () => seen.push('connect'));
  admin.on('disconnect', (reason) => seen.push(reason));
  admin.disconnect();
  admin.connect();
  await edge.services.admin.told({ event: 'connection' }, 2);
  await call(admin, 'whoami');
  assert.deepEqual(seen, ['connect', 'connect']);
  assert.ok(root.connected);
});

test('S-20 a thousand attachments', async (t) => {
  const parser = './attachments.js';
  const edge = await split(t, { main: { namespaces: ['/'] }, many: { namespaces: ['/many'], parser } }, { max_payload: '10MB' });
  const root = new Manager(edge.base, { parser: require('../services/attachments.js'), transports: ['websocket'] });
  const many = root.socket('/many');
  atEnd(t, () => root._close());
  await connected(many);
  const sent = Array.from({ length: 1000 }, (_, i) => Buffer.alloc(i % 7, i));
  const back = await call(many, 'echo', sent);
  assert.deepEqual(back.map((b) => Buffer.from(b)), sent);
});

describe('S-21 names', () => {
  for (const name of ['/room-1', '/ä.b%20c', `/${'n'.repeat(255)}`]) {
    test(`S-21 ${name.slice(0, 20)} is routed`, async (t) => {
      const root = await connect(t, kind, base(usher));
      const joined = await namespace(t, root, name);
      assert.equal((await call(joined, 'whoami')).namespace, name);
      assert.equal((await call(joined, 'whoami')).service, 'chat');
    });
  }
  test('S-21 control characters end the session', async (t) => {
    for (const name of ['/a\u0007b', '/a\nb', '/a\u007f']) {
      assert.deepEqual(await transcript(t, base(usher), [`40${name},`]), { closed: true, seen: [] });
    }
  });
  for (const name of [`/${'n'.repeat(256)}`, '/room-1?x=1', '/ROOM-1', '/room-1/', '/%2e']) {
    test(`S-21 ${JSON.stringify(name.slice(0, 20))} is refused`, async (t) => {
      const root = await connect(t, kind, base(usher));
      const err = await next(root.io.socket(name), 'connect_error');
      assert.equal(err.message, 'Invalid namespace');
      await call(root, 'whoami');
    });
  }
});

describe('S-22 another parser', () => {
  const layout = { main: { namespaces: ['/'], parser: 'socket.io-msgpack-parser' }, admin: { namespaces: ['/admin'] } };
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    test(`S-22 has a fallback, ${transports}`, async (t) => {
      const edge = await split(t, layout, { fallback: 'main' });
      const manager = new Manager(edge.base, { parser: msgpack, transports });
      atEnd(t, () => manager._close());
      const client = manager.socket('/');
      await connected(client);
      const sent = { text: 'ä', bytes: Buffer.from([1, 2]) };
      const back = await call(client, 'echo', sent);
      assert.deepEqual([back.text, [...back.bytes]], ['ä', [1, 2]]);
    });
  }
  for (const transport of ['websocket', 'polling']) {
    test(`S-22 has none, ${transport}`, async (t) => {
      const edge = await split(t, layout);
      const manager = new Manager(edge.base, { parser: msgpack, transports: [transport], reconnection: false });
      atEnd(t, () => manager._close());
      manager.socket('/');
      const why = ({ context }) => context.reason ?? context.responseText; // which is gone a moment later
      const told = await within('the end', (resolve) => manager.once('close', (reason, details) => resolve(why(details))));
      assert.match(told, /parser of its own.*needs a fallback/);
    });
  }
});
