'use strict';

// The back office: its namespace /audit wants a token, which clients of 3.x and
// 4.x give as auth and those of 2.x in the query.

const { serve } = require('./service');

serve('admin', 3002, (io, answerBasics) => {
  const audit = io.of('/audit');
  audit.use((socket, next) => {
    const token = socket.handshake.auth.token ?? socket.handshake.query.token;
    next(token === 'open sesame' ? undefined : new Error('not an admin'));
  });
  audit.on('connection', answerBasics);
});
