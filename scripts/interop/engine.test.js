'use strict';

// Engine.IO at the edge, request by request. Every transcript is also taken of
// a real server: what usher answers must be the same.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { request, session, socket } = require('./engine');
const { forFile } = require('./ends');
const { service, split } = require('./namespaces');

const file = forFile();
const servers = {};

before(async () => {
  const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };
  const options = { pingInterval: 300, pingTimeout: 200, connectTimeout: 500, upgradeTimeout: 300, maxHttpBufferSize: 10_000 };
  const beats = { ping_interval: '300ms', ping_timeout: '200ms', connect_timeout: '500ms' };
  const idle = { ping_interval: '25s', ping_timeout: '20s' };
  const direct = (config) => service(file, { name: 'direct', namespaces: ['/', '/admin'], ...config });
  const calm = { pingInterval: 25_000, pingTimeout: 20_000 };
  const broker = (extra = {}, route) => split(file, layout, { ...idle, ...extra }, route);
  [servers.real, servers.usher, servers.small, servers.smallUsher, servers.new, servers.newUsher] = await Promise.all([
    direct({ options: calm }),
    broker(),
    direct({ options }),
    broker({ ...beats, max_payload: 10_000 }),
    direct({ options: { ...calm, allowEIO3: false } }),
    broker({ eio3: false }),
  ]);
});

const base = ({ port }) => `http://127.0.0.1:${port}`;

// both takes the transcript of a scenario of both servers and compares them, and
// with what is wanted.
async function both(t, scenario, want, real = servers.real, usher = servers.usher) {
  const reference = await scenario(base(real), real);
  assert.deepEqual(reference, want, 'of the real server');
  assert.deepEqual(await scenario(base(usher), usher.services.main), want, 'of usher');
}

// left waits until the last socket that has connected to a service is gone, and
// returns the reason that the service has seen.
async function left(main) {
  const { id } = main.of({ event: 'connection' }).at(-1);
  return (await main.told({ event: 'disconnect', id })).reason;
}

const plain = ({ status, body }) => [status, body];
const json = ({ status, headers, body }) => [status, headers['content-type'], body];
const error = (code, message, status = 400) => [status, 'application/json', JSON.stringify({ code, message })];
const unknown = [400, '{"code":1,"message":"Session ID unknown"}'];
const refusal = (body) => ({ status: 400, type: 'text/html', connection: 'close', body });

