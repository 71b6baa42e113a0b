// What each kind of widget does with its answer. A view lives as long as its widget: show(), live(), dispose().
import { echarts } from "../console/elements/live-chart.js";
import { append, newest, parse } from "../console/elements/chart-data.js";
import { look, options } from "../console/elements/chart-options.js";
import { listen } from "../console/elements/stream.js";
import { dateTime, number, reading } from "../console/texts.js";
import { pareto, stateColour } from "./drawings.js";
import { gauge, heat, png } from "./svgs.js";
import { node, say } from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
const WALL_ZOOM = 1.9;

const staleAfter = (tag) => Math.max(15, 4 * (tag.interval || 1));
export const named = (tag, tags) => (new Set(tags.map((one) => one.device)).size > 1 ? `${tag.device_name} ${tag.name}` : tag.name);
const worded = (tag) => tag.states.map((state) => `${state.code}:${state.label}`).join(",");

/** A canvas that ECharts draws on, as large as the body of the widget. */
class Chart {
  constructor(widget, body, board) {
    Object.assign(this, { widget, body, board });
    this.canvas = node("div", "dash-canvas");
    this.canvas.setAttribute("role", "img");
  }

  async start() {
    if (this.chart) return true;
    const library = await echarts();
    if (this.gone) return false;
    this.body.replaceChildren(this.canvas);
    const ratio = this.board.wall ? WALL_ZOOM * devicePixelRatio : devicePixelRatio;
    this.chart = library.init(this.canvas, null, { renderer: "canvas", devicePixelRatio: ratio });
    this.size = new ResizeObserver(() => this.chart?.resize());
    this.size.observe(this.canvas);
    this.theme = new MutationObserver(() => this.draw(true));
    this.theme.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    return true;
  }

  async show(answer) {
    this.answer = answer;
    if (this.empty(answer)) {
      this.nothing();
      return;
    }
    if (!(await this.start())) return;
    if (!this.canvas.isConnected) {
      this.body.replaceChildren(this.canvas);
      this.chart.resize();
    }
    this.draw(true);
  }

  empty() {
    return false;
  }

  nothing() {
    this.body.replaceChildren(node("p", "dash-note", say("No readings in this time.")));
  }

  picture() {
    return this.chart?.getDataURL({ pixelRatio: 2, backgroundColor: look(this.body).surface });
  }

  dispose() {
    this.gone = true;
    this.end?.();
    this.size?.disconnect();
    this.theme?.disconnect();
    clearInterval(this.timer);
    this.chart?.dispose();
    this.chart = null;
  }
}

class Trend extends Chart {
  empty(answer) {
    return !answer.lines.some((line) => line.some((point) => point[1] !== null));
  }

  async show(answer) {
    const series = answer.tags.map((tag, place) => ({
      tag: tag.tag, name: named(tag, answer.tags), unit: tag.unit, points: answer.lines[place] ?? [],
    }));
    this.series = parse({ series });
    await super.show(answer);
  }

  draw() {
    if (!this.chart || !this.series) return;
    this.fresh = false;
    const { widget, answer } = this;
    const moves = this.board.moves(widget);
    const view = moves ? { from: Date.now() - (answer.end - answer.start), to: Date.now() } : { from: answer.start, to: answer.end };
    const own = widget.low != null || widget.high != null;
    const lines = !own && answer.tags.length === 1 ? answer.tags[0].limits : [];
    const decimals = widget.decimals ?? (answer.tags.length === 1 ? answer.tags[0].decimals : undefined);
    const option = options(this.series, view, {
      low: widget.low ?? null, high: widget.high ?? null, lines, decimals, compact: true, colours: look(this.body),
    });
    if (answer.tags.length > 1) option.grid.top = 44;
    this.chart.setOption(option, true);
    this.canvas.setAttribute("aria-label", this.series.map((one) => {
      const last = newest(one);
      return last ? `${one.name}: ${reading(last[1], decimals)} ${one.unit} (${dateTime(last[0])})` : one.name;
    }).join("; "));
  }

