'use strict';

// Who may open a socket or join a namespace, and until when: clients whose tokens
// end, an issuer whose keys change, and a login page with cookies.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, connected, kinds, next, open, within } = require('./clients');
const { request, socket } = require('./engine');
const { atEnd, forFile } = require('./ends');
const { login, shop } = require('./login');
const { service, split } = require('./namespaces');
const { claims, issuer, secret, signed } = require('./tokens');
const { behind } = require('./usher');

const file = forFile();
const edges = {};
const lifetime = 3; // seconds

const jwt = { secret, audience: 'chat', leeway: '0s' };
const ofRequests = { auth: { jwt: { ...jwt, from: ['authorization', { query: 'token' }], claims: { 'X-User-Id': 'sub' } } } };
const ofConnects = { jwt: { ...jwt, from: [{ auth: 'token' }] } };
const recovering = { namespaces: ['/'], options: { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } } };

before(async () => {
  const plain = async () => {
    const main = await service(file, { name: 'main', ...recovering });
    const { port } = await behind(file, { upstreams: { main: `http://127.0.0.1:${main.port}` }, routes: [{ upstream: 'main', ...ofRequests }] });
    return { base: `http://127.0.0.1:${port}`, services: { main } };
  };
  const admin = { namespaces: ['/admin'] };
  [edges.plain, edges.namespaces, edges.connects, edges.admin] = await Promise.all([
    plain(),
    split(file, { main: recovering }, {}, ofRequests),
    split(file, { main: recovering }, { auth: { '/': ofConnects } }),
    split(file, { main: { namespaces: ['/'] }, admin }, { auth: { '/admin': ofConnects } }),
  ]);
  for (const name of ['plain', 'namespaces', 'connects']) {
    tick(edges[name].services.main);
  }
});

// tick has a service count for everybody, to the end of the file.
function tick(main) {
  let stop = false;
  const ticking = (async () => {
    for (let i = 0; !stop; i++) {
      await main.order('broadcast', { event: 'tick', args: [i] });
      await sleep(40);
    }
  })();
  atEnd(file, () => ((stop = true), ticking));
}

// The ways in which a client has a token: first when it is made, and again before
// each attempt to come back.
const ways = {
  query: {
    first: (token) => ({ query: { token: token() } }),
    again: (socket, token) => (socket.io.opts.query = { token: token() }),
  },
  header: {
    first: (token) => ({ extraHeaders: { Authorization: `Bearer ${token()}` } }),
    again: (socket, token) => (socket.io.opts.extraHeaders = { Authorization: `Bearer ${token()}` }),
  },
  auth: {
    first: (token) => ({ auth: (done) => done({ token: token() }) }),
    again: () => {},
  },
};

// Their ends take seconds: many wait at once, and not so many that a busy machine is too slow for a token.
describe('access', { concurrency: 20 }, () => {
  test('an issuer takes another key', rotated);
  test('an issuer that nobody can ask', unreachable);
  test('what a key has let in ends with the key', revoked);
  test('a login page with cookie-session', loggedIn);

  for (const [place, name] of [['plain', 'query'], ['plain', 'header'], ['namespaces', 'query'], ['namespaces', 'header'], ['connects', 'auth']]) {
    for (const kind of kinds) {
      const way = name === 'auth' && kind.version === '2.x' ? 'query' : name; // of "/" it is the handshake's
      test(`a token of 3 s by ${way}, ${place}, client ${kind.version}, ${kind.transport}`, async (t) => {
        const returns = await whileTokensEnd(t, kind, edges[place], way);
        // A server behind a plain route may learn by its own heartbeat only that a client's polls have ended.
        if (kind.version === '4.x' && !(place === 'plain' && kind.transport === 'polling')) {
          await wantNothingLost(returns);
        }
      });
    }
  }

  for (const kind of kinds.filter(({ transport }) => transport === 'upgrade')) {
    test(`a socket by the sid of a handshake with a token, client ${kind.version}`, (t) => upgradedBySID(t, kind, edges.plain));
  }

  for (const kind of kinds) {
    test(`a namespace's tokens, client ${kind.version}, ${kind.transport}`, (t) => guarded(t, kind, edges.admin));
  }
});

