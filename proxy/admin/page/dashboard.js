// The dashboard: asks usher once a second, while somebody looks.

import { ask, order, Refused } from './api.js';
import { showBars } from './bars.js';
import { Chart } from './chart.js';
import { bytes, number, span } from './format.js';
import { Sessions } from './sessions.js';
import { Table, button, text } from './table.js';

const $ = (id) => document.getElementById(id);

const charts = {
  open: new Chart($('chart-open'), 'Sessions', [{ name: '', color: 'one' }], { format: number }),
  messages: new Chart($('chart-messages'), 'Messages/s', [{ name: 'in', color: 'one' }, { name: 'out', color: 'two' }], { format: number }),
  bytes: new Chart($('chart-bytes'), 'Bytes/s', [{ name: 'in', color: 'one' }, { name: 'out', color: 'two' }],
    { format: bytes, base: 1024, steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024] }),
  handshake: new Chart($('chart-handshake'), 'Handshake', [{ name: '', color: 'one' }], { format: (s) => (s ? span(s) : '0') }),
};

const phases = {
  serving: 'serving', drained: 'drained by an operator', grace: 'about to stop', stopping: 'stopping',
};

const routes = new Table($('routes').tBodies[0], (r) => r.route, [
  text((r) => r.route, 'cut', true),
  text((r) => r.upstream || r.answer || 'by namespace'),
  text((r) => number(r.open), 'n'),
  text((r) => number(r.opened), 'n'),
  text((r) => number(r.rate.messages), 'n'),
  text((r) => bytes(r.rate.bytes), 'n'),
  text((r) => span(r.handshake.count ? r.handshake.sum_s / r.handshake.count : 0), 'n'),
  text((r) => number(r.rate.requests), 'n'),
  text((r) => number(r.rate.failed), 'n'),
  text((r) => span(r.requests.p50_s), 'n'),
  text((r) => span(r.requests.p99_s), 'n'),
  button((r) => (r.drained ? 'Enable' : 'Drain'), nameOf, (r) => (r.drained ? enable : drain)({ route: r.route }, r.open)),
]);

const endpoints = new Table($('endpoints').tBodies[0], (e) => `${e.upstream} ${e.endpoint}`, [
  text((e) => e.upstream, '', true),
  { class: 'state', fill: showState },
  text((e) => e.endpoint, 'cut'),
  text((e) => number(e.open), 'n'),
  text((e) => number(e.dials), 'n'),
  text((e) => number(failures(e)), 'n'),
  text((e) => e.last_error ?? '', 'cut wide-cell'),
  text((e) => (e.last_error_at ? `${span(Math.max(1, Math.floor(e.now - new Date(e.last_error_at) / 1000)))} ago` : ''), 'n'),
  button((e) => (e.drained ? 'Enable' : 'Drain'), nameOf, (e) => (e.drained ? enable : drain)({ upstream: e.upstream, endpoint: e.endpoint }, e.open)),
]);

const drained = new Table($('drained').tBodies[0], nameOf, [
  text(nameOf, '', true),
  button(() => 'Enable', nameOf, enable),
]);

const incidents = new Table($('incidents').tBodies[0], (i) => `${i.kind} ${i.name}`, [
  text((i) => i.what, '', true),
  text((i) => `for ${span(Math.max(1, Math.floor(i.now - new Date(i.since) / 1000)))}`, 'n'),
  text((i) => i.text, 'why'),
]);

const sessions = new Sessions({ confirm, tell, search: $('search') });

// nameOf says what an order is about.
function nameOf(target) {
  if (target.all) {
    return 'everything';
  }
  if (target.route) {
    return `route ${target.route}`;
  }
  return target.endpoint ? `endpoint ${target.endpoint} of ${target.upstream}` : `upstream ${target.upstream}`;
}

// showState says of an endpoint that could be chosen when nobody comes there.
function showState(cell, e) {
  const away = e.away && !e.drained;
  cell.textContent = e.state.replace('_', ' ') + (away ? ', drained' : '');
  cell.dataset.state = away && ['healthy', 'unchecked'].includes(e.state) ? 'drained' : e.state;
}