  connect(url) {
    if (!this.answer?.tags.length || !this.board.moves(this.widget)) return;
    this.end?.();
    this.end = listen(url, this.answer.tags.map((tag) => tag.tag), {
      reading: (tag, at, value, quality) => {
        const series = this.series?.find((one) => one.tag === tag);
        if (series && append(series, at, value, quality, this.answer.start)) this.fresh = true;
      },
    });
    this.timer ??= setInterval(() => {
      if (this.fresh && !document.hidden) this.draw();
    }, 2000);
  }
}

/** What is drawn as SVG, anew whenever its box or the theme changes. */
class Drawn {
  constructor(widget, body, board) {
    Object.assign(this, { widget, body, board });
    this.size = new ResizeObserver(() => this.draw());
    this.size.observe(body);
    this.theme = new MutationObserver(() => this.draw());
    this.theme.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  }

  get room() {
    const { clientWidth: width, clientHeight: height } = this.body;
    return { width, height, scale: this.board.wall ? WALL_ZOOM : 1, colours: look(this.body) };
  }

  put(svg, label) {
    svg.setAttribute("class", "dash-svg");
    svg.setAttribute("aria-label", label);
    this.body.replaceChildren(svg);
  }

  nothing() {
    this.body.replaceChildren(node("p", "dash-note", say("No readings in this time.")));
  }

  async picture() {
    const svg = this.body.querySelector("svg");
    return svg ? png(svg, look(this.body).surface) : undefined;
  }

  dispose() {
    this.end?.();
    this.size.disconnect();
    this.theme.disconnect();
    clearInterval(this.timer);
  }
}

class Gauge extends Drawn {
  show(answer) {
    this.answer = answer;
    const point = answer.last?.[0];
    this.point = point ? { at: point[0], value: typeof point[1] === "number" && point[2] !== 2 ? point[1] : null } : { at: 0, value: null };
    this.draw();
  }

  draw() {
    const tag = this.answer?.tags[0];
    if (!tag || this.body.clientHeight < 20) return;
    const stale = !this.point.at || Date.now() - this.point.at > 1000 * staleAfter(tag);
    const told = `${tag.name}: ${reading(this.point.value, tag.decimals)} ${tag.unit}${stale && this.point.at ? `, ${dateTime(this.point.at)}` : ""}`;
    this.put(gauge(this.widget, tag, this.point.value, stale, this.room), told);
  }

  connect(url) {
    if (!this.answer?.tags.length) return;
    this.end?.();
    this.end = listen(url, [this.answer.tags[0].tag], {
      reading: (_tag, at, value, quality) => {
        if (at < this.point.at) return;
        this.point = { at, value: quality === "bad" || typeof value !== "number" ? null : value };
      },
    });
    this.timer ??= setInterval(() => {
      if (!document.hidden) this.draw();
    }, 2000);
  }
}

class Heat extends Drawn {
  show(answer) {
    this.answer = answer;
    this.draw();
  }

  draw() {
    if (!this.answer || this.body.clientHeight < 20) return;
    if (!this.answer.cells.length) {
      this.nothing();
      return;
    }
    const told = this.answer.cells.slice(-24).map(([hour, day, value]) => `${this.answer.days[day]} ${hour}: ${reading(value)}`).join("; ");
    this.put(heat(this.widget, this.answer, this.room), told);
  }
}

class Pareto extends Chart {
  empty(answer) {
    return !answer.bars.some((bar) => bar.value > 0);
  }

  nothing() {
    if (this.widget.of === "states") super.nothing();
    else this.body.replaceChildren(node("p", "dash-note", say("No alarms in this time.")));
  }

  draw() {
    if (!this.chart || this.empty(this.answer)) return;
    this.chart.setOption(pareto(this.widget, this.answer, this.body, look(this.body)), true);
    this.canvas.setAttribute("aria-label", this.answer.bars.map((bar) => `${bar.name}: ${number(bar.value, 1)}`).join("; "));
  }
}

class Plain {
  constructor(widget, body, board) {
    Object.assign(this, { widget, body, board });
  }

  nothing(sentence = "No readings in this time.") {
    this.body.replaceChildren(node("p", "dash-note", say(sentence)));
  }

  dispose() {
    this.end?.();
    this.body.replaceChildren();
  }
}

