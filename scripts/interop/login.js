'use strict';

// An application where people log in, which says by cookie-session who they are,
// and a shop that knows them by what it is told.

const cookieSession = require('cookie-session');
const { once } = require('node:events');
const express = require('express');
const http = require('node:http');
const { WebSocketServer } = require('ws');
const { atEnd } = require('./ends');

// login starts the application. Who comes with a browser is led to the login page.
exports.login = function login(t) {
  const app = express();
  app.use(cookieSession({ name: 'session', secret: 'of cookies' }));
  app.use(express.urlencoded());
  app.get('/login', (req, res) => res.send('<form method="post">'));
  app.post('/login', (req, res) => {
    req.session.user = req.body.user;
    res.redirect(303, '/');
  });
  app.get('/auth', (req, res) => {
    const { user } = req.session;
    if (user) {
      req.session.asked = (req.session.asked ?? 0) + 1; // the cookie is another one then
      if (app.expires) {
        res.set('X-Auth-Expires', String(app.expires));
      }
      return res.set('X-User', user).sendStatus(204);
    }
    if (req.accepts('html', 'json') === 'html') {
      return res.redirect(`/login?back=${encodeURIComponent(req.get('X-Forwarded-Uri'))}`);
    }
    res.set('WWW-Authenticate', 'Cookie').status(401).json({ error: 'who are you?' });
  });
  return listen(t, http.createServer(app), app);
};

// shop starts a server that tells everybody by which of these headers it knows them.
exports.shop = function shop(t, by = 'x-user') {
  const seen = [];
  const known = ({ headers, url }) => {
    const told = Object.entries(headers).filter(([name]) => name.replaceAll('_', '-') === by);
    seen.push(url);
    return JSON.stringify(Object.fromEntries(told));
  };
  const server = http.createServer((req, res) => res.end(known(req)));
  new WebSocketServer({ server }).on('connection', (ws, req) => {
    ws.send(known(req));
    ws.on('message', (data, binary) => ws.send(data, { binary }));
  });
  return listen(t, server, { seen });
};

async function listen(t, server, more) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(more, { url: `http://127.0.0.1:${server.address().port}` });
}
