'use strict';

// The operators' page in a real browser, over traffic of known shape.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const WebSocket = require('ws');
const { browse, keep, visit } = require('./browser');
const { atEnd } = require('./ends');
const { behind, freePort } = require('./usher');

const count = 500;

// echo is an upstream that sends everything back.
async function echo(t) {
  const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  await once(server, 'listening');
  atEnd(t, () => {
    server.clients.forEach((socket) => socket.terminate());
    server.close();
  });
  return server.address().port;
}

// watched is usher with an operators' address, whose page is at url.
async function watched(t, admin = {}) {
  const upstream = await echo(t);
  const address = `127.0.0.1:${await freePort()}`;
  const routes = {
    admin: { address, ...admin },
    upstreams: { shop: `http://127.0.0.1:${upstream}`, chat: `http://127.0.0.1:${upstream}` },
    routes: [{ path: '/shop', upstream: 'shop' }, { path: '/chat', upstream: 'chat' }],
  };
  const { port, front } = await behind(t, routes);
  return { port, front, routes, url: `http://${address}/` };
}

// fill opens sockets, each of which has had one message of ten bytes back.
async function fill(t, port, n) {
  const sockets = await Promise.all(Array.from({ length: n }, async (_, i) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/${i % 5 === 0 ? 'chat' : 'shop'}`);
    await once(socket, 'open');
    socket.send('0123456789');
    await once(socket, 'message');
    return socket;
  }));
  atEnd(t, () => sockets.forEach((socket) => socket.terminate()));
  return sockets;
}

const text = (page, selector) => page.textContent(selector);

// shows waits until an element has exactly this text.
async function shows(page, selector, want) {
  await page.waitForFunction(([s, w]) => document.querySelector(s)?.textContent === w, [selector, want], { timeout: 15_000 })
    .catch(async () => assert.equal(await text(page, selector), want, `${selector} after 15 s`));
}

test('500 sockets and the end of one, by keyboard, in both themes and sizes', async (t) => {
  const { port, url } = await watched(t);
  const sockets = await fill(t, port, count);
  const codes = []; // that clients saw
  sockets.forEach((socket) => socket.once('close', (code) => codes.push(code)));
  const browser = await browse(t);
  let open = count;
  for (const theme of ['light', 'dark']) {
    for (const width of [360, 1440]) {
      await t.test(`${theme}, ${width} px`, async () => {
        const page = await visit(browser, url, { width, height: 900, theme });
        await shows(page, '#open', String(open));
        await shows(page, '#phase', 'serving');
        await shows(page, '#opened', `${count} since the start`);
        await shows(page, '#found', `50 of ${open}`);
        await shows(page, '#handshake-more', `mean of ${count}`);
        assert.equal(await page.locator('#sessions tbody tr').count(), 50, 'rows');
        assert.equal(await page.locator('#routes tbody tr').count(), 2, 'routes');
        assert.deepEqual(await page.locator('#endpoints .state[data-state]').allTextContents(), ['healthy', 'healthy']);
        await page.waitForFunction(() => document.querySelector('#chart-open .line').getAttribute('d').includes('L'));
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `the page is ${wider} px too wide`);

        await closeOne(page);
        open--;
        await shows(page, '#open', String(open));
        for (let i = 0; i < 100 && codes.length < count - open; i++) {
          await sleep(50);
        }
        assert.deepEqual(codes, Array(count - open).fill(1008), 'close codes that clients saw');
        await shows(page, '#causes .name', 'usher operator');
        await shows(page, '#causes .value', String(count - open));
        await keep(page, `dashboard-${theme}-${width}`);

        await page.click('#show-ended');
        await shows(page, '#found', String(count - open));
        assert.match(await text(page, '#sessions tbody tr'), /usher operator/);
        assert.deepEqual(page.faults, []);
        await page.context().close();
      });
    }
  }
});

// closeOne closes the first session of the list without a mouse.
async function closeOne(page) {
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search', 'focus after /');
  await page.keyboard.press('Tab'); // the list itself, so that it can be scrolled
  await page.keyboard.press('Tab');
  assert.match(await page.evaluate(() => document.activeElement.ariaLabel), /^Close the session of 127\.0\.0\.1, /);
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'no', 'what Enter would do at once');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
}

test('search, drain and enable', async (t) => {
  const { port, url } = await watched(t);
  const sockets = await fill(t, port, 10);
  const page = await visit(await browse(t), url);
  await shows(page, '#open', '10');
  await page.fill('#search', '/chat');
  await shows(page, '#found', '2');
  await page.fill('#search', 'nobody');
  await shows(page, '#sessions tbody', 'No session fits.');
  await page.fill('#search', '');

  const ends = sockets.filter((socket) => socket.url.endsWith('/chat')).map((socket) => once(socket, 'close'));
  await page.click('button[aria-label="Drain route /chat"]');
  await page.click('#ask-yes');
  for (const [code] of await Promise.all(ends)) {
    assert.equal(code, 1012, 'close code in a drain');
  }
  await shows(page, '#open', '8');
  const refused = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  const [, response] = await once(refused.on('error', () => {}), 'unexpected-response');
  assert.equal(response.statusCode, 503, 'status for a new session');
  await shows(page, '#refused', '1');
  await page.click('button[aria-label="Enable route /chat"]');
  await page.waitForSelector('button[aria-label="Drain route /chat"]');
  await fill(t, port, 1);
  await shows(page, '#open', '9');
  assert.deepEqual(page.faults, []);
});

test('what the command line has drained is shown and enabled', async (t) => {
  const { url } = await watched(t);
  const browser = await browse(t);
  const drained = async () => (await (await fetch(`${url}v1/status`)).json()).drained;
  for (const { target, name, states, theme, width } of [
    { target: { upstream: 'chat' }, name: 'upstream chat', states: ['unchecked, drained', 'unchecked'], theme: 'light', width: 360 },
    { target: { all: true }, name: 'everything', states: ['unchecked, drained', 'unchecked, drained'], theme: 'dark', width: 1440 },
  ]) {
    await t.test(name, async () => {
      const page = await visit(browser, url, { width, height: 900, theme });
      await page.waitForSelector('#endpoints .state[data-state="unchecked"]');
      assert.ok(await page.isHidden('#drained'), 'the list is there when nothing is drained');
      await fetch(`${url}v1/drain`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(target) });
      await shows(page, '#drained th', name);
      assert.deepEqual(await page.locator('#endpoints .state').allTextContents(), states);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `the page is ${wider} px too wide`);
      await page.locator('#drained').scrollIntoViewIfNeeded();
      await keep(page, `drained-${theme}-${width}`);
      await page.click(`#drained button[aria-label="Enable ${name}"]`);
      await shows(page, '#notice', `Enabled ${name}.`);
      assert.deepEqual(await drained(), []);
      await page.waitForSelector('#drained', { state: 'hidden' });
      assert.deepEqual(await page.locator('#endpoints .state').allTextContents(), ['unchecked', 'unchecked']);
      assert.deepEqual(page.faults, []);
    });
  }
});

