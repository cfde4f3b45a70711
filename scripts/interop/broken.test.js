'use strict';

// Answers of an upstream that break off: the client gets what nginx would give
// it, which is the head and what there is of the body, and then the end.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { before, test } = require('node:test');
const { atEnd, forFile } = require('./ends');
const { roundRobin } = require('./nginx');
const { behind, direct } = require('./usher');

const answers = {
  'in a body with a length': 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nno tok',
  'before a body with a length': 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n',
  'in a chunk': 'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello',
  'between chunks': 'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  'in the head': 'HTTP/1.1 401 Unauthorized\r\nContent-Le',
  'before the head': '',
};

const requests = {
  upgrade: 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n',
  plain: 'GET / HTTP/1.1\r\nHost: a\r\n',
};

const file = forFile();
const ports = {};

before(async () => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (head) => socket.end(answers[/X-Case: (.*)\r/.exec(head)?.[1]] ?? ''));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(file, () => server.close());
  const { port } = server.address();
  ports.nginx = Number(new URL(await roundRobin(file, [port])).port);
  if (!direct) {
    ports.usher = (await behind(file, { upstreams: { main: `http://127.0.0.1:${port}` }, routes: [{ path: '/', upstream: 'main' }] })).port;
  }
});

// exchange returns what comes until the end, without what each proxy words for
// itself.
async function exchange(port, request) {
  const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk;
    if (got.startsWith('HTTP/1.1 502')) {
      socket.destroy(); // a whole answer, behind which the connection may stay
    }
  });
  await once(socket, 'close');
  const [head, ...rest] = got.split('\r\n\r\n');
  const status = Number(head.split(' ')[1]);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  const chunked = /transfer-encoding: chunked/i.test(head);
  const body = rest.join('\r\n\r\n');
  // Proxies chunk anew: what counts is the content, and whether the last chunk is there.
  const content = chunked ? body.replace(/^[0-9a-f]+\r\n|\r\n[0-9a-f]*(\r\n)?/gm, '') : body;
  return status === 502 ? { status } : { status, length, chunked, content, whole: chunked && body.endsWith('0\r\n\r\n') };
}

for (const where of Object.keys(answers)) {
  for (const [name, request] of Object.entries(requests)) {
    test(`an answer breaks off ${where}, ${name}`, { skip: direct }, async () => {
      const text = `${request}X-Case: ${where}\r\n\r\n`;
      assert.deepEqual(await exchange(ports.usher, text), await exchange(ports.nginx, text));
    });
  }
}
