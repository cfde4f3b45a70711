'use strict';

// Messages of `ws` through usher: what goes in comes out, both ways.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { before, describe, test } = require('node:test');
const { bridge, closed, directions, event, message, messages } = require('./bridge');
const { forFile } = require('./ends');

const mebibyte = 1 << 20;
const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, mebibyte, 16 * mebibyte];

const greetings = Array.from({ length: 100 }, (_, i) => `greeting ${i}`);

const file = forFile();
let ends;

before(async () => {
  const upstreams = { plain: {}, deflate: { perMessageDeflate: { threshold: 0 } }, chatty: {} };
  ends = await bridge(file, upstreams, { max_message: '32MiB' });
  ends.servers.chatty.on('connection', (ws) => {
    greetings.forEach((greeting) => ws.send(greeting));
    ws.close(4000, 'that is all');
  });
});

for (const { from, to } of directions) {
  describe(`${from} to ${to}`, () => {
    for (const size of sizes) {
      test(`binary, ${size} bytes`, async (t) => {
        const pair = await ends.pair(t, 'plain');
        const sent = randomBytes(size);
        pair[from].send(sent);
        await arrives(pair[to], sent, true);
      });

      test(`text, ${size} bytes`, async (t) => {
        const pair = await ends.pair(t, 'plain');
        const sent = Buffer.from(text(size));
        pair[from].send(sent, { binary: false });
        await arrives(pair[to], sent, false);
      });
    }

    test('10,000 small messages keep their order', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const received = messages(pair[to], 10_000);
      for (let i = 0; i < 10_000; i++) {
        pair[from].send(`message ${i}`);
      }
      (await received).forEach(({ data }, i) => assert.equal(data.toString(), `message ${i}`));
    });

    test('fragments, with pings between them', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const parts = [0, 1, 125, 70_000, 0, 3].map((size) => randomBytes(size));
      const pings = [];
      pair[to].on('ping', (payload) => pings.push(payload.toString()));
      const received = message(pair[to]);
      parts.forEach((part, i) => {
        pair[from].send(part, { fin: false });
        pair[from].ping(`after part ${i}`);
      });
      pair[from].send('the end', { fin: true });
      assert.ok((await received).data.equals(Buffer.concat([...parts, Buffer.from('the end')])));
      assert.deepEqual(pings, parts.map((_, i) => `after part ${i}`));
    });

    test('a character split over two fragments', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const sent = Buffer.from('€');
      pair[from].send(sent.subarray(0, 2), { binary: false, fin: false });
      pair[from].send(sent.subarray(2), { fin: true });
      await arrives(pair[to], sent, false);
    });

    for (const payload of ['', 'x', 'Grüße', 'p'.repeat(125)]) {
      test(`ping of ${Buffer.byteLength(payload)} bytes and its pong`, async (t) => {
        const pair = await ends.pair(t, 'plain');
        const [ping, pong] = [event(pair[to], 'ping'), event(pair[from], 'pong')];
        pair[from].ping(payload);
        assert.equal((await ping).toString(), payload);
        assert.equal((await pong).toString(), payload);
      });
    }

    test('an unasked pong', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const pong = event(pair[to], 'pong');
      pair[from].pong('heartbeat');
      assert.equal((await pong).toString(), 'heartbeat');
    });

    test('permessage-deflate stays compressed on both legs', async (t) => {
      const pair = await ends.pair(t, 'deflate');
      const socket = { client: pair.response.socket, upstream: pair.request.socket };
      const [read, written] = [socket[to].bytesRead, socket[from].bytesWritten];
      const sent = Buffer.from(text(mebibyte));
      pair[from].send(sent, { binary: false });
      await arrives(pair[to], sent, false);
      assert.ok(socket[from].bytesWritten - written < mebibyte / 20, 'the sender did not compress');
      assert.ok(socket[to].bytesRead - read < mebibyte / 20, 'it came uncompressed');
    });

    test('permessage-deflate keeps its context from message to message', async (t) => {
      const pair = await ends.pair(t, 'deflate');
      for (const size of [0, 1, 1000, 1000, 100_000, 16 * mebibyte]) {
        const sent = randomBytes(size);
        pair[from].send(sent);
        await arrives(pair[to], sent, true);
      }
    });

    test('permessage-deflate with fragments', async (t) => {
      const pair = await ends.pair(t, 'deflate');
      const parts = ['a'.repeat(1000), '', 'b'.repeat(70_000)];
      const received = message(pair[to]);
      parts.forEach((part) => pair[from].send(part, { fin: false }));
      pair[from].send('c', { fin: true });
      assert.equal((await received).data.toString(), parts.join('') + 'c');
    });
  });
}

test('both ways at once', async (t) => {
  const { client, upstream } = await ends.pair(t, 'plain');
  const sent = Array.from({ length: 500 }, (_, i) => randomBytes((i * 7919) % 40_000));
  const received = [messages(client, sent.length), messages(upstream, sent.length)];
  for (const bytes of sent) {
    client.send(bytes);
    upstream.send(bytes);
  }
  for (const all of await Promise.all(received)) {
    all.forEach(({ data }, i) => assert.ok(data.equals(sent[i]), `message ${i} changed`));
  }
});

test('what the upstream says right behind its 101', async () => {
  const client = ends.dial('chatty');
  const got = [];
  client.on('message', (data) => got.push(data.toString()));
  assert.deepEqual(await closed(client), { code: 4000, reason: 'that is all' });
  assert.deepEqual(got, greetings);
});

// arrives fails unless this message is the next one.
async function arrives(ws, want, binary) {
  const got = await message(ws);
  assert.equal(got.binary, binary, 'binary');
  assert.equal(got.data.length, want.length, 'length');
  assert.ok(got.data.equals(want), 'content');
}

// text is compressible and of characters that take one to four bytes.
function text(size) {
  const line = 'usher: Grüße, 世界 🙂\n';
  const lines = line.repeat(Math.floor(size / Buffer.byteLength(line)));
  return lines + '.'.repeat(size - Buffer.byteLength(lines));
}
