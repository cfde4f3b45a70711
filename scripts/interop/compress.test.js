'use strict';

// Compression between clients and usher, which upstreams know nothing of.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { test } = require('node:test');
const { browse, visit } = require('./browser');
const { call, connect, connected, within } = require('./clients');
const { socket } = require('./engine');
const { split } = require('./namespaces');
const { direct } = require('./usher');
const { wire } = require('./wire');

// The services would compress too, if they were asked.
const greedy = { options: { perMessageDeflate: { threshold: 0 }, maxHttpBufferSize: 1e6 } };
const layout = { main: { namespaces: ['/'], ...greedy }, admin: { namespaces: ['/admin'], ...greedy } };

// compressing starts the services behind usher, behind a wire.
async function compressing(t, route = { compress: true }, versioned = layout) {
  const edge = await split(t, versioned, {}, route);
  return { edge, ...(await wire(t, edge.port)) };
}

const sum = (list) => list.reduce((n, { length }) => n + length, 0);
const compressed = (list) => list.filter((frame) => frame.compressed);

function assertPlainLegs(edge) {
  for (const service of Object.values(edge.services)) {
    const asked = service.of({ event: 'handshake' });
    assert.ok(asked.length > 0, `handshakes of ${service.name}`);
    asked.forEach(({ headers }) => assert.equal(headers['sec-websocket-extensions'], undefined));
  }
}

const rows = Array.from({ length: 2000 }, (_, id) => ({ id, name: `customer ${id}`, city: 'Zürich', tags: ['new', '✓'] }));
const rare = randomBytes(50_000);
const common = Buffer.alloc(50_000, 'ab');

// exchange sends and echoes what compresses well and what does not, and
// numbers between, whose order tells of everything.
async function exchange(root, admin) {
  assert.deepEqual(await call(root, 'echo', rows), rows);
  assert.deepEqual(await call(admin, 'echo', { rows, at: 'admin' }), { rows, at: 'admin' });
  const { bytes, more } = await call(root, 'echo', { bytes: rare, more: [common, rows, rare] });
  assert.ok(rare.equals(bytes) && common.equals(more[0]) && rare.equals(more[2]), 'attachments');
  assert.deepEqual(more[1], rows);
  const numbers = Array.from({ length: 60 }, (_, n) => n);
  for (const n of numbers) {
    if (n % 3 === 0) {
      root.emit('binary', n, Buffer.alloc(n % 2 ? 5000 : 5, n));
    } else {
      root.emit('number', n, n % 3 === 1 ? 'x'.repeat(3000) : '');
    }
    admin.emit('number', n, 'y'.repeat(n * 50));
  }
  assert.deepEqual(await call(root, 'numbers'), numbers);
  assert.deepEqual(await call(admin, 'numbers'), numbers);
  const got = [];
  root.on('flood', (i, bytes, text) => got.push([i, bytes.length, bytes[0], text]));
  root.emit('flood', 50, 4000);
  await call(root, 'whoami'); // its answer stands behind the flood
  assert.deepEqual(got, Array.from({ length: 50 }, (_, i) => [i, 4000, i, `/ ${i}`]));
}

for (const [version, server] of [['4.x', '4.8'], ['3.x', '4.8'], ['2.x', '2.5']]) {
  for (const transport of ['websocket', 'upgrade']) {
    test(`client ${version}, ${transport}`, { skip: direct }, async (t) => {
      const versioned = Object.fromEntries(Object.entries(layout).map(([name, config]) => [name, { ...config, version: server }]));
      const { edge, base, frames } = await compressing(t, { compress: true }, versioned);
      const root = await connect(t, { version, transport }, base, { perMessageDeflate: { threshold: 1024 } });
      const admin = root.io.socket('/admin');
      await connected(admin);
      await exchange(root, admin);
      for (const [who, list] of Object.entries(frames)) {
        assert.ok(compressed(list).length >= 5, `compressed frames of the ${who}: ${compressed(list).length} of ${list.length}`);
        assert.ok(list.some((frame) => !frame.compressed), `short frames of the ${who} are as they are`);
      }
      compressed(frames.server).forEach(({ length }) => assert.ok(length > 0));
      assertPlainLegs(edge);
    });
  }
}

test('nothing is compressed on a route that does not say so', { skip: direct }, async (t) => {
  const { base, frames } = await compressing(t, {});
  const root = await connect(t, { version: '4.x', transport: 'websocket' }, base, { perMessageDeflate: { threshold: 0 } });
  assert.deepEqual(await call(root, 'echo', rows), rows);
  assert.equal(compressed([...frames.client, ...frames.server]).length, 0);
  assert.ok(sum(frames.server) > JSON.stringify(rows).length);
});

