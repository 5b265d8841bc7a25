"use strict";
// The page's own part: sliders make a state, the program makes everything else of it, panels show it.
const narrow = matchMedia("(max-width: 50rem)").matches;
const LINE = 41, WIDTH = 300, HEIGHT = 170, LEFT = narrow ? 66 : 46, BOTTOM = narrow ? 30 : 22, TOP = 10, RIGHT = narrow ? 24 : 14;
const find = id => document.getElementById(id);
const fields = DATA.start.length;

// What the program sees of a state (a list of arrays), with the indices that the chains have in the next period.
function evaluate(state, indices) {
  const made = program([...state, ...indices.map(index => [index])]);
  return { next: made.slice(0, fields), far: made[fields][0], seen: made.slice(fields + 1) };
}

const indicesOf = state => DATA.chains.map(field => state[field][0]);
const between = (knots, at, place) => {
  const low = Math.min(Math.floor(at), knots.length - 2), share = at - low;
  return (1 - share) * knots[low][place] + share * knots[low + 1][place];
};

// The state of given slider values.
function stateOf(values) {
  const state = DATA.start.map(numbers => Float64Array.from(numbers));
  DATA.controls.forEach((one, k) => {
    if (!one.knots) state[one.field][one.place] = values[k];
    else state[one.field].forEach((_, i) => {
      state[one.field][i] += between(one.knots, values[k], i) - between(one.knots, one.value, i);
    });
  });
  return state.map((numbers, f) => numbers.map((x, i) => Math.min(Math.max(x, DATA.least[f][i]), DATA.most[f][i])));
}

// What is seen in the coming periods: the chains stay for some, and are then where those of `after` are.
function path(state, periods, lasts, after) {
  const rows = [];
  for (let t = 0; t <= periods; t++) {
    const made = evaluate(state, t + 1 < lasts ? indicesOf(state) : after);
    rows.push(made.seen);
    state = made.next;
  }
  return rows;
}

const first = DATA.controls.map(one => one.value);
let values = [...first], reference = [...first];
const settings = () => ({
  over: find("over").value, periods: +find("periods").value, lasts: +find("lasts").value, period: +find("period").value,
});

// Lines of a panel: rows of what is seen, over time or over a slider, now and in the reference.
function rowsOf(chosen, { over, periods, lasts }) {
  const after = indicesOf(stateOf(reference));
  if (over === "time") return path(stateOf(chosen), periods, lasts, after);
  return gridOf(over).map(x => {
    const state = stateOf(chosen.map((value, k) => k === +over ? x : value));
    return evaluate(state, indicesOf(state)).seen;
  });
}

function gridOf(over) {
  const { low, high, whole } = DATA.controls[+over], points = whole ? high - low + 1 : LINE;
  return Array.from({ length: points }, (_, i) => low + (high - low) * i / (points - 1));
}

// What is written at a slider's value: itself, or the share of the seen states, in percent.
const scaled = (k, value) => DATA.controls[k].knots ? 100 * value / DATA.controls[k].high : value;

const shown = x => {
  if (!Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return x.toExponential(2);
  return Number(x.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 });
};

function ticks(low, high, number) {
  const raw = (high - low) / number, unit = 10 ** Math.floor(Math.log10(raw));
  const gap = [1, 2, 5, 10].find(one => one * unit >= raw) * unit, found = [];
  for (let k = Math.ceil(low / gap - 1e-9); k * gap <= high + 1e-9 * gap; k++) found.push(k * gap);
  return found;
}