// upgradedBySID has a client show its token as a browser can, that sets no header of a WebSocket.
async function upgradedBySID(t, kind, { base }) {
  const extraHeaders = { Authorization: `Bearer ${signed(t.name, 60)}` };
  const socket = await connect(t, kind, base, { transportOptions: { polling: { extraHeaders } } });
  const { headers } = await call(socket, 'handshake');
  assert.equal(headers['x-user-id'], t.name);
}

// guarded has a client refused in /admin, let in, and back after its token's end.
async function guarded(t, kind, { base, services: { main, admin } }) {
  const old = kind.version === '2.x';
  const root = await connect(t, kind, base, { query: { who: t.name } });
  const lost = [];
  root.on('disconnect', (reason) => lost.push(reason));

  const stranger = signed(t.name, 60, 'another secret of 32 characters.');
  for (const [token, reason] of [[stranger, 'token is signed by nobody who may'], [signed(t.name, -60), 'token expired'], ['a.b.c', 'malformed token'], [undefined, 'no token']]) {
    const refused = join(root, old, () => token);
    const err = await next(refused, old ? 'error' : 'connect_error');
    assert.deepEqual(old ? err : [err.message, err.data], old ? `unauthorized: ${reason}` : ['unauthorized', { reason }]);
    assert.equal(refused.connected, false);
    assert.equal(await call(root, 'echo', reason), reason);
    leave(root, refused);
  }
  const shown = (event) => JSON.stringify(event.auth) + JSON.stringify(event.query);
  const { leg } = await call(root, 'whoami');
  assert.deepEqual(lost, []);
  assert.equal(main.of({ event: 'connection', leg }).length, 1, 'connections to the root namespace');
  const asked = admin.of({ event: 'handshake' }).map(({ url }) => new URL(url, base).searchParams.get('who'));
  assert.ok(!asked.includes(t.name), 'the upstream was dialled for who was refused');

  const tokens = [];
  let ends = 0; // of tokens; the last one lasts
  root.on('disconnect', () => ends++);
  const token = () => tokens[tokens.push(signed(t.name, ends < 2 ? lifetime : 60)) - 1];
  const joined = join(root, old, token);
  atEnd(t, () => joined.close());
  await connected(joined);
  while (ends < 2) {
    const reasons = await Promise.all([root, joined].map((s) => next(s, 'disconnect')));
    reasons.forEach((reason) => assert.match(reason, /^transport (close|error)$/));
    await Promise.all([root, joined].map((s) => next(s, 'connect')));
  }
  assert.equal(await call(joined, 'echo', 'here'), 'here');
  const came = admin.of({ event: 'connection' }).map(shown);
  const good = tokens.map((one) => came.filter((text) => text.includes(one)).length).filter((times) => times > 0);
  assert.deepEqual(good, [1, 1, 1], 'each token was good for one connection');
}

// join has a client ask for /admin, with another token each time that it connects.
function join(root, old, token) {
  if (!old) {
    return root.io.socket('/admin', { auth: (done) => done({ token: token() }) });
  }
  const joined = root.io.socket('/admin', { query: query(token()) });
  root.io.on('reconnect_attempt', () => (joined.query = query(token())));
  return joined;
}

const query = (token) => (token ? { token } : {});

// leave has a client forget a namespace, whose next socket is another one then.
function leave(root, socket) {
  socket.close();
  delete root.io.nsps[socket.nsp];
}

