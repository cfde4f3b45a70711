'use strict';

// Several ushers as one fleet, behind a balancer that gives each connection to the
// next of them, whoever it comes from.

const net = require('node:net');
const { atEnd } = require('./ends');
const { split } = require('./namespaces');
const { behind, direct, freePort } = require('./usher');

// fleet starts services as split does, and so many ushers in front of them.
exports.fleet = async function fleet(t, count, layout, ...options) {
  const nodes = await Promise.all(Array.from({ length: count }, async (_, i) => ({ id: `n${i}`, address: `127.0.0.1:${await freePort()}` })));
  const join = (node) => ({ fleet: { secret: '0123456789abcdef0123456789abcdef', node, nodes: nodes.map(({ address }) => address) } });
  const [socketio = {}, route = {}] = options;
  const first = await split(t, layout, socketio, route, join(nodes[0]));
  const edges = [first];
  if (!direct) {
    for (const node of nodes.slice(1)) {
      edges.push(await behind(t, { ...first.routes, ...join(node) }));
    }
    await Promise.all(edges.map(({ front }) => met(front, count - 1)));
  }
  return { edges, services: first.services, nodes, base: `http://127.0.0.1:${await balance(t, edges)}` };
};

// met waits until a node has said that the others are there.
async function met(front, others) {
  const there = () => new Set(front.logged('node of the fleet is there').map(({ node }) => node));
  for (const deadline = Date.now() + 60_000; there().size < others; ) {
    if (Date.now() > deadline) {
      throw new Error(`a node is alone:\n${front.usher.log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// balance gives each connection to the next edge, and passes over those where
// nobody listens.
async function balance(t, edges) {
  let turn = 0;
  const open = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    near.on('error', () => {});
    open.add(near.on('close', () => open.delete(near)));
    forward(near, edges.length);
  });
  const forward = (near, tries) => {
    const far = net.connect({ port: edges[turn++ % edges.length].port, host: '127.0.0.1', allowHalfOpen: true });
    far.once('error', () => (tries > 1 ? forward(near, tries - 1) : near.destroy()));
    far.once('connect', () => {
      far.on('error', () => near.destroy());
      near.on('error', () => far.destroy());
      far.on('close', () => near.destroy());
      near.on('close', () => far.destroy());
      near.pipe(far).pipe(near);
    });
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => {
    open.forEach((socket) => socket.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  return server.address().port;
}
