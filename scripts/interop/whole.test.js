'use strict';

// relay: messages on a route: whole messages, uncompressed, for old upstreams.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { before, describe, test } = require('node:test');
const { bridge, closed, directions, message } = require('./bridge');
const { call, connect, kinds } = require('./clients');
const { forFile } = require('./ends');
const { ports, services } = require('./processes');
const { direct, front } = require('./usher');

const route = { relay: 'messages', max_message: '32MiB' };

const file = forFile();
let ends;
let edge;

before(async () => {
  ends = await bridge(file, { plain: {}, deflate: { perMessageDeflate: true } }, route);
  edge = await front(file, ports(await services(file, 'main')), route);
});

for (const { from, to } of directions) {
  describe(`${from} to ${to}`, () => {
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20]) {
      test(`${size} bytes`, async (t) => {
        const pair = await ends.pair(t, 'plain');
        const sent = randomBytes(size);
        pair[from].send(sent);
        assert.ok((await message(pair[to])).data.equals(sent));
      });
    }

    test('fragments', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const received = message(pair[to]);
      ['Grüße', '', ', ', '世界'].forEach((part) => pair[from].send(part, { fin: false }));
      pair[from].send('!', { fin: true });
      const { data, binary } = await received;
      assert.deepEqual([data.toString(), binary], ['Grüße, 世界!', false]);
    });

    for (const code of [1000, 1001, 1011, 1012, 3000, 4999]) {
      test(`code ${code}`, async (t) => {
        const pair = await ends.pair(t, 'plain');
        const ended = closed(pair[to]);
        pair[from].close(code, `because ${code}`);
        assert.deepEqual(await ended, { code, reason: `because ${code}` });
      });
    }
  });
}

test('compression is not offered to the upstream', { skip: direct }, async (t) => {
  const { client, upstream } = await ends.pair(t, 'deflate');
  assert.equal(client.extensions, '');
  assert.equal(upstream.extensions, '');
});

for (const kind of kinds) {
  test(`socket.io-client ${kind.version}, ${kind.transport}`, async (t) => {
    const socket = await connect(t, kind, edge.byPath('main'));
    const sent = { text: 'Grüße', bytes: randomBytes(100_000) };
    assert.deepEqual(await call(socket, 'echo', sent), sent);
  });
}
