// <live-chart src-history="/data/telemetry/history" src-live="/data/telemetry/live?device=3" tag="17,18"
//             unit="°C" low="5" high="80" range="1h" decimals="1">
//             limits='[[85,"HH"],[80,"H"]]' marks='[[from,to],…]'
// History and live readings of up to seven tags. ECharts is loaded when the chart comes into view.
import { dateTime, reading, text } from "../texts.js";
import { append, csv, newest, parse } from "./chart-data.js";
import { look, options } from "./chart-options.js";
import { listen } from "./stream.js";

const RANGES = { "1h": 3600e3, "8h": 8 * 3600e3, "24h": 24 * 3600e3, "7d": 7 * 86400e3 };
const NAMES = { "1h": "1 h", "8h": "8 h", "24h": "24 h", "7d": "7 days" };
const DRAW_EVERY_MS = 1000;
const MAX_SERIES = 7;
const LEAST_SPAN_MS = 5 * 60e3;
let library = null;

export function echarts() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.documentElement.dataset.echarts;
    script.onload = () => resolve(globalThis.echarts);
    script.onerror = () => {
      library = null;
      script.remove();
      reject(new Error("echarts"));
    };
    document.head.append(script);
  });
  return library;
}

function node(tag, name, content = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = content;
  return made;
}