// whileTokensEnd follows a client until its token has ended twice, and it has come
// back with another each time.
async function whileTokensEnd(t, kind, edge, way) {
  const tokens = [];
  const user = t.name;
  let ends = 0; // of tokens; the last one lasts
  const token = () => tokens[tokens.push(signed(user, ends < 2 ? lifetime : 60)) - 1];
  const ticks = [];
  const recovered = [];
  const socket = open(t, kind, edge.base, ways[way].first(token));
  socket.io.on('reconnect_attempt', () => ways[way].again(socket, token));
  socket.on('tick', (n) => ticks.push(n));
  socket.on('connect', () => recovered.push(socket.recovered));
  socket.on('disconnect', () => ends++);
  await connected(socket);
  while (ends < 2) {
    const { exp } = claims(tokens.at(-1));
    const reason = await next(socket, 'disconnect');
    const late = Date.now() - exp * 1000;
    assert.match(reason, /^transport (close|error)$/);
    assert.ok(late > -50 && late < 3_000, `the connection ended ${late} ms after the token`);
    await next(socket, 'connect');
  }
  assert.equal(await call(socket, 'echo', 'here'), 'here');
  assert.equal(recovered.length, 3, 'connections');
  return { ticks, recovered, socket };
}

// wantNothingLost wants all events that were sent since the first that came, each once.
async function wantNothingLost({ ticks, recovered, socket }) {
  assert.deepEqual(recovered, [false, true, true]);
  await next(socket, 'tick');
  assert.deepEqual(ticks, ticks.map((_, i) => ticks[0] + i));
}

// keyed puts usher before the shop, for who has a token of the issuer.
async function keyed(t, id, more = {}) {
  const { url } = await shop(t);
  const auth = { jwt: { jwks: id.url, audience: 'chat', claims: { 'X-User': 'sub' }, ...more } };
  const { port, front } = await behind(t, { upstreams: { shop: url }, routes: [{ upstream: 'shop', auth }] });
  const base = `http://127.0.0.1:${port}`;
  const ask = async (kid) => {
    const token = await id.token(kid);
    const { status, body, headers } = await request(base, 'GET', '', { path: '/', headers: { Authorization: `Bearer ${token}` } });
    return [status, status === 200 ? JSON.parse(body)['x-user'] : headers['www-authenticate']];
  };
  return { base, front, ask };
}

const welcome = [200, 'anna'];
const unknownKey = [401, 'Bearer error="invalid_token", error_description="token is signed by nobody who may"'];
const patience = 20_000; // milliseconds; a key set is read again after ten seconds at the earliest

// until asks with a key until that is the status, and tells after how long.
function until(ask, kid, status) {
  const began = Date.now();
  return within(`${status} for key ${kid}`, async (resolve, reject) => {
    try {
      while ((await ask(kid))[0] !== status && Date.now() - began < patience) {
        await sleep(100);
      }
      resolve(Date.now() - began);
    } catch (err) {
      reject(err);
    }
  }, patience);
}

async function rotated(t) {
  const id = await issuer(t, ['first'], ['second']);
  const { ask } = await keyed(t, id);
  assert.deepEqual(await ask('first'), welcome);
  assert.deepEqual(await ask('second'), unknownKey);
  id.published = ['second'];
  await until(ask, 'second', 200);
  assert.deepEqual(await ask('second'), welcome);
  assert.deepEqual(await ask('first'), unknownKey);
  assert.equal(id.asked, 2, 'readings of the key set, however many asked');
}

async function unreachable(t) {
  const id = await issuer(t, ['first'], ['second']);
  id.broken = true;
  const { ask, front } = await keyed(t, id);
  assert.equal((await ask('first'))[0], 503, 'before there is a key set');
  id.broken = false;
  await until(ask, 'first', 200);
  const open = await ask('first');
  assert.deepEqual(open, welcome);

  id.broken = true;
  const before = id.asked;
  await within('another reading of the key set', async (resolve) => {
    while (id.asked === before) {
      assert.deepEqual(await ask('second'), unknownKey);
      assert.deepEqual(await ask('first'), welcome);
      await sleep(100);
    }
    resolve();
  }, patience);
  assert.deepEqual(await ask('first'), welcome);
  assert.deepEqual(await ask('second'), unknownKey);
  const told = front.logged('key set not read').map(({ kept }) => kept);
  assert.deepEqual([told[0], told.at(-1)], [false, true], 'what the log says of the last good set');

  id.broken = false;
  id.published = ['first', 'second'];
  await until(ask, 'second', 200);
}

