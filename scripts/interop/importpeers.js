'use strict';

// An upstream that says what it was asked, and a client that says what came of it.

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { atEnd } = require('./ends');

// echo starts an upstream by the name of place, at a free port or at a unix socket,
// and returns where it is.
exports.echo = async function echo(t, place, socket) {
  const seen = ({ method, url, headers }) => JSON.stringify({ place, method, url, host: headers.host });
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('X-Seen', seen(request)).end('hello'));
  });
  const open = new Set();
  server.on('upgrade', (request, connection) => {
    open.add(connection.on('error', () => {}));
    connection.on('data', () => connection.end()); // the first frame is the Close of a client that is gone
    const accept = crypto.createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    connection.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Seen: ${seen(request)}\r\n\r\n`);
  });
  atEnd(t, () => {
    open.forEach((connection) => connection.destroy());
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  await new Promise((resolve) => server.listen(socket || 0, ...(socket ? [] : ['127.0.0.1']), resolve));
  if (socket) {
    fs.chmodSync(socket, 0o777);
    return socket;
  }
  return server.address().port;
};

// ask makes a request of a site and returns what must be the same with every proxy.
exports.ask = function ask({ method, url, path, size }, port, site) {
  const handshake = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  const options = {
    host: '127.0.0.1', port, path, agent: false, servername: url.hostname, rejectUnauthorized: false,
    method: method === 'WS' ? 'GET' : method,
    headers: { Host: url.hostname, ...(method === 'WS' && handshake), ...(size && { 'Content-Length': size }) },
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(options);
    const done = (response) => {
      resolve(outcome(response, url, site));
      response.socket.destroy();
    };
    request.on('response', done).on('upgrade', done);
    request.on('error', (err) => (err.message === 'socket hang up' ? resolve({ closed: true }) : reject(err)));
    request.end(Buffer.alloc(size));
  });
};

// outcome says where a request has come: a port of its own is no difference.
function outcome({ statusCode, headers }, url, site) {
  const seen = headers['x-seen'] && JSON.parse(headers['x-seen']);
  if (seen) {
    seen.host = seen.host.replace(/\d{4,}$/, (port) => site.known.get(port) ?? port);
  }
  const ports = [...site.ports.values()].join('|');
  const location = headers.location && new URL(headers.location, url).href.replace(new RegExp(`:(?:${ports})(?=/|$)`), '');
  return { status: statusCode, seen, location };
}
