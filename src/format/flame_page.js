/*
 * Draws the tree of #data on a canvas: only what is in sight, so that depth and number
 * of frames do not matter. A view is made of the tree: callers instead of callees,
 * kinds of code left out.
 */
const data = JSON.parse(document.getElementById("data").textContent);
const ROW = 18, FONT = "12px ui-monospace, 'DejaVu Sans Mono', Menlo, monospace";
const TIERS = ["", "interpreted", "baseline", "Maglev", "TurboFan"], MARKS = ["", "~", "^", "+", "*"];
const INLINED = 64, NOT_INLINED = 128, STEPS = 8;
const functions = data.functions.map(([name, file, line, column, kind, color, tier]) => ({
	name: MARKS[tier] + name, file, line, kind, color,
	place: file && file + (line ? ":" + line + (line && column ? ":" + column : "") : ""),
	brief: file && file.replace(/^.*[\/\\]/, "") + (line ? ":" + line : ""),
	text: MARKS[tier] + name + (file ? " " + file + (line ? ":" + line : "") : ""),
}));

/* --- trees: arrays by node, a parent before its children, children side by side --- */

function treeOf(count) {
	const tree = { count: 0 };
	for (const name of ["fn", "parent", "depth", "seen"])
		tree[name] = new Int32Array(count);
	for (const name of ["start", "total", "self", "before", "beforeSelf"])
		tree[name] = new Float64Array(count);
	return tree;
}

function decode() {
	const raw = data.nodes, width = data.diff ? 8 : 6, count = raw.length / width;
	const tree = treeOf(count), path = [], ends = [];
	for (let i = 0, at = 0; i < count; i++, at += width) {
		path.length -= i ? raw[at + 1] : 0;
		const depth = path.length;
		tree.fn[i] = raw[at];
		tree.parent[i] = depth ? path[depth - 1] : -1;
		tree.depth[i] = depth;
		tree.start[i] = (ends[depth] || 0) + raw[at + 2];
		tree.total[i] = raw[at + 3];
		tree.self[i] = raw[at + 4];
		tree.seen[i] = raw[at + 5];
		tree.before[i] = data.diff ? raw[at + 6] : 0;
		tree.beforeSelf[i] = data.diff ? raw[at + 7] : 0;
		ends[depth] = tree.start[i] + tree.total[i];
		ends[depth + 1] = tree.start[i];
		path.push(i);
	}
	tree.count = count;
	return tree;
}

const base = decode();
const scale = data.diff && !data.absolute && base.before[0] ? base.total[0] / base.before[0] : 1;

/* A tree that grows: nodes by parent and function. */
function builder() {
	const b = { fn: [0], parent: [-1], depth: [0], seen: [0], self: [0], total: [0], before: [0], beforeSelf: [0],
		known: new Map() };
	b.child = (parent, fn, seen) => {
		const key = parent * functions.length + fn;
		let node = b.known.get(key);
		if (node === undefined) {
			node = b.fn.length;
			b.known.set(key, node);
			b.fn.push(fn);
			b.parent.push(parent);
			b.depth.push(b.depth[parent] + 1);
			b.seen.push(0);
			b.self.push(0);
			b.total.push(0);
			b.before.push(0);
			b.beforeSelf.push(0);
		}
		b.seen[node] |= seen;
		return node;
	};
	return b;
}

let ranks = null; /* of functions by name */
function rankOf(fn) {
	if (!ranks) {
		const order = functions.map((f, i) => i);
		order.sort((x, y) => functions[x].text < functions[y].text ? -1 : functions[x].text > functions[y].text ? 1 : x - y);
		ranks = new Int32Array(functions.length);
		order.forEach((f, i) => { ranks[f] = i; });
	}
	return ranks[fn];
}

