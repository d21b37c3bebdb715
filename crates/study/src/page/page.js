'use strict';
// Works everything out anew for whatever the controls say, and on load compares itself with values that the
// kernels wrote: `data.references`.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);

// ---- the relation: pixel = stride · position + dilation · tap − pad_before

const extent = (a) => a.dilation * (a.kernel - 1) + 1;
const full = (a) => a.stride * (a.output - 1) + extent(a);

/** Every place where the window meets the input. */
function entries([y, x]) {
  const found = [];
  for (let sy = 0; sy < y.output; sy++) for (let sx = 0; sx < x.output; sx++) {
    for (let ty = 0; ty < y.kernel; ty++) for (let tx = 0; tx < x.kernel; tx++) {
      const row = y.stride * sy + y.dilation * ty - y.pad_before;
      const column = x.stride * sx + x.dilation * tx - x.pad_before;
      if (row >= 0 && row < y.input && column >= 0 && column < x.input) {
        found.push({ position: sy * x.output + sx, pixel: row * x.input + column, tap: ty * x.kernel + tx });
      }
    }
  }
  return found;
}

function down(axes, input, weight) {
  const output = new Array(axes[0].output * axes[1].output).fill(0);
  for (const e of entries(axes)) output[e.position] += weight[e.tap] * input[e.pixel];
  return output;
}

function up(axes, output, weight) {
  const input = new Array(axes[0].input * axes[1].input).fill(0);
  for (const e of entries(axes)) input[e.pixel] += weight[e.tap] * output[e.position];
  return input;
}

const count = (n) => Array.from({ length: n }, (_, i) => (i % 9) + 1);
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

/** Whether this page computes what the kernels computed. */
function check() {
  const wrong = data.references.filter((r) =>
    !same(down(r.axes, r.input, r.weight), r.down) || !same(up(r.axes, r.output, r.weight), r.up));
  const all = data.references.length;
  const status = byId('check');
  status.className = wrong.length ? 'bad' : 'good';
  status.textContent = wrong.length
    ? `This page is wrong: ${wrong.length} of ${all} geometries differ from the kernel's values.`
    : `Checked: ${all} of ${all} geometries give the kernel's values.`;
}

// ---- the layer on show

const state = { layer: data.layer, axes: data.axes.map((axis) => ({ ...axis })), lit: null };
const words = [
  ['input', 'input', 1, 12], ['output', 'input', 1, 12], ['kernel', 'kernel', 1, 7], ['stride', 'stride', 1, 6],
  ['padding', 'padding', 0, 6], ['dilation', 'dilation', 1, 4], ['added', 'output padding', -6, 6],
];
/** Which controls a layer has: the size of what it reads, from which the other follows. */
const shown = { conv: ['input', 'kernel', 'stride', 'padding', 'dilation'],
  deconv: ['output', 'kernel', 'stride', 'padding', 'dilation', 'added'] };

function buildControls() {
  const form = byId('controls');
  form.innerHTML = '<fieldset><legend>layer</legend><select id="layer" aria-label="layer">'
    + '<option value="conv">convolution</option><option value="deconv">transposed convolution</option>'
    + '</select></fieldset>'
    + words.map(([key, name, least, most]) => `<fieldset id="set-${key}"><legend>${name}</legend>`
      + [0, 1].map((i) => `<input type="number" id="${key}-${i}" min="${least}" max="${most}"`
        + ` aria-label="${name} ${i ? 'horizontal' : 'vertical'}">`).join(' ') + '</fieldset>').join('');
  byId('layer').value = state.layer;
  fillControls();
  form.addEventListener('input', readControls);
}

function fillControls() {
  state.axes.forEach((a, i) => {
    const added = a.input - (full(a) - 2 * a.pad_before);
    const values = { ...a, padding: a.pad_before, added };
    words.forEach(([key]) => { byId(`${key}-${i}`).value = values[key]; });
  });
  words.forEach(([key]) => { byId(`set-${key}`).hidden = !shown[state.layer].includes(key); });
}