describe('handshake', () => {
  test('E-01 GET by polling', async (t) => {
    await both(t, async (at) => {
      const { status, headers, body } = await request(at, 'GET', 'EIO=4&transport=polling');
      const old = await request(at, 'GET', 'EIO=3&transport=polling');
      const [, n, text] = old.body.match(/^(\d+):(0.*?})(2:40)?$/s);
      return [status, headers['content-type'], headers['cache-control'], body.replace(/"sid":"[\w-]{20}"/, 'S'),
        Number(n) === text.length, text.replace(/"sid":"[\w-]{20}"/, 'S')];
    }, [200, 'text/plain; charset=UTF-8', 'no-store', '0{S,"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
      true, '0{S,"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}']);
  });

  test('E-01 GET by polling dials nobody before a CONNECT', async () => {
    const { admin } = servers.usher.services;
    await session(null, base(servers.usher));
    assert.equal(admin.of({ event: 'engine' }).length, admin.of({ event: 'engine close' }).length);
  });

  test('E-02 transport missing or unknown', async (t) => {
    await both(t, async (at) => {
      const answers = [];
      for (const query of ['EIO=4', 'EIO=4&transport=', 'EIO=4&transport=foo', 'EIO=4&transport=webtransport', 'EIO=4&transport=polling&transport=']) {
        answers.push(json(await request(at, 'GET', query)));
      }
      return [answers, (await socket(t, at, 'EIO=4&transport=foo')).refusal];
    }, [Array(5).fill(error(0, 'Transport unknown')), refusal('Transport unknown')]);
  });

  test('E-03 sid unknown', async (t) => {
    await both(t, async (at) => {
      const answers = [];
      for (const sid of ['x', '__proto__', 'constructor', 'a&sid=b']) {
        answers.push(json(await request(at, 'GET', `EIO=4&transport=polling&sid=${sid}`)));
      }
      return [answers, (await socket(t, at, 'EIO=4&transport=websocket&sid=nobody')).refusal];
    }, [Array(4).fill(error(1, 'Session ID unknown')), refusal('Session ID unknown')]);
  });

  test('E-04 another method without sid', async (t) => {
    await both(t, async (at) => [
      json(await request(at, 'POST', 'EIO=4&transport=polling', { body: '40' })),
      json(await request(at, 'PUT', 'EIO=4&transport=polling')),
    ], Array(2).fill(error(2, 'Bad handshake method')));
  });

  test('E-05 transport or revision of another session', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      return [
        json(await request(at, 'GET', 'EIO=4&transport=websocket')),
        json(await request(at, 'GET', `EIO=4&transport=websocket&sid=${s.sid}`)),
        json(await request(at, 'GET', `EIO=3&transport=polling&sid=${s.sid}`)),
        plain(await s.post('40')),
      ];
    }, [...Array(3).fill(error(3, 'Bad request')), [200, 'ok']]);
  });

  test('E-06 revision 3 where it is not let in', async (t) => {
    await both(t, async (at) => [
      json(await request(at, 'GET', 'transport=polling')),
      json(await request(at, 'GET', 'EIO=5&transport=polling')),
    ], Array(2).fill(error(5, 'Unsupported protocol version')), servers.new, servers.newUsher);
    // The real server writes its answer behind the 101.
    const ws = await socket(t, base(servers.newUsher), 'EIO=3&transport=websocket');
    assert.deepEqual(ws.refusal, refusal('Unsupported protocol version'));
  });

  test('E-06 revision missing is revision 3', async (t) => {
    await both(t, async (at) => {
      const { status, body } = await request(at, 'GET', 'transport=polling');
      return [status, /^\d+:0\{/.test(body)];
    }, [200, true]);
  });

  test('E-24 the first subprotocol is taken', async (t) => {
    await both(t, async (at, main) => {
      const ws = await socket(t, at, 'EIO=4&transport=websocket', { protocols: ['one', 'two'] });
      ws.send('40');
      await ws.next('open');
      const answer = await ws.next('the answer to CONNECT');
      return [ws.protocol, answer.slice(0, 8), main.events.filter((e) => e.event === 'handshake').at(-1).headers['sec-websocket-protocol'].split(',')[0]];
    }, ['one', '40{"sid"', 'one']);
  });
});

