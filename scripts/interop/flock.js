'use strict';

// Many clients in one process: node flock.js, with its orders from the parent.
// Each client has four namespaces on one connection. In each of them it sends
// numbers and is sent numbers, some of them with an attachment; what was lost,
// came twice or in another order is told.

const { setTimeout: sleep } = require('node:timers/promises');
const { call, connect, kindsOf, namespace } = require('./clients');

const kinds = kindsOf('2.x', '3.x', '4.x');
const atOnce = 10;
const endings = [];
const t = { after: (end) => endings.push(end) };
const flock = [];

// Line is a client in one namespace.
class Line {
  sent = 0;
  got = 0;
  faults = [];

  constructor(kind, name, socket) {
    Object.assign(this, { socket, name: `${kind.version} ${kind.transport} ${name}` });
    socket.on('tick', (n, bytes) => {
      if (n !== this.got) {
        this.faults.push(`${this.name}: got ${n} instead of ${this.got}`);
      }
      if (bytes && !(bytes.length === 20 && bytes.every((b) => b === n % 256))) {
        this.faults.push(`${this.name}: attachment of ${n} changed`);
      }
      this.got = n + 1;
    });
    socket.on('disconnect', (reason) => this.faults.push(`${this.name}: ${reason}`));
  }

  send() {
    const n = this.sent++;
    return n % 4 === 3 ? this.socket.emit('binary', n, Buffer.alloc(20, n)) : this.socket.emit('number', n);
  }

  // settle compares both ends.
  async settle(ticks) {
    const numbers = await call(this.socket, 'numbers');
    const wrong = numbers.findIndex((n, i) => n !== i);
    if (wrong >= 0 || numbers.length !== this.sent) {
      this.faults.push(`${this.name}: server has ${numbers.length} of ${this.sent}, and ${numbers[wrong]} at ${wrong}`);
    }
    for (const until = Date.now() + 20_000; this.got < ticks && Date.now() < until; ) {
      await sleep(50);
    }
    if (this.got !== ticks) {
      this.faults.push(`${this.name}: got ${this.got} of ${ticks}`);
    }
  }
}

async function client(kind, base, namespaces) {
  const root = await connect(t, kind, base, { timeout: 30_000 });
  const lines = await Promise.all(namespaces.map(async (name) => new Line(kind, name, name === '/' ? root : await namespace(t, root, name))));
  flock.push(...lines);
}

const orders = {
  async gather({ base, count, namespaces }) {
    for (let i = 0; i < count; i += atOnce) {
      await Promise.all(Array.from({ length: Math.min(atOnce, count - i) }, (_, j) => client(kinds[(i + j) % kinds.length], base, namespaces)));
    }
  },
  async talk({ every, count }) {
    flock.forEach((line) => line.socket.emit('stream', count, every));
    const turns = count * flock.length;
    const begin = Date.now();
    for (let i = 0; i < turns; i++) {
      flock[i % flock.length].send();
      const ahead = (i * every) / flock.length - (Date.now() - begin);
      if (ahead > 10) {
        await sleep(ahead);
      }
    }
    for (let i = 0; i < flock.length; i += atOnce) {
      await Promise.all(flock.slice(i, i + atOnce).map((line) => line.settle(count)));
    }
    const sum = (key) => flock.reduce((total, line) => total + line[key], 0);
    return { sent: sum('sent'), got: sum('got'), faults: flock.flatMap((line) => line.faults) };
  },
  async leave() {
    flock.forEach((line) => line.socket.off('disconnect'));
    await Promise.all(endings.splice(0).map((end) => end()));
  },
};

process.on('message', async ({ order, ...options }) => {
  try {
    process.send({ order, result: (await orders[order](options)) ?? null });
  } catch (err) {
    process.send({ order, error: err.stack });
  }
});
process.on('disconnect', () => process.exit(0));