/* Sums up a builder's nodes and puts children side by side, in the order of their names. */
function finish(b) {
	const count = b.fn.length, tree = treeOf(count), children = new Map();
	for (let i = count - 1; i >= 0; i--) {
		b.total[i] += b.self[i];
		b.before[i] += b.beforeSelf[i];
		if (i) {
			b.total[b.parent[i]] += b.total[i];
			b.before[b.parent[i]] += b.before[i];
			if (!children.has(b.parent[i]))
				children.set(b.parent[i], []);
			children.get(b.parent[i]).push(i);
		}
	}
	const stack = [[0, -1, 0]];
	while (stack.length) {
		const [from, parent, start] = stack.pop(), i = tree.count++;
		tree.fn[i] = b.fn[from];
		tree.parent[i] = parent;
		tree.depth[i] = b.depth[from];
		tree.seen[i] = b.seen[from];
		tree.start[i] = start;
		tree.total[i] = b.total[from];
		tree.self[i] = b.self[from];
		tree.before[i] = b.before[from];
		tree.beforeSelf[i] = b.beforeSelf[from];
		const below = (children.get(from) || []).sort((x, y) => rankOf(b.fn[x]) - rankOf(b.fn[y]));
		let at = start;
		const put = below.map((child) => {
			const entry = [child, i, at];
			at += b.total[child];
			return entry;
		});
		while (put.length)
			stack.push(put.pop());
	}
	return tree;
}

function makeTree(reversed, hidden) {
	if (!reversed && !hidden.size)
		return base;
	const b = builder(), isHidden = (i) => hidden.has(functions[base.fn[i]].kind);
	b.fn[0] = base.fn[0];
	const to = new Int32Array(base.count);
	const rest = new Float64Array(base.count); /* of frames that the page does not have */
	for (let i = 0; i < base.count; i++) {
		rest[i] += base.total[i] - base.self[i];
		if (i)
			rest[base.parent[i]] -= base.total[i];
	}
	for (let i = 0; i < base.count; i++) {
		let node = 0;
		if (reversed) {
			if (base.self[i] || base.beforeSelf[i])
				for (let j = i; j > 0; j = base.parent[j])
					node = isHidden(j) ? node : b.child(node, base.fn[j], base.seen[j]);
		} else if (i) {
			node = to[base.parent[i]];
			node = isHidden(i) ? node : b.child(node, base.fn[i], base.seen[i]);
			to[i] = node;
		}
		b.self[node] += base.self[i];
		b.beforeSelf[node] += base.beforeSelf[i];
		b.total[reversed ? 0 : node] += rest[i];
	}
	return finish(b);
}

/* --- state --- */

const state = { tree: base, levels: [], icicle: data.icicle, reversed: false, hidden: new Set(), zoom: 0, hover: -1,
	focus: -1, term: "", ignoreCase: false, hits: null };
const dark = matchMedia("(prefers-color-scheme: dark)");
let deltaMax = 0;

function element(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const name of Object.keys(attributes))
		if (name.startsWith("on"))
			e.addEventListener(name.slice(2), attributes[name]);
		else
			e.setAttribute(name, attributes[name]);
	e.append(...children);
	return e;
}

const byId = (id) => document.getElementById(id);
const button = (id, text, help, onclick) => element("button", { id, type: "button", title: help, onclick }, text);
const canvas = element("canvas", { id: "graph" }), spacer = element("div", {});
const view = element("div", { id: "view", tabindex: "0", role: "img", "aria-label": "flame graph" }, canvas, spacer);
const details = element("div", { id: "details", "aria-live": "polite" }, "\u00a0");
const tip = element("div", { id: "tip", hidden: "" });
const table = element("div", { id: "table", hidden: "" });
const input = element("input", { id: "search", type: "search", placeholder: "/ search: a regular expression",
	"aria-label": "search", spellcheck: "false", oninput: () => search(input.value) });
const context = canvas.getContext("2d");

