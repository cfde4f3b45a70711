'use strict';

// The shop's front: everything that has no service of its own, and a second
// namespace on the same server that tells everybody the news.

const { serve } = require('./service');

serve('main', 3001, (io, answerBasics) => {
  const news = io.of('/news');
  news.on('connection', (socket) => {
    answerBasics(socket);
    socket.on('publish', (text) => news.emit('news', text));
  });
});