function readControls() {
  state.layer = byId('layer').value;
  words.forEach(([key]) => { byId(`set-${key}`).hidden = !shown[state.layer].includes(key); });
  const refusals = [];
  const axes = [0, 1].map((i) => {
    const v = {};
    for (const [key, name, least, most] of words) {
      if (!shown[state.layer].includes(key)) continue;
      v[key] = Number(byId(`${key}-${i}`).value);
      if (!Number.isInteger(v[key]) || v[key] < least || v[key] > most) {
        refusals.push(`${name}: expected ${least} to ${most}`);
      }
    }
    const a = { kernel: v.kernel, stride: v.stride, dilation: v.dilation, pad_before: v.padding };
    if (refusals.length) return a; // What follows from a number out of range says nothing.
    if (state.layer === 'conv') {
      a.input = v.input;
      a.output = Math.floor((a.input + 2 * a.pad_before - extent(a)) / a.stride) + 1;
      if (a.output < 1) refusals.push(`a window of ${extent(a)} pixels does not fit ${a.input} with padding ${a.pad_before}`);
    } else {
      a.output = v.output;
      a.input = full(a) - 2 * a.pad_before + v.added;
      if (a.input < 1) refusals.push('the padding leaves no pixel of the output');
      if (v.added >= Math.max(a.stride, a.dilation)) {
        refusals.push(`output padding: expected less than the stride or the dilation, ${Math.max(a.stride, a.dilation)}`);
      }
      if (a.input > 40) refusals.push('the output would be larger than this page shows');
    }
    return a;
  });
  const refused = byId('refused');
  refused.hidden = refusals.length === 0;
  refused.textContent = refusals.join('; ');
  if (refusals.length) return;
  state.axes = axes;
  state.lit = null;
  draw();
}

// ---- drawing

/** Fills a grid with cells of { text, on, name }; arrow keys move between them. */
function grid(id, width, cells) {
  const element = byId(id);
  element.style.gridTemplateColumns = `repeat(${width}, auto)`;
  element.replaceChildren(...cells.map((cell, i) => {
    const div = document.createElement('div');
    div.textContent = cell.text;
    div.className = cell.kind || '';
    if (cell.shade !== undefined) div.style.background = `rgba(var(--heat), ${cell.shade})`;
    if (cell.lit) {
      div.tabIndex = i === 0 ? 0 : -1;
      div.setAttribute('aria-label', cell.name);
      div.addEventListener('mouseenter', () => light(cell.lit));
      div.addEventListener('mouseleave', () => light(null));
      div.addEventListener('focus', () => light(cell.lit));
      div.addEventListener('blur', () => light(null));
      div.addEventListener('keydown', (event) => {
        const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
        const next = move && element.children[i + move];
        if (!next) return;
        event.preventDefault();
        div.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      });
    }
    return div;
  }));
}

/** What tells one geometry from another. */
const key = (axes) => axes.map((a) => [a.input, a.output, a.kernel, a.stride, a.dilation, a.pad_before].join()).join('/');
const tapName = (tap) => `w${Math.floor(tap / state.axes[1].kernel)}${tap % state.axes[1].kernel}`;

function draw() {
  const [y, x] = state.axes;
  const own = key(state.axes) === key(data.axes);
  const numbers = own ? data : { input: count(y.input * x.input), output: count(y.output * x.output), weight: count(y.kernel * x.kernel) };
  Object.assign(state, { input: numbers.input, output: numbers.output, weight: numbers.weight, entries: entries(state.axes) });
  byId('about').textContent = state.layer === 'conv'
    ? `A convolution of ${y.input}x${x.input} to ${y.output}x${x.output}: C is ${y.output * x.output}x${y.input * x.input}.`
    : `A transposed convolution of ${y.output}x${x.output} to ${y.input}x${x.input}: Cᵀ is ${y.input * x.input}x${y.output * x.output}.`;
  byId('sizes').textContent = state.axes.map((a, i) => {
    // As much padding behind as in front where that leads here, else what is cut there.
    const around = a.input + 2 * a.pad_before - full(a);
    const behind = around >= 0 && around < a.stride ? a.pad_before : Math.max(0, full(a) - a.pad_before - a.input);
    const rest = a.input + a.pad_before + behind - full(a);
    return `${i ? 'horizontal' : 'vertical  '}  output ${a.output} = ⌊(${a.input} + ${a.pad_before} + ${behind} − ${extent(a)}) / ${a.stride}⌋ + 1`
      + `   input ${a.input} = ${a.stride}·(${a.output} − 1) + ${extent(a)} − ${a.pad_before} − ${behind} + ${rest}`
      + `   relation ${rest === 0 ? 1 : 2}`;
  }).join('\n');
  const cells = (values, key, width, name) => values.map((value, i) => ({
    text: value, name: `${name} ${Math.floor(i / width)}, ${i % width}: ${value}`, lit: { [key]: i } }));
  grid('input', x.input, cells(state.input, 'pixel', x.input, 'pixel'));
  grid('output', x.output, cells(state.output, 'position', x.output, 'position'));
  grid('weight', x.kernel, cells(state.weight, 'tap', x.kernel, 'tap'));
  drawMatrix();
  byId('step').max = 2 * state.output.length + 3;
  drawStep();
  drawHeat();
}