document.querySelector("header").append(element("div", { class: "bar" }, input,
	button("ignorecase", "Aa", "ignore case (Ctrl-I)", () => toggleCase()),
	element("span", { id: "matched" }),
	button("unzoom", "Reset zoom", "Escape", () => zoom(0)),
	button("icicle", "Icicle", "the root on top (I)", () => toggleIcicle()),
	button("reverse", "Callers", "turn stacks over: who called what was executing (R)", () => toggleReverse()),
	button("functions", "Functions", "a table of functions (T)", () => toggleTable()),
	element("span", { id: "legend" })));
document.body.append(view, details, table, tip);

/* --- words --- */

function digits(value, places) {
	return value.toLocaleString("en-US", { maximumFractionDigits: places });
}

function valueText(value) {
	const steps = { nanoseconds: [1000, ["ns", "µs", "ms", "s"]], microseconds: [1000, ["µs", "ms", "s"]],
		bytes: [1024, ["B", "KiB", "MiB", "GiB", "TiB"]] }[data.unit_kind];
	if (!steps)
		return digits(value, 0) + " " + data.unit;
	let unit = 0;
	while (unit < steps[1].length - 1 && Math.abs(value) >= steps[0]) {
		value /= steps[0];
		unit++;
	}
	return digits(value, !unit || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2) + " " + steps[1][unit];
}

function percent(value, of) {
	return digits(of ? 100 * value / of : 0, 2) + "%";
}

function signed(value) {
	value = data.negate ? -value : value;
	return (value > 0 ? "+" : "") + percent(value, base.total[0]);
}

function kindText(i) {
	const t = state.tree, f = functions[t.fn[i]], tiers = TIERS.filter((name, n) => n && t.seen[i] & 1 << n);
	const inlined = t.seen[i] & INLINED ? [t.seen[i] & NOT_INLINED ? "sometimes inlined" : "inlined"] : [];
	return [data.classes[f.kind], ...(tiers.length ? [tiers.join(" + ")] : []), ...inlined].join(", ");
}

function valuesText(i) {
	const t = state.tree;
	let text = valueText(t.total[i]) + ", " + percent(t.total[i], base.total[0]);
	if (state.zoom)
		text += ", " + percent(t.total[i], t.total[state.zoom]) + " of " + functions[t.fn[state.zoom]].name;
	return text + (t.self[i] && t.self[i] !== t.total[i] ? "; itself " + percent(t.self[i], base.total[0]) : "");
}

function diffText(i) {
	const t = state.tree;
	return "itself " + signed(t.self[i] - t.beforeSelf[i] * scale) + ", with what it called " +
		signed(t.total[i] - t.before[i] * scale) + " (was " + valueText(t.before[i]) + ")";
}

/* --- drawing --- */

function colorOf(i) {
	const t = state.tree, f = functions[t.fn[i]], colors = dark.matches ? data.dark : data.light;
	if (data.diff) {
		const delta = (t.self[i] - t.beforeSelf[i] * scale) / (deltaMax || 1) * (data.negate ? -1 : 1);
		return colors[STEPS + Math.sign(delta) * Math.ceil(Math.abs(delta) * STEPS - 1e-6)] || colors[STEPS];
	}
	if (data.by_tier) {
		let tier = TIERS.length - 1;
		while (tier && !(t.seen[i] & 1 << tier))
			tier--;
		return colors[tier * 8 + f.color % 8];
	}
	return colors[f.color];
}

const range = () => ({ from: state.tree.start[state.zoom], width: state.tree.total[state.zoom] || 1 });
const rowTop = (depth) => (state.icicle ? depth : state.levels.length - 1 - depth) * ROW + offset();
/* A flame graph that is lower than its window stands at the bottom. */
const offset = () => state.icicle ? 0 : Math.max(0, view.clientHeight - state.levels.length * ROW);

