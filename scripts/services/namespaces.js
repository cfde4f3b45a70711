'use strict';

// A Socket.IO server of any generation that serves some namespaces and tells
// its parent process what happens to it: who connects and disconnects, and how
// many Engine.IO connections there are.
//
//   node namespaces.js --port 0 '{"name": "admin", "namespaces": ["/admin"]}'
//
// The parent may send it commands: see the table at the end.

const http = require('node:http');
const { parseArgs } = require('node:util');

const { values, positionals } = parseArgs({ options: { port: { type: 'string', default: '0' } }, allowPositionals: true });
const config = {
  name: 'main',
  version: '4.8',
  namespaces: ['/'], // a name that begins with ~ is a regular expression
  options: {}, // of the Socket.IO server
  parser: null, // a module's name
  refuse: null, // [status, text] for every handshake
  slow: 0, // milliseconds that a middleware takes
  names: [], // namespaces that nobody may join
  once: false, // whoever joins needs a token that nobody has shown before
  refuseRoot: false, // nobody may join the root namespace, which others serve
  gossip: false, // talk to everybody in the root namespace, which others serve
  ...JSON.parse(positionals[0] ?? '{}'),
};

const libraries = { 4.8: 'socket.io', 3.1: 'socket.io-3', 2.5: 'socket.io-2' };
const library = require(libraries[config.version]);
const legacy = config.version === '2.5';

let lastSocket; // that connected
let refusal = config.refuse;
let token = config.token; // that clients must have
const spent = new Set(); // tokens that were shown, where each is good once
let sick = false; // the connection of whoever joins is closed at once

const server = http.createServer((req, res) => res.end(config.name));
const io = new (library.Server ?? library)(server, {
  ...(legacy ? {} : { allowEIO3: true, cors: { origin: true, credentials: true } }),
  pingInterval: 2000,
  pingTimeout: 20_000,
  ...config.options,
  ...(config.parser && { parser: require(config.parser) }),
  allowRequest: (req, done) => {
    tell({ event: 'handshake', url: req.url, headers: req.headers });
    if (!refusal) {
      return done(null, true);
    }
    return done(legacy ? 4 : refusal, false);
  },
});

const engine = legacy ? io.eio : io.engine;
engine.on('connection', (connection) => {
  const { id, transport } = connection;
  tell({ event: 'engine', leg: id, transport: transport.name });
  connection.on('close', (reason) => tell({ event: 'engine close', leg: id, reason }));
});

for (const name of [...config.namespaces, ...(config.refuseRoot ? ['/'] : [])]) {
  const nsp = io.of(name.startsWith('~') ? new RegExp(name.slice(1)) : name);
  nsp.use(guard);
  nsp.on('connection', serve);
}

if (config.gossip) {
  io.on('connection', (socket) => {
    socket.emit('gossip', 'text');
    socket.emit('gossip', Buffer.from('bytes'), { more: [Buffer.from('and more')] });
  });
}

// guard lets nobody in without the token, if there is one, and takes its time.
function guard(socket, next) {
  const namespace = socket.nsp.name;
  const { auth = {}, query } = socket.handshake;
  const given = auth.token ?? query.token;
  const stale = config.once && (!given || spent.has(given));
  spent.add(given);
  const refused = config.names.includes(namespace) || (config.refuseRoot && namespace === '/') || (token && given !== token) || stale;
  const err = refused ? Object.assign(new Error('not authorized'), { data: { code: 'E_TOKEN', given } }) : undefined;
  setTimeout(() => next(err), config.slow);
}

function serve(socket) {
  const namespace = socket.nsp.name;
  lastSocket = socket;
  const about = { event: 'connection', namespace, id: socket.id, leg: socket.conn.id, recovered: socket.recovered ?? false };
  tell({ ...about, transport: socket.conn.transport.name, auth: socket.handshake.auth, query: socket.handshake.query });
  socket.on('disconnect', (reason) => tell({ event: 'disconnect', namespace, id: socket.id, reason }));

  if (sick) {
    socket.conn.close();
    return;
  }
  const numbers = [];
  const handlers = {
    whoami: (ack) => ack({ service: config.name, pid: process.pid, namespace, id: socket.id, leg: socket.conn.id }),
    echo: (...args) => args.pop()(...args),
    ask: (question, ack) => socket.emit('question', question, (...answer) => ack(...answer)),
    flood: (count, size) => {
      for (let i = 0; i < count; i++) {
        socket.emit('flood', i, Buffer.alloc(size, i), `${namespace} ${i}`);
      }
    },
    text: (count, size = 10) => {
      for (let i = 0; i < count; i++) {
        socket.emit('text', i, 'x'.repeat(size));
      }
    },
    volatile: (count, size) => {
      for (let i = 0; i < count; i++) {
        socket.volatile.emit('volatile', i, 'x'.repeat(size));
      }
    },
    // stream sends count numbers, one every so many milliseconds. One timer at a
    // time: several of a process that was held up may fire in another order.
    stream: (count, every) => {
      const begin = Date.now();
      const send = (i) => {
        socket.emit('tick', i, ...(i % 4 === 3 ? [Buffer.alloc(20, i)] : []));
        if (i + 1 < count) {
          setTimeout(send, begin + (i + 1) * every - Date.now(), i + 1);
        }
      };
      setTimeout(send, 0, 0);
    },
    number: (n) => void numbers.push(n),
    binary: (n, bytes) => void numbers.push(bytes.equals(Buffer.alloc(bytes.length, n)) ? n : `${n} changed`),
    numbers: (ack) => ack(numbers),
    join: (room, ack) => (socket.join(room), ack()),
    say: (room, message) => socket.nsp.to(room).emit('said', message),
    handshake: (ack) => {
      const { headers, query, auth, address, url } = socket.handshake;
      ack({ headers, query, auth, address, url, transport: socket.conn.transport.name });
    },
    leave: () => socket.disconnect(),
    out: () => socket.disconnect(true),
    drop: () => socket.conn.close(),
  };
  for (const [event, handler] of Object.entries(handlers)) {
    socket.on(event, handler);
  }
  socket.emit('welcome', { service: config.name, pid: process.pid, namespace });
}

const commands = {
  close: () => io.close(),
  refuse: (value) => (refusal = value),
  token: (value) => (token = value),
  sick: (value) => (sick = value),
  // broadcast emits to all of a namespace, or to the room of it.
  broadcast: ({ namespace = '/', room, event, args = [] }) => (room ? io.of(namespace).to(room) : io.of(namespace)).emit(event, ...args),
  // raw sends bytes or text over the Engine.IO connection of the last socket.
  raw: (data) => lastSocket.conn.write(typeof data === 'string' ? data : Buffer.from(data.hex, 'hex')),
  // cut loses the connection of the last socket, as a network would.
  cut: () => lastSocket.conn.transport.socket.terminate(),
  // farewell closes the connection of the last socket, and says so by Engine.IO.
  farewell: () => (lastSocket.conn.sendPacket('close'), lastSocket.conn.close()),
  // ask emits a question to the last socket; the answer is told.
  ask: ({ args, hex, tag }) =>
    lastSocket.emit('question', ...(args ?? [Buffer.from(hex, 'hex')]), (answer) => tell({ event: 'answer', tag, answer })),
};

process.on('message', ({ command, value }) => {
  commands[command](value);
  tell({ event: 'done', command });
});
process.on('disconnect', () => process.exit(0));

function tell(message) {
  process.send?.(message);
}

server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`${config.name} listening on 127.0.0.1:${server.address().port}`);
});
