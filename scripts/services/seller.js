'use strict';

// The sellers' side: orders with a binary attachment.

const { createHash } = require('node:crypto');
const { serve } = require('./service');

serve('seller', 3003, (io) => {
  io.on('connection', (socket) => {
    socket.on('order', ({ items, invoice }, ack) => {
      ack({
        total: items.reduce((sum, item) => sum + item.price * item.count, 0),
        digest: createHash('sha256').update(invoice).digest(),
      });
    });
  });
});