/* The first node of a level that ends behind a value. */
function firstOf(level, value) {
	let low = 0, high = level.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (state.tree.start[level[middle]] + state.tree.total[level[middle]] > value)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

function fit(f, width) {
	const cells = Math.floor((width - 6) / state.cell);
	const wide = /[\u1100-\u115f\u2e80-\uffdc\u{1f000}-\u{1ffff}]/u;
	if (cells < 3)
		return "";
	const length = (s) => wide.test(s) ? [...s].reduce((n, c) => n + (wide.test(c) ? 2 : 1), 0) : s.length;
	for (const text of [f.place ? f.name + " " + f.place : f.name, f.brief ? f.name + " " + f.brief : f.name, f.name])
		if (length(text) <= cells)
			return text;
	return [...f.name].slice(0, Math.floor((cells - 2) * f.name.length / length(f.name))).join("") + "..";
}

function drawLevel(depth, top, width, colors) {
	const t = state.tree, level = state.levels[depth], { from, width: whole } = range(), perValue = width / whole;
	let last = -1; /* pixel that is painted */
	for (let k = firstOf(level, from); k < level.length && t.start[level[k]] < from + whole; k++) {
		const i = level[k], left = Math.max(0, (t.start[i] - from) * perValue);
		const right = Math.min(width, (t.start[i] + t.total[i] - from) * perValue);
		if (right - left < 1 && Math.floor(right) <= last)
			continue;
		last = Math.floor(right);
		const gap = right - left > 3 ? 0.6 : 0;
		context.globalAlpha = depth < t.depth[state.zoom] ? 0.5 : (t.seen[i] & (INLINED | NOT_INLINED)) === INLINED ? 0.6 : 1;
		context.fillStyle = state.hits && state.hits[i] ? colors.hit : colorOf(i);
		context.fillRect(left, top, Math.max(0.5, right - left - gap), ROW - 1);
		context.globalAlpha = depth < t.depth[state.zoom] ? 0.7 : 1;
		const text = fit(functions[t.fn[i]], right - left);
		if (text) {
			context.fillStyle = state.hits && state.hits[i] ? "#fff" : colors.ink;
			context.fillText(text, left + 3, top + ROW / 2);
		}
		context.globalAlpha = 1;
		if (i === state.hover || i === state.focus) {
			context.strokeStyle = i === state.focus ? colors.focus : colors.ink;
			context.lineWidth = i === state.focus ? 2 : 1;
			context.strokeRect(left + 1, top + 1, Math.max(1, right - left - 2), ROW - 3);
		}
	}
}

function draw() {
	state.pending = false;
	const width = view.clientWidth, height = view.clientHeight, ratio = devicePixelRatio || 1;
	if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		canvas.style.width = width + "px";
		canvas.style.height = height + "px";
	}
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.clearRect(0, 0, width, height);
	context.font = FONT;
	context.textBaseline = "middle";
	state.cell = context.measureText("MMMMMMMMMM").width / 10;
	const colors = dark.matches ? { ink: "#f4f4f4", hit: "#b31bb3", focus: "#8fbcff" }
		: { ink: "#111", hit: "#d400d4", focus: "#0047d6" };
	for (let depth = 0; depth < state.levels.length; depth++) {
		const top = rowTop(depth) - view.scrollTop;
		if (top > -ROW && top < height)
			drawLevel(depth, top, width, colors);
	}
}

function redraw() {
	if (!state.pending)
		requestAnimationFrame(draw);
	state.pending = true;
}

/* Levels that the zoomed frame does not reach are not scrolled through. */
function layOut() {
	const t = state.tree, { from, width } = range();
	let deepest = 0;
	state.levels = state.all.filter((level, depth) => {
		const k = firstOf(level, from);
		const is = depth <= t.depth[state.zoom] || k < level.length && t.start[level[k]] < from + width;
		deepest = is ? depth : deepest;
		return is;
	});
	const levels = state.levels.length * ROW;
	spacer.style.height = Math.max(0, levels - view.clientHeight) + "px";
	scrollToRow(t.depth[state.zoom], true);
	byId("unzoom").disabled = !state.zoom;
	redraw();
}