describe('polling', () => {
  test('E-07 another method with sid', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      return [plain(await request(at, 'PUT', s.query)), plain(await request(at, 'DELETE', s.query)), plain(await s.post('40'))];
    }, [[500, ''], [500, ''], [200, 'ok']]);
  });

  test('E-08 two GETs at once', async (t) => {
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      const both = (await Promise.all([s.get(), s.get()])).map(plain).sort(([a], [b]) => b - a); // which comes first is theirs
      const answers = [...both, plain(await s.get())];
      await left(main);
      return answers;
    }, [[400, ''], [200, '1'], unknown]);
  });

  test('E-09 two POSTs at once', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      const slow = begun(at, 'POST', s.query, { 'Content-Length': 10, Expect: '100-continue' });
      slow.req.flushHeaders();
      await once(slow.req, 'continue'); // it is under way
      slow.req.write('42');
      const second = plain(await s.post('40'));
      slow.req.destroy();
      await slow.ended;
      return [second, plain(await s.get())];
    }, [[400, ''], unknown]);
  });

  test('E-10 bytes in a POST of revision 4', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      return [plain(await s.post(Buffer.from([4, 1]), { 'Content-Type': 'application/octet-stream' })), plain(await s.get())];
    }, [[400, ''], unknown]);
  });

  test('E-11 a POST that cannot be decoded', async (t) => {
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      const answers = [plain(await s.post('4['))];
      await s.get(); // "1", which the real server may put behind a "6"
      await left(main);
      const raw = await session(t, at);
      await raw.join();
      answers.push(plain(await s.get()), plain(await raw.post('x')), plain(await raw.get()));
      await left(main);
      return answers;
    }, [[200, 'ok'], unknown, [200, 'ok'], unknown]);
  });

  test('E-12 a POST that is too large', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      await s.join();
      const { status, headers } = await s.post(`42["${'x'.repeat(10_000)}"]`);
      return [status, headers.connection];
    }, [413, 'close'], servers.small, servers.smallUsher);
  });

  test('E-12 a message that is too large', async (t) => {
    await both(t, async (at, main) => {
      const ws = await socket(t, at, 'EIO=4&transport=websocket');
      ws.send('40');
      await ws.next();
      await ws.next();
      ws.send(`42["${'x'.repeat(10_000)}"]`);
      const { code } = await ws.ended;
      await left(main);
      return code;
    }, 1009, servers.small, servers.smallUsher);
  });

  test('E-13 the client closes while it polls', async (t) => {
    const reasons = [];
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      const poll = s.get();
      await sleep(50);
      const answers = [plain(await s.post('1')), plain(await poll)];
      reasons.push(await left(main));
      answers.push(plain(await s.get()));
      return answers;
    }, [[200, 'ok'], [200, '6'], unknown]);
    assert.deepEqual(reasons, ['transport close', 'transport close']);
  });

  test('E-14 the client goes away while it polls', async (t) => {
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      const poll = begun(at, 'GET', s.query);
      poll.req.end();
      await sleep(100);
      poll.req.destroy();
      await left(main);
      return plain(await s.get());
    }, unknown);
  });

  test('E-29 nine megabytes to a client that polls', async (t) => {
    const s = await session(t, base(servers.usher));
    await s.join();
    await s.post('42["text",3,3000000]');
    const all = await s.until('["text",2');
    assert.equal(all.length > 9_000_000, true);
    assert.deepEqual(all.match(/42\["text",\d/g), ['42["text",0', '42["text",1', '42["text",2']);
  });

  test('E-30 the server closes while nobody polls', async (t) => {
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      await s.post('42["drop"]');
      await sleep(200); // nothing tells that it has: it is told of the end by the next GET
      const { status, body } = await s.get();
      await left(main);
      return [status, body.replace('6\x1e', '')]; // the real server puts a noop before it
    }, [200, '1']);
  });

  test('E-31 an answer may be compressed', async (t) => {
    const s = await session(t, base(servers.usher));
    await s.join();
    await s.post('42["text",1,5000]');
    const { headers, bytes } = await s.get({ 'Accept-Encoding': 'gzip, deflate' });
    const body = headers['content-encoding'] === 'gzip' ? require('node:zlib').gunzipSync(bytes) : bytes;
    assert.equal(body.toString(), `42["text",0,"${'x'.repeat(5000)}"]`);
  });
});

// begun is a request whose answer nobody waits for.
function begun(at, method, query, headers = {}) {
  const req = http.request(`${at}/socket.io/?${query}`, { method, headers, agent: false });
  const ended = new Promise((resolve) => req.on('close', resolve));
  req.on('error', () => {});
  return { req, ended };
}

