"use strict";
// The timeline viewer of the first page. Events come from an examined host and are hostile: they reach the page through
// textContent alone, never as markup. Nothing is fetched; the data are the blocks beside this script.
(() => {
const byID = (id) => document.getElementById(id);
const meta = JSON.parse(byID("viewer-meta").textContent);
const words = meta.words, count = meta.count, kinds = meta.kinds;
const HOST = 0, PARSER = 1, TYPE = 2, DESC = 3, RECOVERED = 4, UNTIMED = 5;
const root = byID("viewer"), status = byID("viewer-status"), canvas = byID("viewer-chart"), list = byID("viewer-list"),
  spacer = byID("viewer-spacer"), rowsBox = byID("viewer-rows"), detail = byID("viewer-detail"), hint = byID("viewer-hint"),
  search = byID("viewer-search"), hostBox = byID("viewer-host"), parserBox = byID("viewer-parser"), typeBox = byID("viewer-type"),
  findingBox = byID("viewer-finding"), fromBox = byID("viewer-from"), toBox = byID("viewer-to");

// The columns, by number of the event.
const time = new Float64Array(count); // seconds since 1970; NaN: none
const micro = new Uint32Array(count), kind = new Uint16Array(count), offset = new Float64Array(count);
const message = new Uint32Array(count), path = new Uint32Array(count);
const marked = new Uint16Array(count); // a finding that is about the event, from 1; 0: none
const texts = { m: [], p: [] }; // segments of the texts of messages and paths

// What is shown: matching are the events that the filters let through, shown those of them in the brush.
let matching = new Uint32Array(count), matches = 0, shown = new Uint32Array(count), shownCount = 0;
let view = { from: meta.from, to: meta.to }, brush = null, cursor = -1;
let selected = -1, top0 = 0, drawn = null, generation = 0;

const digits = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, meta.digits);
const pause = () => new Promise((done) => { const c = new MessageChannel(); c.port1.onmessage = () => done(); c.port2.postMessage(0); });

// -- reading the data

// open gives the bytes of a piece; its block is removed unless it is kept.
async function open(id, size, keep) {
  const block = byID("viewer-" + id), coded = block.textContent;
  if (!keep) block.remove();
  let packed;
  if (Uint8Array.fromBase64) packed = Uint8Array.fromBase64(coded);
  else {
    const raw = atob(coded);
    packed = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) packed[i] = raw.charCodeAt(i);
  }
  const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter(), reader = stream.readable.getReader();
  writer.write(packed).catch(() => {});
  writer.close().catch(() => {});
  const out = new Uint8Array(size);
  for (let n = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return out;
    out.set(value, n);
    n += value.length;
  }
}

// numbers gives a function that reads one varint after the other.
function numbers(bytes) {
  let at = 0;
  return () => {
    let b = bytes[at++];
    if (b < 128) return b;
    let v = b & 127, by = 128;
    do { b = bytes[at++]; v += (b & 127) * by; by *= 128; } while (b > 127);
    return v;
  };
}
const signed = (v) => (v % 2 ? -(v + 1) / 2 : v / 2);

// opened reads a segment of texts: its text, and where each of its lines begins.
function opened(s) {
  s.opening ??= open(s.id, s.size).then((bytes) => {
    const text = new TextDecoder().decode(bytes), starts = new Uint32Array(s.n + 1);
    for (let i = 0, at = 0; i < s.n; i++) { starts[i] = at; at = text.indexOf("\n", at) + 1; }
    starts[s.n] = text.length;
    s.starts = starts;
    s.text = text;
  });
  return s.opening;
}

// lowered is the segment's text in lower case. Where that changes lengths (a few letters do), those letters stay.
function lowered(s) {
  if (s.lower === null) {
    s.lower = s.text.toLowerCase();
    if (s.lower.length !== s.text.length) s.lower = Array.from(s.text, (c) => { const l = c.toLowerCase(); return l.length === c.length ? l : c; }).join("");
  }
  return s.lower;
}

function segmentOf(segments, id) {
  let low = 0, high = segments.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (segments[middle].first <= id) low = middle; else high = middle - 1; }
  return segments[low];
}