test('what is wrong now stands on top, and goes when it is over', async (t) => {
  const { port, front, url, routes } = await watched(t);
  const browser = await browse(t);
  const gone = `http://127.0.0.1:${await freePort()}`;
  await front.reload({ ...routes, upstreams: { ...routes.upstreams, chat: { endpoints: [gone], hold: '0s' } } });
  for (const [theme, width] of [['light', 375], ['dark', 1440]]) {
    const page = await visit(browser, url, { width, height: 900, theme });
    assert.equal((await fetch(`http://127.0.0.1:${port}/chat`)).status, 502);
    await shows(page, '#incidents th', 'upstream chat is down');
    assert.match(await text(page, '#incidents .why'), /^new clients are refused: dial .*: connection refused$/);
    assert.ok(await page.evaluate(() => document.querySelector('#main').firstElementChild.id === 'wrong'), 'something stands above it');
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `the page is ${wider} px too wide`);
    await keep(page, `wrong-${theme}-${width}`);
    assert.deepEqual(page.faults, []);
    await page.close();
  }
  const page = await visit(browser, url);
  await shows(page, '#incidents th', 'upstream chat is down');
  await front.reload(routes);
  await page.waitForSelector('#wrong', { state: 'hidden' });
});

test('why an order was refused stays to be read', async (t) => {
  const { front, url, routes } = await watched(t);
  const page = await visit(await browse(t), url);
  await page.click('button[aria-label="Drain route /chat"]');
  await front.reload({ ...routes, routes: routes.routes.slice(0, 1) });
  await page.click('#ask-yes');
  await shows(page, '#notice', 'the routes file has no route "/chat"');
  for (let i = 0; i < 2; i++) {
    await page.waitForResponse(`${url}v1/sessions?*`);
  }
  await shows(page, '#notice', 'the routes file has no route "/chat"');
});

