// Numbers as people read them.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(n) {
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${number(n)} ${units[i]}`;
}

// number has three digits that count, or all that stand before the point.
export function number(n) {
  if (!Number.isFinite(n)) {
    return '–';
  }
  if (n !== 0 && Math.abs(n) < 100 && !Number.isInteger(n)) {
    return n.toPrecision(n < 1 ? 2 : 3).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
  }
  return Math.round(n).toLocaleString('en');
}

// span is a time in seconds.
export function span(s) {
  if (s === 0 || !Number.isFinite(s)) {
    return '–';
  }
  if (s < 0.001) {
    return `${number(s * 1e6)} µs`;
  }
  if (s < 1) {
    return `${number(s * 1e3)} ms`;
  }
  if (s < 60) {
    return `${number(s < 10 ? s : Math.floor(s))} s`;
  }
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const at = parts.findIndex(([size]) => s >= size);
  const [size, name] = parts[at];
  const rest = Math.floor((s % size) / (parts[at + 1]?.[0] ?? 1));
  return `${Math.floor(s / size)} ${name}${rest && parts[at + 1] ? ` ${rest} ${parts[at + 1][1]}` : ''}`;
}

export function clock(text) {
  return new Date(text).toLocaleTimeString('en-GB');
}
