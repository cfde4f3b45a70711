// A backend for the tests of `usher doctor`: one HTTP server on a free port of
// 127.0.0.1 with the upgrade handlers of one set-up. It prints its port, and
// ends when its standard input does.
//
//   node backend.js SETUP
"use strict";

const cluster = require("node:cluster");
const EventEmitter = require("node:events");
const http = require("node:http");
const { WebSocketServer } = require("ws");

const socketio = (server, options) => new (require("socket.io").Server)(server, options);
const socketio2 = (server, options) => require("socket.io-2")(server, options);
const plain7 = (options) => new (require(require.resolve("ws", { paths: [require.resolve("socket.io-2")] })).Server)(options);
const plain = (options) => new WebSocketServer(options).on("connection", (ws) => ws.on("message", (m, binary) => ws.send(m, { binary })));

// A handler that answers upgrades of one path, late: what a token check or a
// look-up in a database does to it.
function slow(server, path, delay) {
  const wss = plain({ noServer: true });
  server.on("upgrade", (req, socket, head) => {
    if (req.url.split("?")[0] !== path) return;
    setTimeout(() => wss.handleUpgrade(req, socket, head, (ws) => wss.emit("connection", ws, req)), delay);
  });
}

// A parser of one's own for Socket.IO 2, which knows nothing but bytes.
const octets = {
  Encoder: class {
    encode(packet, done) {
      done([Buffer.from(JSON.stringify(packet))]);
    }
  },
  Decoder: class extends EventEmitter {
    add(message) {
      if (!Buffer.isBuffer(message)) throw new Error("no bytes");
      this.emit("decoded", JSON.parse(message));
    }
    destroy() {}
  },
};

const setups = {
  "one": (server) => socketio(server),
  "one-2": (server) => socketio2(server),
  "one-eio3": (server) => socketio(server, { allowEIO3: true }),

  // Two servers, one path.
  "same-path": (server) => (socketio(server), socketio(server)),
  "same-path-2": (server) => (socketio2(server), socketio2(server)),
  "same-path-2-and-4": (server) => (socketio2(server), socketio(server)),
  "same-path-websocket": (server) => {
    socketio(server, { transports: ["websocket"] });
    socketio(server, { transports: ["websocket"] });
  },
  "nested-paths": (server) => (socketio(server, { path: "/main" }), socketio(server, { path: "/main/admin" })),

  // Two servers, each with its own.
  "distinct-paths": (server) => (socketio(server, { path: "/main" }), socketio(server, { path: "/admin" })),

  // Socket.IO and ws.
  "ws-behind": (server) => (socketio(server), plain({ server, path: "/live" })),
  "ws-before": (server) => (plain({ server, path: "/live" }), socketio(server)),
  "ws-2-behind": (server) => (socketio2(server), plain({ server, path: "/live" })),
  "ws-7-behind": (server) => (socketio2(server), plain7({ server, path: "/live" })),
  "ws-7-before": (server) => (plain7({ server, path: "/live" }), socketio2(server)),
  "ws-7-any-path-behind": (server) => (socketio2(server), plain7({ server })), // shares ws with Socket.IO: dies
  "ws-any-path-behind": (server) => (socketio(server), plain({ server })),
  "ws-any-path-before": (server) => (plain({ server }), socketio(server)),
  "ws-dispatched": (server) => {
    const { eio: engine } = socketio(server);
    const wss = plain({ noServer: true });
    server.removeAllListeners("upgrade");
    server.on("upgrade", (req, socket, head) => {
      if (req.url.startsWith("/socket.io/")) engine.handleUpgrade(req, socket, head);
      else wss.handleUpgrade(req, socket, head, (ws) => wss.emit("connection", ws, req));
    });
  },

  // Socket.IO and a slow handler.
  "slow": (server) => (socketio(server), slow(server, "/live", 1500)),
  "slow-2": (server) => (socketio2(server), slow(server, "/live", 1500)),
  "slow-ws": (server) => {
    const verifyClient = (info, done) => setTimeout(done, 1500, true);
    socketio(server);
    plain({ server, path: "/live", verifyClient });
  },
  "slow-socketio": (server) => {
    socketio(server, { path: "/main", allowRequest: (req, done) => setTimeout(done, 1500, null, true) });
    socketio(server, { path: "/admin" });
  },
  "slow-all": (server) => (socketio(server, { destroyUpgrade: false }), slow(server, "/live", 1500)),
  "quick": (server) => (socketio(server), slow(server, "/live", 50)),

  // No Socket.IO.
  "ws": (server) => plain({ server, path: "/live" }),
  "ws-two": (server) => (plain({ server, path: "/live" }), plain({ server, path: "/chat" })),
  "http": () => {},

  // Socket.IO with less.
  "guarded": (server) => socketio(server, { allowRequest: (req, done) => done("no token", false) }),
  "parser": (server) => socketio(server, { parser: require("socket.io-msgpack-parser") }),
  "parser-2": (server) => socketio2(server, { parser: octets }),
  "parser-polling": (server) => socketio(server, { parser: require("socket.io-msgpack-parser"), transports: ["polling"] }),
  "polling": (server) => socketio(server, { transports: ["polling"] }),
  "websocket": (server) => socketio(server, { transports: ["websocket"] }),
};

// Two processes behind one port, without sticky sessions.
if (process.argv[2] === "two-processes") {
  setups["two-processes"] = setups.one;
  if (cluster.isPrimary) {
    const ready = [cluster.fork(), cluster.fork()].map((worker) => new Promise((resolve) => worker.once("message", resolve)));
    Promise.all(ready).then(([port]) => console.log(port));
    process.stdin.resume().on("end", () => process.exit(0));
    return;
  }
}

const setup = setups[process.argv[2]];
if (!setup) {
  console.error(`usage: node backend.js ${Object.keys(setups).join("|")}`);
  process.exit(2);
}
const server = http.createServer((req, res) => res.writeHead(404).end());
setup(server);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  if (cluster.isWorker) process.send(port);
  else console.log(port);
});
if (cluster.isPrimary) process.stdin.resume().on("end", () => process.exit(0));
