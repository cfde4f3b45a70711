'use strict';

// A real login in front of sockets: oauth2-proxy is asked who comes, people come
// by a browser from an OpenID server or by htpasswd, and go again.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { browse, visit } = require('./browser');
const { within } = require('./clients');
const { request, socket } = require('./engine');
const { forFile } = require('./ends');
const { identity } = require('./identity');
const { shop } = require('./login');
const { behind, freePort } = require('./usher');

const file = forFile();
const header = 'X-Auth-Request-User';
const recheck = 1000; // milliseconds
let edge;

// What browsers know as shop.example is usher, on whatever port.
before(async () => {
  const port = await freePort();
  const base = `http://shop.example:${port}`;
  const [browser, main, proxy] = await Promise.all([browse(file, '--host-resolver-rules=MAP * 127.0.0.1'), shop(file, header.toLowerCase()), identity(file, base)]);
  const asking = (url, more) => ({ auth: { forward: { url, headers: [header], ...more } } });
  const { front } = await behind(file, {
    upstreams: { main: main.url, proxy: proxy.url },
    routes: [
      { path: '/oauth2', upstream: 'proxy' },
      { path: '/bye', respond: { body: 'come back soon' } },
      { path: '/socket.io', upstream: 'main', ...asking(`${proxy.url}/oauth2/auth`, { recheck: `${recheck}ms` }) },
      { upstream: 'main', ...asking(proxy.url) }, // which shows pages to log in
    ],
  }, port);
  edge = { ...proxy, base, local: `http://127.0.0.1:${port}`, browser, main, front };
});

// told is what the shop says to whom it knows so.
const told = (user) => JSON.stringify(user ? { [header.toLowerCase()]: user } : {});

// arrive has somebody new come to the shop, and be asked to log in.
async function arrive() {
  const page = await visit(edge.browser, `${edge.base}/cart`);
  await page.getByRole('button', { name: 'Sign in with OpenID Connect' }).waitFor();
  return page;
}

// byOpenID has somebody come by way of the OpenID server.
async function byOpenID(user) {
  const page = await arrive();
  await page.getByRole('button', { name: 'Sign in with OpenID Connect' }).click();
  await page.waitForURL(`${edge.issuer}/**`);
  await page.fill('input[name=login]', user);
  await page.fill('input[name=password]', 'any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  return arrived(page, user);
}

// byPassword has somebody come who is in the htpasswd file.
async function byPassword(user) {
  const page = await arrive();
  await page.fill('input[name=username]', user);
  await page.fill('input[name=password]', edge.users[user]);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  return arrived(page, user);
}

// arrived waits until somebody is where they wanted to go.
async function arrived(page, user) {
  await page.waitForURL(`${edge.base}/cart`);
  assert.equal(await page.textContent('body'), told(user));
  return page;
}

// open opens a socket, and returns what it is told first; it runs in the page.
function open() {
  const live = new WebSocket(`ws://${location.host}/socket.io/`);
  window.say = (text) => {
    live.send(text);
    return window.heard();
  };
  window.heard = () => new Promise((resolve) => (live.onmessage = ({ data }) => resolve(data)));
  window.ended = new Promise((resolve) => (live.onclose = ({ code, reason }) => resolve([code, reason])));
  return Promise.race([window.heard(), window.ended]);
}

const say = (page, text) => page.evaluate((text) => window.say(text), text);

// cookies are what a browser shows the shop.
async function cookies(page) {
  const all = await page.context().cookies(edge.base);
  return all.map(({ name, value }) => `${name}=${value}`).join('; ');
}

// leave has somebody log out in another tab, and waits for the end of the socket.
async function leave(page) {
  const tab = await page.context().newPage();
  await tab.goto(`${edge.base}/oauth2/sign_out?rd=/bye`);
  const out = Date.now();
  assert.equal(await tab.textContent('body'), 'come back soon');
  assert.deepEqual(await page.evaluate(() => window.ended), [3000, 'no longer authorized']);
  const late = Date.now() - out;
  assert.ok(late < recheck + 2000, `the socket ended ${late} ms after the logout`);
}

for (const [name, come, user] of [['OpenID', byOpenID, 'anna'], ['htpasswd', byPassword, 'carl']]) {
  test(`who has come by ${name} has sockets until the logout`, async (t) => {
    const stays = await byOpenID('bob');
    assert.equal(await stays.evaluate(open), told('bob'));
    const page = await come(user);
    assert.equal(await page.evaluate(open), told(user));
    assert.equal(await say(page, 'hello'), 'hello');
    const Cookie = await cookies(page);
    const again = await socket(t, edge.local, '', { headers: { Cookie, [header]: 'root', 'x_auth_request_user': 'root' } });
    assert.equal(await again.next('who I am'), told(user), 'whatever else a client says');

    await leave(page);
    assert.equal((await again.ended).code, 3000);
    assert.deepEqual(await page.evaluate(open), [1006, ''], 'a new socket of the page');
    assert.equal((await socket(t, edge.local, '', { headers: { Cookie } })).refusal.status, 401, 'a cookie that somebody has kept');
    assert.equal(await say(stays, 'still here'), 'still here');
  });
}

test('a name and a password without a login', async (t) => {
  const asks = (password) => ({ headers: { Authorization: `Basic ${Buffer.from(`carl:${password}`).toString('base64')}` } });
  const live = await socket(t, edge.local, '', asks(edge.users.carl));
  assert.equal(await live.next('who I am'), told('carl'));
  assert.equal((await socket(t, edge.local, '', asks('wrong'))).refusal.status, 401);
  const page = await request(edge.local, 'GET', '', { path: '/cart', ...asks(edge.users.carl) });
  assert.deepEqual([page.status, page.body], [200, told('carl')]);
});
