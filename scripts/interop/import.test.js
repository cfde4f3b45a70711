'use strict';

// "usher import": configurations of the kinds that people publish, each served by
// nginx itself and by usher with what import has made of it. The same requests
// must reach the same place, with the same path, Host and status; what differs
// must be among what the import said.
//
// A configuration begins with its requests: "# request: METHOD URL [BYTES]", where
// WS is a handshake, and behind "differs:" words of the import's.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { before, test } = require('node:test');
const { promisify } = require('node:util');
const { forFile, atEnd } = require('./ends');
const { ask, echo } = require('./importpeers');
const { serve } = require('./nginx');
const { binary, direct, freePort, serveFile } = require('./usher');

const testdata = path.join(__dirname, '..', '..', 'proxy', 'nginx', 'testdata');
const names = fs.readdirSync(testdata).filter((name) => name.endsWith('.conf'));
names.push('include/nginx.conf');
assert.ok(names.length >= 20);

const file = forFile();
let pair;

before(async () => {
  const folder = temporary(file);
  pair = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=app.test', '-addext', 'subjectAltName=DNS:*.test', '-keyout', pair.key, '-out', pair.cert]);
});

function temporary(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-import-'));
  fs.chmodSync(folder, 0o755); // nginx's workers are another user
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  return folder;
}

for (const name of names) {
  test(`${name}: nginx and usher do the same`, { skip: direct }, async (t) => {
    const site = await prepare(t, name);
    const { stdout, stderr } = await promisify(execFile)(binary, ['import', site.file]);
    assert.match(stderr, /^usher: \d+ routes?, \d+ things? not carried over/);
    assert.doesNotMatch(stderr, /warning/);

    await serve(t, site.file, [...site.ports.values()]);
    const moved = new Map();
    for (const port of site.ports.values()) {
      moved.set(port, await freePort());
    }
    // Only where usher listens is another place than nginx's.
    const routes = stdout.replace(/^listen:\n(?: {2}- .*\n)+/m, (listen) => listen.replace(/:(\d+)/g, (all, port) => `:${moved.get(Number(port))}`));
    await serveFile(t, routes, [...moved.values()][0]);

    assert.ok(site.requests.length > 0);
    for (const request of site.requests) {
      const port = site.ports.get(request.url.port || { 'http:': '80', 'https:': '443' }[request.url.protocol]) ?? [...site.ports.values()][0];
      const [want, got] = [await ask(request, port, site), await ask(request, moved.get(port), { ...site, ports: moved })];
      if (request.differs) {
        assert.notDeepEqual(got, want, `${request.text}: nothing differs`);
        assert.ok(stdout.includes(request.differs), `the import does not say ${request.differs}:\n${stdout}`);
      } else {
        assert.deepEqual(got, want, `${request.text}\n${stdout}`);
      }
    }
  });
}

// prepare puts a configuration, and what it includes, into a folder, with free ports
// and with upstreams that say what they are asked.
async function prepare(t, name) {
  const folder = temporary(t);
  const site = { ports: new Map(), requests: [], file: path.join(folder, 'nginx.conf') };
  const backends = new Map();
  const replace = async (text) => {
    site.requests.push(...requestsOf(text));
    for (const [, port] of text.matchAll(/listen\s+(?:\[::\]:)?(\d+)/g)) {
      site.ports.set(port, site.ports.get(port) ?? (await freePort()));
    }
    for (const [address, place] of addressesOf(text)) {
      backends.set(address, backends.get(address) ?? (await echo(t, place, address.startsWith('/') && path.join(folder, path.basename(address)))));
    }
    return text
      .replace(/listen\s+\[::\]:\d+.*;/g, '')
      .replace(/listen\s+(\d+)/g, (all, port) => `listen 127.0.0.1:${site.ports.get(port)}`)
      .replace(/(?:127\.0\.0\.1|localhost):(\d{4})\b/g, (all, port) => all.replace(port, backends.get(port) ?? port))
      .replace(/unix:(\/[\w/.]+)/g, (all, socket) => `unix:${backends.get(socket)}`)
      .replace(/ssl_certificate\s.*?;/g, `ssl_certificate ${pair.cert};`)
      .replace(/ssl_certificate_key\s.*?;/g, `ssl_certificate_key ${pair.key};`)
      .replace(/\/etc\/nginx\/(?:\.|team\.)(?=htpasswd)/g, (all) => `${folder}/${all.includes('team') ? 'team.' : ''}`);
  };
  fs.writeFileSync(path.join(folder, 'htpasswd'), 'a:{PLAIN}b\n');
  fs.writeFileSync(path.join(folder, 'team.htpasswd'), 'a:$2y$05$' + 'a'.repeat(53) + '\n');
  fs.writeFileSync(path.join(folder, 'mime.types'), 'types { text/html html; }\n');
  const from = path.dirname(path.join(testdata, name));
  if (from !== testdata) {
    for (const one of fs.readdirSync(from, { recursive: true }).filter((one) => one.includes(path.sep) && one.endsWith('.conf'))) {
      fs.mkdirSync(path.dirname(path.join(folder, one)), { recursive: true });
      fs.writeFileSync(path.join(folder, one), await replace(fs.readFileSync(path.join(from, one), 'utf8')));
    }
  }
  fs.writeFileSync(site.file, await replace(fs.readFileSync(path.join(testdata, name), 'utf8')));
  site.known = new Map([...backends].map(([address, at]) => [String(at), address]));
  return site;
}

function requestsOf(text) {
  return [...text.matchAll(/^# request: (\S+) (\S+)(?: (\d+))?(?:\s+differs: (.*))?$/gm)].map(([all, method, url, size, differs]) => ({
    text: all, method, url: new URL(url), path: url.replace(/^\w+:\/\/[^/]+/, ''), size: Number(size ?? 0), differs,
  }));
}

// addressesOf returns the upstreams of a configuration, with the place that each
// is: those of one group are one.
function addressesOf(text) {
  const all = new Map();
  const address = /(?:127\.0\.0\.1|localhost):(\d{4})\b|unix:(\/[\w/.]+)/g;
  for (const [, group, inside] of text.matchAll(/upstream (\S+) \{([^}]*)\}/g)) {
    for (const [, port, socket] of inside.matchAll(address)) {
      all.set(port ?? socket, group);
    }
  }
  for (const [, port, socket] of text.replace(/listen.*;/g, '').matchAll(address)) {
    all.set(port ?? socket, all.get(port ?? socket) ?? port ?? socket);
  }
  return all;
}
