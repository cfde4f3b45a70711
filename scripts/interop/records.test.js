'use strict';

// OpenSSL, alone and in Node, as the peer of usher's own records of TLS 1.3.

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const WebSocket = require('ws');
const { atEnd } = require('./ends');
const { exit } = require('./processes');
const { secure } = require('./secure');

const suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

// echoes sends messages of all sizes and wants them back, and then a clean end.
async function echoes(socket) {
  const sizes = [0, 1, 1000, 16_384, 65_536, 1_000_000];
  const got = [];
  await new Promise((resolve, reject) => {
    socket.on('open', () => sizes.forEach((size) => socket.send(Buffer.alloc(size, 'a'))));
    socket.on('message', (data) => got.push(data.length) === sizes.length && resolve());
    socket.on('error', reject).on('close', () => reject(new Error('the socket is closed')));
  });
  assert.deepEqual(got, sizes);
  socket.removeAllListeners('close');
  socket.close(1000);
  assert.equal((await once(socket, 'close'))[0], 1000);
}

// certificate makes one for an upstream.
function certificate(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-records-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(folder, name));
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=upstream'];
  execFileSync('openssl', [...args, '-days', '2', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
}

for (const ciphers of suites) {
  test(`ws by wss, ${ciphers}`, async (t) => {
    const usher = await secure(t, {});
    const socket = new WebSocket(`wss://localhost:${usher.port}/ws`, { ca: usher.ca, ciphers, minVersion: 'TLSv1.3' });
    socket.on('upgrade', (res) => assert.equal(res.socket.getCipher().name, ciphers));
    await echoes(socket);
  });

  test(`an https upstream, ${ciphers}`, async (t) => {
    const usher = await secure(t, {}, { ...certificate(t), ciphers, minVersion: 'TLSv1.3' });
    for (let i = 0; i < 3; i++) {
      await echoes(new WebSocket(`wss://localhost:${usher.port}/ws`, { ca: usher.ca }));
    }
    assert.deepEqual(usher.seen.map(({ resumed }) => resumed), [false, true, true], 'sessions resumed');
  });

  test(`keys that change between requests, ${ciphers}`, async (t) => {
    const usher = await secure(t, {});
    const args = ['s_client', '-connect', `127.0.0.1:${usher.port}`, '-servername', 'localhost', '-tls1_3', '-ciphersuites', ciphers];
    const client = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const exited = exit(client);
    atEnd(t, async () => {
      client.kill();
      await exited;
    });
    let said = '';
    for (const stream of [client.stdout, client.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
        client.emit('said');
      });
    }
    exited.then(() => client.emit('error', new Error(`openssl has ended:\n${said}`)));
    const hears = async (what, times) => {
      while (said.split(what).length <= times) {
        await once(client, 'said');
      }
    };
    const commands = ['K', 'k', 'K', 'K']; // both sides change their keys, or openssl alone
    await hears('Verify return code', 1);
    for (let i = 0; i <= commands.length; i++) {
      client.stdin.write(`GET /${i} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await hears('<title>page</title>', i + 1);
      if (i < commands.length) {
        client.stdin.write(`${commands[i]}\n`); // it looks for one where a read begins
        await hears('KEYUPDATE', i + 1);
      }
    }
  });
}
