'use strict';

// What clients see when an upstream, a leg, the client or usher itself is lost.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, kindsOf, namespace, next, open, reconnected, within } = require('./clients');
const { socket } = require('./engine');
const { split } = require('./namespaces');
const { direct } = require('./usher');

const kind = { version: '4.x', transport: 'websocket' };
const layout = { main: { namespaces: ['/'] }, admin: { namespaces: ['/admin'] } };

// two joins both namespaces of the layout.
async function two(t, edge, of = kind, options) {
  const root = await connect(t, of, edge.base, options);
  return [root, await namespace(t, root, '/admin', options)];
}

for (const version of ['4.x', '4.0', '3.x', '2.x']) {
  const of = { version, transport: 'websocket' };
  describe(`client ${version}`, () => {
    test('F-01 an upstream crashes, on_loss: transport', async (t) => {
      const edge = await split(t, layout);
      const [root, admin] = await two(t, edge, of);
      const reasons = Promise.all([root, admin].map((s) => next(s, 'disconnect')));
      await edge.services.admin.kill();
      assert.deepEqual(await reasons, ['transport close', 'transport close']);
      await reconnected(root);
      await call(root, 'whoami');
      assert.equal(admin.connected, false);
      await edge.restart(t, 'admin', layout.admin);
      await reconnected(admin);
      assert.equal((await call(admin, 'whoami')).pid, edge.services.admin.pid);
      await call(root, 'whoami');
    });

    test('F-02 an upstream crashes, on_loss: disconnect', async (t) => {
      const edge = await split(t, layout, { on_loss: 'disconnect' });
      const [root, admin] = await two(t, edge, of);
      const reason = next(admin, 'disconnect');
      await edge.services.admin.kill();
      assert.equal(await reason, 'io server disconnect');
      await call(root, 'whoami');
    });

    test('F-03 an upstream crashes, on_loss: reconnect', async (t) => {
      const edge = await split(t, layout, { on_loss: { admin: 'reconnect' } });
      const [root, admin] = await two(t, edge, of);
      const seen = [];
      for (const [name, s] of Object.entries({ root, admin })) {
        s.on('disconnect', (reason) => seen.push(`${name} ${reason}`));
        s.on('connect', () => seen.push(`${name} connect`));
      }
      await edge.services.admin.kill();
      const answers = [1, 2, 3].map((n) => call(admin, 'echo', n));
      for (let i = 0; i < 50; i++) {
        assert.equal(await call(root, 'echo', i), i);
      }
      await edge.restart(t, 'admin', layout.admin);
      assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
      assert.deepEqual(seen, ['admin connect']);
    });
  });
}

test('F-04 an upstream that comes back refuses what it let in before', async (t) => {
  const edge = await split(t, layout, { on_loss: 'reconnect' });
  const [root, admin] = await two(t, edge, kind, { auth: { token: 'old' } });
  const reason = next(admin, 'disconnect');
  const refusal = next(admin, 'connect_error');
  await edge.services.admin.kill();
  await edge.restart(t, 'admin', { ...layout.admin, token: 'new' });
  assert.equal(await reason, 'transport close');
  assert.equal((await refusal).message, 'not authorized');
  await reconnected(root);
  await call(root, 'whoami');
});

for (const of of kindsOf('4.x', '4.0', '3.x', '2.x').filter(({ transport }) => transport !== 'upgrade')) {
  test(`F-04 a leg is lost whose token was good once, client ${of.version}, ${of.transport}`, async (t) => {
    const edge = await split(t, { ...layout, admin: { ...layout.admin, once: true } }, { on_loss: 'reconnect' });
    let tokens = 0;
    const fresh = () => ({ token: `token ${++tokens}` });
    const root = await connect(t, of, edge.base);
    const admin = await namespace(t, root, '/admin', of.version === '2.x' ? { query: fresh() } : { auth: (send) => send(fresh()) });
    if (of.version === '2.x') { // where there is no function to ask
      root.io.on('reconnect_attempt', () => (admin.query = `token=token ${++tokens}`));
    }
    for (const round of [1, 2]) {
      const reason = next(admin, 'disconnect');
      await edge.services.admin.order('cut');
      assert.match(await reason, /^transport (close|error)$/);
      await reconnected(admin);
      assert.equal((await call(admin, 'whoami')).pid, edge.services.admin.pid);
      assert.equal(tokens, round + 1);
      await reconnected(root);
      await call(root, 'whoami');
    }
  });
}

