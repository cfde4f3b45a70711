// A reporter for node:test that scripts/suite reads: one line of JSON for each
// test, none for the groups around them.

import { inspect } from 'node:util';

export default async function* report(source) {
  const path = []; // names of the groups that the current test is in
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      path.splice(data.nesting, Infinity, data.name);
    }
    if (type !== 'test:pass' && type !== 'test:fail') {
      continue;
    }
    const error = data.details.error;
    if (data.details.type === 'suite' && (!error || error.failureType === 'subtestsFailed')) {
      continue;
    }
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const outcome = skipped ? 'skip' : type.slice('test:'.length);
    const details = error && inspect(error.cause ?? error);
    const name = path.slice(0, data.nesting).concat(data.name).join(' > ');
    yield JSON.stringify({ name, outcome, details }) + '\n';
  }
}
