// A small line chart of the last minutes. It keeps its own history.

const width = 320;
const height = 96;
const points = 300; // five minutes
const fewest = 60; // that the width is for

export class Chart {
  // lines are [{name, color}], color one of the style's; steps are those of the
  // scale within a power of base.
  constructor(figure, title, lines, { format, base = 10, steps = [1, 2, 5, 10] }) {
    Object.assign(this, { figure, title, lines, format, base, steps });
    this.history = []; // of {time, values}
    this.build();
  }

  build() {
    const { figure } = this;
    figure.replaceChildren();
    this.caption = figure.appendChild(document.createElement('figcaption'));
    this.svg = draw(figure, 'svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
    this.scale = draw(this.svg, 'path', { class: 'scale', d: `M0 ${height / 2}H${width}M0 1H${width}M0 ${height - 1}H${width}` });
    this.areas = this.lines.map(({ color }) => draw(this.svg, 'path', { class: `area ${color}` }));
    this.paths = this.lines.map(({ color }) => draw(this.svg, 'path', { class: `line ${color}` }));
    this.cursor = draw(this.svg, 'path', { class: 'cursor' });
    this.top = figure.appendChild(document.createElement('span'));
    this.top.className = 'top';
    figure.addEventListener('pointermove', (e) => this.point(e));
    figure.addEventListener('pointerleave', () => { this.at = undefined; this.label(); });
  }

  // add takes one value for each line.
  add(time, values) {
    this.history.push({ time, values });
    if (this.history.length > points) {
      this.history.shift();
    }
    this.render();
  }

  render() {
    const top = this.ceiling(Math.max(...this.history.flatMap(({ values }) => values), 0));
    const x = (i) => width - (this.history.length - 1 - i) * this.step();
    const y = (v) => height - 1 - (v / top) * (height - 6);
    this.lines.forEach((_, n) => {
      const d = this.history.map(({ values }, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(values[n]).toFixed(1)}`).join('');
      this.paths[n].setAttribute('d', d);
      this.areas[n].setAttribute('d', d && `${d}V${height}H${x(0).toFixed(1)}Z`);
    });
    this.x = x;
    this.top.textContent = this.format(top);
    this.label();
  }

  // step is the width between two values.
  step() {
    return width / (Math.max(fewest, this.history.length) - 1);
  }

  // ceiling is the next round number, so that the scale does not move with each
  // value.
  ceiling(v) {
    if (v <= 0) {
      return 1;
    }
    const power = this.base ** Math.floor(Math.log(v) / Math.log(this.base));
    return this.steps.map((m) => m * power).find((c) => c >= v) ?? v;
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const back = Math.round((((box.right - event.clientX) / box.width) * width) / this.step());
    this.at = Math.max(0, this.history.length - 1 - Math.max(0, back));
    this.label();
  }

  // label says the values under the pointer, or the latest.
  label() {
    const i = this.at ?? this.history.length - 1;
    const here = this.history[i];
    const ago = here && this.at !== undefined ? ` · ${Math.round((this.history.at(-1).time - here.time) / 1000)} s ago` : '';
    this.caption.replaceChildren(Object.assign(document.createElement('b'), { textContent: this.title }));
    this.lines.forEach(({ name, color }, n) => {
      const value = document.createElement('span');
      value.className = `key ${color}`;
      value.textContent = `${name ? `${name} ` : ''}${here ? this.format(here.values[n]) : '–'}${n === this.lines.length - 1 ? ago : ''}`;
      this.caption.append(value);
    });
    this.svg.setAttribute('aria-label', this.caption.textContent);
    this.cursor.setAttribute('d', this.at === undefined || !here ? '' : `M${this.x(i)} 0V${height}`);
  }
}

function draw(parent, name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  return parent.appendChild(element);
}