function drawMatrix() {
  const transposed = byId('transposed').checked;
  const [rows, columns] = transposed ? [state.input.length, state.output.length] : [state.output.length, state.input.length];
  const cells = Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return { text: '·', kind: 'none', name: `row ${row}, column ${column}: 0`,
      lit: transposed ? { pixel: row, position: column, zero: true } : { position: row, pixel: column, zero: true } };
  });
  for (const e of state.entries) {
    const i = transposed ? e.pixel * columns + e.position : e.position * columns + e.pixel;
    Object.assign(cells[i], { text: tapName(e.tap), kind: '', lit: e, name: `${tapName(e.tap)} = ${state.weight[e.tap]}` });
  }
  grid('matrix', columns, cells);
}

/** What each step of the slider shows: down by im2col and gemm, then up by gemm, col2im and crop. */
function drawStep() {
  const positions = state.output.length;
  const step = Number(byId('step').value);
  if (step <= positions) drawIm2col(step);
  else if (step === positions + 1) drawDown();
  else drawUp(step - positions - 2);
}

/** The pixel under each tap at each position, 0 where there is none. */
function columnsOf() {
  const columns = new Array(state.weight.length * state.output.length).fill(0);
  for (const e of state.entries) columns[e.tap * state.output.length + e.position] = state.input[e.pixel];
  return columns;
}

const showStep = (name, columns, result) => {
  byId('step-name').textContent = name;
  grid('columns', state.output.length, columns);
  grid('result', result.width, result.cells);
};

function drawIm2col(upTo) {
  const positions = state.output.length;
  const cells = columnsOf().map((value, i) => ({ text: i % positions < upTo ? value : '',
    kind: i % positions === upTo - 1 ? 'lit' : '' }));
  const met = new Set(state.entries.filter((e) => e.position === upTo - 1).map((e) => e.pixel));
  const pixels = state.input.map((value, i) => ({ text: value, kind: met.has(i) ? 'lit' : '' }));
  showStep(upTo === 0 ? 'The input, before anything is done.'
    : `im2col: the pixels under the window at position ${upTo - 1} become column ${upTo - 1}, zeros where it hangs over.`,
  cells, { width: state.axes[1].input, cells: pixels });
}

function drawDown() {
  const made = down(state.axes, state.input, state.weight);
  showStep(`gemm: the weight times every column is the output. C x = ${made.join(' ')}`,
    columnsOf().map((value) => ({ text: value })),
    { width: state.axes[1].output, cells: made.map((value) => ({ text: value })) });
}

