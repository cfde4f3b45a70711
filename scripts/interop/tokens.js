'use strict';

// Tokens of users, and who signs them.

const { createHmac, randomUUID } = require('node:crypto');
const http = require('node:http');
const { once } = require('node:events');
const { atEnd } = require('./ends');

exports.secret = '0123456789abcdef0123456789abcdef';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// signed is a token of a user that ends after so many seconds, or a bit later. No two are alike.
exports.signed = function signed(user, seconds, secret = exports.secret) {
  const exp = Math.ceil(Date.now() / 1000) + seconds;
  const text = `${part({ alg: 'HS256' })}.${part({ sub: user, aud: 'chat', exp, jti: randomUUID() })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

// claims are what a token says.
exports.claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

// Issuer publishes its public keys, as those do who let people log in.
class Issuer {
  #keys = new Map();
  published = []; // names of keys
  broken = false;
  asked = 0;

  // create makes a key without publishing it.
  async create(kid) {
    const jose = await import('jose');
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256');
    this.#keys.set(kid, { privateKey, jwk: { ...(await jose.exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' } });
  }

  async token(kid, user = 'anna') {
    const jose = await import('jose');
    const token = new jose.SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setSubject(user).setAudience('chat');
    return token.setExpirationTime('5m').sign(this.#keys.get(kid).privateKey);
  }

  serve(res) {
    this.asked++;
    res.writeHead(this.broken ? 500 : 200, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ keys: this.published.map((kid) => this.#keys.get(kid).jwk) }));
  }
}

// issuer starts one at url, with keys of these names, all but the later published.
exports.issuer = async function issuer(t, published, later) {
  const made = new Issuer();
  await Promise.all([...published, ...later].map((kid) => made.create(kid)));
  made.published = published;
  const server = http.createServer((req, res) => made.serve(res));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  made.url = `http://127.0.0.1:${server.address().port}/jwks.json`;
  return made;
};