// textOf gives a text; null: its segment is not open yet.
function textOf(segments, id) {
  const s = segmentOf(segments, id), i = id - s.first;
  return s.text === null ? null : s.text.slice(s.starts[i], s.starts[i + 1] - 1);
}

function references(bytes, into) {
  const read = numbers(bytes);
  for (let i = 0, next = 0; i < count; i++) { const n = read(); into[i] = n === 0 ? next++ : next - n; }
}

// load reads the columns. The texts are opened as they are needed: those in sight first, all others behind them.
async function load() {
  const first = { m: 0, p: 0 }, columns = [];
  for (const piece of meta.pieces) {
    if (!piece.count) { columns.push(piece); continue; }
    const which = piece.id[0];
    texts[which].push({ id: piece.id, size: piece.size, n: piece.count, first: first[which], text: null, lower: null, starts: null, opening: null });
    first[which] += piece.count;
  }
  for (const piece of columns) {
    const bytes = await open(piece.id, piece.size), read = numbers(bytes);
    switch (piece.id) {
      case "kinds": for (let e = 0; e < count; e++) kind[e] = read(); break;
      case "seconds": for (let e = 0, t = 0; e < count; e++) { t += signed(read()); time[e] = kinds[kind[e]][UNTIMED] ? NaN : t; } break;
      case "micros": for (let e = 0; e < count; e++) micro[e] = read(); break;
      case "offsets": for (let e = 0; e < count; e++) offset[e] = signed(read()); break; // differences, until the paths are known
      case "m-refs": references(bytes, message); break;
      case "p-refs": references(bytes, path); break;
    }
  }
  const last = new Float64Array(first.p);
  for (let e = 0; e < count; e++) offset[e] = last[path[e]] += offset[e];
  meta.findings.forEach((f, n) => f.events.forEach((e) => { if (!marked[e]) marked[e] = n + 1; }));
}

// own gives the hash of an event's item and the event's own fields: names and values. How they lie in a block stands in
// details.go.
const blocks = new Map();
let shapes = null; // opened once
const linesOf = (id, size) => open(id, size, true).then((bytes) => new TextDecoder().decode(bytes).split("\n"));
async function own(e) {
  const n = Math.floor(e / meta.block), first = n * meta.block, size = Math.min(meta.block, count - first);
  if (!meta.own[n]) return [];
  if (!blocks.has(n)) {
    if (blocks.size > 15) blocks.delete(blocks.keys().next().value);
    blocks.set(n, linesOf("d" + n, meta.own[n]));
  }
  shapes ??= linesOf("shapes", meta.shapes).then((list) => list.map((names) => (names ? names.split("\t") : [])));
  const [lines, names] = await Promise.all([blocks.get(n), shapes]), shape = lines[e - first], many = new Map();
  let before = 0; // of the event's shape
  for (let i = 0; i < size; i++) {
    if (i === e - first) before = many.get(shape) || 0;
    many.set(lines[i], (many.get(lines[i]) || 0) + 1);
  }
  let at = size + before;
  for (const [s, m] of many) { if (s === shape) break; at += m * names[s].length; }
  return names[shape].map((name, i) => [name, lines[at + i * many.get(shape)]]);
}

// unquote writes out what is a part of the message.
function unquote(value, text) {
  if (value[0] !== "\x01") return value;
  const [at, length] = value.slice(1).split(",").map(Number);
  return text.slice(at, length === undefined ? text.length : at + length);
}

// -- filtering

// terms splits what is searched for: words, "phrases", and what must not be there with a minus before it.
function terms(text) {
  const out = [];
  for (const [, minus, phrase, word] of text.toLowerCase().matchAll(/(-?)(?:"([^"]+)"?|([^\s"]+))/g)) out.push({ text: phrase || word, not: minus === "-" });
  return out.slice(0, 12);
}

const found = new Map(); // of the last terms: where their text stands

