'use strict';
// Works everything out anew for whatever the controls say, and on load compares itself with values that the
// kernels wrote: `data.references`.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);

// ---- the relation: pixel = stride · spot + dilation · tap − before

const extent = (a) => a.dilation * (a.kernel - 1) + 1;
const full = (a) => a.stride * (a.map - 1) + extent(a);

/** Every place where the window meets the image. */
function entries([y, x]) {
  const found = [];
  for (let sy = 0; sy < y.map; sy++) for (let sx = 0; sx < x.map; sx++) {
    for (let ty = 0; ty < y.kernel; ty++) for (let tx = 0; tx < x.kernel; tx++) {
      const row = y.stride * sy + y.dilation * ty - y.before;
      const column = x.stride * sx + x.dilation * tx - x.before;
      if (row >= 0 && row < y.image && column >= 0 && column < x.image) {
        found.push({ spot: sy * x.map + sx, pixel: row * x.image + column, tap: ty * x.kernel + tx });
      }
    }
  }
  return found;
}

function down(axes, image, weight) {
  const map = new Array(axes[0].map * axes[1].map).fill(0);
  for (const e of entries(axes)) map[e.spot] += weight[e.tap] * image[e.pixel];
  return map;
}

function up(axes, map, weight) {
  const image = new Array(axes[0].image * axes[1].image).fill(0);
  for (const e of entries(axes)) image[e.pixel] += weight[e.tap] * map[e.spot];
  return image;
}

const count = (n) => Array.from({ length: n }, (_, i) => (i % 9) + 1);
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

/** Whether this page computes what the kernels computed. */
function check() {
  const wrong = data.references.filter((r) =>
    !same(down(r.axes, r.image, r.weight), r.down) || !same(up(r.axes, r.map, r.weight), r.up));
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
  ['image', 'image', 1, 12], ['map', 'map', 1, 12], ['kernel', 'kernel', 1, 7], ['stride', 'stride', 1, 6],
  ['padding', 'padding', 0, 6], ['dilation', 'dilation', 1, 4], ['added', 'output padding', -6, 6],
];
/** Which controls a layer has: the other size follows. */
const shown = { conv: ['image', 'kernel', 'stride', 'padding', 'dilation'],
  deconv: ['map', 'kernel', 'stride', 'padding', 'dilation', 'added'] };

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
    const added = a.image - (full(a) - 2 * a.before);
    const values = { ...a, padding: a.before, added };
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
    const a = { kernel: v.kernel, stride: v.stride, dilation: v.dilation, before: v.padding };
    if (refusals.length) return a; // What follows from a number out of range says nothing.
    if (state.layer === 'conv') {
      a.image = v.image;
      a.map = Math.floor((a.image + 2 * a.before - extent(a)) / a.stride) + 1;
      if (a.map < 1) refusals.push(`a window ${extent(a)} long does not fit ${a.image} with padding ${a.before}`);
    } else {
      a.map = v.map;
      a.image = full(a) - 2 * a.before + v.added;
      if (a.image < 1) refusals.push('the padding leaves nothing of the output');
      if (v.added >= Math.max(a.stride, a.dilation)) {
        refusals.push(`output padding: expected less than the stride or the dilation, ${Math.max(a.stride, a.dilation)}`);
      }
      if (a.image > 40) refusals.push('the output would be larger than this page shows');
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
const key = (axes) => axes.map((a) => [a.image, a.map, a.kernel, a.stride, a.dilation, a.before].join()).join('/');
const tapName = (tap) => `w${Math.floor(tap / state.axes[1].kernel)}${tap % state.axes[1].kernel}`;

function draw() {
  const [y, x] = state.axes;
  const own = key(state.axes) === key(data.axes);
  const numbers = own ? data : { image: count(y.image * x.image), map: count(y.map * x.map), weight: count(y.kernel * x.kernel) };
  Object.assign(state, { image: numbers.image, map: numbers.map, weight: numbers.weight, entries: entries(state.axes) });
  byId('about').textContent = state.layer === 'conv'
    ? `A convolution of ${y.image}x${x.image} to ${y.map}x${x.map}: C is ${y.map * x.map}x${y.image * x.image}.`
    : `A transposed convolution of ${y.map}x${x.map} to ${y.image}x${x.image}: Cᵀ is ${y.image * x.image}x${y.map * x.map}.`;
  byId('sizes').textContent = state.axes.map((a, i) => {
    // As much padding behind as in front where that leads here, else what is cut there.
    const around = a.image + 2 * a.before - full(a);
    const behind = around >= 0 && around < a.stride ? a.before : Math.max(0, full(a) - a.before - a.image);
    const rest = a.image + a.before + behind - full(a);
    return `${i ? 'horizontal' : 'vertical  '}  map ${a.map} = ⌊(${a.image} + ${a.before} + ${behind} − ${extent(a)}) / ${a.stride}⌋ + 1`
      + `   image ${a.image} = ${a.stride}·(${a.map} − 1) + ${extent(a)} − ${a.before} − ${behind} + ${rest}`
      + `   relation ${rest === 0 ? 1 : 2}`;
  }).join('\n');
  const cells = (values, key, width, name) => values.map((value, i) => ({
    text: value, name: `${name} ${Math.floor(i / width)}, ${i % width}: ${value}`, lit: { [key]: i } }));
  grid('image', x.image, cells(state.image, 'pixel', x.image, 'pixel'));
  grid('map', x.map, cells(state.map, 'spot', x.map, 'spot'));
  grid('weight', x.kernel, cells(state.weight, 'tap', x.kernel, 'tap'));
  drawMatrix();
  byId('step').max = 2 * state.map.length + 3;
  drawStep();
  drawHeat();
}

function drawMatrix() {
  const transposed = byId('transposed').checked;
  const [rows, columns] = transposed ? [state.image.length, state.map.length] : [state.map.length, state.image.length];
  const cells = Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return { text: '·', kind: 'none', name: `row ${row}, column ${column}: 0`,
      lit: transposed ? { pixel: row, spot: column, zero: true } : { spot: row, pixel: column, zero: true } };
  });
  for (const e of state.entries) {
    const i = transposed ? e.pixel * columns + e.spot : e.spot * columns + e.pixel;
    Object.assign(cells[i], { text: tapName(e.tap), kind: '', lit: e, name: `${tapName(e.tap)} = ${state.weight[e.tap]}` });
  }
  grid('matrix', columns, cells);
}