test('a client that waits for a namespace is found', async (t) => {
  const { port, front, url, routes } = await watched(t);
  const gone = `http://127.0.0.1:${await freePort()}`;
  await front.reload({ ...routes, upstreams: { ...routes.upstreams, gone }, routes: [...routes.routes, { path: '/socket.io', namespaces: { '/admin': 'gone' } }] });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  atEnd(t, () => socket.terminate());
  await once(socket, 'open');
  socket.send('40/admin,');
  const page = await visit(await browse(t), url);
  await page.fill('#search', '/admin');
  await page.waitForSelector('#sessions td:text-is("/socket.io · websocket · waits for /admin")');
  await shows(page, '#found', '1');
  assert.deepEqual(page.faults, []);
});

// Row 44 of the attacks: names that clients choose, as markup, script and
// characters that turn or hide text.
const hostile = [
  '/<img src=x onerror=document.title="owned">',
  '/"><script>document.title="owned"</script>',
  "/'+document.title=`owned`+'",
  '/${document.title="owned"}{{7*7}}',
  '/</td></tr></table><iframe srcdoc="<script>parent.document.title=`owned`</script>">',
  '/javascript:document.title="owned"//&lt;b&gt;&#x3c;',
  '/\u202egnp.exe\u200b\u2066\ufeff',
  '/\u001b[31m\u001b]52;c;aGk=\u0007red',
];

test('names that clients choose are text', async (t) => {
  const { port, front, url, routes } = await watched(t);
  const gone = `http://127.0.0.1:${await freePort()}`;
  await front.reload({ ...routes, upstreams: { ...routes.upstreams, gone }, routes: [...routes.routes, { path: '/socket.io', namespaces: { '~(?s)^/.*$': 'gone' } }] });
  const page = await visit(await browse(t), url);
  const untouched = async () => assert.match(await page.title(), /^(\d+ open – )?usher$/);
  const sockets = [];
  const count = (selector) => page.locator(selector).count();
  const markup = { images: await count('img'), scripts: await count('script'), frames: await count('iframe') };
  atEnd(t, () => sockets.forEach((socket) => socket.terminate()));
  for (const name of hostile) {
    await t.test(JSON.stringify(name), async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket&x=${encodeURIComponent(name)}`, {
        headers: { 'User-Agent': name.replace(/[^ -~]/g, ''), Referer: name.replace(/[^ -~]/g, '') },
      });
      sockets.push(socket);
      await once(socket, 'open');
      socket.send(`40${name},`);
      await page.fill('#search', name);
      await page.waitForResponse(`${url}v1/sessions?*`);
      await page.fill('#search', 'waits for');
      await page.waitForFunction(() => document.querySelectorAll('#sessions tbody tr').length > 0);
      await page.waitForResponse(`${url}v1/sessions?*`);
      await untouched();
      assert.deepEqual({ images: await count('img'), scripts: await count('script'), frames: await count('iframe') }, markup);
    });
  }
  await page.fill('#search', '');
  const open = String(sockets.filter((socket) => socket.readyState === WebSocket.OPEN).length);
  await shows(page, '#open', open);
  const rows = (await page.locator('#sessions tbody').textContent()) ?? '';
  assert.ok(rows.includes(hostile[0]), `the first name is not shown as it is: ${rows}`);
  await untouched();
  assert.deepEqual(page.faults, []);
  // What a link says, and what the API tells of it.
  for (const name of hostile.slice(0, 2)) {
    await page.goto(`${url}?search=${encodeURIComponent(name)}#${encodeURIComponent(name)}`);
    await shows(page, '#open', open);
    await untouched();
    const response = await fetch(`${url}v1/sessions?search=${encodeURIComponent(name)}`);
    assert.match(response.headers.get('content-type'), /^application\/json/);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  }
  // The page's own policy holds where everything else has failed.
  const violated = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), { once: true });
    const script = document.createElement('script');
    script.textContent = 'document.title = "owned"';
    document.body.append(script);
  }));
  assert.match(violated, /^script-src/);
  await untouched();
});

test('a file that is wrong is told, and changes nothing', async (t) => {
  const { front, url } = await watched(t);
  const page = await visit(await browse(t), url);
  const file = front.usher.child.spawnargs.find((word) => word.endsWith('.yaml'));
  const routes = fs.readFileSync(file);
  fs.writeFileSync(file, 'upstreams: {a: http://127.0.0.1:1}\nroutes:\n  - upstream: b\n');
  await page.click('#reload');
  await page.waitForFunction(() => document.getElementById('notice').textContent.includes(':3:15: upstream "b" is not defined'));
  fs.writeFileSync(file, routes);
  await page.click('#reload');
  await page.waitForFunction(() => document.getElementById('notice').textContent.endsWith('was read again.'));
});

