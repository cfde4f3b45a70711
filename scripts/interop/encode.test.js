'use strict';

// encode: clients that decode by themselves, upstreams that encode or not.

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { before, test } = require('node:test');
const zlib = require('node:zlib');
const { atEnd, forFile } = require('./ends');
const { direct, front } = require('./usher');

const file = forFile();
const script = '// a line of a script\n'.repeat(5_000);
let base;

before(async () => {
  const server = http.createServer(serve);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(file, () => {
    server.closeAllConnections();
    server.close();
  });
  base = (await front(file, { shop: server.address().port }, { encode: ['br', 'gzip'] })).byPath('shop');
});

const steps = new EventEmitter();
const tag = '"of-the-script"';

async function serve(request, response) {
  response.setHeader('Content-Type', 'text/javascript');
  const known = (request.headers['if-none-match'] ?? '').split(/, */).map((one) => one.replace('W/', ''));
  switch (request.url.split('/').at(-1)) {
    case 'script.js':
      response.setHeader('ETag', tag);
      response.statusCode = known.includes(tag) ? 304 : 200;
      response.end(response.statusCode === 200 ? script : '');
      break;
    case 'own':
      response.setHeader('Content-Encoding', 'gzip');
      response.end(zlib.gzipSync(script));
      break;
    case 'lines':
      for (let i = 0; i < 3; i++) {
        response.write(`line ${i}\n`);
        await once(steps, 'next');
      }
      response.end();
  }
}

for (const accepted of ['br, gzip', 'gzip, deflate', 'identity']) {
  test(`fetch reads what comes for ${accepted}`, async () => {
    const response = await fetch(base + '/script.js', { headers: { 'Accept-Encoding': accepted } });
    assert.equal(await response.text(), script);
    if (!direct) {
      assert.equal(response.headers.get('content-encoding'), accepted === 'identity' ? null : accepted.split(',')[0]);
      assert.match(response.headers.get('vary'), /Accept-Encoding/);
    }
  });
}

test('a copy is revalidated by its weak tag', async () => {
  const headers = { 'Accept-Encoding': 'br' };
  const etag = (await fetch(base + '/script.js', { headers })).headers.get('etag');
  const again = await fetch(base + '/script.js', { headers: { ...headers, 'If-None-Match': etag } });
  assert.equal(again.status, 304);
  assert.equal(again.headers.get('etag'), etag);
});

test('what the upstream has encoded stays', async () => {
  const response = await fetch(base + '/own', { headers: { 'Accept-Encoding': 'br, gzip' } });
  assert.equal(response.headers.get('content-encoding'), 'gzip');
  assert.equal(await response.text(), script);
});

test('lines come one by one', async () => {
  const response = await fetch(base + '/lines', { headers: { 'Accept-Encoding': 'gzip' } });
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let i = 0; i < 3; i++) {
    assert.equal((await lines.read()).value, `line ${i}\n`);
    steps.emit('next');
  }
  assert.equal((await lines.read()).done, true);
});