function scrollToRow(depth, atEdge) {
	const top = rowTop(depth), low = view.scrollTop, high = low + view.clientHeight - ROW;
	if (atEdge && !state.icicle)
		view.scrollTop = top - view.clientHeight + Math.min(depth + 1, 4) * ROW;
	else if (atEdge)
		view.scrollTop = top - Math.min(depth, 3) * ROW;
	else if (top < low || top > high)
		view.scrollTop = top - view.clientHeight / 2;
}

/* --- views --- */

function setTree() {
	const t = makeTree(state.reversed, state.hidden);
	state.tree = t;
	state.zoom = 0;
	state.hover = state.focus = -1;
	const levels = [];
	deltaMax = 0;
	for (let i = 0; i < t.count; i++) {
		(levels[t.depth[i]] = levels[t.depth[i]] || []).push(i);
		deltaMax = Math.max(deltaMax, data.diff ? Math.abs(t.self[i] - t.beforeSelf[i] * scale) : 0);
	}
	state.all = levels.map((level) => Int32Array.from(level));
	search(state.term);
	layOut();
}

function press(id, is) {
	byId(id).setAttribute("aria-pressed", String(is));
}

function toggleIcicle() {
	state.icicle = !state.icicle;
	press("icicle", state.icicle);
	layOut();
	remember();
}

function toggleReverse() {
	state.reversed = !state.reversed;
	press("reverse", state.reversed);
	setTree();
	remember();
}

function toggleCase() {
	state.ignoreCase = !state.ignoreCase;
	press("ignorecase", state.ignoreCase);
	search(state.term);
}

function toggleKind(kind) {
	if (!state.hidden.delete(kind))
		state.hidden.add(kind);
	legend();
	setTree();
}

function zoom(i) {
	state.zoom = i;
	layOut();
	countMatches();
	remember();
}

/* --- search --- */

function search(term) {
	let pattern = null;
	state.term = term;
	try {
		pattern = term ? new RegExp(term, state.ignoreCase ? "i" : "") : null;
		input.classList.remove("wrong");
	} catch (error) {
		input.classList.add("wrong");
		byId("matched").textContent = "not a regular expression";
		return;
	}
	const t = state.tree, hits = pattern && functions.map((f) => pattern.test(f.text));
	state.hits = hits && Uint8Array.from({ length: t.count }, (unused, i) => hits[t.fn[i]] ? 1 : 0);
	countMatches();
	remember();
	redraw();
}

/* A frame inside of one that matches counts once. Nodes are in preorder. */
function countMatches() {
	const t = state.tree, { from, width } = range();
	let sum = 0, end = -1;
	if (!state.hits) {
		byId("matched").textContent = "";
		return;
	}
	for (let i = 0; i < t.count; i++)
		if (state.hits[i] && t.start[i] >= Math.max(end, from) && t.start[i] < from + width &&
			t.depth[i] >= t.depth[state.zoom]) {
			sum += t.total[i];
			end = t.start[i] + t.total[i];
		}
	byId("matched").textContent = "Matched: " + (100 * sum / width).toFixed(1) + "%";
}

/* What is looked at is kept in the address. */
function remember() {
	const params = new URLSearchParams();
	if (state.term)
		params.set("s", state.term);
	if (state.icicle !== data.icicle)
		params.set("icicle", state.icicle ? "1" : "0");
	if (state.reversed)
		params.set("reverse", "1");
	if (state.zoom && !state.hidden.size)
		params.set("frame", state.zoom);
	try {
		history.replaceState(null, "", location.pathname + location.search + (params.toString() ? "#" + params : ""));
	} catch (error) {
		/* where a page has no address, there is nothing to keep it in */
	}
}

/* --- legend, table --- */

