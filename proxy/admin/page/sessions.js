// The list of sessions, open or ended.

import { ask, order } from './api.js';
import { bytes, clock, number, span } from './format.js';
import { Table, button, text } from './table.js';

const pageSize = 50;
const mostRows = 1000;

const both = (s, what) => s.from_client[what] + s.from_upstream[what];
const traffic = [
  text((s) => `${number(s.from_client.messages)} / ${number(s.from_upstream.messages)}`, 'n'),
  text((s) => bytes(both(s, 'bytes')), 'n'),
];

// A session that is split by namespace says how it speaks, what it has joined,
// what it waits for, and the endpoints of its legs.
const where = (s) => [
  s.route, s.transport, (s.namespaces ?? []).join(' '), s.waiting?.length && `waits for ${s.waiting.join(' ')}`,
].filter(Boolean).join(' · ');
const whom = (s) => s.endpoint || (s.legs ?? []).map((l) => `${l.upstream} ${l.endpoint}`).join(', ') || 'by namespace';

export class Sessions {
  // confirm and tell are the page's; search is its field.
  constructor({ confirm, tell, search }) {
    Object.assign(this, { confirm, tell, search });
    this.limit = pageSize;
    this.table = document.getElementById('sessions');
    this.kinds = {
      open: {
        heads: ['Client', 'Route', 'Endpoint', 'Age', 'Idle', 'Messages in / out', 'Bytes', ''],
        columns: [
          text((s) => s.client || 'local', '', true), text(where, 'cut'), text(whom, 'cut'),
          text((s) => span(s.age_s), 'n'), text((s) => span(s.idle_s), 'n'), ...traffic,
          button(() => 'Close', (s) => `the session of ${s.client}, ${s.id}`, (s) => this.close(s), true),
        ],
        empty: 'No session is open.',
      },
      ended: {
        heads: ['Client', 'Route', 'Endpoint', 'Ended', 'Lasted', 'Messages in / out', 'Bytes', 'Cause', 'Code'],
        columns: [
          text((s) => s.client || 'local', '', true), text(where, 'cut'), text(whom, 'cut'),
          text((s) => clock(s.ended), 'n'), text((s) => span(s.duration_s), 'n'), ...traffic,
          text((s) => s.cause.replace('.', ' ') + (s.error ? `: ${s.error}` : ''), 'cut'), text((s) => (s.code ? String(s.code) : '–'), 'n'),
        ],
        empty: 'No session has ended yet.',
      },
    };
    this.choose('open');
    this.listen();
  }

  listen() {
    for (const kind of Object.keys(this.kinds)) {
      document.getElementById(`show-${kind}`).addEventListener('click', () => { this.choose(kind); this.again(); });
    }
    this.search.addEventListener('input', () => { this.limit = pageSize; this.again(); });
    document.getElementById('more').addEventListener('click', () => { this.limit = Math.min(mostRows, this.limit * 2); this.again(); });
  }

  choose(kind) {
    this.kind = kind;
    this.limit = pageSize;
    for (const name of Object.keys(this.kinds)) {
      document.getElementById(`show-${name}`).setAttribute('aria-pressed', String(name === kind));
    }
    const { heads, columns } = this.kinds[kind];
    const row = document.createElement('tr');
    heads.forEach((head, i) => {
      const cell = row.appendChild(document.createElement('th'));
      cell.textContent = head;
      cell.className = columns[i].class ?? '';
    });
    this.table.tHead.replaceChildren(row);
    this.table.tBodies[0].replaceChildren();
    this.rows = new Table(this.table.tBodies[0], (s) => s.id + s.started, columns);
  }

  again() {
    this.refresh().catch((error) => this.tell(error.message));
  }

  async refresh() {
    const { kind, limit } = this;
    const q = this.search.value.trim();
    const page = await ask(kind === 'open' ? 'sessions' : 'sessions/ended', { q, limit });
    if (kind !== this.kind) {
      return; // another was chosen meanwhile
    }
    this.rows.show(page.sessions, q ? 'No session fits.' : this.kinds[kind].empty);
    const shown = page.sessions.length;
    document.getElementById('found').textContent = shown < page.total ? `${number(shown)} of ${number(page.total)}` : number(page.total);
    document.getElementById('more').hidden = shown >= page.total || shown >= mostRows;
  }

  async close(session) {
    if (!await this.confirm(`Close the session of ${session.client || 'a local client'} on ${session.route}?`, 'Close session')) {
      return;
    }
    try {
      await order('DELETE', `sessions/${encodeURIComponent(session.id)}`);
      this.tell(`The session of ${session.client || 'a local client'} is being closed.`);
    } catch (error) {
      this.tell(error.message);
    }
    this.again();
  }
}
