'use strict';

// A server of pages and sockets that a test starts anew: node restarted.js --port PORT.
// Each page takes a moment, so that some are under way whenever it ends.

const http = require('node:http');
const { WebSocketServer } = require('ws');

const server = http.createServer((req, res) => {
  req.resume();
  setTimeout(() => res.end(`${req.method} ${process.pid}`), 20 * Math.random());
});
const sockets = new WebSocketServer({ server });
sockets.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
const port = Number(process.argv[process.argv.lastIndexOf('--port') + 1]);
server.listen(port, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
process.on('disconnect', () => process.exit());
