// A list of named bars.

export function showBars(list, items, empty) {
  while (list.children.length > Math.max(items.length, 1)) {
    list.lastChild.remove();
  }
  if (items.length === 0) {
    list.replaceChildren(Object.assign(document.createElement('li'), { className: 'empty', textContent: empty }));
    return;
  }
  items.forEach(({ name, value, share, level }, i) => {
    let row = list.children[i];
    if (!row || row.className === 'empty') {
      row = document.createElement('li');
      for (const part of ['name', 'value', 'track']) {
        row.appendChild(document.createElement('span')).className = part;
      }
      row.lastChild.appendChild(document.createElement('span'));
      list.children[i] ? list.children[i].replaceWith(row) : list.append(row);
    }
    const [nameCell, valueCell, track] = row.children;
    nameCell.textContent = name;
    valueCell.textContent = value;
    row.className = level ?? 'plain';
    track.firstChild.style.width = `${Math.max(0.5, Math.min(1, share) * 100)}%`;
  });
}
