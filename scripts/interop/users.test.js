'use strict';

// A user who may have one session, and opens another: the older one is closed, and
// its client stays away, where it would have closed the newer in turn.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, kindsOf, namespace, next, open } = require('./clients');
const { atEnd, forFile } = require('./ends');
const { split } = require('./namespaces');
const { secret, signed } = require('./tokens');

const file = forFile();
const quiet = 1_000; // milliseconds: five times what a client waits at most before it comes back
const route = {
  auth: { jwt: { secret, audience: 'chat', from: [{ query: 'token' }], claims: { 'X-User-Id': 'sub' } } },
  limits: { sessions_per_user: { max: 1, by: 'X-User-Id', over: 'close_oldest' } },
};
let edge;

before(async () => {
  const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] }, down: { namespaces: ['/down'] } };
  edge = await split(file, layout, {}, route);
  await edge.services.down.kill();
});

for (const kind of kindsOf('1.x', '2.x', '3.x', '4.0', '4.x')) {
  test(`the newest stays, client ${kind.version}, ${kind.transport}`, async (t) => {
    const user = t.name;
    const come = () => connect(t, kind, edge.base, { query: { token: signed(user, 60), user } });
    const heard = [];
    const clients = [];
    for (let i = 0; i < 3; i++) {
      const root = await come();
      const sockets = [root, await namespace(t, root, '/admin')];
      const waits = root.io.socket('/down'); // nobody is there
      atEnd(t, () => waits.close());
      waits.on(kind.version < '3' ? 'error' : 'connect_error', (err) => heard.push(err.message ?? err));
      await call(root, 'echo', 'so that this was read'); // and what was sent before
      const left = sockets.map((s) => next(s, 'disconnect'));
      if (i > 0) {
        assert.deepEqual(await Promise.all(clients.at(-1).left), ['io server disconnect', 'io server disconnect']);
      }
      left.forEach((one) => one.catch(() => {})); // the newest stays
      clients.push({ sockets, left });
    }
    await sleep(quiet);
    const newest = clients.pop();
    assert.deepEqual(clients.map(({ sockets }) => sockets.map((s) => s.connected)), [[false, false], [false, false]]);
    for (const s of newest.sockets) {
      assert.equal(await call(s, 'echo', 'here'), 'here');
    }
    assert.deepEqual(heard, ['too many sessions', 'too many sessions']);
    const came = edge.services.main.of({ event: 'handshake' }).filter(({ url }) => new URL(url, edge.base).searchParams.get('user') === user);
    assert.equal(came.length, 3, 'connections of this user');
  });
}

// Clients 1 and 2 are in "/" as soon as their handshake is answered. As long as it can't
// be, as nobody is there, they have no session that another's is to be closed for.
for (const kind of kindsOf('1.x', '2.x')) {
  test(`who can't begin closes nobody, client ${kind.version}, ${kind.transport}`, async (t) => {
    const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };
    const own = await split(t, layout, {}, route);
    const come = (of) => open(t, of, own.base, { query: { token: signed('one', 60) } });
    await own.services.main.kill();
    const there = come({ version: '4.x', transport: 'websocket' });
    const admin = await namespace(t, there, '/admin');
    const crowd = Array.from({ length: 20 }, () => come(kind));
    await Promise.all(crowd.map((s) => next(s.io, 'reconnect_attempt')));
    await sleep(quiet);
    assert.deepEqual(replaced(own), [], 'closed for those who wait');
    assert.equal(await call(admin, 'echo', 'here'), 'here');

    const left = [];
    crowd.forEach((s, i) => s.on('disconnect', (why) => left.push([i, why])));
    const settled = crowd.map((s) => Promise.any(['connect', 'disconnect'].map((event) => next(s, event))));
    await own.restart(t, 'main', layout.main);
    await Promise.all(settled);
    await quietly(() => left.length);
    // One that is in the midst of its upgrade may not hear why, and comes back.
    const unheard = kind.transport === 'upgrade' ? left.filter(([, why]) => why === 'transport close').length : 0;
    const told = left.filter(([, why]) => why === 'io server disconnect');
    assert.equal(new Set(told.map(([i]) => i)).size, 19, 'each is told');
    assert.deepEqual([told.length, left.length], [19, 19 + unheard], 'each is told once');
    assert.equal(crowd.filter((s) => s.connected).length, 1, 'the newest stays');
    assert.equal(replaced(own).length, 20 + unheard, 'with that of /admin');
  });
}

// quietly waits until a number is what it was for a while.
async function quietly(number) {
  for (let last; last !== (last = number()); ) {
    await sleep(quiet);
  }
}

const replaced = (of) => of.front.logged('session ended').filter(({ cause }) => cause === 'usher.replaced');
