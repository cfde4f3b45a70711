'use strict';

// What a test has started ends with it, last things first, and all of it even
// if one does not end as it should.

const { after } = require('node:test');

const endings = new WeakMap();

// atEnd has end called after the test t, or after the file's tests if t is
// from forFile.
exports.atEnd = function atEnd(t, end) {
  if (!endings.has(t)) {
    const ends = [];
    endings.set(t, ends);
    t.after(() => all(ends));
  }
  endings.get(t).push(end);
};

// forFile stands for t where something lives as long as the file's tests. It is
// called at the file's top: within a hook, after would mean after the hook.
exports.forFile = function forFile() {
  const file = {};
  const ends = [];
  endings.set(file, ends);
  after(() => all(ends));
  return file;
};

async function all(ends) {
  const errors = [];
  for (const end of ends.reverse()) {
    try {
      await end();
    } catch (err) {
      errors.push(err);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}
