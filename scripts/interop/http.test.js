'use strict';

// Requests that are no upgrade: what a page needs beside its socket.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { before, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { atEnd, forFile } = require('./ends');
const { front } = require('./usher');

const file = forFile();
const waiting = []; // answers to the long polls
let base;

before(async () => {
  const server = http.createServer(serve);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(file, () => {
    server.closeAllConnections();
    server.close();
  });
  base = (await front(file, { shop: server.address().port })).byPath('shop');
});

test('server-sent events arrive one by one', async () => {
  const response = await request('/events');
  assert.equal(response.headers['content-type'], 'text/event-stream');
  for (let i = 0; i < 5; i++) {
    // The upstream sends the next one only after this request.
    const [chunk] = await Promise.all([once(response, 'data'), text('/next')]);
    assert.equal(chunk.toString(), `data: event ${i}\n\n`);
  }
  response.destroy();
  while ((await text('/listeners')) !== '0') {
    await sleep(10); // the upstream learns that the client has gone
  }
});

test('a long poll waits until there is something to say', async () => {
  const polls = Array.from({ length: 10 }, () => text('/poll'));
  while (waiting.length < polls.length) {
    await sleep(10);
  }
  await sleep(1_500);
  await text('/say', { method: 'POST', body: 'now' });
  assert.deepEqual(await Promise.all(polls), polls.map(() => 'now'));
});

test('a body streams both ways at once', async () => {
  const outgoing = http.request(base + '/echo', { method: 'POST' });
  outgoing.write('begin');
  const [response] = await once(outgoing, 'response'); // before the request has ended
  response.setEncoding('utf8');
  assert.equal((await once(response, 'data'))[0], 'begin');
  for (let i = 0; i < 5; i++) {
    outgoing.write(`part ${i}`);
    assert.equal((await once(response, 'data'))[0], `part ${i}`);
  }
  outgoing.end();
  await once(response.resume(), 'end');
});

for (const size of [0, 1, 65_536, 16 << 20]) {
  test(`a body of ${size} bytes comes back`, async () => {
    const body = Buffer.alloc(size, 'usher ');
    const response = await fetch(base + '/echo', { method: 'PUT', body });
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(body));
  });
}

test('the client is asked for its body only if the upstream wants it', async () => {
  const headers = { Expect: '100-continue', 'Content-Length': 5 };
  const wanted = http.request(base + '/echo', { method: 'POST', headers });
  wanted.flushHeaders();
  await once(wanted, 'continue');
  wanted.end('hello');
  assert.equal(await body((await once(wanted, 'response'))[0]), 'hello');
});

test('trailers', async () => {
  const response = await request('/trailers');
  assert.equal(await body(response), 'body');
  assert.equal(response.trailers['x-checksum'], '42');
});

for (const [status, method] of [[200, 'HEAD'], [204, 'GET'], [304, 'GET'], [404, 'GET'], [418, 'DELETE'], [500, 'PATCH']]) {
  test(`${method} and ${status}`, async () => {
    const response = await request(`/status/${status}`, { method });
    assert.equal(response.statusCode, status);
    assert.equal(response.headers['x-method'], method);
    assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2']);
    await body(response);
  });
}

test('the query reaches the upstream letter by letter', async () => {
  const query = '?a=1&a=2&b=%2F%20+;c&empty=&=x&EIO=4&%E4';
  assert.equal(await text('/url' + query), '/url' + query);
});

const listeners = new Set();
let sent = 0;

function serve(req, res) {
  const { pathname } = new URL(req.url, 'http://localhost');
  const status = pathname.match(/^\/status\/(\d+)$/);
  if (status) {
    res.writeHead(Number(status[1]), { 'X-Method': req.method, 'Set-Cookie': ['a=1', 'b=2'] });
    return res.end();
  }
  switch (pathname) {
    case '/events':
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }).flushHeaders();
      listeners.add(res);
      return res.on('close', () => listeners.delete(res));
    case '/next':
      listeners.forEach((listener) => listener.write(`data: event ${sent}\n\n`));
      sent++;
      return res.end();
    case '/listeners':
      return res.end(String(listeners.size));
    case '/poll':
      return waiting.push(res);
    case '/say':
      return req.on('data', (text) => waiting.splice(0).forEach((poll) => poll.end(text))).on('end', () => res.end());
    case '/echo':
      return req.pipe(res);
    case '/trailers':
      res.writeHead(200, { Trailer: 'X-Checksum' });
      res.write('body');
      res.addTrailers({ 'X-Checksum': '42' });
      return res.end();
    case '/url':
      return res.end(req.url);
    default:
      return res.writeHead(404).end();
  }
}

async function request(path, options) {
  const [response] = await once(http.request(base + path, options).end(), 'response');
  return response;
}

async function text(path, options) {
  const response = await fetch(base + path, options);
  assert.equal(response.status, 200, path);
  return response.text();
}

async function body(response) {
  response.setEncoding('utf8');
  let all = '';
  for await (const chunk of response) {
    all += chunk;
  }
  return all;
}
