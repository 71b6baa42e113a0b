// Nodes and links as SVG elements. Quality is a shape and a colour; colours stand in the style sheet, by class.
const SVG = "http://www.w3.org/2000/svg";
const SIGNS = { good: "●", uncertain: "▲", bad: "✕", unknown: "○" };
const SHAPES = {
  good: "M -8 0 a 8 8 0 1 0 16 0 a 8 8 0 1 0 -16 0",
  unknown: "M -7 0 a 7 7 0 1 0 14 0 a 7 7 0 1 0 -14 0",
  uncertain: "M 0 -9 L 9 8 L -9 8 Z",
  bad: "M -5 -9 L 0 -4 L 5 -9 L 9 -5 L 4 0 L 9 5 L 5 9 L 0 4 L -5 9 L -9 5 L -4 0 L -9 -5 Z",
};
const DEVICE = 5;

function element(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

/** About how wide a text is at 12 pixels: Chinese characters are square. */
function wide(text) {
  return [...text].reduce((sum, sign) => sum + (sign.codePointAt(0) > 0x2e7f ? 12.4 : 7), 0);
}

function clipped(text, most) {
  if (wide(text) <= most) return text;
  let kept = "";
  for (const sign of text) {
    if (wide(`${kept}${sign}…`) > most) break;
    kept += sign;
  }
  return `${kept}…`;
}

/** What stands at one place; drawn at 0, 0. */
function inside(one) {
  const signed = one.layer > 1 && (one.layer < DEVICE || one.count > 1);
  const parts = [element("title", {}, [one.name, one.note].filter(Boolean).join(" · "))];
  if (one.layer < DEVICE || one.count > 1) {
    const name = clipped(one.name, 132);
    const width = wide(name) + (signed ? 34 : 20);
    const height = one.layer === 0 ? 30 : 26;
    parts.push(element("rect", { x: -width / 2, y: -height / 2, width, height, rx: one.kind === "gateway" ? 2 : 6 }));
    const text = element("text", { y: 4, "text-anchor": "middle" });
    if (signed) text.append(element("tspan", { class: "map-sign" }, `${SIGNS[one.grade]} `));
    text.append(element("tspan", {}, name));
    parts.push(text);
    if (one.note && one.layer < DEVICE) parts.push(element("text", { y: 26, "text-anchor": "middle", class: "map-note" }, one.note));
    return parts;
  }
  parts.push(element("circle", { r: 14, class: "map-halo" }), element("path", { d: SHAPES[one.grade], class: "map-mark" }));
  parts.push(element("text", { y: 25, "text-anchor": "middle" }, clipped(one.name, 104)));
  if (one.note) parts.push(element("text", { y: 39, "text-anchor": "middle", class: "map-note" }, one.note));
  return parts;
}

/** A node as a group that can be chosen with mouse and keyboard. */
export function node(one) {
  const made = element("g", { tabindex: one.layer < 2 ? -1 : 0, role: "button" });
  return again(made, one);
}

/** The same group for what is known now; untouched when nothing differs, so that nothing flickers. */
export function again(made, one) {
  const seen = JSON.stringify(one);
  if (made.seen === seen) return made;
  made.seen = seen;
  made.dataset.key = one.id;
  made.setAttribute("class", `map-node map-layer-${one.layer} map-is-${one.grade} map-${one.build}${one.count > 1 ? " map-fold" : ""}`);
  made.setAttribute("aria-label", [one.name, one.note].filter(Boolean).join(" · "));
  made.setAttribute("transform", `translate(${one.x} ${one.y})`);
  made.replaceChildren(...inside(one));
  return made;
}

/** A link between two nodes; `load` from 0 to 1 is how much passes over it, null when that is not shown. */
export function edge(made, one, a, b, load) {
  const line = made ?? element("line");
  const width = load === null ? "" : `stroke-width: ${(1 + 7 * Math.sqrt(load)).toFixed(1)}px`;
  const seen = [one.kind, one.grade, one.build, one.derived, a.x, a.y, b.x, b.y, width].join();
  if (line.seen === seen) return line;
  line.seen = seen;
  line.dataset.key = one.id;
  line.setAttribute("class", `map-edge map-is-${one.grade} map-${one.build} map-kind-${one.kind}${one.derived ? " map-derived" : ""}`);
  for (const [name, value] of Object.entries({ x1: a.x, y1: a.y, x2: b.x, y2: b.y })) line.setAttribute(name, value);
  if (load === null) line.style.removeProperty("stroke-width");
  else line.style.strokeWidth = `${(1 + 7 * Math.sqrt(load)).toFixed(1)}px`;
  return line;
}

/** What a drawing takes up, with room for labels. */
export function extent(nodes) {
  const xs = nodes.map((one) => one.x);
  const ys = nodes.map((one) => one.y);
  const [left, top] = [Math.min(...xs) - 90, Math.min(...ys) - 36];
  return { x: left, y: top, width: Math.max(...xs) + 90 - left, height: Math.max(...ys) + 60 - top };
}

const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-size", "font-weight", "font-family", "text-anchor"];

/** The drawing as a file of its own: every style that counts stands in it. */
export function standalone(svg, area, background) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
  to.forEach((one, index) => {
    const style = getComputedStyle(from[index]);
    for (const name of KEPT) one.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "style", "tabindex", "role", "data-key", "aria-label"]) one.removeAttribute(name);
  });
  copy.removeAttribute("class");
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("viewBox", `${area.x} ${area.y} ${area.width} ${area.height}`);
  copy.setAttribute("width", Math.round(area.width));
  copy.setAttribute("height", Math.round(area.height));
  copy.prepend(element("rect", { ...area, fill: background }));
  return new XMLSerializer().serializeToString(copy);
}

export { element };
