'use strict';

// usher in front of a test's upstreams.
//
// The binary is what the environment's USHER names, or ./usher at the top of
// the repository. With USHER=direct there is no usher at all: the clients get
// the upstreams' own addresses. A test that fails like this is wrong itself.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { atEnd } = require('./ends');
const { accepts, exit } = require('./processes');

const binary = process.env.USHER ?? path.join(__dirname, '..', '..', 'usher');

exports.binary = binary;
exports.direct = binary === 'direct';

// front puts usher in front of upstreams, given as { name: port }. Each gets two
// routes: by path, /name, which is taken off, and by host, name.localhost.
// Whatever route has is added to every route, such as limits.
exports.front = async function front(t, upstreams, route = {}) {
  if (exports.direct) {
    return new Front(upstreams, (name) => upstreams[name], '');
  }
  const port = await freePort();
  const usher = await run(t, port, routesFor(upstreams, route));
  const front = new Front(upstreams, () => port, '/', usher);
  atEnd(t, () => front.stop());
  return front;
};

// behind puts usher, with these routes and what else its file may have, on a
// port, which the system chooses if it is left out.
exports.behind = async function behind(t, routes, port) {
  port ??= await freePort();
  const usher = await run(t, port, routes);
  const front = new Front({}, () => port, '', usher);
  atEnd(t, () => front.stop());
  return { port, front };
};

// serveFile puts usher there with the text of a routes file, and waits until it
// listens on the port.
exports.serveFile = async function serveFile(t, text, port) {
  const usher = await start(port, write(t, text));
  const front = new Front({}, () => port, '', usher);
  atEnd(t, () => front.stop());
};

// run starts usher and waits until it listens.
function run(t, port, routes) {
  return start(port, writeRoutes(t, port, routes));
}

async function start(port, file) {
  const child = spawn(binary, ['--routes', file, 'run'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const usher = { child, exited: exit(child), log: '', file };
  child.stdout.on('data', (chunk) => (usher.log += chunk));
  child.stderr.on('data', (chunk) => (usher.log += chunk));
  await answers(port, usher).catch((err) => {
    child.kill('SIGKILL');
    throw err;
  });
  return usher;
}

class Front {
  #stopped;

  constructor(upstreams, portOf, slash, usher) {
    this.usher = usher;
    this.portOf = portOf;
    this.slash = slash;
    this.names = Object.keys(upstreams);
  }

  // byPath and byHost are the two addresses of an upstream, without a slash at
  // the end. The names of the latter are resolved by exports.agent only.
  byPath(name) {
    return `http://127.0.0.1:${this.portOf(name)}${this.slash && `/${name}`}`;
  }

  byHost(name) {
    return `http://${name}.localhost:${this.portOf(name)}`;
  }

  // reload has usher serve other routes.
  async reload(routes) {
    const { child, file } = this.usher;
    const before = this.logged('reloaded').length;
    writeFile(file, this.portOf(), routes);
    child.kill('SIGHUP');
    for (const deadline = Date.now() + 60_000; this.logged('reloaded').length === before; ) {
      assert.ok(Date.now() < deadline, `usher has not reloaded:\n${this.usher.log}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  // upgrade has a new process take usher's place and all that can move, and
  // returns what the old one says of that.
  async upgrade() {
    const count = this.logged('upgrade: sessions moved').length;
    process.kill(this.pid, 'SIGUSR2');
    for (const deadline = Date.now() + 60_000; this.logged('upgrade: sessions moved').length === count; ) {
      assert.ok(Date.now() < deadline, `usher was not upgraded:\n${this.usher.log}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.logged('upgrade: sessions moved').at(-1);
  }

  // pid is that of the process that serves.
  get pid() {
    return this.logged('upgrade: the new process serves').at(-1)?.pid ?? this.usher.child.pid;
  }

  // stop ends usher as an operator would, and returns its last log line with
  // the counters. It may be called again.
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop() {
    if (!this.usher) {
      return undefined;
    }
    const { exited } = this.usher; // when nobody has its output any more, which a new process inherits
    const { pid } = this;
    kill(pid, 'SIGTERM');
    const hung = setTimeout(() => kill(pid, 'SIGQUIT'), 20_000);
    const { code, signal } = await exited;
    clearTimeout(hung);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `usher's end:\n${this.usher.log}`);
    const last = this.logged('stopped').at(-1);
    assert.ok(last, `usher's log has no line with msg "stopped":\n${this.usher.log}`);
    assert.equal(last.duplicate_claims, 0, 'duplicate claims');
    return last;
  }

  // logged returns usher's log lines with this message.
  logged(msg) {
    return this.usher.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
      .filter((line) => line.msg === msg);
  }
}

// kill sends a signal to a process that may have ended.
function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (err) {
    assert.equal(err.code, 'ESRCH');
  }
}

// agent resolves every name to the loopback address, so that a test can have
// hosts of its own.
exports.agent = () =>
  new http.Agent({
    lookup: (host, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
  });

function routesFor(upstreams, route) {
  const names = Object.keys(upstreams);
  return {
    upstreams: Object.fromEntries(names.map((name) => [name, `http://127.0.0.1:${upstreams[name]}`])),
    routes: names.flatMap((name) => [
      { path: `/${name}`, upstream: name, strip_prefix: `/${name}`, ...route },
      { host: `${name}.localhost`, path: '/', upstream: name, ...route },
    ]),
  };
}

function writeRoutes(t, port, routes) {
  const file = write(t, '');
  writeFile(file, port, routes);
  return file;
}

// write makes a routes file with that text.
function write(t, text) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-interop-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'routes.yaml');
  fs.writeFileSync(file, text);
  return file;
}

function writeFile(file, port, routes) {
  const all = {
    listen: { address: `127.0.0.1:${port}`, tls: routes.tls !== undefined },
    drain: { deadline: '2s' }, // long polls of clients that are gone need not end by themselves
    ...routes,
  };
  fs.writeFileSync(file, JSON.stringify(all, null, 2)); // JSON is YAML
}

exports.freePort = freePort;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// answers waits until usher accepts connections.
async function answers(port, usher) {
  let ended;
  usher.exited.then(({ code, signal }) => (ended = `usher ended with ${code ?? signal}:\n`));
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if (ended) {
      throw new Error(ended + usher.log);
    }
    if (await accepts({ port, host: '127.0.0.1' })) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`usher does not listen on port ${port}:\n${usher.log}`);
}