// find gives for a text the messages, paths and kinds it stands in. It works in slices, so that typing stays smooth.
async function find(text, mine) {
  const known = found.get(text);
  if (known) return known;
  const hits = { k: new Uint8Array(kinds.length) };
  kinds.forEach((k, i) => { hits.k[i] = k.slice(0, 4).some((w) => w.toLowerCase().includes(text)) ? 1 : 0; });
  let began = performance.now();
  for (const which of ["m", "p"]) {
    const segments = texts[which], end = segments.length ? segments[segments.length - 1].first + segments[segments.length - 1].n : 0;
    const hit = (hits[which] = new Uint8Array(end));
    for (const s of segments) {
      if (s.text === null) await opened(s);
      if (mine !== generation) return null;
      const lower = lowered(s), starts = s.starts;
      for (let at = lower.indexOf(text), i = 0; at >= 0; at = lower.indexOf(text, starts[i])) {
        let step = 1;
        while (i + step < s.n && starts[i + step] <= at) { i += step; step *= 2; }
        for (; step >= 1; step >>= 1) if (i + step < s.n && starts[i + step] <= at) i += step;
        hit[s.first + i] = 1;
        if (++i >= s.n) break;
      }
      if (performance.now() - began > 24) {
        await pause();
        if (mine !== generation) return null;
        began = performance.now();
      }
    }
  }
  if (found.size > 8) found.delete(found.keys().next().value);
  found.set(text, hits);
  return hits;
}

async function filter() {
  const mine = ++generation, began = performance.now();
  const wanted = terms(search.value), hits = [];
  for (const t of wanted) {
    const h = await find(t.text, mine);
    if (!h) return;
    hits.push({ m: h.m, p: h.p, k: h.k, want: t.not ? 0 : 1 });
  }
  const pass = Uint8Array.from(kinds, (k) => (hostBox.value === "" || k[HOST] === hostBox.value) && (parserBox.value === "" || k[PARSER] === parserBox.value) &&
    (typeBox.value === "" || k[TYPE] === typeBox.value) ? 1 : 0);
  let only = null; // of a single finding
  const which = findingBox.value;
  if (which !== "" && which !== "any") { only = new Uint8Array(count); meta.findings[+which].events.forEach((e) => { only[e] = 1; }); }
  matches = 0;
  for (let e = 0; e < count; e++) {
    const k = kind[e];
    if (!pass[k] || (only ? !only[e] : which === "any" && !marked[e])) continue;
    let ok = true;
    for (let i = 0; i < hits.length && ok; i++) { const h = hits[i]; ok = (h.m[message[e]] | h.p[path[e]] | h.k[k]) === h.want; }
    if (ok) matching[matches++] = e;
  }
  narrow();
  root.dataset.took = Math.round(performance.now() - began);
}

// narrow keeps of what matches that which lies in the brush.
function narrow() {
  hint.textContent = "";
  shownCount = 0;
  for (let i = 0; i < matches; i++) {
    const e = matching[i], t = time[e];
    if (!brush || (t >= brush.from && t < brush.to)) shown[shownCount++] = e;
  }
  status.textContent = digits(shownCount) + " " + words.of + " " + digits(count) + " " + words.events;
  fromBox.value = brush ? local(brush.from).replace("T", " ") : "";
  toBox.value = brush ? local(brush.to).replace("T", " ") : "";
  drawChart();
  showFrom(selected >= 0 && position(selected) >= 0 ? position(selected) - 3 : brush ? 0 : firstIn(view.from));
}

// position is where an event stands among the shown; -1: it does not.
function position(e) {
  let low = 0, high = shownCount - 1;
  while (low <= high) { const middle = (low + high) >> 1; if (shown[middle] === e) return middle; if (shown[middle] < e) low = middle + 1; else high = middle - 1; }
  return -1;
}
function firstIn(t) {
  for (let i = 0; i < shownCount; i++) if (time[shown[i]] >= t) return i;
  return Math.max(0, shownCount - 1);
}

// -- the histogram

const bins = 240, left = 46, foot = 18;
let counts = new Uint32Array(bins);

const local = (t) => { try { return new Date(t * 1000).toISOString().slice(0, 19); } catch { return ""; } };
const stamp = (e) => (Number.isNaN(time[e]) ? "—" : local(time[e]).replace("T", " "));
const binAt = (x) => { const r = canvas.getBoundingClientRect(); return Math.max(0, Math.min(bins - 1, Math.floor(((x - r.left - left) / (r.width - left)) * bins))); };
const binFrom = (b) => view.from + ((view.to - view.from) * b) / bins;

