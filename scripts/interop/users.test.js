'use strict';

// A user who may have one session, and opens another: the older one is closed, and
// its client stays away, where it would have closed the newer in turn.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, kindsOf, namespace, next } = require('./clients');
const { atEnd, forFile } = require('./ends');
const { split } = require('./namespaces');
const { secret, signed } = require('./tokens');

const file = forFile();
const quiet = 1_000; // milliseconds: five times what a client waits at most before it comes back
let edge;

before(async () => {
  const route = {
    auth: { jwt: { secret, audience: 'chat', from: [{ query: 'token' }], claims: { 'X-User-Id': 'sub' } } },
    limits: { sessions_per_user: { max: 1, by: 'X-User-Id', over: 'close_oldest' } },
  };
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