test('F-05 an answer to a question of a server that is gone', async (t) => {
  const edge = await split(t, layout, { on_loss: 'reconnect' });
  const [, admin] = await two(t, edge);
  const asked = [];
  admin.on('question', (question, ack) => asked.push([question, ack]));
  const came = (n) => within(`question ${n}`, async (done) => {
    while (asked.length < n) {
      await sleep(10);
    }
    done();
  });
  await edge.services.admin.order('ask', { args: ['old'], tag: 'old' });
  await came(1);
  await edge.services.admin.kill();
  await edge.restart(t, 'admin', layout.admin);
  await next(admin, 'connect');
  await edge.services.admin.order('ask', { args: ['new'], tag: 'new' });
  await came(2);
  asked[0][1]('answer to old');
  asked[1][1]('answer to new');
  assert.equal((await edge.services.admin.told({ event: 'answer' })).answer, 'answer to new');
  const bytes = Buffer.from([1, 2, 3]);
  await edge.services.admin.order('ask', { hex: '010203', tag: 'bytes' });
  await came(3);
  asked[0][1](Buffer.from('old'));
  assert.deepEqual([...asked[2][0]], [...bytes]);
  asked[2][1](bytes);
  assert.deepEqual((await edge.services.admin.told({ event: 'answer', tag: 'bytes' })).answer.data, [1, 2, 3]);
  assert.ok(bytes.equals(await call(admin, 'echo', bytes)));
});

test('F-06 an upstream that is down comes up', async (t) => {
  const edge = await split(t, layout);
  await edge.services.admin.kill();
  const root = await connect(t, kind, edge.base);
  const admin = root.io.socket('/admin');
  admin.on('connect_error', (err) => assert.fail(err));
  const answer = call(admin, 'echo', 'sent before');
  await call(root, 'whoami'); // behind the CONNECT, on the same connection
  await edge.restart(t, 'admin', layout.admin);
  assert.equal(await answer, 'sent before');
});

test('F-06 an upstream that is down stays down', async (t) => {
  const edge = await split(t, layout, { connect_hold: '500ms' });
  await edge.services.admin.kill();
  const root = await connect(t, kind, edge.base);
  const err = await next(root.io.socket('/admin'), 'connect_error');
  assert.equal(err.message, 'upstream unavailable');
  assert.deepEqual(err.data, { code: 'UPSTREAM_UNAVAILABLE', retry: true });
  await call(root, 'whoami');
});

test('F-07 an upstream refuses the connection', async (t) => {
  const edge = await split(t, { ...layout, admin: { ...layout.admin, refuse: 'not today' } });
  const root = await connect(t, kind, edge.base);
  const err = await next(root.io.socket('/admin'), 'connect_error');
  assert.match(err.message, /not today/);
  await call(root, 'whoami');
});

for (const transport of ['websocket', 'polling']) {
  test(`F-07 an eager upstream refuses, ${transport}`, async (t) => {
    const edge = await split(t, { ...layout, main: { ...layout.main, refuse: 'not today' } }, { eager: 'main' });
    const root = open(t, { version: '4.x', transport }, edge.base);
    await within('two refusals', (done) => {
      let count = 0;
      root.io.on('error', () => ++count === 2 && done());
    });
    await edge.services.main.order('refuse', null);
    await reconnected(root);
    await call(root, 'whoami');
  });
}

