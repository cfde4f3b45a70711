#!/usr/bin/python3
"""A client that is not JavaScript: Debian's python3-socketio.

  foreign.py http://127.0.0.1:8080 polling|websocket|upgrade

It joins four namespaces, asks in each, and then does what a line of its input
says; for each it prints a line of JSON.
"""

import json
import queue
import sys

import socketio

NAMESPACES = ['/', '/admin', '/seller', '/room-17']
TRANSPORTS = {'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': None}
PATIENCE = 10

client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
events = queue.Queue()


def tell(**what):
    print(json.dumps(what), flush=True)


for name in NAMESPACES:
    client.on('connect', lambda name=name: events.put(('connect', name)), namespace=name)
    client.on('disconnect', lambda name=name: events.put(('disconnect', name)), namespace=name)
    client.on('connect_error', lambda data, name=name: events.put(('connect_error', name, data)), namespace=name)
    client.on('question', lambda question: question, namespace=name)


def ask():
    """Asks in each namespace, with text and bytes, and lets itself be asked."""
    for name in NAMESPACES:
        whoami = client.call('whoami', namespace=name, timeout=PATIENCE)
        handshake = client.call('handshake', namespace=name, timeout=PATIENCE)
        sent = {'text': 'Grüße 🙂', 'bytes': bytes(range(256))}
        tell(
            namespace=name,
            service=whoami['service'],
            same_id=whoami['id'] == client.get_sid(name),
            auth=handshake['auth'],
            echo=client.call('echo', sent, namespace=name, timeout=PATIENCE) == sent,
            asked=client.call('ask', b'\x00\xff', namespace=name, timeout=PATIENCE) == b'\x00\xff',
            transport=client.transport(),
        )


def wait():
    """Waits until every namespace has been lost and joined again."""
    seen = {}
    while any(seen.get(name) != ['disconnect', 'connect'] for name in NAMESPACES):
        what, name, *_ = events.get(timeout=3 * PATIENCE)
        if what != 'connect_error':
            seen.setdefault(name, []).append(what)
    tell(seen=seen)


def main():
    base, transport = sys.argv[1:]
    client.connect(base, transports=TRANSPORTS[transport], namespaces=NAMESPACES, auth={'token': 'open'}, wait_timeout=PATIENCE)
    while not events.empty():
        events.get()
    tell(connected=sorted(client.namespaces))
    for line in sys.stdin:
        {'ask': ask, 'wait': wait}[line.strip()]()
    client.disconnect()
    tell(over=True)


main()
