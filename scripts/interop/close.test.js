'use strict';

// The end of a connection: codes and reasons pass both ways, and a code that
// must not stand on the wire never does.

const assert = require('node:assert/strict');
const { before, describe, test } = require('node:test');
const { bridge, closed, directions } = require('./bridge');
const { forFile } = require('./ends');
const { direct } = require('./usher');

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// RFC 6455, 7.4, and the IANA registry: what may stand in a Close frame.
const legal = [...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)];

// What may not, or what nobody has defined.
const illegal = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65_535];

const reasons = ['', 'bye', 'Grüße, 世界 🙂', 'r'.repeat(123), '€'.repeat(41)];

const file = forFile();
let ends;

before(async () => {
  ends = await bridge(file, { plain: {} });
});

for (const { from, to } of directions) {
  describe(`${from} to ${to}`, () => {
    for (const [first, last] of [[1000, 1014], [3000, 3999], [4000, 4999]]) {
      test(`codes ${first} to ${last}`, async (t) => {
        const codes = legal.filter((code) => first <= code && code <= last);
        while (codes.length > 0) {
          await Promise.all(codes.splice(0, 50).map((code) => passes(t, from, to, code, `because ${code}`)));
        }
      });
    }

    for (const reason of reasons) {
      test(`a reason of ${Buffer.byteLength(reason)} bytes`, async (t) => {
        await passes(t, from, to, 4321, reason);
      });
    }

    test('no code at all', async (t) => {
      const pair = await ends.pair(t, 'plain');
      const ended = Promise.all([closed(pair[to]), closed(pair[from])]);
      pair[from].close();
      assert.deepEqual(await ended, [
        { code: 1005, reason: '' },
        { code: 1005, reason: '' },
      ]);
    });

    test('messages before the end arrive', async (t) => {
      const pair = await ends.pair(t, 'plain');
      let bytes = 0;
      pair[to].on('message', (data) => (bytes += data.length));
      const ended = closed(pair[to]);
      for (let i = 0; i < 100; i++) {
        pair[from].send(Buffer.alloc(50_000, i));
      }
      pair[from].close(1000, 'all sent');
      assert.deepEqual(await ended, { code: 1000, reason: 'all sent' });
      assert.equal(bytes, 5_000_000);
    });

    for (const code of illegal) {
      test(`code ${code} is not passed on`, { skip: direct }, async (t) => {
        await stops(t, from, to, Buffer.from([code >> 8, code & 0xff]));
      });
    }

    test('a Close frame of one byte is not passed on', { skip: direct }, async (t) => {
      await stops(t, from, to, Buffer.from([3]));
    });

    test('a reason that is no UTF-8 is not passed on', { skip: direct }, async (t) => {
      await stops(t, from, to, Buffer.from([0x03, 0xe8, 0xff, 0xfe]));
    });
  });
}

test('a client that vanishes is gone for the upstream too', async (t) => {
  const { client, upstream } = await ends.pair(t, 'plain');
  const ended = closed(upstream);
  client.terminate();
  assert.equal((await ended).code, direct ? 1006 : 1001); // usher says what it saw: the client went away
});

test('an upstream that vanishes is a 1011 for the client', { skip: direct }, async (t) => {
  const { client, upstream } = await ends.pair(t, 'plain');
  const ended = closed(client);
  upstream.terminate();
  const { code, reason } = await ended;
  assert.equal(code, 1011);
  assert.match(reason, /upstream/);
  assert.doesNotMatch(reason, /\d+\.\d+\.\d+\.\d+|:\d+/, 'the reason tells an address');
});

// passes closes with a code, and wants the peer to see it and its echo to come
// back.
async function passes(t, from, to, code, reason) {
  const pair = await ends.pair(t, 'plain');
  const ended = Promise.all([closed(pair[to]), closed(pair[from])]);
  pair[from].close(code, reason);
  const [peer, own] = await ended;
  assert.deepEqual(peer, { code, reason });
  assert.equal(own.code, code, 'the echo');
}

// stops puts a wrong Close frame on the wire, which `ws` itself refuses to send.
// Its author must be told so, and the peer, whose `ws` would report an illegal
// frame as an error, must see a legal one or none.
async function stops(t, from, to, payload) {
  const pair = await ends.pair(t, 'plain');
  const ended = Promise.all([closed(pair[to]), closed(pair[from])]);
  const socket = { client: pair.response.socket, upstream: pair.request.socket };
  const masked = from === 'client';
  // A key of zeros masks nothing away.
  socket[from].write(Buffer.from([0x88, payload.length | (masked ? 0x80 : 0), ...(masked ? [0, 0, 0, 0] : []), ...payload]));
  const [peer, own] = await ended;
  assert.ok([1002, 1006, 1007, 1011].includes(peer.code), `the peer got ${peer.code}`);
  assert.ok([1002, 1006, 1007].includes(own.code), `the author got ${own.code}`);
  if (masked) {
    assert.notEqual(own.code, 1006, 'the client was not told what it did wrong');
  }
}