for (const of of kindsOf('4.x', '3.x', '2.x').filter(({ transport }) => transport !== 'upgrade')) {
  test(`F-08 an upstream says that it closes, client ${of.version}, ${of.transport}`, async (t) => {
    const edge = await split(t, layout);
    const [root, admin] = await two(t, edge, of);
    const reasons = Promise.all([root, admin].map((s) => next(s, 'disconnect')));
    await edge.services.admin.order('farewell');
    assert.deepEqual(await reasons, ['transport close', 'transport close']);
    await Promise.all([root, admin].map(reconnected));
    assert.deepEqual(edge.front?.logged('session ended').map(({ cause }) => cause) ?? ['upstream.closed'], ['upstream.closed']);
  });
}

// The reference server resets the connection of a body that it does not read, and its client waits for its ping.
test('F-16 a client by polling posts more than may be', { skip: direct }, async (t) => {
  const edge = await split(t, layout, { ping_interval: '20s', ping_timeout: '20s' });
  const [root, admin] = await two(t, edge, { version: '4.x', transport: 'polling' });
  const told = within('the end', (resolve) => root.io.once('close', (reason, details) => resolve([reason, details?.description])));
  admin.emit('echo', 'x'.repeat(8 << 20), () => {});
  assert.deepEqual(await told, ['transport error', 413]);
  await Promise.all([root, admin].map(reconnected));
  const [refused] = edge.front.logged('request refused');
  assert.deepEqual([refused.status, refused.route], [413, '/socket.io']);
  assert.deepEqual(edge.front.logged('session ended').map(({ cause }) => cause), ['client.too_big']);
});

for (const [policy, want] of Object.entries({ transport: 'transport close', disconnect: 'io server disconnect' })) {
  test(`F-08 an upstream closes, on_loss: ${policy}`, async (t) => {
    const edge = await split(t, layout, { on_loss: policy });
    const [root, admin] = await two(t, edge);
    const reason = next(admin, 'disconnect');
    await edge.services.admin.order('close');
    assert.equal(await reason, want);
    await reconnected(root);
    await call(root, 'whoami');
  });
}

describe('F-09 recovery', () => {
  const options = { connectionStateRecovery: {} };
  const recovering = { main: { namespaces: ['/'], options }, admin: { namespaces: ['/admin'], options } };

  // missed loses a client by a function, and looks at what it has after that.
  async function missed(t, edge, lose) {
    const [root, admin] = await two(t, edge);
    const before = [root.id, admin.id];
    await call(admin, 'join', 'room');
    const heard = [];
    admin.on('said', (message) => heard.push(message));
    admin.emit('say', 'room', 'first');
    await next(admin, 'said');
    const lost = next(admin, 'disconnect');
    await lose(root);
    await lost;
    await edge.services.admin.order('broadcast', { namespace: '/admin', room: 'room', event: 'said', args: ['missed'] });
    await reconnected(admin);
    await reconnected(root);
    await edge.services.admin.order('broadcast', { namespace: '/admin', room: 'room', event: 'said', args: ['last'] });
    await call(admin, 'whoami');
    assert.deepEqual([root.recovered, admin.recovered], [true, true]);
    assert.deepEqual([root.id, admin.id], before);
    assert.deepEqual(heard, ['first', 'missed', 'last']);
  }

  test('F-09 S-19 a client is lost', async (t) => {
    const edge = await split(t, recovering);
    await missed(t, edge, (root) => root.io.engine.transport.ws.terminate());
  });

  test('F-09 a leg is lost', async (t) => {
    const edge = await split(t, recovering);
    await missed(t, edge, () => edge.services.admin.order('cut'));
  });

  test('F-09 F-19 usher is started again', async (t) => {
    const edge = await split(t, recovering);
    await missed(t, edge, () => edge.again(t));
  });
});

test('F-10 recovery finds the endpoint that knows the client', async (t) => {
  const options = { connectionStateRecovery: {} };
  const edge = await split(t, { main: { namespaces: ['/'] }, chat: { namespaces: ['/chat'], options, count: 2 } });
  for (let i = 0; i < 4; i++) {
    const root = await connect(t, kind, edge.base);
    const chat = await namespace(t, root, '/chat');
    const { pid, id } = await call(chat, 'whoami');
    root.io.engine.transport.ws.terminate();
    await next(chat, 'disconnect');
    await reconnected(chat);
    assert.equal(chat.recovered, true);
    const again = await call(chat, 'whoami');
    assert.deepEqual([again.pid, again.id], [pid, id]);
  }
});

