'use strict';

// The live chat: what is said in a room reaches everybody in it, in order.

const { serve } = require('./service');

serve('chat', 3004, (io) => {
  const talk = (socket) => {
    socket.on('join', (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on('say', (room, message) => socket.nsp.to(room).emit('said', message));
  };
  io.on('connection', talk);
  io.of('/chat').on('connection', talk);
});
