'use strict';

// A wire between a client and usher that reads along: which frames have passed,
// as they are for the network.

const { once } = require('node:events');
const net = require('node:net');
const { atEnd } = require('./ends');

// wire listens in front of port and gathers the data frames of every connection
// that becomes a WebSocket, by who sent them.
exports.wire = async function wire(t, port) {
  const frames = { client: [], server: [] };
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    join(client, upstream, reader(frames.client));
    join(upstream, client, reader(frames.server));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = new Set();
  server.on('connection', (socket) => open.add(socket.once('close', () => open.delete(socket))));
  atEnd(t, () => {
    server.close();
    open.forEach((socket) => socket.destroy());
  });
  return { base: `http://127.0.0.1:${server.address().port}`, frames };
};

function join(from, to, read) {
  from.on('data', (chunk) => {
    read(chunk);
    to.write(chunk);
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

// reader skips the heads of HTTP, up to the one that upgrades, and lists what
// data frames stand behind it.
function reader(list) {
  let rest = Buffer.alloc(0);
  let upgraded = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    if (!upgraded) {
      const head = rest.toString('latin1').match(/(^|\n)(Upgrade: websocket[^]*?\r\n\r\n)/i);
      if (!head) {
        return;
      }
      upgraded = true;
      rest = rest.subarray(head.index + head[0].length);
    }
    for (let frame = parse(rest); frame; frame = parse(rest)) {
      rest = rest.subarray(frame.size);
      if (frame.opcode < 8) {
        list.push(frame);
      }
    }
  };
}

// parse reads the frame that b begins with, if it is whole.
function parse(b) {
  if (b.length < 10 && (b.length < 2 || b.length < 2 + lengthBytes(b[1] & 127) + (b[1] & 128 ? 4 : 0))) {
    return null;
  }
  const short = b[1] & 127;
  const extended = lengthBytes(short);
  const length = extended === 8 ? Number(b.readBigUInt64BE(2)) : extended === 2 ? b.readUInt16BE(2) : short;
  const size = 2 + extended + (b[1] & 128 ? 4 : 0) + length;
  return b.length < size ? null : { opcode: b[0] & 15, compressed: (b[0] & 64) !== 0, length, size };
}

const lengthBytes = (short) => (short === 127 ? 8 : short === 126 ? 2 : 0);
