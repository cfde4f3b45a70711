'use strict';

// The default parser with room for a thousand attachments in a packet, which
// the default is ten of.

const parser = require('socket.io-parser');

class Decoder extends parser.Decoder {
  constructor() {
    super({ maxAttachments: 1000 });
  }
}

module.exports = { Encoder: parser.Encoder, Decoder };