class BigNumber extends Plain {
  show(answer) {
    this.answer = answer;
    const tag = answer.tags[0];
    const last = this.widget.measure === "last" || !this.widget.measure;
    const point = answer.last?.[0];
    const value = last && point && typeof point[1] === "number" ? point[1] : answer.now;
    if (!tag || value === null || value === undefined) {
      this.nothing();
      return;
    }
    const decimals = this.widget.decimals ?? tag.decimals;
    const box = node("div", "dash-number");
    this.figure = node("span", "dash-figure", tag.states.find((state) => state.code === String(value))?.label ?? reading(value, decimals));
    const line = node("div", "dash-figure-line");
    line.append(this.figure, node("span", "dash-unit", tag.unit));
    box.append(line);
    if (tag.kind !== "state") box.append(this.change(answer, value, decimals));
    this.body.replaceChildren(box);
    this.at = point?.[0] ?? 0;
    if (last) this.age();
  }

  change(answer, value, decimals) {
    const line = node("div", "dash-change");
    if (answer.before === null) {
      line.textContent = say("no value before");
      return line;
    }
    const by = value - answer.before;
    const share = answer.before ? ` ${by >= 0 ? "+" : "−"}${number(Math.abs((100 * by) / answer.before), 1)} %` : "";
    const arrow = Math.abs(by) < 1e-12 ? "→" : by > 0 ? "▲" : "▼";
    line.append(node("b", "", `${arrow}${share}`), ` ${say("before: {value}", { value: reading(answer.before, decimals) })}`);
    return line;
  }

  age() {
    const tag = this.answer.tags[0];
    this.body.toggleAttribute("data-stale", !this.at || Date.now() - this.at > 1000 * staleAfter(tag));
  }

  connect(url) {
    const tag = this.answer?.tags[0];
    if (!tag || (this.widget.measure && this.widget.measure !== "last")) return;
    this.end?.();
    const stop = listen(url, [tag.tag], {
      reading: (_tag, at, value, quality) => {
        if (!this.figure || at < this.at || quality === "bad") return;
        this.at = at;
        const content = tag.states.find((state) => state.code === String(value))?.label ?? reading(value, this.widget.decimals ?? tag.decimals);
        if (this.figure.textContent !== content) this.figure.textContent = content;
        this.age();
      },
    });
    const timer = setInterval(() => this.figure && this.age(), 5000);
    this.end = () => {
      stop();
      clearInterval(timer);
    };
  }
}

/** A <live-value> that goes on from what the answer said. */
function liveValue(tag, point, url) {
  const made = document.createElement("live-value");
  made.setAttribute("src", url);
  made.setAttribute("tag", tag.tag);
  made.setAttribute("unit", tag.unit);
  if (tag.kind === "number") made.setAttribute("decimals", tag.decimals);
  if (tag.states.length) made.setAttribute("states", worded(tag));
  made.setAttribute("stale-after", staleAfter(tag));
  if (point) {
    made.setAttribute("at", point[0]);
    if (point[1] !== null) made.setAttribute("value", point[1]);
    made.setAttribute("quality", ["good", "uncertain", "bad"][point[2]] ?? "good");
  }
  return made;
}

class Table extends Plain {
  show(answer) {
    const same = this.answer && JSON.stringify(this.answer.tags) === JSON.stringify(answer.tags);
    this.answer = answer;
    if (!answer.tags.length) this.nothing("Choose the tags it shows.");
    else if (!same && this.url) this.connect(this.url);
  }

  connect(url) {
    this.url = url;
    if (!this.answer?.tags.length) return;
    const table = node("table", "table dash-table");
    const head = table.createTHead().insertRow();
    for (const name of ["Device", "Tag", "Value"]) head.append(node("th", name === "Value" ? "number" : "", say(name)));
    const rows = table.createTBody();
    this.answer.tags.forEach((tag, place) => {
      const row = rows.insertRow();
      const link = node("a", "", tag.device_name);
      link.href = `/platform/devices/${tag.device}/`;
      row.insertCell().append(link);
      row.insertCell().textContent = tag.name;
      const cell = row.insertCell();
      cell.className = "number";
      cell.append(liveValue(tag, this.answer.last[place], url));
    });
    const wrap = node("div", "table-wrap");
    wrap.append(table);
    this.body.replaceChildren(wrap);
  }
}