test('F-11 one of two endpoints stops under traffic', async (t) => {
  const edge = await split(t, { main: { namespaces: ['/'] }, chat: { namespaces: ['/chat'], count: 2 } }, { on_loss: 'reconnect' });
  const root = await connect(t, kind, edge.base);
  const chat = await namespace(t, root, '/chat');
  const lost = [];
  chat.on('disconnect', (reason) => lost.push(reason));
  const { pid } = await call(chat, 'whoami');
  const used = edge.endpoints.chat.find((s) => s.pid === pid);
  let answered = 0;
  const timer = setInterval(() => chat.emit('echo', 1, () => answered++), 5);
  await within('answers', async (done) => {
    while (answered < 20) {
      await sleep(5);
    }
    done();
  });
  await used.order('close');
  await next(chat, 'connect');
  const before = answered;
  await within('further answers', async (done) => {
    while (answered < before + 20) {
      await sleep(5);
    }
    done();
  });
  clearInterval(timer);
  assert.deepEqual(lost, []);
  assert.notEqual((await call(chat, 'whoami')).pid, pid);
});

test('F-12 F-13 a client that stops reading', async (t) => {
  const edge = await split(t, { main: { namespaces: ['/'], options: { pingTimeout: 60_000 } } }, { ping_timeout: '60s' });
  const ws = await socket(t, edge.base, 'EIO=4&transport=websocket');
  ws.send('40');
  await within('the welcome', (done) => ws.on('message', (data) => data.toString().includes('welcome') && done()));
  const before = edge.memory();
  let texts = 0;
  let volatiles = 0;
  ws.on('message', (data) => {
    const text = data.toString('latin1', 0, 12);
    texts += text.startsWith('42["text"') ? 1 : 0;
    volatiles += text.startsWith('42["vola') ? 1 : 0;
    if (text === '2') {
      ws.send('3');
    }
  });
  ws._socket.pause();
  ws.send('42["text",1000,50000]');
  await sleep(1_000);
  ws.send('42["volatile",1000,50000]');
  await sleep(500);
  const grown = edge.memory() - before;
  assert.ok(grown < 16 << 20, `usher has grown by ${grown >> 20} MiB`);
  ws._socket.resume();
  await within('all texts', async (done) => {
    while (texts < 1000) {
      await sleep(20);
    }
    done();
  });
  assert.ok(volatiles < 500, `${volatiles} of 1000 volatile events came`);
});

test('F-14 an upstream that stops reading', async (t) => {
  const admin3s = { ...layout.admin, options: { pingTimeout: 3_000 } };
  const edge = await split(t, { ...layout, admin: admin3s }, { max_payload: '10MB', ping_timeout: '3s' });
  const [root, admin] = await two(t, edge);
  edge.services.admin.child.kill('SIGSTOP');
  const lost = next(admin, 'disconnect');
  const big = 'x'.repeat(500_000);
  let over = false;
  lost.then(() => (over = true));
  let answered = 0; // by the other service, while this one takes nothing
  for (let i = 0; i < 40 && !over; i++) {
    admin.emit('echo', big, () => {});
    await Promise.race([lost, call(root, 'whoami').then(() => answered++)]);
  }
  assert.equal(await lost, 'transport close');
  assert.ok(answered >= 3, `the other service answered ${answered} times before the bound`);
  edge.services.admin.child.kill('SIGKILL');
  await reconnected(root);
  await call(root, 'whoami');
});

test('F-15 an upstream that is silent', async (t) => {
  const silent = { namespaces: ['/admin'], options: { pingInterval: 300, pingTimeout: 300 } };
  const edge = await split(t, { ...layout, admin: silent });
  const [root, admin] = await two(t, edge);
  const lost = next(admin, 'disconnect');
  edge.services.admin.child.kill('SIGSTOP');
  assert.equal(await lost, 'transport close');
  await reconnected(root);
  edge.services.admin.child.kill('SIGCONT');
  await reconnected(admin);
});

