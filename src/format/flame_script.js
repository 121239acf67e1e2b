/*
 * Search, zoom and keyboard of a flame graph in an SVG file. PAD, CELL, TEXT_PAD and
 * ICICLE stand before it. What is zoomed to and searched for is kept in the address.
 */
let frames, all, view = null, focused = null, term = null, ignoreCase = false;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

/* What the file says of each frame, read once: elements are slow. */
function init() {
	frames = [];
	for (const g of byId("frames").children) {
		const rect = g.querySelector("rect");
		const num = (name) => Number(rect.getAttribute(name));
		const frame = { g, rect, x: num("x"), y: num("y"), w: num("width"), index: frames.length };
		frame.right = frame.x + frame.w;
		frame.title = g.querySelector("title").textContent;
		frame.name = frame.title.replace(/ \([^(\n]*\)(\n[^]*)?$/, "");
		frame.text = g.querySelector("text");
		g.frame = frame;
		frames.push(frame);
	}
	all = frames[0];
	const root = document.documentElement;
	root.addEventListener("click", clicked);
	root.addEventListener("mouseover", (event) => showDetails(frameOf(event.target)));
	root.addEventListener("mouseout", () => showDetails(focused));
	addEventListener("keydown", keyPressed);
	const params = new URLSearchParams(location.search);
	const zoomed = params.has("x") && params.has("y") &&
		frames.find((f) => f.rect.getAttribute("x") === params.get("x") && f.rect.getAttribute("y") === params.get("y"));
	if (zoomed)
		zoom(zoomed);
	if (params.get("s"))
		search(params.get("s"));
}

function frameOf(target) {
	const g = target.closest && target.closest("#frames>g");
	return g ? g.frame : null;
}

function showDetails(frame) {
	byId("details").textContent = frame ? "Function: " + frame.title.split("\n")[0] : " ";
}

function remember(changes) {
	const params = new URLSearchParams(location.search);
	for (const name of Object.keys(changes))
		if (changes[name] === null)
			params.delete(name);
		else
			params.set(name, changes[name]);
	const query = params.toString();
	try {
		history.replaceState(null, "", query ? "?" + query : location.pathname);
	} catch (error) {
		/* where a document has no address, there is nothing to keep it in */
	}
}

/* --- zoom --- */

const EPSILON = 0.0015; /* coordinates are written in thousandths of a pixel */
const isBelow = (frame, other) => ICICLE ? frame.y < other.y : frame.y > other.y; /* nearer to the root */

/* The name as far as it fits: with its path, with the file's name, alone, cut. */
function fit(name, width) {
	const cells = Math.floor((width - 2 * TEXT_PAD) / CELL);
	const length = (s) => {
		let n = 0;
		for (const c of s)
			n += c >= "\u1100" && (c <= "\u115f" || c >= "\u2e80") ? 2 : 1;
		return n;
	};
	if (cells < 3)
		return "";
	if (length(name) <= cells)
		return name;
	const place = /^(.+) ([^ ]*[\/\\])?([^ \/\\]*)$/.exec(name);
	if (place) {
		const brief = place[1] + " " + place[3].replace(/^(.*:\d+):\d+$/, "$1");
		if (length(brief) <= cells)
			return brief;
		if (length(place[1]) <= cells && place[2])
			return place[1];
	}
	let cut = "";
	for (const c of name) {
		if (length(cut + c) > cells - 2)
			break;
		cut += c;
	}
	return cut + "..";
}

function place(frame, x, width) {
	frame.rect.setAttribute("x", x);
	frame.rect.setAttribute("width", width);
	const text = fit(frame.name, width);
	if (!frame.text && text) {
		frame.text = document.createElementNS(SVG, "text");
		frame.text.setAttribute("y", frame.y + 11.5);
		frame.g.appendChild(frame.text);
	}
	if (frame.text) {
		frame.text.setAttribute("x", x + TEXT_PAD);
		frame.text.textContent = text;
	}
}

function show(frame, isShown, isParent) {
	frame.g.classList.toggle("hide", !isShown);
	frame.g.classList.toggle("parent", isParent);
}

function zoom(target) {
	if (target === all)
		return unzoom();
	view = target;
	const ratio = all.w / target.w;
	for (const frame of frames) {
		if (isBelow(frame, target)) {
			const isAncestor = frame.x <= target.x + EPSILON && frame.right >= target.right - EPSILON;
			show(frame, isAncestor, isAncestor);
			if (isAncestor)
				place(frame, PAD, all.w);
		} else {
			const isInside = frame.x >= target.x - EPSILON && frame.right <= target.right + EPSILON;
			show(frame, isInside, false);
			if (isInside)
				place(frame, Math.max(PAD, PAD + (frame.x - target.x) * ratio), Math.min(frame.w * ratio, all.w));
		}
	}
	byId("unzoom").classList.remove("hide");
	remember({ x: String(target.x), y: String(target.y) });
	return countMatches();
}

function unzoom() {
	view = null;
	for (const frame of frames) {
		show(frame, true, false);
		place(frame, frame.x, frame.w);
	}
	byId("unzoom").classList.add("hide");
	remember({ x: null, y: null });
	return countMatches();
}

/* --- search --- */

function search(text) {
	let pattern;
	term = text || null;
	try {
		pattern = term && new RegExp(term, ignoreCase ? "i" : "");
	} catch (error) {
		byId("matched").textContent = "not a regular expression";
		return;
	}
	for (const frame of frames) {
		frame.hit = Boolean(pattern) && pattern.test(frame.name);
		frame.g.classList.toggle("hit", frame.hit);
	}
	byId("search").classList.toggle("show", Boolean(term));
	byId("search").textContent = term ? "Reset Search" : "Search";
	byId("search").setAttribute("x", PAD + all.w - (term ? 125 : 85));
	remember({ s: term });
	countMatches();
}

/* How much of what is shown has a match in its stack: a frame inside of a matching one counts once. */
function countMatches() {
	let sum = 0, end = -1;
	const base = view || all;
	if (term === null) {
		byId("matched").textContent = " ";
		return;
	}
	const hits = frames.filter((f) => f.hit && (f === base || !f.g.classList.contains("hide") && !isBelow(f, base)));
	hits.sort((a, b) => a.x - b.x || b.w - a.w);
	for (const f of hits)
		if (f.x >= end - EPSILON) {
			sum += f.w;
			end = f.right;
		}
	byId("matched").textContent = "Matched: " + Math.min(100, 100 * sum / base.w).toFixed(1) + "%";
}

/* An input above the graph; programs without HTML in SVG get a dialog. */
function ask() {
	let input = byId("find");
	if (!input) {
		const box = document.createElementNS(SVG, "foreignObject");
		const set = { x: PAD + all.w - 330, y: 4, width: 330, height: 28 };
		for (const name of Object.keys(set))
			box.setAttribute(name, set[name]);
		input = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
		if (!("value" in input)) {
			const answer = prompt("Search for a regular expression", term || "");
			return answer === null ? undefined : search(answer);
		}
		input.id = "find";
		input.placeholder = "regular expression, Enter, Escape";
		input.setAttribute("aria-label", "search");
		box.appendChild(input);
		document.documentElement.appendChild(box);
		input.addEventListener("input", () => search(input.value));
		input.addEventListener("blur", () => box.remove());
		input.addEventListener("keydown", (event) => {
			event.stopPropagation();
			if (event.key === "Escape")
				search("");
			if (event.key === "Escape" || event.key === "Enter")
				input.blur();
		});
		input.value = term || "";
	}
	input.focus();
	input.select();
	return undefined;
}

/* --- keyboard and mouse --- */

function focusOn(frame) {
	if (!frame)
		return;
	if (focused)
		focused.g.classList.remove("focus");
	focused = frame;
	frame.g.classList.add("focus");
	showDetails(frame);
	const box = frame.rect.getBoundingClientRect();
	if (box.top < 0 || box.bottom > innerHeight)
		frame.rect.scrollIntoView({ block: "center" });
}

/* The nearest frame that way: up and down across levels, left and right within one. */
function neighbour(key) {
	const shown = frames.filter((f) => !f.g.classList.contains("hide"));
	const at = focused && shown.includes(focused) ? focused : null;
	if (!at)
		return view || all;
	const inner = (a, b) => a.x >= b.x - EPSILON && a.right <= b.right + EPSILON;
	const isThatWay = (f) => key === "ArrowUp" ? f.y < at.y : key === "ArrowDown" ? f.y > at.y : f.y === at.y;
	const levels = shown.filter((f) => f !== at && isThatWay(f));
	const step = Math.min(...levels.map((f) => Math.abs(f.y - at.y)));
	const near = levels.filter((f) => Math.abs(f.y - at.y) === step);
	if (key === "ArrowLeft")
		return near.filter((f) => f.x < at.x).pop();
	if (key === "ArrowRight")
		return near.find((f) => f.x > at.x);
	const related = near.filter((f) => inner(f, at) || inner(at, f));
	return related.reduce((best, f) => !best || f.w > best.w ? f : best, null);
}

function toggleCase() {
	ignoreCase = !ignoreCase;
	byId("ignorecase").classList.toggle("show", ignoreCase);
	if (term !== null)
		search(term);
}

function escape() {
	if (term !== null)
		search("");
	else if (view)
		unzoom();
}

function keyPressed(event) {
	const control = event.ctrlKey || event.metaKey;
	const actions = {
		"/": ask, F3: ask, Escape: escape,
		Enter: () => focused && zoom(focused),
		Home: unzoom,
	};
	let action = control || event.altKey ? null : actions[event.key];
	if (control && event.key === "f")
		action = ask;
	if (control && event.key === "i")
		action = toggleCase;
	if (!control && /^Arrow/.test(event.key))
		action = () => focusOn(neighbour(event.key));
	if (action) {
		event.preventDefault();
		action();
	}
}

function clicked(event) {
	const frame = frameOf(event.target);
	const actions = {
		unzoom, ignorecase: toggleCase,
		search: () => term === null ? ask() : search(""),
	};
	if (frame) {
		focusOn(frame);
		zoom(frame);
	} else if (actions[event.target.id]) {
		actions[event.target.id]();
	}
}
