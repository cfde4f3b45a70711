'use strict';

// F-20: clients that are not JavaScript. Python's come with Debian.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const readline = require('node:readline');
const { test } = require('node:test');
const { within } = require('./clients');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const layout = {
  main: { namespaces: ['/'] },
  admin: { namespaces: ['/admin'], token: 'open' },
  seller: { namespaces: ['/seller'] },
  chat: { namespaces: ['~^/room-\\d+$'] },
};
const names = { '/': 'main', '/admin': 'admin', '/seller': 'seller', '/room-17': 'chat' };

// python starts the client; its tell takes the next line that it prints.
async function python(t, base, transport) {
  const child = spawn('/usr/bin/python3', [path.join(__dirname, 'foreign.py'), base, transport]);
  atEnd(t, () => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const tell = (what) =>
    within(what, async (resolve, reject) => {
      const { value, done } = await lines.next();
      done ? reject(new Error(`${stderr} instead of ${what}`)) : resolve(JSON.parse(value));
    }, 30_000);
  return { child, tell, order: (command) => child.stdin.write(`${command}\n`) };
}

async function asks(client, transport) {
  client.order('ask');
  for (const [namespace, service] of Object.entries(names)) {
    assert.deepEqual(await client.tell(`answers in ${namespace}`), {
      namespace, service: direct ? 'all' : service, same_id: true, auth: { token: 'open' }, echo: true, asked: true, transport,
    });
  }
}

for (const transport of ['polling', 'websocket', 'upgrade']) {
  test(`F-20 Python by ${transport}, policy transport`, async (t) => {
    const edge = await split(t, layout, { on_loss: 'transport' });
    const client = await python(t, edge.base, transport);
    const ends = transport === 'polling' ? 'polling' : 'websocket';
    assert.deepEqual(await client.tell('connect'), { connected: Object.keys(names).sort() });
    await asks(client, ends);
    if (!direct) {
      await comesBack(t, edge, client);
      await asks(client, ends);
    }
    const exited = once(client.child, 'exit');
    client.child.stdin.end();
    assert.deepEqual(await client.tell('the end'), { over: true });
    assert.deepEqual(await exited, [0, null]);
    for (const [namespace, name] of Object.entries(names)) {
      await edge.services[name].told({ event: 'disconnect', namespace });
    }
  });
}

// comesBack has a server crash under the client, which is to join everything
// again by itself.
async function comesBack(t, edge, client) {
  client.order('wait');
  await edge.services.admin.kill();
  await edge.restart(t, 'admin', layout.admin);
  const want = Object.fromEntries(Object.keys(names).map((name) => [name, ['disconnect', 'connect']]));
  assert.deepEqual((await client.tell('the return of all namespaces')).seen, want);
}