function failures(e) {
  return Object.values(e.dial_failures ?? {}).reduce((sum, n) => sum + n, e.unanswered + e.declined);
}

let before; // the last status, with the time it came
let timer;

async function refresh() {
  clearTimeout(timer);
  try {
    const status = await ask('status');
    status.at = performance.now();
    enter();
    show(status);
    await sessions.refresh();
    if ($('notice').dataset.kind === 'lost') {
      tell('');
    }
  } catch (error) {
    fail(error);
  }
  if (!document.hidden) {
    timer = setTimeout(refresh, 1000);
  }
}

function show(status) {
  const dt = before ? (status.at - before.at) / 1000 : 0;
  const rate = (now, then) => (dt > 0 && now >= then ? (now - then) / dt : 0);
  const s = status.sessions;
  const p = before?.sessions ?? s;
  const messages = [rate(s.from_client.messages, p.from_client.messages), rate(s.from_upstream.messages, p.from_upstream.messages)];
  const traffic = [rate(s.from_client.bytes, p.from_client.bytes), rate(s.from_upstream.bytes, p.from_upstream.bytes)];
  const shaken = s.handshake.count - p.handshake.count;
  const latency = shaken > 0 ? (s.handshake.sum_s - p.handshake.sum_s) / shaken : 0;

  head(status);
  put('open', number(s.open));
  put('opened', `${number(s.opened)} since the start`);
  put('messages', number(messages[0] + messages[1]));
  put('messages-ways', `${number(messages[0])} in, ${number(messages[1])} out`);
  put('bytes', bytes(traffic[0] + traffic[1]));
  put('bytes-ways', `${bytes(traffic[0])} in, ${bytes(traffic[1])} out`);
  put('handshake', span(s.handshake.count ? s.handshake.sum_s / s.handshake.count : 0));
  put('handshake-more', `mean of ${number(s.handshake.count)}`);
  refused(status.handshakes);

  charts.open.add(status.at, [s.open]);
  if (before) {
    charts.messages.add(status.at, messages);
    charts.bytes.add(status.at, traffic);
    charts.handshake.add(status.at, [latency]);
  }
  tables(status, rate);
  before = status;
}

function tables(status, rate) {
  const old = new Map(before?.routes.map((r) => [r.route, r]));
  for (const r of status.routes) {
    const was = old.get(r.route) ?? r;
    const both = (x, what) => x.from_client[what] + x.from_upstream[what];
    r.rate = {
      messages: rate(both(r, 'messages'), both(was, 'messages')), bytes: rate(both(r, 'bytes'), both(was, 'bytes')),
      requests: rate(r.requests.total, was.requests.total), failed: rate(r.requests.failed, was.requests.failed),
    };
  }
  routes.show(status.routes, 'There are no routes.');
  const all = status.drained.some((t) => t.all);
  const now = new Date(status.started) / 1000 + status.uptime_s; // by usher's clock
  endpoints.show(status.upstreams.flatMap((u) => u.endpoints.map((e) => ({ ...e, upstream: u.upstream, away: u.drained || all, now }))), 'There are no endpoints.');
  incidents.show(status.incidents.map((i) => ({ ...i, now })), '');
  $('wrong').hidden = !status.incidents.length;
  drained.show(status.drained, '');
  $('drained-all').hidden = !status.drained.length;

  const ends = Object.entries(status.sessions.ends).sort((a, b) => b[1] - a[1]);
  const most = ends[0]?.[1] ?? 0;
  showBars($('causes'), ends.map(([name, n]) => ({ name: name.replace('.', ' '), value: number(n), share: n / most })), 'None has ended yet.');
  showBars($('certificates'), status.certificates.map(certificate), 'This usher has none.');
}

function certificate(c) {
  if (!c.not_after) {
    return { name: c.name, value: 'not yet issued', share: 0, level: 'bad' };
  }
  const days = (c.left_s ?? 0) / 86400;
  return { name: c.name, value: days > 2 ? `${number(Math.floor(days))} days left` : `${span(c.left_s ?? 0)} left`, share: days / 90, level: days < 3 ? 'bad' : days < 14 ? 'fair' : 'good' };
}