class Picture extends Plain {
  show(answer) {
    const same = this.answer && JSON.stringify(this.answer.tags) === JSON.stringify(answer.tags);
    this.answer = answer;
    if (!same && this.url) this.connect(this.url);
  }

  connect(url) {
    this.url = url;
    const frame = node("div", "dash-picture");
    if (this.widget.picture) {
      const image = node("img");
      image.src = `/data/boards/pictures/${this.widget.picture}`;
      image.alt = this.widget.title || say("Picture with live values");
      image.draggable = false;
      frame.append(image);
    }
    (this.answer?.tags ?? []).forEach((tag, place) => {
      const pin = node("div", "dash-pin");
      pin.dataset.tag = tag.tag;
      pin.style.setProperty("--left", tag.x);
      pin.style.setProperty("--top", tag.y);
      pin.append(node("span", "dash-pin-name", tag.name), liveValue(tag, this.answer.last[place], url));
      frame.append(pin);
    });
    this.body.replaceChildren(frame);
    this.board.pinned?.(this, frame);
  }
}

class States extends Plain {
  show(answer) {
    this.answer = answer;
    if (!answer.spans.some((spans) => spans.length)) {
      this.nothing();
      return;
    }
    const colours = look(this.body);
    const used = new Map();
    const list = node("div", "dash-states");
    answer.tags.forEach((tag, place) => {
      if (answer.tags.length > 1) list.append(node("span", "dash-state-name", named(tag, answer.tags)));
      list.append(this.bar(tag, answer.spans[place], used, colours));
    });
    list.toggleAttribute("data-alone", answer.tags.length === 1);
    const axis = node("div", "dash-axis");
    for (let part = 0; part <= 4; part += 1) {
      axis.append(node("span", "", dateTime(answer.start + ((answer.end - answer.start) * part) / 4, false).slice(5)));
    }
    const legend = node("div", "dash-legend");
    for (const [name, colour] of used) {
      const item = node("span", "", name);
      const swatch = node("i");
      swatch.style.background = colour;
      item.prepend(swatch);
      legend.append(item);
    }
    this.body.replaceChildren(legend, list, axis);
  }

  bar(tag, spans, used, colours) {
    const { start, end } = this.answer;
    const names = new Map(tag.states.map((state) => [state.code, state]));
    const svg = document.createElementNS(SPACE, "svg");
    svg.setAttribute("viewBox", "0 0 1000 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    const told = [];
    for (const [from, to, state] of spans) {
      const known = names.get(state);
      const name = known?.label ?? state;
      if (!used.has(name)) used.set(name, stateColour(this.body, known?.category, used.size, colours));
      const x = Math.max(0, ((from - start) / (end - start)) * 1000);
      const width = Math.min(1000, ((to - start) / (end - start)) * 1000) - x;
      if (width <= 0) continue;
      const rect = document.createElementNS(SPACE, "rect");
      rect.setAttribute("x", x.toFixed(2));
      rect.setAttribute("width", Math.max(width, 0.6).toFixed(2));
      rect.setAttribute("height", "24");
      rect.setAttribute("fill", used.get(name));
      const title = document.createElementNS(SPACE, "title");
      title.textContent = `${name}  ${dateTime(from, false)} – ${dateTime(to, false)}`;
      told.push(title.textContent);
      rect.append(title);
      svg.append(rect);
    }
    svg.setAttribute("aria-label", `${tag.name}: ${told.slice(-6).join("; ")}`);
    return svg;
  }
}

class Words extends Plain {
  show() {
    const box = node("div", "dash-words");
    for (const part of (this.widget.text ?? "").split(/\n{2,}/)) box.append(node("p", "", part));
    this.body.replaceChildren(box);
  }
}

export const VIEWS = {
  trend: Trend, gauge: Gauge, number: BigNumber, states: States, heat: Heat, pareto: Pareto, table: Table, image: Picture, text: Words,
};
export const NAMES = {
  trend: "Trend", number: "Big number", gauge: "Gauge", states: "State timeline", heat: "Heat map", pareto: "Pareto chart",
  table: "Table of last values", image: "Picture with live values", text: "Text",
};
