'use strict';

// The only endpoint of an upstream is started anew, and nobody hears of it.

const assert = require('node:assert/strict');
const http = require('node:http');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { WebSocket } = require('ws');
const { start } = require('./processes');
const { behind, direct } = require('./usher');

const restarts = 10;

test('ten restarts under 200 requests and 50 handshakes a second: none fails', { skip: direct }, async (t) => {
  let backend = await start(t, 'interop/restarted.js');
  const { port, front } = await behind(t, routes(backend.port, '1m')); // a busy machine starts Node in seconds
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const pages = load(5, () => page(port, agent));
  const shakes = load(20, () => handshake(port));
  for (let i = 0; i < restarts; i++) {
    await sleep(300); // some are under way
    backend.child.kill('SIGKILL');
    await backend.exited;
    backend = await start(t, 'interop/restarted.js', '--port', String(backend.port));
    await Promise.all([pages.done(), shakes.done()]); // what two restarts hit is not repeated twice
  }
  await sleep(300);
  const got = await pages.stop();
  const opened = await shakes.stop();
  t.diagnostic(`${got.length} pages, the longest ${longest(got)} ms; ${opened.length} handshakes, the longest ${longest(opened)} ms`);
  assert.deepEqual(failed(got), []);
  assert.deepEqual(failed(opened), []);
  assert.ok(got.length > 200 && opened.length > 50, 'there was too little load to tell');
  const answered = new Set(got.map(({ said }) => Number(said.split(' ')[1])));
  assert.ok(answered.size === restarts + 1, `pages came from ${answered.size} processes`);
  await front.stop();
});

test('an upstream that is down for longer than hold: 502 at once', { skip: direct }, async (t) => {
  const backend = await start(t, 'interop/restarted.js');
  const { port } = await behind(t, routes(backend.port, '300ms'));
  backend.child.kill('SIGKILL');
  await backend.exited;
  const first = await page(port);
  assert.equal(first.error, 502);
  assert.ok(first.ms >= 280, `was answered after ${first.ms} ms`);
  for (const ask of [page, handshake]) {
    const { error, ms } = await ask(port);
    assert.equal(error, 502);
    assert.ok(ms < 250, `was answered after ${ms} ms`);
  }
});

function routes(port, hold) {
  const main = { endpoints: `http://127.0.0.1:${port}`, ...(hold && { hold }) };
  return { upstreams: { main }, routes: [{ upstream: 'main' }] };
}

// load calls ask every so many milliseconds until stop, which returns what came of
// it. done waits for what has begun.
function load(every, ask) {
  const all = [];
  const began = Date.now();
  const timer = setInterval(() => {
    while (all.length * every < Date.now() - began) {
      all.push(ask());
    }
  }, every);
  const done = () => Promise.all(all);
  const stop = () => {
    clearInterval(timer);
    return done();
  };
  return { done, stop };
}

const failed = (list) => list.filter(({ error }) => error !== undefined);

const longest = (list) => Math.max(...list.map(({ ms }) => ms));

// page asks for one, and resolves with what was said, or an error.
function page(port, agent) {
  const began = Date.now();
  return new Promise((resolve) => {
    const end = (what) => resolve({ ...what, ms: Date.now() - began });
    http
      .get({ port, host: '127.0.0.1', agent }, (res) => {
        let said = '';
        res.on('data', (chunk) => (said += chunk));
        res.on('error', (err) => end({ error: err.message }));
        res.on('end', () => end(res.statusCode === 200 ? { said } : { error: res.statusCode }));
      })
      .on('error', (err) => end({ error: err.message }));
  });
}

// handshake opens a WebSocket, and closes it.
function handshake(port) {
  const began = Date.now();
  return new Promise((resolve) => {
    const end = (what) => resolve({ ...what, ms: Date.now() - began });
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    ws.on('error', (err) => end({ error: err.message }));
    ws.on('unexpected-response', (req, res) => {
      req.destroy();
      end({ error: res.statusCode });
    });
    ws.on('open', () => {
      end({});
      ws.close();
    });
  });
}
