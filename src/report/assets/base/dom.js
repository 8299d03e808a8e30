// The building blocks of the page. Text always enters as text: nothing here parses markup.

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === 'style') for (const [property, own] of Object.entries(value)) element.style.setProperty(property, own);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

let lastId = 0;
const newId = (prefix) => `${prefix}-${++lastId}`;

/** Makes a labelled list to choose from; options are [value, text] or {group, options}. */
function chooser(label, options, chosen, onChange) {
  const id = newId('choice');
  const option = ([value, text]) => el('option', { value, selected: value === chosen }, text);
  const entry = (own) => own.group ? el('optgroup', { label: own.group }, own.options.map(option)) : option(own);
  const select = el('select', { id, on: { change: () => onChange(select.value) } }, options.map(entry));
  return el('div', { class: 'control' }, el('label', { for: id }, label), select);
}

/** Makes a few choices side by side, as radio buttons. */
function segments(label, options, chosen, onChange) {
  const name = newId('segments');
  const part = ([value, text, hint]) => {
    const id = newId('segment');
    const input = el('input', {
      type: 'radio', name, id, value, checked: value === chosen, on: { change: () => onChange(value) },
    });
    return [input, el('label', { for: id, title: hint }, text)];
  };
  return el('fieldset', { class: 'control segments' }, el('legend', {}, label), el('div', {}, options.map(part)));
}

function checkbox(label, checked, onChange) {
  const input = el('input', { type: 'checkbox', checked, on: { change: () => onChange(input.checked) } });
  return el('label', { class: 'check' }, input, el('span', {}, label));
}

/** Returns metrics in groups, for a chooser. */
function metricOptions(names) {
  const titles = { model: 'Model', music: 'Music of the samples', timing: 'Time' };
  const groups = Object.entries(titles).map(([group, title]) => ({
    group: title,
    options: names.filter((name) => (columns.get(name)?.group ?? 'model') === group).map((name) => [name, sentence(termOf(name).label)]),
  }));
  return groups.filter((group) => group.options.length);
}

/** Makes an icon of one path in a square of 16. */
const icon = (path) => svg('svg', { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' }, svg('path', { d: path }));
const ICONS = {
  play: 'M4 2.5v11l9-5.5z',
  pause: 'M4 2.5h3v11H4zM9 2.5h3v11H9z',
  next: 'M3 2.5v11l7-5.5zM11 2.5h2v11h-2z',
  previous: 'M13 2.5v11L6 8zM3 2.5h2v11H3z',
  close: 'M3.4 2 8 6.6 12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z',
  sun: 'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM7.2 0h1.6v2.6H7.2zM7.2 13.4h1.6V16H7.2zM0 7.2h2.6v1.6H0zM13.4 7.2H16v1.6h-2.6zM2 3.1 3.1 2 5 3.9 3.9 5zM11 12.1l1.1-1.1 1.9 1.9-1.1 1.1zM2 12.9 3.9 11 5 12.1 3.1 14zM11 3.9 12.9 2 14 3.1 12.1 5z',
  moon: 'M6.2 1.2a6 6 0 0 0 8.6 8.6A7 7 0 1 1 6.2 1.2z',
  open: 'M3 5.5h10L8 11z',
};

/** The tooltip beside the pointer or the element that has the focus; lines are text or [term, value]. */
const tip = document.getElementById('tip');
function showTip(x, y, title, lines) {
  const line = (own) => Array.isArray(own) ? el('div', { class: 'tip-line' }, el('span', {}, own[0]), el('b', {}, own[1])) : el('div', {}, own);
  tip.replaceChildren(el('strong', {}, title), ...lines.filter(Boolean).map(line));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > innerWidth - 8 ? x - 16 - width : x + 16;
  tip.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  tip.style.top = `${Math.max(8, Math.min(y + 14, innerHeight - height - 8))}px`;
}
const hideTip = () => { tip.hidden = true; };
addEventListener('scroll', hideTip, { passive: true });
addEventListener('keydown', (event) => { if (event.key === 'Escape') hideTip(); });

/** Gives an element a tooltip for pointer and keyboard. */
function withTip(element, title, lines) {
  const at = (event) => showTip(event.clientX, event.clientY, title, lines());
  element.addEventListener('pointermove', at);
  element.addEventListener('pointerleave', hideTip);
  element.addEventListener('focus', () => {
    const box = element.getBoundingClientRect();
    showTip(box.right - 8, box.bottom - 8, title, lines());
  });
  element.addEventListener('blur', hideTip);
  return element;
}

/** Says something to screen readers. */
const announce = (text) => { document.getElementById('live').textContent = text; };

/** Makes a section of the page; its title becomes its entry in the navigation. */
const sections = [];
function section(id, title, lead, ...content) {
  const heading = newId('heading');
  sections.push([id, title]);
  return el('section', { id, 'aria-labelledby': heading },
    el('div', { class: 'section-head' }, el('h2', { id: heading }, title), lead && el('p', { class: 'lead' }, lead)), ...content);
}
/** Removes the children whose conditions were false. */
const given = (children) => children.flat().filter(Boolean);
const empty = (text) => el('p', { class: 'empty' }, text);
const panel = (...content) => el('div', { class: 'panel' }, ...content);
const toolbar = (...content) => el('div', { class: 'toolbar' }, ...content);

/** Makes a region that scrolls sideways by itself, reachable by keyboard. */
const scroller = (label, ...content) => el('div', { class: 'scroller', role: 'region', 'aria-label': label, tabindex: 0 }, ...content);
