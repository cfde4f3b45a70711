'use strict';

// A Socket.IO server whose namespaces /, /a and /b send every event back. It
// prints where it listens, and ends with its standard input.

const http = require('node:http');
const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server, { pingInterval: 600_000, pingTimeout: 600_000 });
for (const name of ['/', '/a', '/b']) {
  io.of(name).on('connection', (socket) => {
    socket.onAny((event, value) => socket.emit(event, value));
  });
}
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
process.stdin.on('end', () => process.exit()).resume();
