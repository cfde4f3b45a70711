'use strict';

// nginx in front of upstreams, in turn: what people have before they have usher.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { atEnd } = require('./ends');
const { exit } = require('./processes');
const { freePort } = require('./usher');

// roundRobin starts it and returns its address.
exports.roundRobin = async function roundRobin(t, ports) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-nginx-'));
  atEnd(t, () => fs.rmSync(folder, { recursive: true }));
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, configuration(folder, port, ports));

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
  for (const deadline = Date.now() + 10_000; !(await accepts(port)); await sleep(20)) {
    if (Date.now() > deadline || child.exitCode !== null) {
      throw new Error(`nginx does not listen on port ${port}:\n${log}`);
    }
  }
  return `http://127.0.0.1:${port}`;
};

function configuration(folder, port, ports) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    worker_processes 1;
    pid ${folder}/pid;
    error_log stderr error;
    events { worker_connections 4096; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n      ')}
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

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