describe('CORS', () => {
  const origin = 'https://shop.example';
  const cors = ({ status, headers }) => [status, headers['access-control-allow-origin'], headers['access-control-allow-credentials'], headers.vary];

  test('E-15 preflight, and errors across origins', async (t) => {
    const edge = await split(t, { main: { namespaces: ['/'] } }, { max_payload: 10_000 }, { origins: [origin] });
    const at = base(edge);
    const preflight = { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-custom' };
    const asked = await request(at, 'OPTIONS', 'EIO=4&transport=polling', { headers: preflight });
    assert.deepEqual(cors(asked).slice(0, 3), [204, origin, 'true']);
    assert.match(asked.headers['access-control-allow-methods'], /GET.*POST/);
    assert.equal(asked.headers['access-control-allow-headers'], 'x-custom');
    const s = await session(t, at);
    const headers = { Origin: origin };
    const answers = [
      await request(at, 'GET', 'EIO=4', { headers }),
      await request(at, 'GET', 'EIO=4&transport=polling&sid=x', { headers }),
      await s.post('x'.repeat(10_001), headers),
      await request(at, 'GET', 'EIO=4&transport=polling', { headers }),
    ];
    assert.deepEqual(answers.map(cors), [400, 400, 413, 200].map((status) => [status, origin, 'true', 'Origin']));
    const foreign = await request(at, 'GET', 'EIO=4&transport=polling', { headers: { Origin: 'https://evil.example' } });
    assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  });
});

describe('heartbeats', () => {
  for (const [name, wants] of [['answers', true], ['does not answer', false]]) {
    test(`E-16 revision 4, a WebSocket client ${name}`, async (t) => {
      await both(t, async (at) => {
        const ws = await socket(t, at, 'EIO=4&transport=websocket');
        ws.send('40');
        let pings = 0;
        ws.on('message', (data) => data.toString() === '2' && ++pings && wants && (pings < 5 ? ws.send('3') : ws.close()));
        await ws.ended;
        return pings;
      }, wants ? 5 : 1, servers.small, servers.smallUsher);
    });
  }

  test('E-16 revision 4, a polling client', async (t) => {
    await both(t, async (at, main) => {
      const s = await session(t, at);
      await s.join();
      for (let i = 0; i < 3; i++) {
        await s.until('2');
        await s.post('3');
      }
      await left(main);
      return plain(await s.get());
    }, unknown, servers.small, servers.smallUsher);
  });

  test('E-16 revision 3: the client pings', async (t) => {
    await both(t, async (at) => {
      const ws = await socket(t, at, 'EIO=3&transport=websocket');
      await ws.next('open');
      const seen = [];
      ws.on('message', (data) => data.toString()[0] === '3' && seen.push(data.toString()));
      for (let i = 0; i < 4; i++) {
        ws.send('2');
        await sleep(200);
      }
      await ws.ended; // since no more pings come
      return seen;
    }, ['3', '3', '3', '3'], servers.small, servers.smallUsher);
  });

  test('E-16 revision 3: the client pings by polling', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at, { eio: 3 });
      await s.welcomed();
      await s.post('1:2');
      return (await s.until('1:3')).includes('1:3');
    }, true);
  });

  test('E-17 revision 4: a ping of the client ends it', async (t) => {
    await both(t, async (at) => {
      const ws = await socket(t, at, 'EIO=4&transport=websocket');
      await ws.next('open');
      ws.send('2');
      await ws.ended;
    }, undefined);
  });

  test('E-23 nobody joins a namespace', async (t) => {
    await both(t, async (at) => {
      const ws = await socket(t, at, 'EIO=4&transport=websocket');
      ws.on('message', (data) => data.toString() === '2' && ws.send('3'));
      await ws.ended;
    }, undefined, servers.small, servers.smallUsher);
  });
});