function legend() {
	const colors = dark.matches ? data.dark : data.light, total = base.total[0], sums = new Map();
	for (let i = 0; i < base.count; i++)
		sums.set(functions[base.fn[i]].kind, (sums.get(functions[base.fn[i]].kind) || 0) + base.self[i]);
	const entry = (color, text, kind) => {
		const square = element("i", {});
		square.style.background = color;
		return kind === undefined ? element("span", {}, square, " " + text)
			: element("button", { type: "button", title: "leave frames of this kind out, or show them again",
				"aria-pressed": String(!state.hidden.has(kind)), onclick: () => toggleKind(kind) }, square, text);
	};
	const differences = [["much less", 0], ["the same", STEPS], ["much more", 2 * STEPS]];
	const entries = data.diff ? differences.map(([t, c]) => entry(colors[c], t))
		: data.by_tier || !data.legend.length ? data.legend.map(([text, c]) => entry(colors[c], text))
		: data.legend.map(([text, c], kind) => sums.has(kind) && kind !== functions[base.fn[0]].kind || sums.get(kind)
			? entry(colors[c], text + " " + percent(sums.get(kind), total), kind) : null).filter(Boolean);
	byId("legend").replaceChildren(...entries);
}

/* Self and total of functions: a function that calls itself counts once a stack. */
function toggleTable() {
	table.hidden = !table.hidden;
	press("functions", !table.hidden);
	if (!table.hidden && !table.firstChild)
		fillTable();
	layOut();
}

function fillTable() {
	const self = new Float64Array(functions.length), total = new Float64Array(functions.length);
	const open = new Int32Array(functions.length), path = [];
	for (let i = 0; i < base.count; i++) {
		while (path.length > base.depth[i])
			open[path.pop()]--;
		const fn = base.fn[i];
		self[fn] += base.self[i];
		total[fn] += open[fn] ? 0 : base.total[i];
		open[fn]++;
		path.push(fn);
	}
	const order = functions.map((f, i) => i).filter((i) => i !== base.fn[0]);
	order.sort((a, b) => self[b] - self[a] || total[b] - total[a] || a - b);
	const escaped = (text) => "^" + text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") + "$";
	const rows = order.slice(0, 500).map((i) => element("tr", { onclick: () => {
		input.value = escaped(functions[i].text);
		search(input.value);
	} }, ...[valueText(self[i]), percent(self[i], base.total[0]), valueText(total[i]), percent(total[i], base.total[0])]
		.map((text) => element("td", {}, text)),
	element("td", { title: functions[i].text }, functions[i].name + " ", element("span", {}, functions[i].place))));
	table.append(element("table", {}, element("thead", {}, element("tr", {},
		...["itself", "", "with callees", "", "function"].map((text) => element("th", {}, text)))),
	element("tbody", {}, ...rows)));
}

/* --- mouse and keyboard --- */

function nodeAt(event) {
	const box = canvas.getBoundingClientRect(), { from, width } = range();
	const row = Math.floor((event.clientY - box.top + view.scrollTop - offset()) / ROW);
	const depth = state.icicle ? row : state.levels.length - 1 - row, level = state.levels[depth];
	const value = from + (event.clientX - box.left) / box.width * width;
	if (!level || event.clientY < box.top || event.clientY > box.bottom)
		return -1;
	const k = firstOf(level, value);
	return k < level.length && state.tree.start[level[k]] <= value ? level[k] : -1;
}

function describe(i) {
	if (i < 0) {
		details.textContent = "\u00a0";
		return;
	}
	const f = functions[state.tree.fn[i]];
	details.textContent = f.name + (f.place ? " " + f.place : "") + " (" + valuesText(i) + ")" +
		(data.diff ? "; " + diffText(i) : "");
}

function showTip(event, i) {
	tip.hidden = i < 0;
	if (i < 0)
		return;
	const f = functions[state.tree.fn[i]];
	const lines = [f.place, valuesText(i), data.diff && i ? diffText(i) : "", i ? kindText(i) : ""];
	tip.replaceChildren(element("b", {}, f.name), ...lines.filter(Boolean).map((text) => element("span", {}, text)));
	const box = tip.getBoundingClientRect();
	tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 6)) + "px";
	const isLow = event.clientY + 18 + box.height > innerHeight;
	tip.style.top = (isLow ? event.clientY - box.height - 12 : event.clientY + 18) + "px";
}