function drawChart() {
  counts.fill(0);
  const scale = bins / (view.to - view.from);
  for (let i = 0; i < matches; i++) { const t = time[matching[i]]; if (t >= view.from && t < view.to) counts[Math.floor((t - view.from) * scale)]++; }
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight, style = getComputedStyle(root);
  if (!width) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d"), color = (name) => style.getPropertyValue(name).trim();
  g.scale(ratio, ratio);
  g.font = "11px system-ui, sans-serif";
  const ground = height - foot, high = ground - 10, most = Math.max(10, counts.reduce((a, b) => Math.max(a, b), 1)), decades = Math.ceil(Math.log10(most + 1));
  const up = (n) => (n ? Math.min(1, (Math.log10(n) + 0.08) / decades) * high : 0);
  g.strokeStyle = color("--line");
  g.fillStyle = color("--soft");
  g.textAlign = "right";
  for (let d = 0; d <= decades; d++) {
    const y = Math.round(ground - (d / decades) * high) + 0.5, n = 10 ** d;
    g.beginPath(); g.moveTo(left, y); g.lineTo(width, y); g.stroke();
    if (decades < 5 || d % 2 === 0) g.fillText(n >= 1e6 ? n / 1e6 + "M" : n >= 1e3 ? n / 1e3 + "k" : String(n), left - 6, y + 4);
  }
  const x = (t) => left + ((t - view.from) / (view.to - view.from)) * (width - left);
  drawTimes(g, x, height, width);
  if (brush) {
    g.fillStyle = color("--brush");
    const a = Math.max(left, x(brush.from)), b = Math.min(width, x(brush.to));
    if (b > a) g.fillRect(a, 0, Math.max(2, b - a), ground);
  }
  const wide = (width - left) / bins;
  for (let b = 0; b < bins; b++) {
    if (!counts[b]) continue;
    g.fillStyle = color(b === cursor ? "--warn" : "--accent");
    g.fillRect(left + b * wide, ground - up(counts[b]), Math.max(1, wide - 0.6), up(counts[b]));
  }
  if (cursor >= 0) { g.strokeStyle = color("--warn"); g.beginPath(); g.moveTo(left + (cursor + 0.5) * wide, 0); g.lineTo(left + (cursor + 0.5) * wide, ground); g.stroke(); }
  if (selected >= 0 && time[selected] >= view.from && time[selected] < view.to) {
    g.fillStyle = color("--warn");
    const s = x(time[selected]);
    g.beginPath(); g.moveTo(s - 4, 0); g.lineTo(s + 4, 0); g.lineTo(s, 7); g.fill();
  }
}

const steps = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000, 31557600, 157788000, 315576000, 3155760000, 31557600000, 315576000000];
function drawTimes(g, x, height, width) {
  const span = view.to - view.from, step = steps.find((s) => span / s <= width / 110) || steps[steps.length - 1];
  g.textAlign = "left";
  for (let t = Math.ceil(view.from / step) * step; t < view.to; t += step) {
    const s = local(t), at = x(t);
    if (at > width - 60) break;
    g.fillText(step >= 31557600 ? s.slice(0, 4) : step >= 2592000 ? s.slice(0, 7) : step >= 86400 ? s.slice(0, 10) : step >= 3600 && span > 86400 ? s.slice(5, 16).replace("T", " ") : s.slice(11, 19), at, height - 4);
    g.fillRect(at, height - foot, 1, 4);
  }
}

function look(from, to) {
  if (!(to - from >= 1)) to = from + 1;
  view = { from: Math.max(from, -62135596800), to: Math.min(to, 253402300799) };
  cursor = -1;
  drawChart();
}
function whole() {
  let from = Infinity, to = -Infinity;
  for (let i = 0; i < matches; i++) { const t = time[matching[i]]; if (t < from) from = t; if (t > to) to = t; }
  if (from <= to) look(from, to + 1);
}
function setBrush(b) { brush = b; narrow(); }
function wider() { const span = view.to - view.from; look(view.from - span * 1.5, view.to + span * 1.5); }
function closer() { if (brush) look(brush.from, brush.to); }

