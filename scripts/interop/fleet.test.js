'use strict';

// Clients of three ushers that are one: each of their connections comes to another
// node than the one before, and nobody notices.

const assert = require('node:assert/strict');
const { before, describe, test } = require('node:test');
const { call, connect, kindsOf, namespace, reconnected, transport, within } = require('./clients');
const { forFile } = require('./ends');
const { fleet } = require('./fleet');
const { direct } = require('./usher');

const file = forFile();
const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };
const kinds = kindsOf('2.x', '3.x', '4.x');
const ticks = 60;

let edge;
before(async () => {
  edge = await fleet(file, 3, layout, { max_connects: 1000 });
});

// watched joins both namespaces, and keeps what should not happen.
async function watched(t, kind, base) {
  const faults = [];
  const socket = await connect(t, kind, base);
  const sockets = [socket, await namespace(t, socket, '/admin')];
  for (const one of sockets) {
    for (const event of ['connect_error', 'error', 'disconnect', 'reconnect', 'connect']) {
      one.on(event, (what) => faults.push(`${event} ${what}`));
    }
  }
  return { sockets, faults };
}

// numbered has a server send numbers, and returns them as they come.
function numbered(socket) {
  const got = [];
  return within(`${ticks} numbers`, (resolve) => {
    socket.on('tick', (i) => {
      got.push(i);
      if (got.length === ticks) {
        resolve(got);
      }
    });
    socket.emit('stream', ticks, 20);
  });
}

const numbers = (count) => [...Array(count).keys()];

describe('no client notices that there are three', () => {
  for (const kind of kinds) {
    test(`${kind.version}, ${kind.transport}`, async (t) => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => watched(t, kind, edge.base)));
      await Promise.all(clients.flatMap(({ sockets }) => sockets.map(async (socket) => {
        const down = numbered(socket);
        for (const i of numbers(20)) {
          socket.emit('number', i);
          assert.equal(await call(socket, 'echo', i), i);
        }
        assert.deepEqual(await call(socket, 'numbers'), numbers(20), 'from the client');
        assert.deepEqual(await down, numbers(ticks), 'from the server');
      })));
      assert.deepEqual(clients.flatMap(({ faults }) => faults), []);
      assert.equal(transport(clients[0].sockets[0]), kind.transport === 'polling' ? 'polling' : 'websocket');
    });
  }
});

test('a node is killed: its clients come back, and who had no part in it does not notice', { skip: direct && 'there is no node' }, async (t) => {
  const own = await fleet(t, 3, layout, { max_connects: 1000 });
  const clients = await Promise.all(kindsOf('4.x').flatMap((kind) => [1, 2, 3].map(async () => ({ kind, ...(await watched(t, kind, own.base)) }))));
  // Who has begun by WebSocket is where its session is.
  const apart = clients.filter(({ kind, sockets }) => kind.transport === 'websocket' && !sockets[0].io.engine.id.includes('~n.n2.'));
  assert.ok(apart.length > 0, 'nobody is apart');
  own.edges[2].front.usher.child.kill('SIGKILL');
  own.edges[2].front.stop = async () => undefined;
  await Promise.all(clients.map(async ({ sockets: [socket] }) => {
    for (const i of numbers(5)) {
      await reconnected(socket);
      await call(socket, 'echo', i).catch(() => reconnected(socket));
    }
    assert.equal(await call(socket, 'echo', 'back'), 'back');
  }));
  assert.deepEqual(apart.flatMap(({ faults }) => faults), []);
});