// raw opens a session and joins the root namespace.
async function raw(t, base, options) {
  const ws = await socket(t, base, 'EIO=4&transport=websocket', options);
  assert.match(await ws.next(), /^0\{/);
  ws.send('40');
  assert.match(await ws.next(), /^40\{/);
  assert.match(await ws.next(), /welcome/);
  return ws;
}

const extension = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

for (const [what, offer, answer] of [
  ['any window', {}, extension],
  ['a small window of its own', { clientMaxWindowBits: 9 }, extension],
  ['a small window of the server', { serverMaxWindowBits: 12 }, `${extension}; server_max_window_bits=12`],
]) {
  test(`ws with ${what}`, { skip: direct }, async (t) => {
    const { edge, base, frames } = await compressing(t);
    const handshake = {};
    const ws = await raw(t, base, { perMessageDeflate: { threshold: 0, ...offer }, finishRequest: (req) => req.once('upgrade', (res) => Object.assign(handshake, res.headers)).end() });
    assert.equal(handshake['sec-websocket-extensions'], answer);
    for (const size of [10, 1100, 3000, 4200, 40_000, 400_000]) {
      ws.send(`421["echo","${'ab ä'.repeat(size / 4)}"]`);
      assert.equal(await ws.next(), `431["${'ab ä'.repeat(size / 4)}"]`);
    }
    assert.ok(compressed(frames.server).length >= 2);
    assert.ok(frames.client.every((frame) => frame.compressed));
    assertPlainLegs({ services: { main: edge.services.main } });
  });
}

test('attack 17: a bomb', { skip: direct }, async (t) => {
  const { edge, base } = await compressing(t);
  const other = await connect(t, { version: '4.x', transport: 'websocket' }, base);
  const before = edge.memory();
  for (let i = 0; i < 5; i++) {
    const ws = await raw(t, base, { perMessageDeflate: { threshold: 0 } });
    ws.send(`42["${'x'.repeat(200_000_000)}"]`);
    assert.equal((await ws.ended).code, 1009);
  }
  const grown = edge.memory() - before;
  assert.ok(grown < 30e6, `usher has grown by ${grown} bytes`);
  assert.equal(await call(other, 'echo', 'still here'), 'still here');
});

test('a page in Chromium', { skip: direct }, async (t) => {
  const { edge, base, frames } = await compressing(t);
  const browser = await browse(t);
  const page = await visit(browser, `${base}/socket.io/socket.io.js`);
  await page.addScriptTag({ url: `${base}/socket.io/socket.io.js` });
  const run = page.evaluate(async ([edge, rows]) => {
    const root = window.io(edge, { transports: ['websocket'] });
    const admin = root.io.socket('/admin');
    const echo = (s, value) => new Promise((resolve) => s.emit('echo', value, resolve));
    const bytes = new Uint8Array(50_000).fill(7);
    const [text, other, binary] = await Promise.all([echo(root, rows), echo(admin, rows), echo(root, { bytes: bytes.buffer, rows })]);
    return [text, other, binary.rows, new Uint8Array(binary.bytes).filter((b) => b === 7).length];
  }, [base, rows]);
  const got = await within('the answers to the page', (resolve, reject) => run.then(resolve, reject));
  assert.deepEqual(got, [rows, rows, rows, 50_000]);
  assert.ok(compressed(frames.client).length >= 3, 'compressed frames of the page');
  assert.ok(compressed(frames.server).length >= 3, 'compressed frames of usher');
  assert.ok(sum(frames.server) < JSON.stringify(rows).length, 'what usher has sent');
  assertPlainLegs(edge);
});

test('E-31 a page in Chromium that polls', { skip: direct }, async (t) => {
  const { edge, base, frames } = await compressing(t);
  const page = await visit(await browse(t), `${base}/socket.io/socket.io.js`);
  await page.addScriptTag({ url: `${base}/socket.io/socket.io.js` });
  const run = page.evaluate(async ([edge, rows]) => {
    const root = window.io(edge, { transports: ['polling'] });
    const echo = (value) => new Promise((resolve) => root.emit('echo', value, resolve));
    const answers = [await echo(rows), await echo('short'), await echo(rows)];
    const got = performance.getEntriesByType('resource').filter(({ name }) => name.includes('transport=polling'));
    return { answers, sizes: got.map(({ encodedBodySize, decodedBodySize }) => [encodedBodySize, decodedBodySize]) };
  }, [base, rows]);
  const { answers, sizes } = await within('the answers to the page', (resolve, reject) => run.then(resolve, reject));
  assert.deepEqual(answers, [rows, 'short', rows]);
  const small = sizes.filter(([encoded, decoded]) => encoded < decoded);
  assert.equal(small.length, 2, `sizes ${JSON.stringify(sizes)}`);
  small.forEach(([encoded, decoded]) => assert.ok(decoded > 1024 && encoded < decoded / 4));
  assert.equal(frames.client.length, 0);
  assertPlainLegs({ services: { main: edge.services.main } });
});
