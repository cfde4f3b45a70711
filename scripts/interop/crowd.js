'use strict';

// A crowd of unmodified clients: of every generation, by every transport, and
// each in all namespaces over one connection.

const { setTimeout: sleep } = require('node:timers/promises');
const { connect, kindsOf, namespace } = require('./clients');

const kinds = kindsOf('1.x', '2.x', '3.x', '4.0', '4.x');
const atOnce = 20; // clients that connect at the same time
const mostOpen = 4; // questions of a client in one namespace
const quietTurns = 1_500; // of 20 ms and more

// gather brings count clients to base, each of which joins these namespaces.
exports.gather = async function gather(t, base, namespaces, count) {
  const visitors = [];
  while (visitors.length < count) {
    const some = Array.from({ length: Math.min(atOnce, count - visitors.length) }, (_, i) => kinds[(visitors.length + i) % kinds.length]);
    visitors.push(...(await Promise.all(some.map((kind) => visit(t, kind, base, namespaces)))));
  }
  return new Crowd(visitors);
};

async function visit(t, kind, base, namespaces) {
  const root = await connect(t, kind, base);
  const sockets = { '/': root };
  await Promise.all(namespaces.filter((name) => name !== '/').map(async (name) => {
    sockets[name] = await namespace(t, root, name);
  }));
  return Object.entries(sockets).map(([name, socket]) => new Talk(kind, name, socket));
}

// Talk is what a client says in one namespace: numbers, one after another, each
// of which is to come back once and in order.
class Talk {
  asked = 0;
  answers = 0;
  connects = 0; // further ones
  faults = [];
  #next = 0;
  #open = 0; // questions, since the last connect

  constructor(kind, namespace, socket) {
    Object.assign(this, { namespace, socket });
    this.client = `${kind.version} ${kind.transport} ${namespace}`;
    socket.on('connect', () => {
      this.connects++;
      this.#open = 0;
    });
    socket.on('disconnect', (reason) => this.faults.push(`${this.client}: ${reason}`));
  }

  // ask asks, unless the answers are behind: a machine that is busy is not to be
  // given more than it can do.
  ask() {
    if (this.#open >= mostOpen) {
      return;
    }
    this.#open++;
    const number = this.asked++;
    this.socket.emit('echo', number, (got) => {
      if (got !== number || number < this.#next) {
        this.faults.push(`${this.client}: ${got} came back for ${number} when ${this.#next} was due`);
      }
      this.#next = number + 1;
      this.answers++;
      this.#open = Math.max(0, this.#open - 1);
    });
  }
}

class Crowd {
  #timers = [];

  constructor(visitors) {
    this.visitors = visitors;
  }

  // of returns what is said in some namespaces.
  of(...namespaces) {
    return this.visitors.flat().filter((talk) => namespaces.includes(talk.namespace));
  }

  // talk has every client ask in each namespace, again and again.
  talk(every) {
    for (const talks of this.visitors) {
      let turn = Math.floor(Math.random() * talks.length);
      this.#timers.push(setInterval(() => talks[turn++ % talks.length].ask(), every / talks.length));
    }
  }

  hush() {
    this.#timers.forEach(clearInterval);
  }
}

const sum = (talks, key) => talks.reduce((total, talk) => total + talk[key], 0);

exports.sum = sum;

// every waits until something is so of every talk; what says what it is. It
// gives up when nothing has advanced for long, counted in turns of this process,
// which may be kept waiting itself.
exports.every = async function every(talks, what, is) {
  let last;
  for (let quiet = 0; !talks.every(is); quiet++) {
    const advance = talks.filter(is).length + sum(talks, 'answers') + sum(talks, 'connects');
    if (advance !== last) {
      [last, quiet] = [advance, 0];
    }
    if (quiet === quietTurns) {
      const late = talks.filter((talk) => !is(talk));
      const some = late.slice(0, 3).map((talk) => `${talk.client}: ${talk.answers} answers to ${talk.asked}, ${talk.connects} connects`);
      throw new Error([`${what}: nothing comes any more, ${late.length} of ${talks.length} wait`, ...some, ...talks.flatMap((talk) => talk.faults).slice(0, 5)].join('\n'));
    }
    await sleep(20);
  }
};
