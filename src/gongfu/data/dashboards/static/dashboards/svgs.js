// A gauge and a heat map as SVG: the console's build of ECharts has neither.
import { number, reading } from "../console/texts.js";

const SPACE = "http://www.w3.org/2000/svg";

function part(parent, tag, attributes, content = "") {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (content) made.textContent = content;
  parent.append(made);
  return made;
}

function sheet(width, height, colours) {
  const svg = document.createElementNS(SPACE, "svg");
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "font-family": colours.font })) svg.setAttribute(name, value);
  return svg;
}

/** Ends of a gauge: as chosen, else the range of the sensor, else round numbers about the value. */
export function ends(widget, tag, value) {
  let low = widget.low ?? tag.low;
  let high = widget.high ?? tag.high;
  low ??= Math.min(0, value ?? 0);
  if (high === null || high === undefined || high <= low) {
    const size = Math.max(Math.abs(value ?? 1) * 1.25, 1);
    const power = 10 ** Math.floor(Math.log10(size));
    high = low + Math.ceil(size / power) * power;
  }
  return [low, high];
}

/** `scale` enlarges letters, for a wall. */
export function gauge(widget, tag, value, stale, { width, height, scale, colours }) {
  const [low, high] = ends(widget, tag, value);
  const radius = Math.max(Math.min((width / 2 - 4 * scale) / 1.16, (height - 20 * scale) * 0.85), 10);
  const [x, y] = [width / 2, Math.min(height - 20 * scale, radius * 1.12 + 4)];
  const at = (share, r) => `${x - r * Math.cos(Math.PI * share)} ${y - r * Math.sin(Math.PI * share)}`;
  const share = (given) => Math.min(Math.max((given - low) / (high - low), 0), 1);
  const svg = sheet(width, height, colours);
  const arc = (from, to, r, thick, colour) => part(svg, "path", {
    d: `M ${at(from, r)} A ${r} ${r} 0 0 1 ${at(to, r)}`, fill: "none", stroke: colour, "stroke-width": thick,
  });
  arc(0, 1, radius, radius * 0.16, colours.line);
  if (value !== null && share(value) > 0) arc(0, share(value), radius, radius * 0.16, stale ? colours.strong : colours.series[0]);
  for (const [limit, name] of tag.limits ?? []) {
    if (limit <= low || limit >= high) continue;
    if (name.startsWith("H")) arc(share(limit), 1, radius * 1.12, radius * 0.04, colours.alarm);
    else arc(0, share(limit), radius * 1.12, radius * 0.04, colours.alarm);
  }
  const write = (tx, ty, size, content, colour, weight = 400) => part(svg, "text", {
    x: tx, y: ty, "text-anchor": "middle", "font-size": size, fill: colour, "font-weight": weight,
  }, content);
  write(x, y - radius * 0.08, radius * 0.36, reading(value, widget.decimals ?? tag.decimals), stale ? colours.quiet : colours.ink, 650);
  write(x, y + radius * 0.14, radius * 0.17, tag.unit, colours.quiet);
  write(x - radius, y + 14 * scale, 11 * scale, number(low, 1), colours.quiet);
  write(x + radius, y + 14 * scale, 11 * scale, number(high, 1), colours.quiet);
  return svg;
}

function mixed(from, to, share) {
  const parse = (colour) => [1, 3, 5].map((place) => Number.parseInt(colour.slice(place, place + 2), 16));
  const [a, b] = [parse(from), parse(to)];
  return `rgb(${a.map((one, place) => Math.round(one + (b[place] - one) * share)).join(",")})`;
}

export function heat(widget, answer, { width, height, scale, colours }) {
  const tag = answer.tags[0];
  const values = answer.cells.map((cell) => cell[2]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const decimals = widget.decimals ?? tag?.decimals;
  const letters = 11 * scale;
  const [left, top] = [letters * 3.6, letters * 1.6];
  const wide = Math.max(width - left - 4, 24) / 24;
  const tall = Math.max(height - top - letters * 1.6, answer.days.length) / answer.days.length;
  const svg = sheet(width, height, colours);
  for (const [hour, day, value] of answer.cells) {
    const colour = mixed(colours.line, colours.series[0], high > low ? (value - low) / (high - low) : 0.5);
    const cell = part(svg, "rect", { x: left + hour * wide, y: top + day * tall, width: Math.max(wide - 1, 0.5), height: Math.max(tall - 1, 0.5), fill: colour });
    part(cell, "title", {}, `${answer.days[day]} ${String(hour).padStart(2, "0")}:00  ${reading(value, decimals)} ${tag?.unit ?? ""}`);
  }
  const step = Math.ceil((letters * 1.2) / tall);
  answer.days.forEach((day, place) => {
    if (place % step === 0) part(svg, "text", { x: left - 5, y: top + (place + 0.5) * tall + letters * 0.35, "text-anchor": "end", "font-size": letters, fill: colours.quiet }, day);
  });
  const every = Math.ceil((letters * 2.2) / wide);
  for (let hour = 0; hour < 24; hour += every) {
    part(svg, "text", { x: left + (hour + 0.5) * wide, y: height - letters * 0.3, "text-anchor": "middle", "font-size": letters, fill: colours.quiet }, String(hour).padStart(2, "0"));
  }
  // The scale of colours, from the least to the greatest.
  const right = left + 24 * wide;
  for (let step10 = 0; step10 < 10; step10 += 1) {
    part(svg, "rect", { x: right - letters * (16 - step10), y: letters * 0.2, width: letters, height: letters * 0.8, fill: mixed(colours.line, colours.series[0], step10 / 9) });
  }
  part(svg, "text", { x: right - letters * 16.4, y: letters, "text-anchor": "end", "font-size": letters, fill: colours.quiet }, reading(low, decimals));
  part(svg, "text", { x: right - letters * 5.6, y: letters, "font-size": letters, fill: colours.quiet }, `${reading(high, decimals)} ${tag?.unit ?? ""}`);
  return svg;
}

/** A PNG of an SVG, as a data address; the page's policy lets pictures come from there. */
export async function png(svg, ground) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * svg.width.baseVal.value;
  canvas.height = 2 * svg.height.baseVal.value;
  const context = canvas.getContext("2d");
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
