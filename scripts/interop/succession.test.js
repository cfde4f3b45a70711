'use strict';

// An upgrade of usher takes the clients along: none of them notices.

const assert = require('node:assert/strict');
const http = require('node:http');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connected, kinds, open } = require('./clients');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };

// Two clients of each kind, one of which keeps its connections alive, three
// upgrades, and numbered events both ways in two namespaces all the while.
test('clients of three generations go on through three upgrades', { skip: direct && 'there is no usher' }, async (t) => {
  const edge = await split(t, layout, { max_connects: 100 });
  let over = false;
  const clients = [...kinds, ...kinds].map((kind, i) => talk(t, edge, kind, () => over, i < kinds.length));
  await Promise.all(clients.map((c) => c.begun));
  for (let i = 0; i < 3; i++) {
    const fresh = kinds.map((kind) => talk(t, edge, kind, () => over, i % 2 === 0)); // in the midst of whatever it is
    clients.push(...fresh);
    await sleep(20 * i);
    const said = await edge.front.upgrade();
    t.diagnostic(`upgrade ${i + 1}: ${said.sessions} sessions moved in ${said.duration_s.toFixed(3)} s, ${JSON.stringify(said.drain)} drain`);
    assert.deepEqual(said.drain, {});
    await Promise.all(fresh.map((c) => c.begun));
    await sleep(300);
  }
  over = true;
  const counts = await Promise.all(clients.map((c) => c.ended));
  t.diagnostic(`${counts.reduce((a, b) => a + b)} events were answered`);
  for (const s of Object.values(edge.services)) {
    assert.deepEqual(s.of({ event: 'disconnect' }), [], `${s.name}: sockets lost`);
  }
});

// talk is a client that asks and is asked, one after the other, until it is over.
function talk(t, edge, kind, over, keepAlive) {
  const name = `${kind.version} ${kind.transport}${keepAlive ? ', kept alive' : ''}`;
  const agent = new http.Agent({ keepAlive });
  atEnd(t, () => agent.destroy());
  const root = open(t, kind, edge.base, { agent });
  const both = [root, root.io.socket('/admin')];
  const lost = [];
  const ticks = both.map((s) => {
    const numbers = [];
    s.on('tick', (n) => numbers.push(n));
    s.on('disconnect', (reason) => over() || lost.push(`${name}: ${reason}`));
    return numbers;
  });
  const begun = Promise.all(both.map(connected));
  const ended = begun.then(async () => {
    let n = 0;
    for (; !over(); n++) {
      both.forEach((s) => s.emit('number', n));
      const answers = await Promise.all(both.map((s, i) => call(s, 'echo', n, Buffer.from([i]))));
      assert.deepEqual(answers, [n, n], `${name}: answers`);
      if (n % 20 === 0) {
        both.forEach((s) => s.emit('stream', 20, 5));
      }
      await sleep(5);
    }
    for (const s of both) {
      assert.deepEqual(await call(s, 'numbers'), [...Array(n).keys()], `${name}: to the server`);
    }
    await sleep(300); // of streams that have begun
    for (const numbers of ticks) {
      const counts = new Map();
      numbers.forEach((k) => counts.set(k, (counts.get(k) ?? 0) + 1));
      const each = Math.ceil(n / 20);
      assert.deepEqual([...counts.entries()].sort(([a], [b]) => a - b), [...Array(20).keys()].map((k) => [k, each]), `${name}: to the client`);
    }
    assert.deepEqual(lost, [], `${name}: disconnected`);
    return n;
  });
  return { begun, ended };
}
