'use strict';

// The backend before it was split: the four services as four Socket.IO servers
// on one HTTP server. Each listens for its upgrade event, each takes the first
// socket that asks for one, and the second to do so throws where nobody can
// catch it: the process dies with
//
//   server.handleUpgrade() was called more than once with the same socket
//
//   node one-process.js [--port 3000]

const http = require('node:http');
const { parseArgs } = require('node:util');
const { Server } = require('socket.io');

const { values } = parseArgs({ options: { port: { type: 'string', default: '3000' } } });
const server = http.createServer();

for (const service of ['main', 'admin', 'seller', 'chat']) {
  const io = new Server(server, { allowEIO3: true });
  for (const namespace of ['/', `/${service}`]) {
    io.of(namespace).on('connection', (socket) => {
      socket.on('whoami', (ack) => ack({ service, pid: process.pid, namespace }));
      socket.on('echo', (...args) => args.pop()(...args));
    });
  }
}

server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`one-process listening on 127.0.0.1:${server.address().port}`);
});