/** Of the way up: 0 is the product, then each column added, and last the crop. */
function drawUp(step) {
  const [y, x] = state.axes;
  const positions = state.output.length;
  const [height, width] = [Math.max(full(y), y.pad_before + y.input), Math.max(full(x), x.pad_before + x.input)];
  const added = new Array(height * width).fill(0);
  const cropped = step > positions;
  const upTo = Math.min(step, positions);
  const newest = new Set();
  for (let position = 0; position < upTo; position++) {
    state.weight.forEach((w, tap) => {
      const row = y.stride * Math.floor(position / x.output) + y.dilation * Math.floor(tap / x.kernel);
      const column = x.stride * (position % x.output) + x.dilation * (tap % x.kernel);
      added[row * width + column] += w * state.output[position];
      if (position === upTo - 1) newest.add(row * width + column);
    });
  }
  const inside = (i) => {
    const [row, column] = [Math.floor(i / width) - y.pad_before, (i % width) - x.pad_before];
    return row >= 0 && row < y.input && column >= 0 && column < x.input;
  };
  const product = state.weight.flatMap((w) => state.output.map((value, position) => ({ text: w * value,
    kind: step > 0 && !cropped && position === upTo - 1 ? 'lit' : '' })));
  const cells = added.map((value, i) => ({ text: value,
    kind: cropped ? (inside(i) ? '' : 'cut') : (newest.has(i) ? 'lit' : '') }));
  showStep(step === 0 ? 'gemm, the other way: every weight times every position; each column is a window.'
    : cropped ? `crop: ${y.input}x${x.input} stay. Cᵀ y = ${up(state.axes, state.output, state.weight).join(' ')}`
      : `col2im: column ${upTo - 1} reshaped to the window and added where its position stands.`,
  product, { width, cells });
}

function drawHeat() {
  const [y, x] = state.axes;
  const taps = new Array(y.input * x.input).fill(0);
  for (const e of state.entries) taps[e.pixel]++;
  const most = Math.max(1, ...taps);
  grid('heat', x.input, taps.map((n, pixel) => ({ text: n, shade: 0.75 * n / most, lit: { pixel }, name: `${n} taps` })));
  // Along an axis with a single position no phase comes again: each of its taps has a row to itself.
  const along = (axis) => {
    if (axis.output === 1) return [1, 1];
    const phases = new Array(axis.stride).fill(0);
    for (let tap = 0; tap < axis.kernel; tap++) phases[(axis.dilation * tap) % axis.stride]++;
    return [Math.min(...phases), Math.max(...phases)];
  };
  const [[leastY, mostY], [leastX, mostX]] = [along(y), along(x)];
  const [least, largest] = [leastY * leastX, mostY * mostX];
  byId('health').textContent = y.output === 1 && x.output === 1 ? 'Single: only one window, so no overlap.'
    : least === 0 ? 'Dead: no tap ever reaches some of the pixels.'
    : least === largest ? `Even: ${least} taps reach every pixel away from the border.`
      : `Uneven: ${least} to ${largest} taps, a checkerboard pattern until training removes it.`;
}

/** Lights all that belongs to a pixel, a position, a tap or an entry. */
function light(lit) {
  document.querySelectorAll('#input .lit, #output .lit, #weight .lit, #matrix .lit, #heat .lit')
    .forEach((cell) => cell.classList.remove('lit'));
  byId('cell').textContent = '';
  if (!lit) return;
  const fits = (e) => ['pixel', 'position', 'tap'].every((key) => lit[key] === undefined || e[key] === lit[key]);
  const found = lit.zero ? [] : state.entries.filter(fits);
  const set = (id, i) => byId(id).children[i].classList.add('lit');
  const columns = byId('transposed').checked ? state.output.length : state.input.length;
  for (const e of found) {
    set('input', e.pixel); set('output', e.position); set('weight', e.tap);
    set('matrix', byId('transposed').checked ? e.pixel * columns + e.position : e.position * columns + e.pixel);
  }
  if (lit.pixel !== undefined) { set('input', lit.pixel); set('heat', lit.pixel); }
  if (lit.position !== undefined) set('output', lit.position);
  const one = found.length === 1 && lit.tap !== undefined && lit.position !== undefined;
  byId('cell').textContent = lit.zero ? `pixel ${lit.pixel} and position ${lit.position} never meet: 0`
    : one ? `${tapName(lit.tap)} = ${state.weight[lit.tap]} carries pixel ${lit.pixel} to position ${lit.position}, and back`
      : `${found.length} entries of C`;
}

function buildWords() {
  byId('words').tBodies[0].replaceChildren(...data.dialects.map((saying) => {
    const row = document.createElement('tr');
    const name = document.createElement('th');
    name.scope = 'row';
    name.textContent = saying.framework;
    const said = document.createElement('td');
    said.textContent = saying.words || saying.instead;
    said.className = saying.words ? '' : 'no';
    row.append(name, said);
    return row;
  }));
}

byId('transposed').addEventListener('change', drawMatrix);
byId('step').addEventListener('input', drawStep);
buildControls();
buildWords();
draw();
check();
