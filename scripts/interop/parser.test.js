'use strict';

// The payloads in proxy/engineio/testdata/reference.json, which the Go tests
// read, are what the npm packages engine.io-parser make of the same packets and
// of each other. With UPDATE=1 the file is written instead.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const file = path.join(__dirname, '..', '..', 'proxy', 'engineio', 'testdata', 'reference.json');

const parsers = { 3: require('engine.io-parser-2'), 4: require('engine.io-parser-5') };

const message = (data) => ({ type: 'message', data });
const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const lists = {
  control: [{ type: 'open', data: '{"sid":"x"}' }, { type: 'ping' }, { type: 'pong', data: 'probe' }, { type: 'noop' }],
  text: [message('2["a"]'), message('€'), message('😀'), message('e\u0301 \u2028\u2029 \u0000 \ufffd'), message('')],
  binary: [message(Buffer.from([1, 2, 3, 4]))],
  mixed: [message('51-["€",{"_placeholder":true,"num":0}]'), message(every), { type: 'ping' }, message(Buffer.alloc(0))],
  lengths: [8, 9, 98, 99, 999].flatMap((n) => [message('€'.repeat(n)), message(Buffer.alloc(n, n))]),
  surrogates: [message('😀'.repeat(5)), message('x'.repeat(10) + '😀'), message('世界🙂')],
};

// encode is what the server of a revision answers a poll with.
function encode(version, packets, b64) {
  let body;
  if (version === 4) {
    parsers[4].encodePayload(packets, (text) => (body = text));
  } else {
    parsers[3].encodePayload(packets, !b64, (payload) => (body = payload));
  }
  return body;
}

function decode(version, body) {
  if (version === 4) {
    return parsers[4].decodePayload(body);
  }
  const packets = [];
  parsers[3].decodePayload(body, (packet) => void packets.push(packet));
  return packets;
}

const hex = (data) => Buffer.from(data ?? '').toString('hex');

const plain = ({ type, data }) => ({ type, binary: Buffer.isBuffer(data), hex: hex(data) });

function reference() {
  return Object.entries(lists).flatMap(([name, packets]) =>
    [[3, false], [3, true], [4, false]].map(([version, b64]) => {
      const body = encode(version, packets, b64);
      assert.deepEqual(decode(version, body).map(plain), packets.map(plain), `${name}, ${version}`);
      return { name, version, b64, packets: packets.map(plain), octets: Buffer.isBuffer(body), body: hex(body) };
    }),
  );
}

test('payloads are those of engine.io-parser, byte for byte', () => {
  const want = JSON.stringify(reference(), null, 1) + '\n';
  if (process.env.UPDATE) {
    fs.writeFileSync(file, want);
  }
  assert.equal(fs.readFileSync(file, 'utf8'), want);
});
