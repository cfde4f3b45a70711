'use strict';

// A trace that goes on behind usher: the upstreams are instrumented with
// OpenTelemetry's own packages, and the collector hears of both sides.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const { ROOT_CONTEXT, SpanKind, propagation } = require('@opentelemetry/api');
const { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { WebSocket, WebSocketServer } = require('ws');
const { atEnd } = require('./ends');
const { behind, direct } = require('./usher');

const kept = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] });
provider.register(); // with the propagator of W3C Trace Context
const tracer = provider.getTracer('upstream');

test('the span of a ws server is below that of usher', { skip: direct }, async (t) => {
  const { server, port } = await upstream(t);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (ws, request) => {
    serve(request);
    ws.on('message', (m) => ws.send(m));
  });
  const { client, spans } = await traced(t, { upstreams: { main: port }, routes: [{ path: '/', upstream: 'main' }] }, (url) => new WebSocket(url));
  await once(client, 'open');
  client.close();
  await once(client, 'close');
  check(await spans(), 1);
});

test('the spans of Socket.IO servers are below those of their legs', { skip: direct }, async (t) => {
  const ports = {};
  for (const name of ['main', 'admin']) {
    const { server, port } = await upstream(t);
    const sockets = new Server(server);
    sockets.engine.on('connection', (socket) => serve(socket.request));
    sockets.of(name === 'main' ? '/' : `/${name}`);
    ports[name] = port;
  }
  const routes = { upstreams: ports, routes: [{ path: '/socket.io', namespaces: { '/': 'main', '/admin': 'admin' } }] };
  const { client, spans } = await traced(t, routes, (url) => io(url.replace('ws', 'http'), { reconnection: false }));
  await once(client, 'connect');
  const admin = client.io.socket('/admin').connect();
  await once(admin, 'connect');
  client.io.engine.close();
  // The opening by polling and the upgrade are a handshake each.
  check(await spans(), 2);
});

// upstream is a server on a port of its own.
async function upstream(t) {
  const server = http.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: server.address().port };
}

// serve is what an instrumentation of the server does.
function serve(request) {
  const parent = propagation.extract(ROOT_CONTEXT, request.headers);
  tracer.startSpan('serve', { kind: SpanKind.SERVER }, parent).end();
}

// traced connects a client through usher; spans stops usher and returns what it
// has told the collector.
async function traced(t, { upstreams, routes }, connect) {
  kept.reset();
  const bodies = [];
  const collector = await upstream(t);
  collector.server.on('request', async (request, response) => {
    const chunks = await request.toArray();
    bodies.push(Buffer.concat(chunks));
    response.end();
  });
  const { port, front } = await behind(t, {
    tracing: { endpoint: `http://127.0.0.1:${collector.port}` },
    upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, at]) => [name, `http://127.0.0.1:${at}`])),
    routes,
  });
  const client = connect(`ws://127.0.0.1:${port}`);
  atEnd(t, () => client.close());
  const spans = async () => {
    await front.stop();
    return bodies.flatMap(decode);
  };
  return { client, spans };
}

// check wants so many handshakes from usher, and each upstream's span below an
// attempt of usher's, in its trace.
function check(told, handshakes) {
  const attempts = told.filter(({ kind }) => kind === 3);
  assert.equal(told.filter(({ kind }) => kind === 2).length, handshakes, 'handshakes');
  const served = kept.getFinishedSpans();
  assert.equal(served.length, attempts.length, 'spans of upstreams');
  assert.ok(served.length > 0);
  for (const span of served) {
    const above = attempts.find(({ id }) => id === span.parentSpanContext.spanId);
    assert.ok(above, `no attempt of usher is ${span.parentSpanContext.spanId}`);
    assert.equal(span.spanContext().traceId, above.trace);
    assert.ok(told.some(({ kind, id, trace }) => kind === 2 && id === above.parent && trace === above.trace), 'no handshake is above');
  }
}

// decode reads the spans of an ExportTraceServiceRequest.
function decode(body) {
  const under = (messages, number) => messages.flatMap((m) => fields(m).filter((f) => f.number === number).map((f) => f.value));
  return under(under(under([body], 1), 2), 2).map((span) => {
    const of = Object.fromEntries(fields(span).map(({ number, value }) => [number, value]));
    return { trace: of[1].toString('hex'), id: of[2].toString('hex'), parent: of[4]?.toString('hex') ?? '', kind: of[6] };
  });
}

// fields reads one message of protobuf.
function fields(bytes) {
  const list = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const size = { 0: () => 0, 1: () => 8, 2: varint, 5: () => 4 }[tag & 7]();
    const value = (tag & 7) === 0 ? varint() : bytes.subarray(at, at + size);
    at += size;
    list.push({ number: tag >> 3, value });
  }
  return list;
}
