'use strict';

// What is peculiar to clients of Socket.IO 1 and 2, whose servers have everybody
// in the root namespace, asked or not.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { call, connect, connected, kindsOf, namespace, next, open } = require('./clients');
const { request } = require('./engine');
const { split } = require('./namespaces');

for (const version of ['2.5', '4.8']) {
  const main = { version, namespaces: ['/'] };
  const admin = { version, namespaces: ['/admin'] };
  for (const kind of version === '2.5' ? kindsOf('2.x', '1.x') : kindsOf('2.x')) {
    const name = `servers ${version}, client ${kind.version}, ${kind.transport}`;

    test(`X-01 the root is joined once, ${name}`, async (t) => {
      const edge = await split(t, { main, admin });
      const root = open(t, kind, edge.base);
      const seen = [];
      root.on('connect', () => seen.push('connect'));
      root.on('welcome', ({ service, namespace }) => seen.push(`${service} ${namespace}`));
      await connected(root);
      await namespace(t, root, '/admin');
      await call(root, 'whoami');
      assert.deepEqual(seen, ['connect', 'main /']);
      assert.equal(root.id, edge.services.main.of({ event: 'connection' })[0].id);
    });

    test(`X-02 nothing of another service's root is seen, ${name}`, async (t) => {
      const edge = await split(t, { main, admin: { ...admin, gossip: true } });
      const root = await connect(t, kind, edge.base);
      const seen = [];
      root.on('gossip', (...args) => seen.push(args));
      const joined = await namespace(t, root, '/admin');
      joined.on('gossip', (...args) => seen.push(args));
      for (const socket of [root, joined]) {
        assert.ok(Buffer.from('x').equals(await call(socket, 'echo', Buffer.from('x'))));
      }
      assert.deepEqual(seen, []);
    });

    test(`X-03 a service refuses its own root, ${name}`, async (t) => {
      const edge = await split(t, { main, admin: { ...admin, refuseRoot: true } });
      const root = await connect(t, kind, edge.base);
      const errors = []; // that clients give to all their namespaces
      root.on('error', (err) => errors.push(err));
      const joined = root.io.socket('/admin');
      assert.ok(await next(joined, 'error'));
      await call(root, 'whoami');
      assert.deepEqual(errors, []);
    });

    test(`X-04 nobody has the root, ${name}`, async (t) => {
      const edge = await split(t, { admin });
      const root = await connect(t, kind, edge.base);
      const joined = await namespace(t, root, '/admin');
      assert.equal((await call(joined, 'whoami')).namespace, '/admin');
      assert.ok(root.connected);
    });
  }
}

describe('X-05 across origins, with credentials', () => {
  const origin = 'https://shop.example';
  test('X-05 the origin is told back', async (t) => {
    const edge = await split(t, { main: { namespaces: ['/'] } }, {}, { origins: [origin] });
    const { status, headers } = await request(edge.base, 'GET', 'EIO=3&transport=polling', { headers: { Origin: origin } });
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], origin);
    assert.equal(headers['access-control-allow-credentials'], 'true');
  });
});
