// What the page asks of usher.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer?.error ?? `usher answered ${status}`);
    this.status = status;
    this.list = answer?.errors ?? [];
    this.ways = answer?.ways ?? [];
  }
}

// By it usher knows a page, which asks for a password itself.
const Accept = 'application/json';

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  return answer(await fetch(`/v1/${path}${query.size ? `?${query}` : ''}`, { headers: { Accept }, signal: AbortSignal.timeout(5000) }));
}

export async function order(method, path, body = {}) {
  return answer(await fetch(`/v1/${path}`, {
    method,
    headers: { Accept, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  }));
}

async function answer(response) {
  const value = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refused(response.status, value);
  }
  return value;
}
