'use strict';

// Real clients of a TLS listener: a browser, by both versions of HTTP, Node's ws,
// and a scanner that looks for what should not be there.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const WebSocket = require('ws');
const { browse } = require('./browser');
const { atEnd } = require('./ends');
const { secure } = require('./secure');

// inBrowser opens the page, and a WebSocket from it that sends some messages. It
// returns what came of it, and the browser's own record of the network.
async function inBrowser(t, usher) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-browser-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const record = path.join(folder, 'net.json');
  const browser = await browse(t, '--ignore-certificate-errors', `--log-net-log=${record}`);
  let result;
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(usher.url);
    result = await page.evaluate(talk);
  } finally {
    await browser.close(); // it finishes the record
  }
  return { ...result, record: fs.readFileSync(record, 'utf8') };
}

// talk runs in the page.
async function talk() {
  const sizes = [0, 1, 1000, 100_000, 3_000_000];
  const socket = new WebSocket(`wss://${location.host}/ws`, ['v1.chat', 'v2.chat']);
  const lengths = [];
  const closed = new Promise((resolve) => (socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean })));
  await new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('the socket failed'));
    socket.onopen = () => sizes.forEach((size) => socket.send('x'.repeat(size)));
    socket.onmessage = ({ data }) => lengths.push(data.length) === sizes.length && resolve();
  });
  socket.close(4001, 'enough');
  return {
    page: performance.getEntriesByType('navigation')[0].nextHopProtocol,
    protocol: socket.protocol,
    lengths,
    sizes,
    closed: await closed,
  };
}

// On the record, the head of a socket's stream has this.
const extendedConnect = ':protocol: websocket';

for (const [name, on] of [
  ['a browser has its WebSocket on the HTTP/2 connection of the page', true],
  ['a browser has its WebSocket by HTTP/1.1 beside a page by HTTP/2', false],
]) {
  test(name, async (t) => {
    const usher = await secure(t, { h2_websocket: on });
    const got = await inBrowser(t, usher);
    assert.equal(got.page, 'h2', 'the protocol of the page');
    assert.equal(got.protocol, 'v1.chat', 'the subprotocol');
    assert.deepEqual(got.lengths, got.sizes, 'echoes');
    assert.deepEqual(got.closed, { code: 4001, reason: 'enough', wasClean: true });
    assert.equal(got.record.includes(extendedConnect), on, `${extendedConnect} on the browser's record`);
    assert.deepEqual(
      usher.seen.map(({ key, ...rest }) => ({ ...rest, key: key.length })),
      [{ version: '1.1', method: 'GET', origin: usher.url, key: 24 }],
      'what the upstream saw',
    );
  });
}

test('ws by wss', async (t) => {
  const usher = await secure(t, { h2_websocket: true });
  const socket = new WebSocket(`wss://localhost:${usher.port}/ws`, { ca: usher.ca });
  const echoed = await new Promise((resolve, reject) => {
    socket.on('open', () => socket.send(Buffer.alloc(1 << 20, 'a')));
    socket.on('message', resolve).on('error', reject);
  });
  assert.equal(echoed.length, 1 << 20);
  const code = await new Promise((resolve) => {
    socket.on('close', resolve);
    socket.close(1000);
  });
  assert.equal(code, 1000);
});

test('a scanner finds nothing old', async (t) => {
  const usher = await secure(t);
  const report = execFileSync('sslscan', ['--no-colour', '--sni-name=localhost', `127.0.0.1:${usher.port}`], { encoding: 'utf8' });
  const enabled = [...report.matchAll(/^(SSLv\d|TLSv1\.\d) +(enabled|disabled)/gm)].map(([, version, state]) => `${version} ${state}`);
  assert.deepEqual(enabled, [
    'SSLv2 disabled', 'SSLv3 disabled', 'TLSv1.0 disabled', 'TLSv1.1 disabled', 'TLSv1.2 enabled', 'TLSv1.3 enabled',
  ]);
  const ciphers = [...report.matchAll(/^(?:Preferred|Accepted) +(TLSv1\.\d) +(\d+) bits +(\S+)/gm)];
  assert.ok(ciphers.length >= 5, `ciphers:\n${report}`);
  for (const [line, version, bits, name] of ciphers) {
    assert.ok(Number(bits) >= 128, line);
    assert.ok(version === 'TLSv1.3' || name.startsWith('ECDHE-'), `forward secrecy: ${line}`);
    assert.match(name, /GCM|CHACHA20|CCM/, `authenticated encryption, no CBC: ${line}`);
    assert.doesNotMatch(name, /RC4|3DES|DES-CBC3|NULL|EXP|MD5|anon/i);
  }
  assert.match(report, /Server supports TLS Fallback SCSV/);
  assert.match(report, /Session renegotiation not supported/);
  assert.doesNotMatch(report, /(?<!not )vulnerable/);
  assert.doesNotMatch(report, /Compression enabled/);
});
