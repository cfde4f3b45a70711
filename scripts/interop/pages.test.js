'use strict';

// Pages in a real browser, whose scripts use namespaces across origins. All
// names are of this machine, so that origins can be what they like.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { browse, visit } = require('./browser');
const { forFile } = require('./ends');
const { split } = require('./namespaces');
const { shop } = require('./shop');

const namespaces = ['/', '/admin', '/seller', '/room-17'];
const layout = {
  main: { namespaces: ['/'] },
  admin: { namespaces: ['/admin'] },
  seller: { namespaces: ['/seller'] },
  chat: { namespaces: ['~^/room-\\d+$'] },
};
const versioned = (version) => Object.fromEntries(Object.entries(layout).map(([name, config]) => [name, { ...config, version }]));

const file = forFile();
let shared;
const browser = () => (shared ??= browse(file, '--host-resolver-rules=MAP * 127.0.0.1'));

// use connects and asks in all namespaces; it runs in the page. Clients of 2.x
// send credentials by themselves.
async function use({ edge, namespaces, options }) {
  const root = window.io(edge, { reconnectionDelay: 50, ...options });
  const first = await new Promise((resolve, reject) => {
    root.io.once('open', () => resolve(root.io.engine.transport.name));
    root.once('connect_error', reject);
  });
  const call = (s, ...args) => new Promise((resolve) => s.emit(...args, resolve));
  const sockets = namespaces.map((name) => root.io.socket(name, options));
  const bytes = new Uint8Array([1, 2, 3, 0, 255]).buffer;
  const ask = async (s) => ({ ...(await call(s, 'whoami')), echo: [...new Uint8Array(await call(s, 'echo', bytes))] });
  const answers = await Promise.all(sockets.map(ask));
  while (root.io.engine.transport.name !== 'websocket') {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const again = await Promise.all(sockets.map(ask));
  const { headers } = await call(root, 'handshake');
  const requests = performance.getEntriesByType('resource').filter(({ name }) => name.includes('transport=polling')).length;
  root.io.reconnection(false); // or it would be counted twice
  root.io.engine.close();
  return { first, answers, again, headers, requests };
}

for (const version of ['4.8', '2.5']) {
  test(`X-05 a page of another origin, its client ${version}`, async (t) => {
    const port = await shop(t);
    const origin = `http://shop.example:${port}`;
    const edge = await split(t, versioned(version), {}, { origins: [origin] });
    const page = await visit(await browser(), version === '4.8' ? `${origin}/?edge=${edge.base}` : origin);
    const options = version === '4.8' ? { withCredentials: true } : {};
    const got = await page.evaluate(use, { edge: edge.base, namespaces, options });
    assert.equal(got.first, 'polling');
    assert.ok(got.requests > 0, 'no polling requests');
    const names = ['main', 'admin', 'seller', 'chat'];
    const pids = names.map((name) => edge.services[name].pid);
    for (const answers of [got.answers, got.again]) {
      assert.deepEqual(answers.map(({ service, pid, namespace }) => [service, pid, namespace]), names.map((name, i) => [name, pids[i], namespaces[i]]));
      answers.forEach(({ echo }) => assert.deepEqual(echo, [1, 2, 3, 0, 255]));
    }
    assert.equal(got.headers.origin, origin);
    for (const name of names) {
      assert.equal(edge.services[name].of({ event: 'engine' }).length, 1, `connections of ${name}`);
    }
    assert.deepEqual(page.faults, []);
  });
}

// attempt tries to connect by one transport and says what came of it.
function attempt([edge, transport]) {
  const socket = window.io(edge, { transports: [transport], reconnection: false, withCredentials: true });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve('connected'));
    socket.once('connect_error', (err) => resolve(err.message));
  });
}

const refused = { polling: 'xhr poll error', websocket: 'websocket error' };

describe('attack 7: pages that have no business here', () => {
  const foreign = {
    'another name': (port) => `http://evil.example:${port}`,
    'a name that begins alike': (port) => `http://shop.example.evil.example:${port}`,
    'a name that ends alike': (port) => `http://evil-shop.example:${port}`,
    'no origin, from a sandbox': (port) => `http://shop.example:${port}/?frame&`,
  };
  for (const [what, at] of Object.entries(foreign)) {
    test(what, async (t) => {
      const port = await shop(t);
      const edge = await split(t, layout, {}, { origins: [`http://shop.example:${port}`] });
      const url = at(port);
      const page = await visit(await browser(), url.includes('?') ? `${url}edge=${edge.base}` : `${url}/?edge=${edge.base}`);
      const frame = page.frames().at(-1);
      await frame.waitForFunction(() => window.io);
      for (const [transport, want] of Object.entries(refused)) {
        assert.equal(await frame.evaluate(attempt, [edge.base, transport]), want);
      }
      for (const service of Object.values(edge.services)) {
        assert.deepEqual(service.of({ event: 'handshake' }), [], `${service.name} was dialled`);
      }
    });
  }

  test('the page itself is let in', async (t) => {
    const port = await shop(t);
    const edge = await split(t, layout, {}, { origins: [`http://shop.example:${port}`] });
    const page = await visit(await browser(), `http://shop.example:${port}/?edge=${edge.base}`);
    for (const transport of Object.keys(refused)) {
      assert.equal(await page.evaluate(attempt, [edge.base, transport]), 'connected');
    }
  });
});

// oversize sends more than is allowed, and waits for what comes of it.
async function oversize([edge, transport]) {
  const socket = window.io(edge, { transports: [transport], reconnectionDelay: 50 });
  const next = (event) => new Promise((resolve) => socket.once(event, resolve));
  await next('connect');
  socket.emit('echo', 'x'.repeat(200_000), () => {});
  await next('disconnect');
  await next('connect');
  return new Promise((resolve) => socket.emit('whoami', ({ service }) => resolve(service)));
}

for (const transport of Object.keys(refused)) {
  test(`attack 22: a page that sends too much by ${transport} comes back`, async (t) => {
    const port = await shop(t);
    const origin = `http://shop.example:${port}`;
    const edge = await split(t, layout, { max_payload: 100_000 }, { origins: [origin] });
    const page = await visit(await browser(), `${origin}/?edge=${edge.base}`);
    assert.equal(await page.evaluate(oversize, [edge.base, transport]), 'main');
    assert.equal(edge.services.main.of({ event: 'engine' }).length, 2);
  });
}