view.addEventListener("mousemove", (event) => {
	const i = nodeAt(event);
	showTip(event, i);
	if (i === state.hover)
		return;
	state.hover = i;
	view.style.cursor = i < 0 ? "" : "pointer";
	describe(i);
	redraw();
});
view.addEventListener("mouseleave", () => {
	state.hover = -1;
	tip.hidden = true;
	describe(state.focus);
	redraw();
});
view.addEventListener("click", (event) => {
	const i = nodeAt(event);
	if (i >= 0) {
		state.focus = i;
		zoom(i);
	}
});
view.addEventListener("scroll", () => {
	tip.hidden = true;
	redraw();
});

/* The nearest frame that way: towards the root, to the widest it calls, to its neighbours on the level. */
function neighbour(key) {
	const t = state.tree, at = state.focus;
	if (at < 0)
		return state.zoom;
	if (key === (state.icicle ? "ArrowUp" : "ArrowDown"))
		return t.parent[at] < 0 ? at : t.parent[at];
	const level = state.all[t.depth[at]], k = level.indexOf(at);
	if (key === "ArrowLeft" || key === "ArrowRight")
		return level[k + (key === "ArrowLeft" ? -1 : 1)] === undefined ? at : level[k + (key === "ArrowLeft" ? -1 : 1)];
	let best = at;
	for (let i = at + 1; i < t.count && t.depth[i] > t.depth[at]; i++)
		if (t.parent[i] === at && (best === at || t.total[i] > t.total[best]))
			best = i;
	return best;
}

function move(key) {
	const t = state.tree, i = neighbour(key), { from, width } = range();
	state.focus = i;
	if (t.start[i] < from || t.start[i] + t.total[i] > from + width) /* out of sight: to where both are seen */ {
		let up = state.zoom;
		while (up > 0 && !(t.start[up] <= t.start[i] && t.start[i] + t.total[i] <= t.start[up] + t.total[up]))
			up = t.parent[up];
		if (t.depth[i] >= t.depth[up])
			zoom(up);
	}
	scrollToRow(t.depth[i], false);
	describe(i);
	redraw();
}

function escape() {
	if (state.term || input === document.activeElement) {
		input.value = "";
		search("");
		input.blur();
	} else if (state.zoom) {
		zoom(0);
	}
}

addEventListener("keydown", (event) => {
	const control = event.ctrlKey || event.metaKey, typing = event.target === input;
	const find = () => {
		input.focus();
		input.select();
	};
	const actions = { "/": find, i: toggleIcicle, r: toggleReverse, t: toggleTable, Home: () => zoom(0),
		Enter: () => state.focus >= 0 && zoom(state.focus) };
	const presses = event.target.tagName === "BUTTON" && event.key === "Enter";
	let action = typing || control || event.altKey || presses ? null : actions[event.key];
	if (control && event.key === "f" || event.key === "F3")
		action = find;
	if (control && event.key === "i")
		action = toggleCase;
	if (event.key === "Escape")
		action = escape;
	if (typing && event.key === "Enter")
		action = () => view.focus();
	if (!typing && !control && /^Arrow/.test(event.key))
		action = () => move(event.key);
	if (action) {
		event.preventDefault();
		action();
	}
});

/* --- begin --- */

dark.addEventListener("change", () => {
	legend();
	redraw();
});
new ResizeObserver(() => layOut()).observe(view);

const asked = new URLSearchParams(location.hash.slice(1));
state.icicle = asked.has("icicle") ? asked.get("icicle") === "1" : data.icicle;
state.reversed = asked.get("reverse") === "1";
state.term = input.value = asked.get("s") || "";
press("icicle", state.icicle);
press("reverse", state.reversed);
press("functions", false);
press("ignorecase", false);
const wanted = Number(asked.get("frame"));
state.all = [];
legend();
setTree();
if (wanted > 0 && wanted < state.tree.count)
	zoom(wanted);
