'use strict';

// usher with TLS, by its local authority, in front of one upstream.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { WebSocketServer } = require('ws');
const { atEnd } = require('./ends');
const { exit } = require('./processes');

const binary = process.env.USHER ?? path.join(__dirname, '..', '..', 'usher');

// secure starts both. seen has what the upstream saw of each upgrade.
exports.secure = async function secure(t, tls) {
  const { port: upstream, seen } = await echo(t);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-tls-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(
    path.join(folder, 'routes.yaml'),
    JSON.stringify({
      listen: { address: '127.0.0.1:0', tls: true },
      tls: { internal: true, ...tls },
      drain: { deadline: '2s' },
      upstreams: { main: `http://127.0.0.1:${upstream}` },
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
async function echo(t) {
  const seen = [];
  const server = http.createServer((req, res) => res.end('<!doctype html><title>page</title>'));
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] });
  sockets.on('connection', (socket, req) => {
    seen.push({ version: req.httpVersion, method: req.method, key: req.headers['sec-websocket-key'], origin: req.headers.origin });
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