function tell(bin) { hint.textContent = local(binFrom(bin)).replace("T", " ") + " – " + local(binFrom(bin + 1)).replace("T", " ") + ": " + digits(counts[bin]) + " " + words.events; }

let dragging = -1;
canvas.addEventListener("pointerdown", (ev) => { dragging = binAt(ev.clientX); canvas.setPointerCapture(ev.pointerId); });
canvas.addEventListener("pointermove", (ev) => {
  const b = binAt(ev.clientX);
  tell(b);
  if (dragging < 0) return;
  brush = { from: binFrom(Math.min(dragging, b)), to: binFrom(Math.max(dragging, b) + 1) };
  drawChart();
});
canvas.addEventListener("pointerup", (ev) => {
  if (dragging < 0) return;
  const b = binAt(ev.clientX), one = { from: binFrom(Math.min(dragging, b)), to: binFrom(Math.max(dragging, b) + 1) };
  dragging = -1;
  setBrush(one);
});
canvas.addEventListener("pointercancel", () => { dragging = -1; });
canvas.addEventListener("dblclick", closer);
canvas.addEventListener("keydown", (ev) => {
  const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24, Home: -bins, End: bins }[ev.key];
  if (move) {
    const before = cursor < 0 ? (move > 0 ? -1 : bins) : cursor;
    cursor = Math.max(0, Math.min(bins - 1, before + move));
    if (ev.shiftKey) {
      const anchor = canvas.anchor === undefined || !brush ? Math.max(0, Math.min(bins - 1, before)) : canvas.anchor;
      canvas.anchor = anchor;
      setBrush({ from: binFrom(Math.min(anchor, cursor)), to: binFrom(Math.max(anchor, cursor) + 1) });
    } else { canvas.anchor = undefined; drawChart(); }
    tell(cursor);
  } else if (ev.key === " " && cursor >= 0) setBrush({ from: binFrom(cursor), to: binFrom(cursor + 1) });
  else if (ev.key === "Enter" || ev.key === "+") closer();
  else if (ev.key === "-") wider();
  else if (ev.key === "Escape") { cursor = -1; setBrush(null); }
  else return;
  ev.preventDefault();
});

// -- the list

const rowHeight = 26, tallest = 8e6; // what every browser can scroll, in pixels
const pool = [];
const tall = 340; // of the list, in pixels, as the style has it: shorter where little is shown
const visible = () => Math.max(1, Math.floor(list.clientHeight / rowHeight));
const last0 = () => Math.max(0, shownCount - visible());
const height = () => Math.min(tallest, Math.max(shownCount * rowHeight, 1));

function showFrom(row) {
  list.style.height = Math.min(tall, Math.max(3, shownCount) * rowHeight + 2) + "px";
  top0 = Math.max(0, Math.min(last0(), row));
  spacer.style.height = height() + "px";
  const room = height() - list.clientHeight;
  list.scrollTop = room > 0 && last0() > 0 ? (top0 / last0()) * room : 0;
  list.expected = list.scrollTop;
  drawRows();
}

function drawRows() {
  const from = Math.floor(top0), n = visible() + 1;
  while (pool.length < n) {
    const row = document.createElement("div");
    row.setAttribute("role", "option");
    row.cells = ["time", "kind", "text"].map((name) => { const c = document.createElement("span"); c.className = name; row.append(c); return c; });
    row.addEventListener("click", () => { if (row.event !== undefined) select(row.event); });
    rowsBox.append(row);
    pool.push(row);
  }
  const closed = new Set(); // segments that have a text in sight
  rowsBox.style.transform = "translateY(" + list.scrollTop + "px)";
  pool.forEach((row, i) => {
    const at = from + i, there = i < n && at < shownCount, e = there ? shown[at] : undefined;
    row.hidden = !there;
    row.event = e;
    if (!there) return;
    const k = kinds[kind[e]];
    row.id = "viewer-row-" + i;
    row.className = "row" + (marked[e] ? " hit" : "");
    row.setAttribute("aria-selected", e === selected);
    row.setAttribute("aria-posinset", at + 1);
    row.setAttribute("aria-setsize", shownCount);
    row.cells[0].textContent = stamp(e);
    row.cells[1].textContent = (root.dataset.hosts ? k[HOST] + " · " : "") + k[TYPE];
    const text = textOf(texts.m, message[e]);
    if (text === null) closed.add(segmentOf(texts.m, message[e]));
    row.cells[2].textContent = text === null ? "" : text.replaceAll("\v", " ");
  });
  if (closed.size) Promise.all([...closed].map(opened)).then(drawRows);
  const at = selected >= 0 ? position(selected) - from : -1;
  if (at >= 0 && at < n) list.setAttribute("aria-activedescendant", "viewer-row-" + at);
  else list.removeAttribute("aria-activedescendant");
}

