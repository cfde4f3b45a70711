'use strict';

// The Node processes that a test needs: each is started on a port of the
// system's choice and ends with the test.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const readline = require('node:readline');
const { atEnd } = require('./ends');

const scripts = path.join(__dirname, '..');

// start runs a script of this folder's neighbours, such as
// "services/main.js", and waits until it says where it listens.
exports.start = async function start(t, script, ...args) {
  const child = spawn(process.execPath, [path.join(scripts, script), '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const started = { child, pid: child.pid, port: 0, stderr: '', exited: exit(child) };
  child.stderr.on('data', (chunk) => (started.stderr += chunk));
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await started.exited;
  });

  const lines = readline.createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => text),
    started.exited.then(({ code }) => {
      throw new Error(`${script} exited with ${code} before it listened: ${started.stderr}`);
    }),
  ]);
  started.port = Number(line.match(/listening on 127\.0\.0\.1:(\d+)$/)[1]);
  return started;
};

// services starts some of the four services; the answer has one property for
// each name.
exports.services = async function services(t, ...names) {
  const started = await Promise.all(names.map((name) => exports.start(t, `services/${name}.js`)));
  return Object.fromEntries(names.map((name, i) => [name, started[i]]));
};

// ports makes { main: 3001 } of { main: process }.
exports.ports = (started) =>
  Object.fromEntries(Object.entries(started).map(([name, { port }]) => [name, port]));

exports.exit = exit;

// exit waits for the end of a process and of what it says, or that it cannot be
// started.
function exit(child) {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', (err) => resolve({ code: err.code, signal: null }));
  });
}
