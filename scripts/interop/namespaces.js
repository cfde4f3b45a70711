'use strict';

// Socket.IO servers of their own processes behind usher, which splits the
// namespaces of one connection over them.
//
// With USHER=direct there is one server with all the namespaces and no usher:
// what a test expects of the protocol must hold there too.

const fs = require('node:fs');
const { start } = require('./processes');
const { within } = require('./clients');
const { behind, direct } = require('./usher');

// service starts services/namespaces.js with this configuration and keeps what
// it tells.
exports.service = async function service(t, config, port) {
  const args = port ? ['--port', String(port)] : [];
  const started = await start(t, 'services/namespaces.js', JSON.stringify(config), ...args);
  return new Service(config.name, started);
};

class Service {
  events = [];
  #waiting = new Set();

  constructor(name, { child, port, pid, exited }) {
    Object.assign(this, { name, child, port, pid, exited });
    child.on('message', (event) => {
      this.events.push(event);
      this.#waiting.forEach((look) => look());
    });
  }

  // of returns what the service has told with these values.
  of(values) {
    return this.events.filter((event) => Object.entries(values).every(([key, value]) => event[key] === value));
  }

  // told waits until the service has told this, count times in all.
  told(values, count = 1) {
    let look;
    return within(`${count} × ${JSON.stringify(values)} of ${this.name}`, (resolve) => {
      look = () => this.of(values).length >= count && resolve(this.of(values)[count - 1]);
      this.#waiting.add(look);
      look();
    }).finally(() => this.#waiting.delete(look));
  }

  // order sends a command and waits until it is done.
  async order(command, value) {
    const count = this.of({ event: 'done', command }).length;
    this.child.send({ command, value });
    await this.told({ event: 'done', command }, count + 1);
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    await this.exited;
  }
}

// split starts a service for each name of layout, which says what it serves and
// how, and how often it is there (count), and usher in front of them, with these
// options of socketio and of the route, and what else its file has.
exports.split = async function split(t, layout, socketio = {}, route = {}, file = {}) {
  const configs = Object.entries(layout).map(([name, config]) => ({ name, ...config }));
  if (direct) {
    const namespaces = configs.flatMap((config) => config.namespaces);
    const all = await exports.service(t, { ...Object.assign({}, ...configs), name: 'all', namespaces });
    return new Split(all.port, null, Object.fromEntries(configs.map(({ name }) => [name, all])));
  }
  const endpoints = await Promise.all(configs.map((config) => Promise.all(Array.from({ length: config.count ?? 1 }, () => exports.service(t, config)))));
  const routes = {
    ...file,
    upstreams: Object.fromEntries(configs.map(({ name }, i) => [name, upstream(endpoints[i])])),
    routes: [{ path: '/socket.io', namespaces: namespacesOf(configs), socketio: { ...beats, ...socketio }, ...route }],
  };
  const { port, front } = await behind(t, routes);
  const edge = new Split(port, front, Object.fromEntries(configs.map(({ name }, i) => [name, endpoints[i][0]])));
  edge.endpoints = Object.fromEntries(configs.map(({ name }, i) => [name, endpoints[i]]));
  edge.routes = routes;
  return edge;
};

const upstream = (services) => ({ endpoints: services.map(({ port }) => `http://127.0.0.1:${port}`) });

// beats are frequent, as those of the services are, and patient: a client or a
// server that gets little of a busy machine is not lost.
const beats = { ping_interval: '2s', ping_timeout: '20s' };

const namespacesOf = (configs) =>
  Object.fromEntries(configs.flatMap(({ name, namespaces }) => namespaces.map((namespace) => [namespace, name])));

class Split {
  constructor(port, front, services) {
    Object.assign(this, { port, front, services, base: `http://127.0.0.1:${port}` });
  }

  // secure is base by TLS.
  get secure() {
    return this.base.replace('http:', 'https:');
  }

  // again stops usher and starts it on the same port.
  async again(t) {
    await this.front.stop();
    this.front = (await behind(t, this.routes, this.port)).front;
  }

  // memory is how many bytes of usher's are resident.
  memory() {
    const status = fs.readFileSync(`/proc/${this.front.usher.child.pid}/status`, 'utf8');
    return Number(status.match(/VmRSS:\s+(\d+) kB/)[1]) * 1024;
  }

  // restart starts a service again on its port, after its end.
  async restart(t, name, config) {
    this.services[name] = await exports.service(t, { name, ...config }, this.services[name].port);
  }
}
