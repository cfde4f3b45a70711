'use strict';

// What scripts/demo-socketio shows: a backend of four Socket.IO servers in one
// process, and the same four behind usher. crowd.test.js verifies it.

const { setTimeout: sleep } = require('node:timers/promises');
const { open } = require('./clients');
const { every, gather, sum } = require('./crowd');
const { split } = require('./namespaces');
const { start } = require('./processes');

const clients = 200;
const layout = {
  main: { namespaces: ['/'] },
  admin: { namespaces: ['/admin'] },
  seller: { namespaces: ['/seller'] },
  chat: { namespaces: ['/chat'] },
};
const namespaces = Object.values(layout).flatMap((config) => config.namespaces);
const others = namespaces.filter((name) => name !== '/admin');

const say = (...lines) => console.log(lines.join('\n'));
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

async function oneProcess(t) {
  const backend = await start(t, 'legacy/one-process.js');
  say(`1. Four Socket.IO servers on one HTTP server, in one process (pid ${backend.pid}).`, '   One client connects by WebSocket ...');
  open(t, { version: '4.x', transport: 'websocket' }, `http://127.0.0.1:${backend.port}`, { reconnection: false });
  const { code } = await backend.exited;
  say(`   ... and the process is dead, with exit code ${code}:`, `   ${backend.stderr.match(/Error: .*/)[0]}`, '');
}

async function fourProcesses(t) {
  const edge = await split(t, layout, { on_loss: { admin: 'reconnect' } });
  say('2. The same four servers, each a process of its own, and usher before them:');
  for (const [name, { pid }] of Object.entries(edge.services)) {
    say(`   ${layout[name].namespaces[0].padEnd(8)} is process ${pid}`);
  }
  const begin = Date.now();
  const crowd = await gather(t, edge.base, namespaces, clients);
  say(`   ${clients} clients are there after ${seconds(begin)}: of 1.x, 2.x, 3.x, 4.0 and 4.8, by polling, by WebSocket`,
    '   and by the upgrade from one to the other. Each has one connection and all four namespaces on it.');
  crowd.talk(1_000);
  await sleep(3_000);
  const talks = crowd.of(...namespaces);
  say(`   After three seconds of talk they had ${sum(talks, 'answers')} answers.`, '');
  await killed(t, edge, crowd);
}

async function killed(t, edge, crowd) {
  const [admin, rest] = [crowd.of('/admin'), crowd.of(...others)];
  await edge.services.admin.kill();
  say('3. kill -9 of the process of /admin, while everybody talks.');
  const before = sum(rest, 'answers');
  await sleep(2_000);
  say(`   Two seconds later: ${sum(rest, 'answers') - before} further answers in the other namespaces.`);
  await edge.restart(t, 'admin', layout.admin);
  const begin = Date.now();
  say(`   The process is started again, with pid ${edge.services.admin.pid}.`);
  await every(admin, 'the return of /admin', (talk) => talk.connects === 1);
  say(`   ${seconds(begin)} later all ${clients} clients are in /admin again. None of them has done anything for it.`);
  crowd.hush();
  await every(rest, 'the last answers', (talk) => talk.answers === talk.asked);
  await sleep(500);
  const lost = sum(admin, 'asked') - sum(admin, 'answers');
  const faults = crowd.of(...namespaces).flatMap((talk) => talk.faults);
  say('', `   Beside /admin: ${sum(rest, 'asked')} questions, ${sum(rest, 'answers')} answers, ${sum(rest, 'connects')} reconnections.`,
    `   In /admin:     ${sum(admin, 'asked')} questions, ${sum(admin, 'answers')} answers; ${lost} went down with the process.`,
    `   Disconnects, wrong, doubled or reordered answers: ${faults.length}`);
  if (faults.length > 0) {
    throw new Error(faults[0]);
  }
}

async function main() {
  const endings = [];
  const t = { after: (end) => endings.push(end) };
  try {
    await oneProcess(t);
    await fourProcesses(t);
  } finally {
    await Promise.all(endings.map((end) => end()));
  }
}

main().catch((err) => {
  console.error(err);
  process.exitCode = 1;
});
