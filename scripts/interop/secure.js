'use strict';

// usher with TLS, by its local authority, in front of one upstream, which may have
// TLS, too.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { WebSocketServer } = require('ws');
const { atEnd } = require('./ends');
const { exit } = require('./processes');

const binary = process.env.USHER ?? path.join(__dirname, '..', '..', 'usher');

// secure starts both. seen has what the upstream saw of each upgrade. options are
// those of the upstream's TLS, undefined for none.
exports.secure = async function secure(t, tls, options) {
  const { port: upstream, seen } = await echo(t, options);
  const main = options ? { endpoints: `https://127.0.0.1:${upstream}`, insecure_skip_verify: true } : `http://127.0.0.1:${upstream}`;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-tls-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(
    path.join(folder, 'routes.yaml'),
    JSON.stringify({
      listen: { address: '127.0.0.1:0', tls: true },
      tls: { internal: true, ...tls },
      drain: { deadline: '2s' },
      upstreams: { main },
      routes: [{ upstream: 'main' }],
    }),
  );
  const child = spawn(binary, ['run'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = exit(child);
  atEnd(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  const port = await listening(child, exited);
  return { port, url: `https://localhost:${port}`, seen, ca: fs.readFileSync(path.join(folder, 'certs/internal/root.crt')) };
};

// listening waits for the line of usher's log that says where it listens.
async function listening(child, exited) {
  const log = [];
  const found = new Promise((resolve) => {
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      const port = line.match(/"msg":"listening".*"address":"127\.0\.0\.1:(\d+)"/)?.[1];
      if (port) {
        resolve(Number(port));
      }
    });
  });
  const ended = exited.then(({ code }) => {
    throw new Error(`usher ended with ${code}:\n${log.join('\n')}`);
  });
  ended.catch(() => {});
  return Promise.race([found, ended]);
}

// echo is an upstream with a page, and a WebSocket that says again what it hears.
async function echo(t, options) {
  const seen = [];
  const page = (req, res) => res.end('<!doctype html><title>page</title>');
  const server = options ? https.createServer(options, page) : http.createServer(page);
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] });
  sockets.on('connection', (socket, req) => {
    const resumed = options && { resumed: req.socket.isSessionReused() };
    seen.push({ ...resumed, version: req.httpVersion, method: req.method, key: req.headers['sec-websocket-key'], origin: req.headers.origin });
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    sockets.clients.forEach((socket) => socket.terminate());
    server.close();
    server.closeAllConnections();
  });
  return { port: server.address().port, seen };
}
