'use strict';

// Pages of other origins, for a browser that takes every name for this machine.

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { atEnd } = require('./ends');

// shop serves empty pages with the client's script of edge, for any name. What
// is in a frame has an origin of null. A server of 2.5 serves the script of
// whichever client npm has put beside it, so that one comes from here.
exports.shop = async function shop(t) {
  const server = http.createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url, 'http://any');
    if (pathname === '/2.5.js') {
      return fs.createReadStream(require.resolve('socket.io-client-2/dist/socket.io.js')).pipe(res);
    }
    const edge = searchParams.get('edge');
    const script = `<script src="${edge ? `${edge}/socket.io/socket.io.js` : '/2.5.js'}"></script>`;
    res.setHeader('Content-Type', 'text/html');
    res.end(`<!doctype html><link rel="icon" href="data:,">${searchParams.has('frame') ? `<iframe sandbox="allow-scripts" srcdoc='${script}'></iframe>` : script}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return server.address().port;
};
