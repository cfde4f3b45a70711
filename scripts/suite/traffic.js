'use strict';

// Traffic of known shape, for what is shown of it: node traffic.js BASE TLS.
// Sessions that stay are counted exactly; beside them others come and go, and
// much goes wrong, until standard input ends.

const http = require('node:http');
const https = require('node:https');
const { once } = require('node:events');
const WebSocket = require('ws');
const { io } = require('socket.io-client');

const [base, tls] = process.argv.slice(2);
const token = [{ alg: 'ES256', kid: '1' }, { aud: 'x' }, 'signed by nobody'].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

main();

async function main() {
  await get(https, tls, '/', { rejectUnauthorized: false });
  const stay = [];
  for (const path of ['/a', '/a', '/a', '/a', '/a', '/b', '/b', '/b']) {
    stay.push(await open(path));
  }
  for (const transports of [['websocket'], ['polling', 'websocket'], ['polling']]) {
    stay.push(await join(transports));
  }
  console.log('standing');

  let on = true;
  process.stdin.once('end', () => (on = false)).resume();
  while (on) {
    stay.forEach((one) => one.send('hello'));
    await Promise.all([come(), fail(), stray(), pause(200)]);
  }
  console.log('quiet'); // what stays goes on until this process is killed
}

// come has one of each come and go: by Close, without, and by an upgrade from
// polling.
async function come() {
  const [polite, rude, split] = await Promise.all([open('/a'), open('/b'), join(['polling', 'websocket'])]);
  rude.terminate();
  polite.close(1000);
  await once(polite, 'close');
  split.disconnect();
}

// fail has handshakes and requests refused, each for a reason of its own.
async function fail() {
  await Promise.all([
    refused('/a', { origin: 'https://elsewhere.test' }),
    refused('/gone'),
    refused('/deaf'),
    refused('/b/socket.io/?transport=websocket&EIO=4&sid=none'), // by the service, which has no such session
    get(http, base, '/socket.io/?EIO=4&transport=polling&sid=none'),
    get(http, base, '/asked'),
    get(http, base, '/token', { headers: { authorization: `Bearer ${token}` } }),
  ]);
}

// stray asks for a namespace that there is not, for one whose upstream is gone,
// and sends to one that it has not joined.
async function stray() {
  const root = io(base, { transports: ['websocket'], forceNew: true, reconnection: false });
  await once(root, 'connect');
  root.io.engine.write('2/news,["early"]');
  root.io.socket('/lost');
  await new Promise((resolve) => root.io.socket('/nowhere').once('connect_error', resolve));
  root.io.engine.close();
}

async function open(path) {
  const socket = new WebSocket(base.replace('http', 'ws') + path + '/live');
  socket.on('message', () => {});
  await once(socket, 'open');
  return socket;
}

async function refused(path, options) {
  const socket = new WebSocket(base.replace('http', 'ws') + path + '/live', options);
  await once(socket, 'error');
}

async function join(transports) {
  const root = io(base, { transports, forceNew: true });
  const audit = root.io.socket('/audit', { auth: { token: 'open sesame' } });
  const upgraded = transports.length > 1 && new Promise((resolve) => root.io.engine.once('upgrade', resolve));
  await Promise.all([once(root, 'connect'), once(audit, 'connect'), upgraded]);
  return { send: (text) => root.emit('echo', text, () => {}), disconnect: () => root.io.reconnection(false).engine.close() };
}

function get(protocol, from, path, options = {}) {
  return new Promise((resolve, reject) => {
    protocol.get(from + path, options, (res) => res.resume().once('end', resolve)).once('error', reject);
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