// The picture of lines over x: [{y, kind}], with a mark at one place.
function picture(x, lines, mark) {
  const all = lines.flatMap(line => Array.from(line.y)).filter(Number.isFinite);
  let low = Math.min(...all), high = Math.max(...all);
  const least = 1e-4 * Math.max(Math.abs(low), Math.abs(high)) || 1;
  if (high - low < least) { low -= least; high += least; }
  const [pad, from, to] = [0.05 * (high - low), x[0], x[x.length - 1]];
  low -= pad; high += pad;
  const px = value => LEFT + (WIDTH - LEFT - RIGHT) * (to > from ? (value - from) / (to - from) : 0.5);
  const py = value => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low);
  const parts = ticks(low, high, narrow ? 3 : 4).map(y => `<path d="M${LEFT} ${py(y).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>` +
    `<text x="${LEFT - 4}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${shown(y)}</text>`);
  parts.push(...ticks(from, to, narrow ? 3 : 5).map(at => `<text x="${px(at).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">${
    shown(at)}</text>`));
  for (const { y, kind } of lines) {
    const points = Array.from(y, (value, i) => Number.isFinite(value) ? `${px(x[i]).toFixed(1)} ${py(value).toFixed(1)}` : "");
    const d = points.map((point, i) => point && (i && points[i - 1] ? "L" : "M") + point).join("");
    const look = kind === "now" ? 'stroke="#0072b2"' : 'stroke="#999" stroke-dasharray="5 4"';
    parts.push(`<path d="${d}" fill="none" stroke-width="2" ${look}/>`);
  }
  if (mark) parts.push(`<circle cx="${px(mark[0]).toFixed(1)}" cy="${py(mark[1]).toFixed(1)}" r="4.5" fill="#0072b2"/>`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${parts.join("")}</svg>`;
}

function draw() {
  const how = settings(), overTime = how.over === "time", state = stateOf(values);
  find("time").hidden = !overTime;
  find("period").max = how.periods;
  document.querySelectorAll("#time output").forEach(one => { one.value = one.parentElement.querySelector("input").value; });
  DATA.controls.forEach((one, k) => {
    const number = scaled(k, values[k]);
    find(`slider${k}`).value = values[k];
    find(`value${k}`).value = one.knots ? `${number.toFixed(0)} %` : shown(number);
  });
  const panels = DATA.panels.filter((_, k) => find(`panel${k}`).checked);
  const lines = { before: rowsOf(reference, how), now: rowsOf(values, how) };
  const at = overTime ? Math.min(how.period, how.periods) : 0;
  const here = { before: lines.before[at], now: lines.now[at] };
  if (!overTime) for (const [kind, chosen] of [["before", reference], ["now", values]]) {
    const own = stateOf(chosen);
    here[kind] = evaluate(own, indicesOf(own)).seen;
  }
  const x = overTime ? lines.now.map((_, t) => t) : gridOf(how.over).map(value => scaled(how.over, value));
  const where = overTime ? at : scaled(how.over, values[how.over]);
  find("along").textContent = overTime ? "periods" : DATA.controls[how.over].knots ?
    `${DATA.controls[how.over].title}, share of the states seen, %` : DATA.controls[how.over].title;
  find("panels").innerHTML = panels.map(panel => {
    const vector = panel.labels.length > 0, own = kind => here[kind][panel.at];
    const drawn = ["before", "now"].map(kind => (
      { kind, y: vector ? own(kind) : lines[kind].map(row => row[panel.at][panel.part]) }));
    const [now, before] = ["now", "before"].map(kind => shown(own(kind)[panel.part]));
    const said = vector ? `by ${panel.axis}` : now === before ? now : `${now}, reference ${before}`;
    return `<figure><figcaption>${panel.title} <small>${said}</small></figcaption>${
      picture(vector ? panel.labels : x, drawn, vector ? null : [where, own("now")[panel.part]])}</figure>`;
  }).join("");
  find("far").hidden = evaluate(state, indicesOf(state)).far <= DATA.bound;
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

find("over").innerHTML = '<option value="time">the coming periods</option>' +
  DATA.controls.map((one, k) => `<option value="${k}">over ${one.title}</option>`).join("");
find("over").value = DATA.ergodic ? String(Math.max(0, DATA.controls.findIndex(one => !one.whole))) : "time";
find("sliders").innerHTML = DATA.controls.map((one, k) => `<label>${one.title} <output id="value${k}"></output>` +
  `<input type="range" id="slider${k}" min="${one.low}" max="${one.high}" step="${one.whole ? 1 : "any"}"></label>`).join("");
find("shown").innerHTML += DATA.panels.map((panel, k) => `<label><input type="checkbox" id="panel${k}"${
  panel.usual ? " checked" : ""}> ${panel.title}</label>`).join("");
find("lasting").hidden = DATA.chains.length === 0;
if (!DATA.ergodic) find("periods").value = 150;
DATA.controls.forEach((_, k) => find(`slider${k}`).addEventListener("input", event => { values[k] = +event.target.value; }));
find("keep").addEventListener("click", () => { reference = [...values]; redraw(); });
find("back").addEventListener("click", () => { values = [...first]; reference = [...first]; redraw(); });
find("controls").addEventListener("input", redraw);
draw();
