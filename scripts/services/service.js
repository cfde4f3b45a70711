'use strict';

// What the four services have in common: one HTTP server with one Socket.IO
// server for clients of 2.x, 3.x and 4.x, and a plain WebSocket echo beside it
// at /live. One upgrade handler decides which of the two takes a socket.
//
//   node main.js [--port 3001] [--path /socket.io]
//
// With port 0 the system chooses one; the line that is printed names it.

const http = require('node:http');
const { parseArgs } = require('node:util');
const { Server } = require('socket.io');
const { WebSocketServer } = require('ws');

exports.serve = function serve(name, port, define) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: String(port) },
      path: { type: 'string', default: '/socket.io' },
    },
  });
  const whoami = { service: name, pid: process.pid };

  const server = http.createServer((req, res) => page(req, res, whoami));
  const io = new Server({
    path: values.path,
    allowEIO3: true,
    maxHttpBufferSize: 32 << 20,
    pingInterval: 2000,
    pingTimeout: 20_000,
    cors: { origin: true, credentials: true },
    destroyUpgrade: false,
  });
  io.attach(server);
  attachLive(server);

  // Clients of the service itself come to /, those of usher's one connection
  // for all services to the namespace that routes.yaml leads here.
  io.on('connection', (socket) => answerBasics(socket, whoami));
  io.of(`/${name}`).on('connection', (socket) => answerBasics(socket, whoami));
  define(io, (socket) => answerBasics(socket, whoami));

  server.listen(Number(values.port), '127.0.0.1', () => {
    console.log(`${name} listening on 127.0.0.1:${server.address().port}`);
  });
};

// answerBasics gives a socket of any namespace the events that every service
// understands.
function answerBasics(socket, whoami) {
  socket.on('whoami', (ack) => ack({ ...whoami, namespace: socket.nsp.name }));
  socket.on('echo', (...args) => args.pop()(...args));
  // ask turns the direction round: the server emits and the client acknowledges.
  socket.on('ask', (question, ack) => socket.emit('question', question, (answer) => ack(answer)));
  // drop loses the connection below Socket.IO, as a network would.
  socket.on('drop', () => socket.conn.close());
}

// attachLive serves plain WebSocket clients at /live: every message comes back.
function attachLive(server) {
  const live = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  live.on('connection', (ws) => {
    ws.on('error', () => ws.terminate());
    ws.on('message', (data, binary) => ws.send(data, { binary }));
  });
  server.on('upgrade', (req, socket, head) => {
    if (new URL(req.url, 'http://localhost').pathname !== '/live') {
      return;
    }
    live.handleUpgrade(req, socket, head, (ws) => live.emit('connection', ws, req));
  });
}

function page(req, res, whoami) {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ ...whoami, url: req.url }) + '\n');
}
