'use strict';

// A client in a process of its own, so that it can vanish: node visitor.js
// http://127.0.0.1:8080 polling

const { io } = require('socket.io-client');

const [base, transport] = process.argv.slice(2);
const root = io(base, { transports: [transport] });
root.io.socket('/admin');