function head(status) {
  const phase = $('phase');
  phase.dataset.phase = status.phase;
  put('phase', phases[status.phase] ?? status.phase);
  put('about', `${status.version} · up ${span(status.uptime_s)} · ${status.file}`);
  document.body.dataset.role = status.operator.role; // who may only view has no buttons for orders
  put('who', [status.operator.name, status.operator.role === 'view' ? 'view only' : ''].filter(Boolean).join(' · '));
  document.title = `${number(status.sessions.open)} open – usher`;
}

function refused({ refusals, duplicate_claims: duplicates }) {
  const list = Object.entries(refusals ?? {}).filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
  put('refused', number(list.reduce((sum, [, n]) => sum + n, 0)));
  put('refused-why', list.slice(0, 2).map(([why, n]) => `${why.replaceAll('_', ' ')} ${number(n)}`).join(', ') || 'no handshake');
  if (duplicates) {
    tell(`${number(duplicates)} sockets were claimed twice. This must never be: please report it.`);
  }
}

// put writes only what has changed, so that a reader's selection stays.
function put(id, value) {
  if ($(id).textContent !== value) {
    $(id).textContent = value;
  }
}

function tell(message, kind = 'told') {
  const notice = $('notice');
  notice.dataset.kind = kind;
  notice.textContent = message;
  notice.hidden = !message;
}

function fail(error) {
  if (error instanceof Refused && error.status === 401) {
    login(error.ways);
    $('main').hidden = true;
    $('reload').hidden = true;
    return;
  }
  tell(error instanceof Refused ? error.message : 'usher does not answer. The page tries again each second.', 'lost');
  $('phase').dataset.phase = 'lost';
  put('phase', 'no answer');
}

const shown = {
  token: 'The token is admin.token of the routes file.', basic: 'A password is of a user of admin.auth.', jwt: 'A token may be one that admin.auth takes.',
};

// login shows the form for the ways that there are.
function login(ways) {
  $('login').hidden = false;
  put('who', '');
  $('named').hidden = !ways.includes('basic');
  put('secret', ways.includes('basic') ? (ways.length > 1 ? 'Password, or token without a name' : 'Password') : 'Token');
  put('ways', ways.map((way) => shown[way]).join(' '));
}

function enter() {
  if (!$('login').hidden) {
    $('logout').hidden = false;
  }
  $('login').hidden = true;
  $('main').hidden = false;
  $('reload').hidden = false;
}

// confirm asks before what cannot be taken back.
function confirm(question, yes) {
  const dialog = $('ask');
  put('ask-text', question);
  put('ask-yes', yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

async function drain(target, open) {
  const name = nameOf(target);
  if (!await confirm(`Close the ${number(open)} open sessions of ${name}, spread over time, and send new ones away?`, 'Drain')) {
    return;
  }
  await give('drain', target, ({ sessions: n, legs }) => `Draining ${name}: ${number(n)} sessions${legs ? `, ${number(legs)} legs` : ''}.`);
}

function enable(target) {
  return give('enable', target, () => `Enabled ${nameOf(target)}.`);
}

// give orders, and says what came of it until something else is said.
async function give(what, target, said) {
  try {
    tell(said(await order('POST', what, target)));
  } catch (error) {
    tell(error.message);
  }
  refresh();
}

$('reload').addEventListener('click', async () => {
  try {
    const answer = await order('POST', 'reload');
    tell([`${answer.file} was read again.`, ...answer.warnings].join('\n'));
  } catch (error) {
    tell([`Nothing has changed: ${error.message}`, ...(error.list ?? [])].join('\n'));
  }
  refresh();
});

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const [name, secret] = [$('name').value, $('token').value];
    await order('POST', 'login', name ? { name, password: secret } : { token: secret });
    $('token').value = '';
    tell('');
    refresh();
  } catch (error) {
    tell(error.message);
  }
});

$('logout').addEventListener('click', async () => {
  await order('POST', 'logout').catch(() => {});
  location.reload();
});

document.addEventListener('visibilitychange', () => document.hidden || refresh());
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !event.target.matches('input')) {
    event.preventDefault();
    $('search').focus();
  }
});

refresh();