class LiveChart extends HTMLElement {
  connectedCallback() {
    if (!this.canvas) this.build();
    this.watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.watch.disconnect();
      this.start();
    }, { rootMargin: "200px" });
    this.watch.observe(this);
  }

  disconnectedCallback() {
    this.watch?.disconnect();
    this.endLive?.();
    this.size?.disconnect();
    this.theme?.disconnect();
    clearInterval(this.timer);
    this.chart?.dispose();
    this.chart = null;
  }

  get tags() {
    return (this.getAttribute("tag") ?? "").split(",").map((tag) => tag.trim()).filter(Boolean).slice(0, MAX_SERIES);
  }

  limit(name) {
    const given = this.getAttribute(name);
    return given === null || given === "" || Number.isNaN(Number(given)) ? null : Number(given);
  }

  /** The JSON list of an attribute, empty when it is none. */
  list(name) {
    try {
      const given = JSON.parse(this.getAttribute(name) ?? "[]");
      return Array.isArray(given) ? given : [];
    } catch {
      return [];
    }
  }

  build() {
    this.range = this.getAttribute("range") in RANGES ? this.getAttribute("range") : "1h";
    this.live = this.hasAttribute("src-live");
    this.series = [];
    this.canvas = node("div", "chart-canvas");
    this.canvas.setAttribute("role", "img");
    this.note = node("div", "chart-note", text("Loading…"));
    this.note.setAttribute("role", "status");
    const parts = [this.canvas, this.note];
    if (!this.hasAttribute("compact")) parts.unshift(this.bar());
    this.replaceChildren(...parts);
  }

  bar() {
    const bar = node("div", "chart-bar");
    const button = (label, press, pressed) => {
      const made = node("button", "chip", label);
      made.type = "button";
      if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
      made.addEventListener("click", press);
      bar.append(made);
      return made;
    };
    this.rangeButtons = Object.keys(RANGES).map((range) =>
      Object.assign(button(text(NAMES[range]), () => this.choose(range), range === this.range), { range }),
    );
    if (this.live) {
      this.liveButton = button(text("Live"), () => this.setLive(!this.live), true);
      this.liveButton.classList.add("chart-live");
    }
    bar.append(node("span", "gap"));
    button("PNG", () => this.savePicture()).setAttribute("aria-label", text("Save as {format}", { format: "PNG" }));
    button("CSV", () => this.saveTable()).setAttribute("aria-label", text("Save as {format}", { format: "CSV" }));
    return bar;
  }

  async start() {
    try {
      const lib = await echarts();
      if (!this.isConnected) return;
      this.chart = lib.init(this.canvas, null, { renderer: "canvas" });
    } catch {
      this.say(text("The chart could not be loaded. Reload the page."));
      return;
    }
    this.size = new ResizeObserver(() => this.chart?.resize());
    this.size.observe(this.canvas);
    this.theme = new MutationObserver(() => this.draw(true));
    this.theme.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    this.chart.on("datazoom", () => this.zoomed());
    await this.load();
    this.listenLive();
    this.timer = setInterval(() => {
      if (this.live && this.fresh && !document.hidden) this.draw();
    }, DRAW_EVERY_MS);
  }

  async load() {
    const to = Date.now();
    this.view = { from: to - RANGES[this.range], to };
    this.say(text("Loading…"));
    try {
      this.series = await this.ask(this.view);
      this.draw(true);
    } catch {
      this.series = [];
      this.chart?.clear();
      this.say(text("The readings cannot be read now. They are kept and will appear here again."), () => this.load());
    }
  }

  async ask(view) {
    this.asking?.abort();
    this.asking = new AbortController();
    const address = new URL(this.getAttribute("src-history") ?? "/data/telemetry/history", location.href);
    address.searchParams.delete("tag");
    for (const tag of this.tags) address.searchParams.append("tag", tag);
    address.searchParams.set("from", Math.round(view.from));
    address.searchParams.set("to", Math.round(view.to));
    address.searchParams.set("points", Math.max(200, Math.min(2000, Math.round(this.canvas.clientWidth * 1.2))));
    const answer = await fetch(address, { signal: this.asking.signal, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const series = parse(await answer.json());
    for (const one of series) one.unit ||= this.getAttribute("unit") ?? "";
    return series;
  }

  listenLive() {
    if (!this.hasAttribute("src-live")) return;
    this.endLive = listen(this.getAttribute("src-live"), this.tags, {
      reading: (tag, at, value, quality) => {
        const series = this.series.find((one) => one.tag === tag);
        if (!series || !this.live) return;
        if (append(series, at, value, quality, Date.now() - RANGES[this.range])) this.fresh = true;
      },
    });
  }

  draw(whole = false) {
    if (!this.chart) return;
    this.fresh = false;
    if (this.live) {
      const to = Date.now();
      this.view = { from: to - RANGES[this.range], to };
    }
    if (!this.series.some((series) => newest(series))) {
      this.chart.clear();
      this.drawn = null;
      this.say(text("No readings in this time."));
      return;
    }
    this.say("");
    // A machine that is new here would be a dot at the edge of an empty hour: begin where its readings do.
    const first = Math.min(...this.series.map((series) => series.points[0]?.[0] ?? Infinity));
    const begin = Math.min(first, this.view.to - LEAST_SPAN_MS) - 0.02 * (this.view.to - first);
    const view = { from: Math.max(this.view.from, begin), to: this.view.to };
    const decimals = this.hasAttribute("decimals") ? Number(this.getAttribute("decimals")) : undefined;
    const option = options(this.series, view, {
      low: this.limit("low"), high: this.limit("high"), lines: this.list("limits"), marks: this.list("marks"), decimals, compact: this.hasAttribute("compact"), colours: look(this),
    });
    if (!whole && this.drawn) {
      // Only what moves: the zoom that somebody chose stays.
      this.chart.setOption({ xAxis: { min: option.xAxis.min, max: option.xAxis.max }, series: option.series });
    } else {
      this.chart.setOption(option, true);
    }
    this.drawn = view;
    this.canvas.setAttribute("aria-label", this.series.map((one) => {
      const last = newest(one);
      return last ? `${one.name}: ${reading(last[1], decimals)} ${one.unit} (${dateTime(last[0])})` : one.name;
    }).join("; "));
  }

  /** Zoomed far in: ask for finer points of what is seen. Zoomed at all: stand still. */
  zoomed() {
    const zoom = this.chart.getOption().dataZoom?.[0];
    if (!zoom) return;
    const share = (zoom.end - zoom.start) / 100;
    if (share > 0.995) return;
    if (this.live) this.setLive(false);
    clearTimeout(this.zoomTimer);
    if (share > 0.5) return;
    this.zoomTimer = setTimeout(async () => {
      const { from, to } = this.drawn;
      const seen = { from: from + ((to - from) * zoom.start) / 100, to: from + ((to - from) * zoom.end) / 100 };
      try {
        const finer = await this.ask(seen);
        for (const one of finer) {
          const series = this.series.find((other) => other.tag === one.tag);
          if (!series || !one.points.length) continue;
          series.points = [
            ...series.points.filter((point) => point[0] < seen.from),
            ...one.points,
            ...series.points.filter((point) => point[0] > seen.to),
          ];
        }
        this.draw();
      } catch {
        // The coarser points are still there.
      }
    }, 300);
  }

  choose(range) {
    this.range = range;
    for (const button of this.rangeButtons) button.setAttribute("aria-pressed", String(button.range === range));
    this.setLive(this.hasAttribute("src-live"), false);
    this.load();
  }

  setLive(live, reload = true) {
    this.live = live;
    this.liveButton?.setAttribute("aria-pressed", String(live));
    if (live && reload && this.chart) this.load();
  }

  say(content, again) {
    this.note.hidden = !content;
    this.note.replaceChildren(content);
    if (again) {
      const button = node("button", "btn", text("Try again"));
      button.type = "button";
      button.addEventListener("click", again);
      this.note.append(button);
    }
  }

  name(extension) {
    const what = this.series.map((one) => one.name).join("-").replace(/[\\/:*?"<>|\s]+/g, "_").slice(0, 60);
    return `${what || "chart"}-${dateTime(Date.now()).replace(/[ :]/g, "-")}.${extension}`;
  }

  savePicture() {
    if (!this.drawn) return;
    const address = this.chart.getDataURL({ pixelRatio: 2, backgroundColor: look(this).surface });
    save(address, this.name("png"));
  }

  saveTable() {
    if (!this.series.length) return;
    const address = URL.createObjectURL(new Blob([csv(this.series)], { type: "text/csv" }));
    save(address, this.name("csv"));
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

function save(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

customElements.define("live-chart", LiveChart);
