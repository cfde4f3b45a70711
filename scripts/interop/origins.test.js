'use strict';

// Pages of other origins at a server of Socket.IO that lets all of them in by
// its own CORS rule: usher's is the same for every transport.

const assert = require('node:assert/strict');
const { before, describe, test } = require('node:test');
const { browse, visit } = require('./browser');
const { forFile } = require('./ends');
const { start } = require('./processes');
const { shop } = require('./shop');
const { behind, direct } = require('./usher');

const file = forFile();
let main;
let shared;
const browser = () => (shared ??= browse(file, '--host-resolver-rules=MAP * 127.0.0.1'));

before(async () => (main = await start(file, 'services/main.js')));

// The ways of clients to connect, and how each fails.
const ways = {
  'as they come': [{}, 'xhr poll error'],
  polling: [{ transports: ['polling'] }, 'xhr poll error'],
  'polling that is asked for leave': [{ transports: ['polling'], extraHeaders: { 'x-a': '1' } }, 'xhr poll error'],
  websocket: [{ transports: ['websocket'] }, 'websocket error'],
};

// attempt connects, and says by which transport in the end; it runs in the page.
// What is connected stays so: a browser may send a poll behind the close of its
// session, whose answer of 400 would be a fault of the page.
function attempt([edge, options]) {
  const socket = window.io(edge, { reconnection: false, forceNew: true, withCredentials: true, ...options });
  return new Promise((resolve) => {
    socket.once('connect_error', (err) => resolve(err.message ?? err));
    socket.once('connect', () => {
      const { engine } = socket.io;
      const done = () => resolve(engine.transport.name);
      return engine.transport.name === 'websocket' || options.transports ? done() : engine.once('upgrade', done);
    });
  });
}

async function open(t, routes, page) {
  const port = await shop(t);
  const edge = await behind(t, { upstreams: { main: `http://127.0.0.1:${main.port}` }, routes: [{ upstream: 'main', ...routes(port) }] });
  const base = `http://127.0.0.1:${edge.port}`;
  const tab = await visit(await browser(), page(port, base));
  return { ...edge, port, base, tab };
}

describe('a foreign page', { skip: direct }, () => {
  test('is kept out by every transport, and the log says what to write', async (t) => {
    const { tab, base, port, front } = await open(t, () => ({}), (port, base) => `http://shop.example:${port}/?edge=${base}`);
    for (const [name, [options, want]] of Object.entries(ways)) {
      assert.equal(await tab.evaluate(attempt, [base, options]), want, name);
    }
    const lines = front.logged('request refused');
    assert.ok(lines.length >= 4, `${lines.length} refusals`);
    for (const { level, hint } of lines) {
      assert.equal(level, 'WARN');
      assert.match(hint, new RegExp(`write origins: \\[http://shop\\.example:${port}\\] at the route of line \\d+;`));
    }
  });

  test('is let in by every transport when that is written', async (t) => {
    const { tab, base } = await open(t, (port) => ({ origins: [`http://shop.example:${port}`] }), (port, base) => `http://shop.example:${port}/?edge=${base}`);
    for (const [name, [options]] of Object.entries(ways)) {
      assert.equal(await tab.evaluate(attempt, [base, options]), options.transports?.[0] ?? 'websocket', name);
    }
    assert.deepEqual(tab.faults, []);
  });

  const wildcard = (port) => ({ origins: [`http://*.shop.example:${port}`] });
  for (const host of ['pr-17.shop.example', 'a.b.shop.example']) {
    test(`${host} is below a wildcard`, async (t) => {
      const { tab, base } = await open(t, wildcard, (port, base) => `http://${host}:${port}/?edge=${base}`);
      for (const [name, [options]] of Object.entries(ways)) {
        assert.equal(await tab.evaluate(attempt, [base, options]), options.transports?.[0] ?? 'websocket', name);
      }
    });
  }
  for (const host of ['shop.example', 'evilshop.example', 'pr-17.shop.example.evil.example', 'pr-17.shop.example.']) {
    test(`${host} is not`, async (t) => {
      const { tab, base } = await open(t, wildcard, (port, base) => `http://${host}:${port}/?edge=${base}`);
      for (const [name, [options, want]] of Object.entries(ways)) {
        assert.equal(await tab.evaluate(attempt, [base, options]), want, name);
      }
    });
  }
});

// Row 53 of the attacks. A script is asked for without an Origin.
test('JSONP has the same rule', { skip: direct }, async (t) => {
  const jsonp = { transports: ['polling'], forceJSONP: true };
  const { tab, base, port, front } = await open(t, (port) => ({ origins: [`http://shop.example:${port}`] }), (port) => `http://shop.example:${port}/`);
  assert.equal(await tab.evaluate(attempt, [base, jsonp]), 'polling');
  const evil = await visit(await browser(), `http://evil.example:${port}/`);
  assert.equal(await evil.evaluate(attempt, [base, jsonp]), 'jsonp poll error');
  const quiet = await visit(await browser(), `http://evil.example:${port}/`);
  await quiet.evaluate(() => document.head.insertAdjacentHTML('beforeend', '<meta name="referrer" content="no-referrer">'));
  assert.equal(await quiet.evaluate(attempt, [base, jsonp]), 'jsonp poll error');
  assert.equal(front.logged('request refused').length, 2);
});

test('a page of the own host needs no rule', { skip: direct }, async (t) => {
  const { tab, base } = await open(t, () => ({}), (port, base) => `${base}/`);
  await tab.addScriptTag({ url: `${base}/socket.io/socket.io.js` });
  for (const [name, [options]] of Object.entries(ways)) {
    assert.equal(await tab.evaluate(attempt, [base, options]), options.transports?.[0] ?? 'websocket', name);
  }
});
