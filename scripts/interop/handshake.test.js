'use strict';

// The handshake through usher: what the client says reaches the upstream, and
// what the upstream says reaches the client, whether it is 101 or not.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { before, describe, test } = require('node:test');
const { bridge, closed, message } = require('./bridge');
const { atEnd, forFile } = require('./ends');
const { direct } = require('./usher');

// What the upstream's verifyClient answers, by the status that the client asks for.
const refusals = {
  302: { message: 'moved', headers: { Location: 'https://elsewhere.example/' } },
  400: { message: 'what?', headers: {} },
  401: { message: 'log in first', headers: { 'WWW-Authenticate': 'Bearer realm="shop"' } },
  403: { message: 'not for you', headers: { 'X-Reason': 'banned' } },
  404: { message: 'no such room', headers: {} },
  429: { message: 'slower', headers: { 'Retry-After': '7' } },
  503: { message: 'closed for today', headers: { 'Retry-After': '3600', 'Set-Cookie': 'seen=1' } },
};

const upstreams = {
  plain: {},
  deflate: { perMessageDeflate: true },
  narrow: { perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 11 } },
  chat: { handleProtocols: (offered) => offered.has('chat.v1') && 'chat.v1' },
  picky: { verifyClient: refuse },
};

const file = forFile();
let ends;

before(async () => {
  ends = await bridge(file, upstreams);
  ends.servers.plain.on('headers', (headers) => {
    headers.push('Set-Cookie: session=1; Path=/; HttpOnly', 'Set-Cookie: theme=dark', 'Set-Cookie: affinity=a; Expires=Thu, 01 Jan 2037 00:00:00 GMT');
    headers.push('X-Served-By: plain');
  });
});

test('every Set-Cookie of the 101 reaches the client', async (t) => {
  const { response } = await ends.pair(t, 'plain');
  assert.deepEqual(response.headers['set-cookie'], [
    'session=1; Path=/; HttpOnly',
    'theme=dark',
    'affinity=a; Expires=Thu, 01 Jan 2037 00:00:00 GMT',
  ]);
  assert.equal(response.headers['x-served-by'], 'plain');
});

for (const size of [100, 4_000, 12_000, 30_000]) {
  test(`a cookie of ${size} bytes reaches the upstream`, async (t) => {
    const cookie = `token=${'x'.repeat(size)}; small=1`;
    const { request } = await ends.pair(t, 'plain', { headers: { Cookie: cookie } });
    assert.equal(request.headers.cookie, cookie);
  });
}

test('a head that is too large is refused before the upstream is asked', { skip: direct }, async () => {
  const { status } = await ends.refused('plain', { headers: { Cookie: `token=${'x'.repeat(40_000)}` } });
  assert.equal(status, 431);
});

test('what the client sends goes on, in its own words', async (t) => {
  const headers = { Authorization: 'Bearer abc', 'User-Agent': 'shop/1.0', 'X-Tenant': 'seven', 'Accept-Language': 'de, en;q=0.5' };
  const { request } = await ends.pair(t, 'plain', { headers });
  for (const [name, value] of Object.entries(headers)) {
    assert.equal(request.headers[name.toLowerCase()], value, name);
  }
  assert.equal(new URL(request.url, 'http://localhost').pathname, '/');
});

test('the upstream learns who asked, and the client cannot lie about it', { skip: direct }, async (t) => {
  const lies = { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example', Forwarded: 'for=203.0.113.7' };
  const { request } = await ends.pair(t, 'plain', { headers: lies });
  const { headers } = request;
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.match(headers['x-forwarded-host'], /^127\.0\.0\.1(:\d+)?$/);
  assert.doesNotMatch(headers.forwarded ?? '', /203\.0\.113\.7/);
});

describe('subprotocols', () => {
  test('the upstream chooses among those offered', async (t) => {
    const { client, request } = await ends.pair(t, 'chat', { protocols: ['chat.v2', 'chat.v1'] });
    assert.deepEqual(request.headers['sec-websocket-protocol'].split(/, */), ['chat.v2', 'chat.v1']);
    assert.equal(client.protocol, 'chat.v1');
  });

  test('the upstream takes none of them', async (t) => {
    const client = ends.dial('chat', { protocols: ['chat.v3'] });
    atEnd(t, () => client.terminate());
    await assert.rejects(once(client, 'open'), /Server sent no subprotocol/);
  });

  test('none is offered', async (t) => {
    const { client } = await ends.pair(t, 'chat');
    assert.equal(client.protocol, '');
  });
});

describe('extensions', () => {
  test('both want permessage-deflate', async (t) => {
    const { client, upstream } = await ends.pair(t, 'deflate');
    assert.equal(client.extensions, 'permessage-deflate');
    assert.equal(upstream.extensions, 'permessage-deflate');
  });

  test('its parameters are those that the upstream chose', async (t) => {
    const { response } = await ends.pair(t, 'narrow');
    const [name, ...parameters] = response.headers['sec-websocket-extensions'].split('; ');
    assert.equal(name, 'permessage-deflate');
    assert.deepEqual(parameters.sort(), [
      'client_max_window_bits=11',
      'client_no_context_takeover',
      'server_max_window_bits=10',
      'server_no_context_takeover',
    ]);
  });

  test('messages pass with narrow windows', async (t) => {
    const { client, upstream } = await ends.pair(t, 'narrow');
    const sent = 'usher '.repeat(50_000);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.send(sent);
      assert.equal((await message(to)).data.toString(), sent);
    }
  });

  test('the client does not offer it', async (t) => {
    const { client, request } = await ends.pair(t, 'deflate', { perMessageDeflate: false });
    assert.equal(request.headers['sec-websocket-extensions'], undefined);
    assert.equal(client.extensions, '');
  });

  test('the upstream does not take it', async (t) => {
    const { client } = await ends.pair(t, 'plain');
    assert.equal(client.extensions, '');
  });
});

describe("an upstream's refusal reaches the client as it is", () => {
  for (const [status, { message, headers }] of Object.entries(refusals)) {
    test(`${status}`, async () => {
      const got = await ends.refused('picky', { headers: { 'X-Answer': status } });
      assert.equal(got.status, Number(status));
      assert.equal(got.body, message);
      for (const [name, value] of Object.entries(headers)) {
        assert.equal(String(got.headers[name.toLowerCase()]), value, name);
      }
    });
  }

  test('and the next attempt may succeed', async (t) => {
    await ends.refused('picky', { headers: { 'X-Answer': '401' } });
    const { client, upstream } = await ends.pair(t, 'picky');
    const ended = closed(upstream);
    client.close(4000);
    assert.equal((await ended).code, 4000);
  });
});

function refuse({ req }, done) {
  const status = req.headers['x-answer'];
  if (!status) {
    return done(true);
  }
  const { message, headers } = refusals[status];
  return done(false, Number(status), message, headers);
}
