'use strict';
const http = require('node:http');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { Server } = require('socket.io');
const { open } = require('./clients');
const { atEnd } = require('./ends');
const { behind } = require('./usher');

test('try', async (t) => {
  const server = http.createServer((req, res) => { res.writeHead(404); res.end('nope'); });
  const io = new Server(server);
  io.engine.use((req, res, next) => { console.log('MW', req.method, req.url, req.headers.upgrade, req.headers.authorization); if (req.headers.cookie !== 'ok') { res.writeHead(401); res.end(); } else next(); });
  io.engine.on('connection_error', (e) => console.log('CE', e.code, e.message, e.context));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  atEnd(t, () => io.close());
  const port = server.address().port;
  const { port: edge, front } = await behind(t, { upstreams: { main: `http://127.0.0.1:${port}` }, routes: [{ path: '/socket.io', namespaces: { '/': 'main' } }] });
  for (const transport of ['websocket', 'polling']) {
    const s = open(t, { version: '4.x', transport }, `http://127.0.0.1:${edge}`);
    for (const e of ['connect', 'connect_error', 'disconnect']) s.on(e, (x) => console.log(transport, e, x && x.message, x && x.data));
  }
  await sleep(1500);
  console.log(front.usher.log);
});
