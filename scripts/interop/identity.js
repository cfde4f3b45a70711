'use strict';

// Logins as people have them: oauth2-proxy, with its sessions in Redis, for who
// comes from an OpenID server or is in its htpasswd file.

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { atEnd } = require('./ends');
const { program, start } = require('./processes');
const { freePort } = require('./usher');

const top = path.join(__dirname, '..', '..');
const users = { carl: 'of carl' }; // who is in the file, and how they log in

// identity starts all of it for a site at base, whose /oauth2 is to be led to
// the address that it returns.
exports.identity = async function identity(t, base) {
  const oauth2proxy = binary();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-identity-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const client = { client_id: 'shop', client_secret: 'of the shop', redirect_uris: [`${base}/oauth2/callback`] };
  const [openid, redis] = await Promise.all([
    start(t, 'services/openid.js', '--client', JSON.stringify(client)),
    startRedis(t, folder),
  ]);
  const issuer = `http://127.0.0.1:${openid.port}`;
  const port = await freePort();
  const htpasswd = path.join(folder, 'htpasswd');
  fs.writeFileSync(htpasswd, Object.entries(users).map(hashed).join(''));
  await program(t, oauth2proxy, [
    '--provider=oidc', `--oidc-issuer-url=${issuer}`, `--client-id=${client.client_id}`, `--client-secret=${client.client_secret}`,
    '--scope=openid email', '--code-challenge-method=S256', `--redirect-url=${client.redirect_uris[0]}`, '--email-domain=*',
    `--htpasswd-file=${htpasswd}`, '--session-store-type=redis', `--redis-connection-url=unix://${redis}`,
    `--cookie-secret=${'c'.repeat(32)}`, '--cookie-secure=false', '--set-xauthrequest',
    '--reverse-proxy', '--trusted-proxy-ip=127.0.0.1', '--upstream=static://202', `--http-address=127.0.0.1:${port}`,
  ], { port, host: '127.0.0.1' });
  return { issuer, users, url: `http://127.0.0.1:${port}` };
};

// binary is the oauth2-proxy that scripts/oauth2-proxy.mod names, which Go keeps
// once it is built.
function binary() {
  const args = ['tool', '-modfile=scripts/oauth2-proxy.mod', '-n', 'oauth2-proxy'];
  return execFileSync('go', args, { cwd: top, encoding: 'utf8' }).trim();
}

// hashed is a line as htpasswd -s makes it.
const hashed = ([name, password]) => `${name}:{SHA}${createHash('sha1').update(password).digest('base64')}\n`;

// startRedis starts one that keeps nothing, and returns where it listens.
async function startRedis(t, folder) {
  const at = path.join(folder, 'redis');
  await program(t, 'redis-server', ['--port', '0', '--unixsocket', at, '--save', '', '--dir', folder], { path: at });
  return at;
}