test('F-16 a message that is too large for the upstream', async (t) => {
  const edge = await split(t, { ...layout, admin: { namespaces: ['/admin'], options: { maxHttpBufferSize: 1000 } } });
  const [root, admin] = await two(t, edge);
  const lost = next(admin, 'disconnect');
  admin.emit('echo', 'x'.repeat(2000), () => {});
  assert.equal(await lost, 'transport close');
  await reconnected(root);
  await reconnected(admin);
  assert.equal(await call(admin, 'echo', 1), 1);
});

test('F-17 half a group', async (t) => {
  const edge = await split(t, layout, { on_loss: { admin: 'reconnect' } });
  const half = `452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`;
  const ws = await socket(t, edge.base, 'EIO=4&transport=websocket');
  ws.send('40');
  await edge.services.main.told({ event: 'connection' });
  ws.send(half);
  ws.send(Buffer.from([1]));
  ws.terminate();
  await edge.services.main.told({ event: 'disconnect' });
  const [, admin] = await two(t, edge);
  const flood = [];
  admin.on('flood', (...args) => flood.push(args));
  await edge.services.admin.order('raw', '452-/admin,["flood",0,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'.slice(1));
  await edge.services.admin.order('raw', { hex: '01' });
  await edge.services.admin.kill();
  await edge.restart(t, 'admin', layout.admin);
  await next(admin, 'connect');
  assert.ok(Buffer.from([7]).equals(await call(admin, 'echo', Buffer.from([7]))));
  assert.deepEqual(flood, []);
});

test('F-18 the root of a client of revision 3 dies', async (t) => {
  const edge = await split(t, layout);
  const [root, admin] = await two(t, edge, { version: '2.x', transport: 'websocket' });
  const lost = Promise.all([root, admin].map((s) => next(s, 'disconnect')));
  await edge.services.main.kill();
  assert.deepEqual(await lost, ['transport close', 'transport close']);
  const errors = within('an error of the handshake', (done) => root.on('connect_error', done).on('reconnect_error', done));
  await errors;
  await edge.restart(t, 'main', layout.main);
  await reconnected(root);
  await reconnected(admin);
  await call(admin, 'whoami');
});

test('F-19 an upstream that takes its clients and loses them at once', async (t) => {
  const edge = await split(t, layout, { on_loss: { admin: 'reconnect' } });
  const [root, admin] = await two(t, edge);
  const lost = [];
  for (const s of [root, admin]) {
    s.on('disconnect', (reason) => lost.push(reason));
  }
  const { admin: service } = edge.services;
  const before = service.of({ event: 'engine' }).length;
  await service.order('sick', true);
  const began = Date.now();
  await service.order('cut');
  await within('six dials', async (done) => {
    while (service.of({ event: 'engine' }).length < before + 6) {
      await sleep(5);
    }
    done();
  });
  const took = Date.now() - began;
  assert.ok(took > 500, `six dials in ${took} ms, want pauses that double from 50 ms on`);
  for (let i = 0; i < 50; i++) {
    assert.equal(await call(root, 'echo', i), i);
  }
  await service.order('sick', false);
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => call(admin, 'echo', n))), [1, 2, 3]);
  assert.deepEqual(lost, []);
});

test('S-23 retries and timeouts across a dial', async (t) => {
  const edge = await split(t, layout, { on_loss: 'reconnect' });
  const [, admin] = await two(t, edge, kind, { retries: 5, ackTimeout: 500 });
  await edge.services.admin.kill();
  const answer = within('the answer', (resolve, reject) => admin.emit('echo', 'again', (err, value) => (err ? reject(err) : resolve(value))));
  const late = within('a timeout', (done) => admin.volatile.timeout(100).emit('echo', 'late', done));
  assert.ok((await late) instanceof Error);
  await edge.restart(t, 'admin', layout.admin);
  assert.equal(await answer, 'again');
});
