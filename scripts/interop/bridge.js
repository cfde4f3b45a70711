'use strict';

// Both ends of WebSocket connections through usher: the clients are `ws`, and so
// are the upstreams, which live in the test's own process.

const { once } = require('node:events');
const http = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');
const { atEnd } = require('./ends');
const { front } = require('./usher');

const headerLimit = 64 << 10; // Node's own is 16 KiB

// bridge opens one upstream for each { name: options of its WebSocketServer },
// puts usher in front of them, and returns a Bridge.
exports.bridge = async function bridge(t, upstreams, route) {
  const servers = {};
  const ports = {};
  for (const [name, options] of Object.entries(upstreams)) {
    const server = http.createServer({ maxHeaderSize: headerLimit });
    servers[name] = new WebSocketServer({ server, maxPayload: 64 << 20, ...options });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ports[name] = server.address().port;
    atEnd(t, () => {
      servers[name].clients.forEach((ws) => ws.terminate());
      server.closeAllConnections();
      server.close();
    });
  }
  return new Bridge(servers, await front(t, ports, route));
};

class Bridge {
  #waiting = new Map(); // by the id in the query, what to do with the upstream's end
  #id = 0;

  constructor(servers, edge) {
    this.servers = servers;
    this.edge = edge;
    for (const server of Object.values(servers)) {
      server.on('connection', (ws, request) => {
        const id = new URL(request.url, 'http://localhost').searchParams.get('id');
        this.#waiting.get(id)?.(ws, request);
      });
    }
  }

  // dial begins a connection to an upstream.
  dial(name, { protocols = [], ...options } = {}) {
    const url = this.edge.byPath(name).replace(/^http/, 'ws') + `/?id=${++this.#id}`;
    return new WebSocket(url, protocols, { maxPayload: 64 << 20, ...options });
  }

  // pair returns both ends of a new connection, and both halves of its handshake:
  // the request as the upstream saw it, the response as the client saw it.
  async pair(t, name, options) {
    const client = this.dial(name, options);
    atEnd(t, () => client.terminate());
    const arrived = new Promise((resolve) => {
      this.#waiting.set(String(this.#id), (upstream, request) => resolve({ upstream, request }));
    });
    const [[response]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')]);
    return { client, response, ...(await arrived) };
  }

  // refused returns the answer to an upgrade that does not end in 101.
  async refused(name, options) {
    const client = this.dial(name, { ...options, maxHeaderSize: headerLimit });
    const [, response] = await once(client, 'unexpected-response');
    response.setEncoding('utf8');
    let body = '';
    for await (const chunk of response) {
      body += chunk;
    }
    return { status: response.statusCode, headers: response.headers, body };
  }
}

// directions is for tests that hold both ways.
exports.directions = [
  { from: 'client', to: 'upstream' },
  { from: 'upstream', to: 'client' },
];

// messages waits for the next count messages.
exports.messages = function messages(ws, count) {
  const all = [];
  return settled(ws, `${count} messages`, (resolve) => {
    const take = (data, binary) => {
      if (all.push({ data, binary }) === count) {
        ws.off('message', take);
        resolve(all);
      }
    };
    ws.on('message', take);
  });
};

// message waits for the next message.
exports.message = async (ws) => (await exports.messages(ws, 1))[0];

// event waits for a ping or pong and returns its payload.
exports.event = (ws, name) => settled(ws, name, (resolve) => ws.once(name, resolve));

// closed waits for the end: the code is 1006 if no Close frame came.
exports.closed = function closed(ws) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no end within 60 s')), 60_000);
    ws.once('error', reject);
    ws.once('close', (code, reason) => {
      clearTimeout(timer);
      resolve({ code, reason: reason.toString() });
    });
  });
};

// settled is a promise that the end of the connection rejects.
function settled(ws, what, begin) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not come within 60 s`)), 60_000);
    const end = (code) => reject(new Error(`closed with ${code} instead of ${what}`));
    ws.once('error', reject);
    ws.once('close', end);
    begin((value) => {
      clearTimeout(timer);
      ws.off('error', reject);
      ws.off('close', end);
      resolve(value);
    });
  });
}