describe('upgrade', () => {
  test('E-18 packets right behind the upgrade', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      await s.join();
      const ws = await s.socket();
      ws.send('2probe');
      const probed = await ws.next('3probe');
      ws._socket.cork();
      ['5', ...Array.from({ length: 50 }, (_, i) => `42${i}["echo",${i}]`)].forEach((packet) => ws.send(packet));
      ws._socket.uncork();
      const answers = [];
      for (let i = 0; i < 50; i++) {
        answers.push(await ws.next());
      }
      return [probed, answers];
    }, ['3probe', Array.from({ length: 50 }, (_, i) => `43${i}[${i}]`)]);
  });

  test('E-20 no upgrade after the probe, a wrong packet, the probe lost', async (t) => {
    for (const end of [(ws) => ws.send('4x'), (ws) => ws.terminate()]) {
      await both(t, async (at) => {
        const s = await session(t, at);
        await s.join();
        const ws = await s.socket();
        ws.send('2probe');
        const probed = await ws.next('3probe');
        end(ws);
        await ws.ended;
        await s.post('420["echo","still"]');
        return [probed, (await s.until('still')).includes('430["still"]')];
      }, ['3probe', true]);
    }
  });

  test('E-21 a second upgrade, and HTTP after it', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at);
      await s.join();
      const ws = await s.socket();
      ws.send('2probe');
      await ws.next('3probe');
      ws.send('5');
      ws.send('420["echo",1]');
      while (!(await ws.next()).startsWith('430')) { /* the welcome */ }
      const second = await s.socket();
      await second.ended;
      return [json(await s.get()), json(await s.post('40'))];
    }, [error(3, 'Bad request'), error(3, 'Bad request')]);
  });

  test('E-25 base64 on all transports', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at, { extra: '&b64=1' });
      await s.join();
      await s.post('42["flood",1,3]');
      const polled = (await s.until('bAAAA')).includes('bAAAA');
      const ws = await s.socket('&b64=1');
      ws.send('2probe');
      await ws.next('3probe');
      ws.send('5');
      ws.send('420["echo",1]');
      ws.send('451-1["echo",{"_placeholder":true,"num":0}]');
      ws.send('bAQID');
      const seen = [];
      while (seen.at(-1) !== 'bAQID') {
        seen.push(await ws.next());
      }
      return [polled, seen.filter((p) => !p.includes('welcome'))];
    }, [true, ['430[1]', '461-1[{"_placeholder":true,"num":0}]', 'bAQID']]);
  });
});

describe('revision 3', () => {
  // polled is everything that a client has polled when a text has come.
  async function polled(s, text) {
    const all = [];
    while (!Buffer.concat(all).includes(text)) {
      all.push((await s.get()).bytes);
    }
    return Buffer.concat(all);
  }

  test('E-26 payloads of text and bytes', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at, { eio: 3 });
      await s.welcomed();
      await s.post('22:420["echo","€ 😀","x"]');
      const text = (await polled(s, '430')).toString();
      const bytes = Buffer.concat([
        Buffer.from([0, 4, 3, 0xff]), Buffer.from('451-1["echo",{"_placeholder":true,"num":0}]'),
        Buffer.from([1, 4, 0xff, 4, 1, 2, 3]),
      ]);
      await s.post(bytes, { 'Content-Type': 'application/octet-stream' });
      const octets = (await polled(s, Buffer.from([4, 1, 2, 3]))).toString('hex');
      const b64 = await session(t, at, { eio: 3, extra: '&b64=1' });
      await b64.welcomed();
      await b64.post('43:451-1["echo",{"_placeholder":true,"num":0}]6:b4AQID');
      return [text, octets, (await polled(b64, 'b4AQID')).toString()];
    }, ['15:430["€ 😀","x"]',
      `000306ff${Buffer.from('461-1[{"_placeholder":true,"num":0}]').toString('hex')}0104ff04010203`,
      '36:461-1[{"_placeholder":true,"num":0}]6:b4AQID']);
  });

  test('E-27 JSONP', async (t) => {
    await both(t, async (at) => {
      const s = await session(t, at, { eio: 3, extra: '&j=7&b64=1' });
      const head = s.opened.body.replace(s.sid, 'SID').replace(/(2:40.*)?"\);$/s, '');
      await s.welcomed(); // the server ends a session that speaks before
      // As engine.io-client 3 posts it.
      const post = (text) => {
        const data = encodeURIComponent(`${text.length}:${text}`.replace(/\\n/g, '\\\\n').replace(/\n/g, '\\n'));
        return s.post(`d=${data}`, { 'Content-Type': 'application/x-www-form-urlencoded' });
      };
      const posted = plain(await post('420["echo",{"a\\nb":"\u2028\\"€😀\\\\n"}]'));
      const text = (await s.until('430')).match(/\d+:430.*$/m)[0];
      await post('451-1["echo",{"_placeholder":true,"num":0}]');
      await s.post(`d=${encodeURIComponent('6:b4AQID')}`, { 'Content-Type': 'application/x-www-form-urlencoded' });
      const binary = (await s.until('b4AQID')).match(/\d+:461.*$/m)[0];
      return [head, posted, text.replace(/\x1e$/, ''), binary.replace(/\x1e$/, '')];
    }, [
      '___eio[7]("118:0{\\"sid\\":\\"SID\\",\\"upgrades\\":[\\"websocket\\"],\\"pingInterval\\":25000,\\"pingTimeout\\":20000,\\"maxPayload\\":1000000}',
      [200, 'ok'],
      '25:430[{\\"a\\\\nb\\":\\"\\u2028\\\\\\"€😀\\\\\\\\n\\"}]");',
      '36:461-1[{\\"_placeholder\\":true,\\"num\\":0}]6:b4AQID");',
    ]);
  });
});