/** What each step of the slider shows: down by im2col and gemm, then up by gemm, col2im and crop. */
function drawStep() {
  const spots = state.map.length;
  const step = Number(byId('step').value);
  if (step <= spots) drawIm2col(step);
  else if (step === spots + 1) drawDown();
  else drawUp(step - spots - 2);
}

/** The pixel under each tap at each spot, 0 where there is none. */
function columnsOf() {
  const columns = new Array(state.weight.length * state.map.length).fill(0);
  for (const e of state.entries) columns[e.tap * state.map.length + e.spot] = state.image[e.pixel];
  return columns;
}

const showStep = (name, columns, result) => {
  byId('step-name').textContent = name;
  grid('columns', state.map.length, columns);
  grid('result', result.width, result.cells);
};

function drawIm2col(upTo) {
  const spots = state.map.length;
  const cells = columnsOf().map((value, i) => ({ text: i % spots < upTo ? value : '',
    kind: i % spots === upTo - 1 ? 'lit' : '' }));
  const met = new Set(state.entries.filter((e) => e.spot === upTo - 1).map((e) => e.pixel));
  const pixels = state.image.map((value, i) => ({ text: value, kind: met.has(i) ? 'lit' : '' }));
  showStep(upTo === 0 ? 'The image, before anything is done.'
    : `im2col: the pixels under the window at spot ${upTo - 1} become column ${upTo - 1}, zeros where it hangs over.`,
  cells, { width: state.axes[1].image, cells: pixels });
}

function drawDown() {
  const made = down(state.axes, state.image, state.weight);
  showStep(`gemm: the weight times every column is the map. C x = ${made.join(' ')}`,
    columnsOf().map((value) => ({ text: value })),
    { width: state.axes[1].map, cells: made.map((value) => ({ text: value })) });
}

