'use strict';

// nginx in front of upstreams, in turn: what people have before they have usher.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { atEnd } = require('./ends');
const { accepts, exit } = require('./processes');
const { freePort } = require('./usher');

// roundRobin starts it and returns its address.
exports.roundRobin = async function roundRobin(t, ports) {
  const folder = newFolder(t);
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, configuration(folder, port, ports));
  await run(t, folder, file, [port]);
  return `http://127.0.0.1:${port}`;
};

// serve starts it with a configuration of somebody else's, whole or of servers
// alone, and waits until it listens on the ports.
exports.serve = async function serve(t, file, ports) {
  const folder = newFolder(t);
  const text = fs.readFileSync(file, 'utf8');
  const own = path.join(path.dirname(file), 'served.conf');
  const settings = `access_log off; ${places(folder)}`;
  const http = /^http \{/m.test(text) ? text.replace(/^http \{/m, `$& ${settings}`) : `events {} http { ${settings}\n${text} }`;
  const user = /^user /m.test(text) || process.getuid() !== 0 ? '' : 'user root root;';
  fs.writeFileSync(own, `daemon off; pid ${folder}/pid; ${user}\n${http.replace(/^\s*error_log .*;/m, '')}`);
  await run(t, folder, own, ports);
};

function newFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-nginx-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  return folder;
}

async function run(t, folder, file, ports) {
  const child = spawn('nginx', ['-p', folder, '-c', file, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const exited = exit(child);
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  atEnd(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  for (const port of ports) {
    for (const deadline = Date.now() + 10_000; !(await accepts({ port, host: '127.0.0.1' })); await sleep(20)) {
      if (Date.now() > deadline || child.exitCode !== null) {
        throw new Error(`nginx does not listen on port ${port}:\n${log}`);
      }
    }
  }
}

// places are where it keeps what it cannot hold.
function places(folder) {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n      ');
}

function configuration(folder, port, ports) {
  return `
    daemon off;
    worker_processes 1;
    pid ${folder}/pid;
    error_log stderr error;
    events { worker_connections 4096; }
    http {
      access_log off;
      ${places(folder)}
      upstream main { ${ports.map((to) => `server 127.0.0.1:${to};`).join(' ')} }
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://main;
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }
    }
  `;
}