test('E-28 the client bundle comes from an upstream', async (t) => {
  for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js', 'socket.io.js.map', 'socket.io.min.js.map']) {
    const [real, usher] = await Promise.all([servers.real, servers.usher].map((s) => request(base(s), 'GET', '', { path: `/socket.io/${name}` })));
    assert.deepEqual([usher.status, usher.headers.etag, usher.headers['content-type']], [200, real.headers.etag, real.headers['content-type']], name);
    assert.ok(usher.bytes.equals(real.bytes), name);
    const headers = { 'If-None-Match': real.headers.etag };
    assert.equal((await request(base(servers.usher), 'GET', '', { path: `/socket.io/${name}`, headers })).status, 304);
  }
});

describe('what would hurt an upstream', () => {
  test('a hundred megabytes in a POST are refused unread', async (t) => {
    const s = await session(t, base(servers.usher));
    const { status } = await s.post(undefined, { 'Content-Length': 100_000_000 }).catch((err) => ({ status: err.code }));
    assert.equal(status, 413);
  });

  const bodies = {
    'a million separators': '\x1e'.repeat(900_000),
    'half a million empty messages': '4\x1e'.repeat(450_000),
    'half a million noops': `${'6\x1e'.repeat(450_000)}x`,
    'a huge number of attachments': '459999999999-["x"]',
    'a digit bomb': `45${'9'.repeat(900_000)}-["x"]`,
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`${name} end the session`, async (t) => {
      const s = await session(t, base(servers.usher));
      const other = await session(t, base(servers.usher));
      await s.join();
      await s.post(body);
      await s.get();
      assert.deepEqual(plain(await s.get()), unknown);
      await other.join(); // nobody else has felt it
    });
  }

  test('a digit bomb of revision 3 ends the session', async (t) => {
    for (const [body, type] of [['9'.repeat(900_000), 'text/plain'], [Buffer.alloc(900_000, 9), 'application/octet-stream']]) {
      const s = await session(t, base(servers.usher), { eio: 3 });
      await s.post(body, { 'Content-Type': type });
      assert.deepEqual(plain(await s.get()), unknown);
    }
  });
});

test('E-32 a POST whose body does not come', async (t) => {
  const edge = await split(t, { main: { namespaces: ['/'] } }, {}, { handshake_timeout: '500ms' });
  const s = await session(t, base(edge));
  const other = await session(t, base(edge));
  const slow = net.connect(edge.port, '127.0.0.1');
  slow.on('error', () => {});
  slow.write(`POST /socket.io/?${s.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n42`);
  let answer = '';
  slow.on('data', (chunk) => (answer += chunk));
  await other.join();
  await new Promise((resolve) => slow.on('close', resolve));
  assert.match(answer, /^$|^HTTP\/1\.1 4\d\d/);
});
