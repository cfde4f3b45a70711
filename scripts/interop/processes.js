'use strict';

// The processes that a test needs, which end with it. Those of Node are started on
// a port of the system's choice.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');
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

// program runs a program that is not ours, and waits until it accepts connections.
exports.program = async function program(t, file, args, address) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = exit(child);
  let log = '';
  [child.stdout, child.stderr].forEach((stream) => stream.on('data', (chunk) => (log += chunk)));
  let ended;
  exited.then(({ code, signal }) => (ended = code ?? signal));
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await exited;
  });
  for (const deadline = Date.now() + 60_000; !(await accepts(address)); await sleep(20)) {
    if (ended !== undefined || Date.now() > deadline) {
      throw new Error(`${file} does not listen (${ended ?? 'but runs'}):\n${log}`);
    }
  }
};

exports.accepts = accepts;

// accepts tells whether somebody listens at an address, as net.connect has it.
function accepts(address) {
  return new Promise((resolve) => {
    const socket = net.connect(address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

exports.exit = exit;

// exit waits for the end of a process and of what it says, or that it cannot be
// started.
function exit(child) {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', (err) => resolve({ code: err.code, signal: null }));
  });
}
