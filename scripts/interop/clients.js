'use strict';

// Socket.IO clients of all generations, behind one way to use them.

const assert = require('node:assert/strict');
const { atEnd } = require('./ends');
const { agent } = require('./usher');

const libraries = {
  '1.x': require('socket.io-client-1'),
  '2.x': require('socket.io-client-2'),
  '3.x': require('socket.io-client-3').io,
  '4.0': require('socket.io-client-4.0').io,
  '4.x': require('socket.io-client').io,
};

const transports = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
};

// kindsOf is every way to connect of some generations.
exports.kindsOf = (...versions) =>
  versions.flatMap((version) => Object.keys(transports).map((transport) => ({ version, transport })));

exports.kinds = exports.kindsOf('2.x', '3.x', '4.x');

// open makes a client of this kind for the service at base, such as
// http://127.0.0.1:8080/main, that is not connected yet.
exports.open = function open(t, { version, transport }, base, options = {}) {
  const { origin, pathname } = new URL(base);
  const socket = libraries[version](origin, {
    path: `${pathname === '/' ? '' : pathname}/socket.io`,
    transports: transports[transport],
    agent: agent(),
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    ...options,
  });
  atEnd(t, () => close(socket));
  return socket;
};

// close ends a client and its connection, though others may share it.
function close(socket) {
  socket.close();
  (socket.io._close ?? socket.io.close).call(socket.io);
}

// connect opens a client and waits until it is connected, by the transport
// that its kind ends with.
exports.connect = async function connect(t, kind, base, options) {
  const socket = exports.open(t, kind, base, options);
  await connected(socket);
  if (kind.transport === 'upgrade') {
    await upgraded(socket);
  }
  assert.equal(exports.transport(socket), kind.transport === 'polling' ? 'polling' : 'websocket');
  return socket;
};

// namespace joins another namespace over the same connection.
exports.namespace = async function namespace(t, socket, name, options) {
  const joined = socket.io.socket(name, options);
  atEnd(t, () => joined.close());
  await connected(joined);
  return joined;
};

exports.transport = (socket) => socket.io.engine.transport.name;

// call emits an event and returns the first argument of its acknowledgement.
exports.call = (socket, event, ...args) =>
  whileConnected(socket, `the answer to ${event}`, (resolve) => socket.emit(event, ...args, resolve));

// next waits for an event from the server.
exports.next = (socket, event) =>
  within(`the event ${event}`, (resolve) => socket.once(event, (...args) => resolve(args[0])));

exports.connected = connected;
exports.upgraded = upgraded;
exports.within = within;

// reconnected waits until a client that tries again and again is connected.
exports.reconnected = async function reconnected(socket) {
  if (!socket.connected) {
    await exports.next(socket, 'connect');
  }
};

function connected(socket) {
  if (socket.connected) {
    return Promise.resolve();
  }
  return within('connect', (resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
    socket.once('error', (err) => reject(new Error(String(err)))); // a refused namespace, in 2.x
  });
}

function upgraded(socket) {
  return whileConnected(socket, 'the upgrade to websocket', (resolve) => {
    if (exports.transport(socket) === 'websocket') {
      resolve();
    }
    socket.io.engine.once('upgrade', resolve);
  });
}

// whileConnected is within for what a lost connection makes impossible.
function whileConnected(socket, what, begin) {
  return within(what, (resolve, reject) => {
    const lost = (reason) => reject(new Error(`${reason} instead of ${what}`));
    socket.once('disconnect', lost);
    begin((value) => {
      socket.off('disconnect', lost);
      resolve(value);
    });
  });
}

// patience is long, since it only ends a test that hangs: what comes ends the
// wait at once, and how soon it comes is the machine's business.
const patience = 60_000;

// within is a promise that gives up after a while and says what did not come.
function within(what, begin, milliseconds = patience) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not come within ${milliseconds / 1000} s`)), milliseconds);
    const end = (settle) => (value) => {
      clearTimeout(timer);
      settle(value);
    };
    begin(end(resolve), end(reject));
  });
}
