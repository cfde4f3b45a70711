'use strict';

// Engine.IO by hand: single requests and sockets, as no client would make them.

const http = require('node:http');
const { once } = require('node:events');
const WebSocket = require('ws');
const { atEnd } = require('./ends');
const { within } = require('./clients');

// request makes one HTTP request at base, on a connection of its own, and waits
// for the answer.
exports.request = function request(base, method, query, { headers = {}, body, path = '/socket.io/' } = {}) {
  return within(`the answer to ${method} ${query}`, (resolve, reject) => {
    const script = query.includes('&j=') ? { referer: `${base}/` } : {}; // has a page, and no Origin
    const req = http.request(`${base}${path}?${query}`, { method, headers: { ...script, ...headers }, agent: false });
    req.once('error', reject);
    req.once('response', async (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      await once(res, 'end').catch(reject);
      resolve({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(chunks), body: Buffer.concat(chunks).toString() });
    });
    req.end(body);
  });
};

// Session is an Engine.IO session that begins with polling.
class Session {
  constructor(t, base, eio, extra) {
    Object.assign(this, { t, base, eio, extra });
  }

  get query() {
    return `EIO=${this.eio}&transport=polling${this.extra}${this.sid ? `&sid=${this.sid}` : ''}`;
  }

  get(headers) {
    return exports.request(this.base, 'GET', this.query, { headers });
  }

  post(body, headers = { 'Content-Type': 'text/plain;charset=UTF-8' }) {
    return exports.request(this.base, 'POST', this.query, { body, headers });
  }

  // until polls until a packet is there, and returns all that came.
  async until(text) {
    let all = '';
    while (!all.includes(text)) {
      const { status, body } = await this.get();
      if (status !== 200) {
        throw new Error(`${status} ${body} instead of ${text}`);
      }
      all += `${body}\x1e`;
    }
    return all;
  }

  // welcomed waits for the welcome to the root namespace, which clients of
  // revision 3 need not join. It may have come with the open packet.
  async welcomed() {
    if (!this.opened.body.includes('welcome')) {
      await this.until('welcome');
    }
  }

  // join connects to a namespace and waits for its welcome, which is the last
  // that comes by itself.
  async join(namespace = '/') {
    await this.post(`40${namespace === '/' ? '' : `${namespace},`}`);
    return this.until('welcome');
  }

  socket(extra = '') {
    return exports.socket(this.t, this.base, `EIO=${this.eio}&transport=websocket&sid=${this.sid}${extra}`);
  }
}

// session opens a session by polling.
exports.session = async function session(t, base, { eio = 4, extra = '' } = {}) {
  const s = new Session(t, base, eio, extra);
  s.opened = await s.get();
  s.sid = s.opened.body.match(/"sid\\?":\\?"([^"\\]+)/)[1];
  return s;
};

// socket opens a WebSocket that keeps what it receives.
exports.socket = async function socket(t, base, query, options = {}) {
  const ws = new WebSocket(`${base.replace('http', 'ws')}/socket.io/?${query}`, options.protocols ?? [], { perMessageDeflate: false, ...options });
  const received = [];
  let look = () => {};
  ws.on('message', (data, binary) => (received.push(binary ? data : data.toString()), look()));
  ws.on('error', () => {});
  atEnd(t, () => ws.terminate());
  ws.ended = within(`the end of ${query}`, (resolve) => ws.once('close', (code) => resolve({ code, received })));
  ws.ended.catch(() => {});
  // next takes the next message.
  ws.next = (what = 'a message') =>
    within(what, (resolve, reject) => {
      const lost = (code) => reject(new Error(`closed with ${code} instead of ${what}`));
      ws.once('close', lost);
      look = () => {
        if (received.length > 0) {
          look = () => {};
          ws.off('close', lost);
          resolve(received.shift());
        }
      };
      look();
    });
  const refused = once(ws, 'unexpected-response').then(async ([, res]) => {
    const chunks = [];
    res.on('data', (chunk) => chunks.push(chunk));
    await once(res, 'end');
    return { status: res.statusCode, type: res.headers['content-type'], connection: res.headers.connection, body: Buffer.concat(chunks).toString() };
  });
  ws.refusal = await Promise.race([once(ws, 'open').then(() => null), refused]);
  return ws;
};