list.addEventListener("scroll", () => {
  if (Math.abs(list.scrollTop - (list.expected ?? -1)) < 1.5) return;
  list.expected = list.scrollTop;
  const room = height() - list.clientHeight;
  top0 = room > 0 ? (list.scrollTop / room) * last0() : 0;
  requestAnimationFrame(drawRows);
}, { passive: true });
list.addEventListener("wheel", (ev) => { // a notch is a few rows, however many rows a pixel stands for
  const by = ev.deltaMode === 1 ? ev.deltaY : ev.deltaY / rowHeight;
  if ((by < 0 && top0 <= 0) || (by > 0 && top0 >= last0()) || ev.ctrlKey) return;
  ev.preventDefault();
  showFrom(top0 + by);
}, { passive: false });
list.addEventListener("keydown", (ev) => {
  const at = selected >= 0 ? position(selected) : -1, page = visible() - 1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shownCount - 1 }[ev.key];
  if (to === undefined || ev.altKey || ev.ctrlKey || ev.metaKey) return;
  ev.preventDefault();
  if (!shownCount) return;
  const row = at < 0 && ev.key.startsWith("Arrow") ? Math.ceil(top0) : Math.max(0, Math.min(shownCount - 1, to));
  select(shown[row]);
});

// -- one event

async function select(e, moved) {
  selected = e;
  const at = position(e);
  if (at < top0 || at >= top0 + visible()) showFrom(at - Math.floor(visible() / 3));
  else drawRows();
  drawChart();
  if (!moved && location.hash !== "#e=" + e) history.replaceState(null, "", "#e=" + e);
  await Promise.all([opened(segmentOf(texts.m, message[e])), opened(segmentOf(texts.p, path[e]))]);
  const fields = await own(e);
  if (selected === e) show(e, fields);
}

// show writes all that is known of an event.
function show(e, fields) {
  const k = kinds[kind[e]], f = marked[e] ? meta.findings[marked[e] - 1] : null, text = textOf(texts.m, message[e]);
  const pair = (label, value, name) => {
    if (!value) return;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = label;
    if (name) dt.className = "own";
    dd.append(value);
    detail.append(dt, dd);
  };
  detail.replaceChildren();
  pair(words.time, Number.isNaN(time[e]) ? "—" : stamp(e) + "." + String(micro[e]).padStart(6, "0") + " UTC");
  pair(words.meaning, k[DESC]);
  pair(words.message, text.replaceAll("\v", "\n"));
  pair(words.finding, f ? f.severity + ": " + f.title : "");
  pair(words.kind, k[TYPE]);
  pair(words.source, k[PARSER] + (k[RECOVERED] ? " · " + words.recovered : ""));
  pair(words.host, k[HOST]);
  pair(words.file, textOf(texts.p, path[e]) + (offset[e] ? " @" + offset[e] : ""));
  for (const [name, value] of fields) pair(name, unquote(value, text).replaceAll("\v", "\n"), true);
  const a = document.createElement("a");
  a.textContent = a.href = "#e=" + e;
  pair(words.link, a);
  detail.scrollTop = 0;
  detail.dataset.event = e;
}

// follow goes to the event that the address names, and opens the filters where they hide it.
async function follow() {
  const m = /^#e=(\d+)$/.exec(location.hash);
  if (!m || +m[1] >= count) return;
  const e = +m[1];
  if (position(e) < 0) { clear(); await filter(); }
  if (!(time[e] >= view.from && time[e] < view.to) && !Number.isNaN(time[e])) look(time[e] - 43200, time[e] + 43200);
  await select(e, true);
  root.scrollIntoView({ block: "start" });
  list.focus({ preventScroll: true });
}