/** Of the way up: 0 is the product, then each column added, and last the crop. */
function drawUp(step) {
  const [y, x] = state.axes;
  const spots = state.map.length;
  const [height, width] = [Math.max(full(y), y.before + y.image), Math.max(full(x), x.before + x.image)];
  const added = new Array(height * width).fill(0);
  const cropped = step > spots;
  const upTo = Math.min(step, spots);
  const newest = new Set();
  for (let spot = 0; spot < upTo; spot++) {
    state.weight.forEach((w, tap) => {
      const row = y.stride * Math.floor(spot / x.map) + y.dilation * Math.floor(tap / x.kernel);
      const column = x.stride * (spot % x.map) + x.dilation * (tap % x.kernel);
      added[row * width + column] += w * state.map[spot];
      if (spot === upTo - 1) newest.add(row * width + column);
    });
  }
  const inside = (i) => {
    const [row, column] = [Math.floor(i / width) - y.before, (i % width) - x.before];
    return row >= 0 && row < y.image && column >= 0 && column < x.image;
  };
  const product = state.weight.flatMap((w) => state.map.map((value, spot) => ({ text: w * value,
    kind: step > 0 && !cropped && spot === upTo - 1 ? 'lit' : '' })));
  const cells = added.map((value, i) => ({ text: value,
    kind: cropped ? (inside(i) ? '' : 'cut') : (newest.has(i) ? 'lit' : '') }));
  showStep(step === 0 ? 'gemm, the other way: every weight times every spot; each column is a window.'
    : cropped ? `crop: ${y.image}x${x.image} stay. Cᵀ y = ${up(state.axes, state.map, state.weight).join(' ')}`
      : `col2im: column ${upTo - 1} reshaped to the window and added where its spot stands.`,
  product, { width, cells });
}

function drawHeat() {
  const [y, x] = state.axes;
  const taps = new Array(y.image * x.image).fill(0);
  for (const e of state.entries) taps[e.pixel]++;
  const most = Math.max(1, ...taps);
  grid('heat', x.image, taps.map((n, pixel) => ({ text: n, shade: 0.75 * n / most, lit: { pixel }, name: `${n} taps` })));
  // Along an axis with a single spot no phase comes again: each of its taps has a row to itself.
  const along = (axis) => {
    if (axis.map === 1) return [1, 1];
    const phases = new Array(axis.stride).fill(0);
    for (let tap = 0; tap < axis.kernel; tap++) phases[(axis.dilation * tap) % axis.stride]++;
    return [Math.min(...phases), Math.max(...phases)];
  };
  const [[leastY, mostY], [leastX, mostX]] = [along(y), along(x)];
  const [least, largest] = [leastY * leastX, mostY * mostX];
  byId('health').textContent = y.map === 1 && x.map === 1 ? 'Single: one window, which overlaps with none.'
    : least === 0 ? 'Dead: no tap ever reaches some of the pixels.'
    : least === largest ? `Even: ${least} taps reach every pixel away from the border.`
      : `Uneven: ${least} to ${largest} taps, a checkerboard until training has unlearned it.`;
}

/** Lights all that belongs to a pixel, a spot, a tap or an entry. */
function light(lit) {
  document.querySelectorAll('#image .lit, #map .lit, #weight .lit, #matrix .lit, #heat .lit')
    .forEach((cell) => cell.classList.remove('lit'));
  byId('cell').textContent = '';
  if (!lit) return;
  const fits = (e) => ['pixel', 'spot', 'tap'].every((key) => lit[key] === undefined || e[key] === lit[key]);
  const found = lit.zero ? [] : state.entries.filter(fits);
  const set = (id, i) => byId(id).children[i].classList.add('lit');
  const columns = byId('transposed').checked ? state.map.length : state.image.length;
  for (const e of found) {
    set('image', e.pixel); set('map', e.spot); set('weight', e.tap);
    set('matrix', byId('transposed').checked ? e.pixel * columns + e.spot : e.spot * columns + e.pixel);
  }
  if (lit.pixel !== undefined) { set('image', lit.pixel); set('heat', lit.pixel); }
  if (lit.spot !== undefined) set('map', lit.spot);
  const one = found.length === 1 && lit.tap !== undefined && lit.spot !== undefined;
  byId('cell').textContent = lit.zero ? `pixel ${lit.pixel} and spot ${lit.spot} never meet: 0`
    : one ? `${tapName(lit.tap)} = ${state.weight[lit.tap]} carries pixel ${lit.pixel} to spot ${lit.spot}, and back`
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
