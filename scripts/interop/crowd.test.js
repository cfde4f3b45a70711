'use strict';

// The founding story once more, for clients that have one connection and four
// namespaces on it. scripts/demo-socketio tells it in words.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { open } = require('./clients');
const { every, gather, sum } = require('./crowd');
const { split } = require('./namespaces');
const { start } = require('./processes');
const { direct } = require('./usher');

const layout = {
  main: { namespaces: ['/'] },
  admin: { namespaces: ['/admin'] },
  seller: { namespaces: ['/seller'] },
  chat: { namespaces: ['/chat'] },
};
const namespaces = Object.values(layout).flatMap((config) => config.namespaces);
const others = namespaces.filter((name) => name !== '/admin');
const crash = 'server.handleUpgrade() was called more than once with the same socket';

const allAnswered = (talk) => talk.answers === talk.asked;

// more waits for so many further answers to each.
function more(talks, count) {
  const before = new Map(talks.map((talk) => [talk, talk.answers]));
  return every(talks, `${count} further answers`, (talk) => talk.answers >= before.get(talk) + count);
}

test('four Socket.IO servers in one process die of the first WebSocket', async (t) => {
  const backend = await start(t, 'legacy/one-process.js');
  open(t, { version: '4.x', transport: 'websocket' }, `http://127.0.0.1:${backend.port}`, { reconnection: false });
  const { code } = await backend.exited;
  assert.equal(code, 1);
  assert.ok(backend.stderr.includes(crash), backend.stderr);
});

test('the same four in four processes serve 200 clients, and one may be killed', async (t) => {
  const edge = await split(t, layout, { on_loss: { admin: 'reconnect' } });
  const crowd = await gather(t, edge.base, namespaces, 200);
  const [admin, rest] = [crowd.of('/admin'), crowd.of(...others)];
  const everybody = [...admin, ...rest];
  crowd.talk(1_000);
  await every(everybody, 'the first answers', (talk) => talk.answers >= 2);
  if (!direct) {
    await edge.services.admin.kill();
    await more(rest, 2);
    await edge.restart(t, 'admin', layout.admin);
    await every(admin, 'the return of /admin', (talk) => talk.connects === 1);
    await more(admin, 1);
  }
  crowd.hush();
  await every(rest, 'all other answers', allAnswered);
  t.diagnostic(`${sum(rest, 'answers')} of ${sum(rest, 'asked')} answers beside /admin, ${sum(admin, 'answers')} of ${sum(admin, 'asked')} in it`);
  assert.deepEqual(everybody.flatMap((talk) => talk.faults), []);
  assert.equal(sum(rest, 'connects'), 0, 'further connects beside /admin');
});
