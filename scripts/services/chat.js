'use strict';

// The live chat: what is said in a room reaches everybody in it, in order.

const { serve } = require('./service');

serve('chat', 3004, (io) => {
  io.on('connection', (socket) => {
    socket.on('join', (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on('say', (room, message) => io.to(room).emit('said', message));
  });
});
