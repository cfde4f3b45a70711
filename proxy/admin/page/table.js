// Rows that keep their elements while their content changes, so that the focus
// stays where it is.

export class Table {
  // cells(item) gives a list of strings, or of elements to put in once.
  constructor(body, key, columns) {
    Object.assign(this, { body, key, columns });
    this.rows = new Map();
  }

  show(items, empty) {
    const seen = new Set();
    items.forEach((item, i) => {
      const key = this.key(item);
      seen.add(key);
      const row = this.rows.get(key) ?? this.add(key, item);
      row.item = item;
      this.columns.forEach((column, n) => column.fill(row.cells[n], item, row));
      if (this.body.children[i] !== row.element) {
        this.body.insertBefore(row.element, this.body.children[i] ?? null);
      }
    });
    for (const [key, row] of this.rows) {
      if (!seen.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    this.note(items.length ? '' : empty);
  }

  add(key, item) {
    const element = document.createElement('tr');
    const row = { element, item, cells: this.columns.map((column) => {
      const cell = element.appendChild(document.createElement(column.head ? 'th' : 'td'));
      if (column.head) {
        cell.scope = 'row';
      }
      cell.className = column.class ?? '';
      return cell;
    }) };
    this.columns.forEach((column, n) => column.make?.(row.cells[n], row));
    this.rows.set(key, row);
    return row;
  }

  note(text) {
    this.noted?.remove();
    this.noted = undefined;
    if (text) {
      this.noted = document.createElement('tr');
      const cell = this.noted.appendChild(document.createElement('td'));
      cell.colSpan = this.columns.length;
      cell.className = 'empty';
      cell.textContent = text;
      this.body.append(this.noted);
    }
  }
}

// text is a column of what a function says of an item.
export function text(say, className, head = false) {
  return {
    class: className,
    head,
    fill(cell, item) {
      const value = say(item);
      if (cell.textContent !== value) {
        cell.textContent = value;
        cell.title = className?.includes('cut') ? value : '';
      }
    },
  };
}

// button is a column with one button: say(item) is its label, and the
// accessible name says what it is about.
export function button(say, about, press, danger) {
  return {
    class: 'act',
    make(cell, row) {
      const b = cell.appendChild(document.createElement('button'));
      b.type = 'button';
      b.className = danger ? 'danger' : '';
      b.addEventListener('click', () => press(row.item));
    },
    fill(cell, item) {
      const b = cell.firstChild;
      const label = say(item);
      if (b.textContent !== label) {
        b.textContent = label;
      }
      b.setAttribute('aria-label', `${label} ${about(item)}`);
    },
  };
}
