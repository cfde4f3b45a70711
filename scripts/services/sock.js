'use strict';

// A SockJS server at /sock: it says who it is, and every message comes back.
//
//   node sock.js [--port 3006]

const http = require('node:http');
const { parseArgs } = require('node:util');
const sockjs = require('sockjs');

const { values } = parseArgs({ options: { port: { type: 'string', default: '3006' } } });

const sock = sockjs.createServer({ log() {}, heartbeat_delay: 2000, disconnect_delay: 1000 });
sock.on('connection', (conn) => {
  conn.write(String(process.pid));
  conn.on('data', (text) => conn.write(text));
});

const server = http.createServer();
sock.installHandlers(server, { prefix: '/sock' });
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`sock listening on 127.0.0.1:${server.address().port}`);
});
