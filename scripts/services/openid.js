'use strict';

// An OpenID server, at which people are whoever they say that they are.
//
//   node openid.js --port 0 --client '{"client_id": "shop", ...}'
//
// The client is its only one, as RFC 7591 describes one.

const { once } = require('node:events');
const http = require('node:http');
const { parseArgs } = require('node:util');

async function serve({ port, client }) {
  const { Provider } = await import('oidc-provider');
  const server = http.createServer();
  await once(server.listen(Number(port), '127.0.0.1'), 'listening');
  const address = `127.0.0.1:${server.address().port}`;
  const provider = new Provider(`http://${address}`, {
    clients: [JSON.parse(client)],
    cookies: { keys: ['of cookies'] },
    claims: { email: ['email', 'email_verified'] },
    findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name, email: `${name}@shop.example`, email_verified: true }) }),
  });
  server.on('request', provider.callback());
  console.log(`openid listening on ${address}`);
}

serve(parseArgs({ options: { port: { type: 'string' }, client: { type: 'string' } } }).values);