// -- the controls

function clear() {
  search.value = hostBox.value = parserBox.value = typeBox.value = findingBox.value = "";
  brush = null;
}

function options(box, column) {
  const sums = new Map(), each = new Float64Array(kinds.length);
  for (let e = 0; e < count; e++) each[kind[e]]++;
  kinds.forEach((k, i) => sums.set(k[column], (sums.get(k[column]) || 0) + each[i]));
  [...sums].sort((a, b) => b[1] - a[1]).forEach(([name, n]) => option(box, name, name + " (" + digits(n) + ")"));
  return sums.size;
}
function option(box, value, text) {
  const o = document.createElement("option");
  o.value = value;
  o.textContent = text;
  box.append(o);
}

// typed reads a date, with or without a time of day, as UTC; null: nothing that is one.
function typed(box) {
  const text = box.value.trim().replace(" ", "T"), t = Date.parse(text.length === 10 ? text : text + "Z");
  box.setAttribute("aria-invalid", text !== "" && Number.isNaN(t));
  return Number.isNaN(t) ? null : t / 1000;
}
function range() {
  const from = typed(fromBox), to = typed(toBox);
  if ((from === null && fromBox.value) || (to === null && toBox.value)) return;
  if (from === null && to === null) return setBrush(null);
  const b = { from: from ?? -62135596800, to: to ?? 253402300799 };
  if (b.to <= b.from) b.to = b.from + 1;
  setBrush(b);
  if (from !== null && to !== null && (from < view.from || to > view.to)) look(b.from, b.to);
}

let waiting = 0;
function connect() {
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 80); });
  for (const box of [hostBox, parserBox, typeBox, findingBox]) box.addEventListener("change", filter);
  for (const box of [fromBox, toBox]) box.addEventListener("change", range);
  byID("viewer-closer").addEventListener("click", closer);
  byID("viewer-wider").addEventListener("click", wider);
  byID("viewer-whole").addEventListener("click", whole);
  byID("viewer-clear").addEventListener("click", () => { clear(); filter(); });
  document.addEventListener("keydown", (ev) => {
    if (ev.key !== "/" || ev.ctrlKey || ev.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName)) return;
    ev.preventDefault();
    search.focus();
    search.select();
  });
  search.addEventListener("keydown", (ev) => { if (ev.key === "ArrowDown" || ev.key === "Enter") { ev.preventDefault(); list.focus(); } });
  window.addEventListener("resize", () => { drawChart(); showFrom(top0); });
  window.addEventListener("hashchange", follow);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawChart);
}

// prepare makes the texts ready to be searched while nobody waits for it.
async function prepare() {
  for (const s of [...texts.p, ...texts.m]) {
    await opened(s);
    await pause();
    lowered(s);
    await pause();
  }
  root.dataset.prepared = "yes";
}

async function start() {
  root.hidden = false;
  document.documentElement.classList.add("viewing");
  await load();
  if (options(hostBox, HOST) > 1) root.dataset.hosts = "many";
  else byID("viewer-host-label").hidden = true;
  options(parserBox, PARSER);
  options(typeBox, TYPE);
  if (meta.findings.length) option(findingBox, "any", words.any);
  meta.findings.forEach((f, n) => option(findingBox, String(n), f.severity + ": " + f.title + " (" + f.events.length + ")"));
  connect();
  await filter();
  const first = shownCount ? time[shown[firstIn(view.from)]] : NaN;
  if (!counts.some((n) => n > 0)) whole();
  else if (first - view.from > (view.to - view.from) / 2) look(first - (view.to - first) / 20, view.to); // little is there before
  await follow();
  await Promise.all([...new Set(pool.filter((row) => !row.hidden).map((row) => segmentOf(texts.m, message[row.event])))].map(opened)); // what is in sight
  root.dataset.ready = Math.round(performance.now());
  await pause();
  await prepare();
}

start().catch((err) => {
  document.documentElement.classList.remove("viewing");
  status.textContent = words.failed + " (" + err.message + ")";
});
})();