// revoked has a key set that cannot be read, and then one without a key.
async function revoked(t) {
  const id = await issuer(t, ['first', 'second'], ['third']);
  const { base, ask } = await keyed(t, id, { revoke_on_key_loss: true });
  const enter = async (kid) => {
    const ws = await socket(t, base, '', { headers: { Authorization: `Bearer ${await id.token(kid)}` } });
    assert.equal(await ws.next('who I am'), '{"x-user":"anna"}');
    return ws;
  };
  const [first, second] = await Promise.all(['first', 'second'].map(enter));
  const end = once(first, 'close');
  const answers = async (ws) => {
    ws.send('hello');
    assert.equal(await ws.next('the echo'), 'hello');
  };

  id.broken = true;
  const before = id.asked;
  await within('another reading of the key set', async (resolve) => {
    while (id.asked === before) {
      assert.deepEqual(await ask('third'), unknownKey);
      await sleep(100);
    }
    resolve();
  }, patience);
  await Promise.all([first, second].map(answers));

  id.broken = false;
  id.published = ['second', 'third'];
  await until(ask, 'third', 200);
  const [code, reason] = await end;
  assert.deepEqual([code, reason.toString()], [3000, 'signing key revoked']);
  await answers(second);
}

async function loggedIn(t) {
  const [app, { url, seen }] = await Promise.all([login(t), shop(t)]);
  const forward = { url: `${app.url}/auth`, headers: ['X-User'] };
  const routes = [{ path: '/login', upstream: 'app', auth: 'none' }, { path: '/open', upstream: 'shop', auth: 'none' }, { upstream: 'shop', auth: { forward } }];
  const { port } = await behind(t, { upstreams: { app: app.url, shop: url }, routes });
  const base = `http://127.0.0.1:${port}`;
  const get = (path, headers = {}) => request(base, 'GET', '', { path, headers });
  const forged = { 'X-User': 'root', X_User: 'root', 'x-uSER': 'root' };

  const page = await get('/cart', { Accept: 'text/html', ...forged });
  assert.deepEqual([page.status, page.headers.location], [302, '/login?back=%2Fcart']);
  const script = await get('/cart', { Accept: 'application/json', ...forged });
  assert.deepEqual([script.status, script.headers['www-authenticate'], JSON.parse(script.body)], [401, 'Cookie', { error: 'who are you?' }]);
  const ws = await socket(t, base, '', { headers: forged });
  assert.equal(ws.refusal.status, 302);
  assert.deepEqual(seen, []);

  const form = { body: 'user=anna', path: '/login', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } };
  const answer = await request(base, 'POST', '', form);
  assert.equal(answer.status, 303);
  const Cookie = cookies(answer);
  const cart = await get('/cart', { Cookie, ...forged });
  assert.deepEqual([cart.status, cart.body], [200, '{"x-user":"anna"}']);
  assert.notEqual(cookies(cart), Cookie);
  assert.equal((await get('/cart', { Cookie: cookies(cart) })).body, '{"x-user":"anna"}');
  assert.equal((await get('/open', { Cookie, ...forged })).body, '{}');
  const [name, signature] = Cookie.split('; ');
  assert.equal((await get('/cart', { Cookie: `${name}x; ${signature}` })).status, 302, 'a cookie that somebody has changed');

  const live = await socket(t, base, '', { headers: { Cookie, ...forged } });
  assert.equal(await live.next('who I am'), '{"x-user":"anna"}');
  live.send('hello');
  assert.equal(await live.next('the echo'), 'hello');

  app.expires = Math.floor(Date.now() / 1000) + 2;
  const short = await socket(t, base, '', { headers: { Cookie } });
  assert.equal((await short.ended).code, 3000);
  const late = Date.now() - app.expires * 1000;
  assert.ok(late > -50 && late < 3_000, `the connection ended ${late} ms after the login`);
  live.send('still here'); // when it came nobody spoke of an end
  assert.equal(await live.next('the echo'), 'still here');
}

// cookies are those of an answer, as a browser sends them.
const cookies = ({ headers }) => headers['set-cookie'].map((cookie) => cookie.split(';')[0]).join('; ');