test('a token is asked for once', async (t) => {
  const token = 'correct-horse-battery-staple';
  const { url, front } = await watched(t, { token });
  const page = await visit(await browse(t), url);
  await page.waitForSelector('#login:not([hidden])');
  await page.fill('#token', 'wrong');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('notice').textContent === 'the token is wrong');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await shows(page, '#open', '0');
  await page.reload();
  await shows(page, '#open', '0');
  assert.equal(await page.evaluate(() => document.cookie), '', 'cookies that scripts can read');
  await page.goto(url);
  await page.waitForSelector('#main:not([hidden])');
  const child = front.usher.child;
  child.kill('SIGTERM');
  await shows(page, '#phase', 'no answer');
  assert.ok(!front.usher.log.includes(token), 'the token stands in the log');
});

// The passwords of reader and chief are correct-horse.
const hash = '$2a$04$GFfIwrOken3SEdaLyI.soeJlzSyHy.q6pYcXMq1p0JzH5K57QyDLK';
const secret = 'a secret of 32 bytes for the test';

function signed(claims) {
  const text = [{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
}

// ways lets two users in, and whom a token names.
function ways(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-users-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const users = (name) => {
    fs.writeFileSync(path.join(folder, name), `${name}:${hash}\n`);
    return { users: path.join(folder, name) };
  };
  return { auth: [
    { basic: users('reader') }, { basic: users('chief'), role: 'operate' },
    { jwt: { secret, audience: 'usher', leeway: '0s' } },
  ] };
}

async function logIn(page, name, password) {
  await page.waitForSelector('#login:not([hidden])');
  await page.fill('#name', name);
  await page.fill('#token', password);
  await page.keyboard.press('Enter');
}

// buttons counts those for orders that can be seen.
const buttons = (page) => page.locator('#reload:visible, .act button:visible').count();

test('who may only view sees everything and can do nothing', async (t) => {
  const { port, url, front } = await watched(t, ways(t));
  await fill(t, port, 3);
  const browser = await browse(t);
  const page = await visit(browser, url);
  await logIn(page, 'reader', 'wrong');
  await shows(page, '#notice', 'wrong name or password');
  await logIn(page, 'reader', 'correct-horse');
  await shows(page, '#open', '3');
  await shows(page, '#found', '3');
  await shows(page, '#who', 'reader · view only');
  assert.equal(await buttons(page), 0, 'buttons for orders');
  await page.setViewportSize({ width: 360, height: 900 });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `the page is ${wider} px too wide`);
  await keep(page, 'dashboard-viewer');
  // Its cookie gives no order, whoever makes the request.
  for (const [method, what] of [['POST', 'drain'], ['POST', 'reload'], ['POST', 'upgrade'], ['POST', 'sessions/close'], ['DELETE', 'sessions/a'], ['GET', 'tap']]) {
    const answer = await page.evaluate(async ([m, w]) => {
      const body = m === 'GET' ? undefined : '{"all": true}';
      const response = await fetch(`/v1/${w}`, { method: m, body, headers: { 'Content-Type': 'application/json' } });
      return [response.status, (await response.json()).error];
    }, [method, what]);
    assert.deepEqual(answer, [403, 'this needs the role operate, and yours is view'], what);
  }
  await shows(page, '#open', '3');
  await page.click('#logout');
  await logIn(page, 'chief', 'correct-horse');
  await shows(page, '#who', 'chief');
  await page.click('button[aria-label="Drain route /chat"]');
  await page.click('#ask-yes');
  await shows(page, '#open', '2');
  const [order] = front.usher.log.split('\n').filter((line) => line.includes('operator drains'));
  assert.match(order, /"operator":"chief"|operator=chief/);
  assert.ok(!front.usher.log.includes('correct-horse'), 'the password stands in the log');
});

test('the end of a token ends its login', async (t) => {
  const { url, front } = await watched(t, ways(t));
  const page = await visit(await browse(t), url);
  const token = signed({ sub: 'vic', aud: 'usher', exp: Math.floor(Date.now() / 1000) + 5 });
  await logIn(page, '', token);
  await shows(page, '#who', 'vic · view only');
  await page.waitForSelector('#login:not([hidden])', { timeout: 15_000 });
  assert.ok(await page.isHidden('#main'), 'the page still shows what it did');
  assert.ok(!front.usher.log.includes(token), 'the token stands in the log');
});

test('a proxy in front shows a token for its users', async (t) => {
  const { url } = await watched(t, ways(t));
  const context = await (await browse(t)).newContext({ extraHTTPHeaders: { Authorization: `Bearer ${signed({ sub: 'pat', aud: 'usher' })}` } });
  const page = await context.newPage();
  await page.goto(url);
  await shows(page, '#who', 'pat · view only');
  assert.ok(await page.isHidden('#login'));
});
