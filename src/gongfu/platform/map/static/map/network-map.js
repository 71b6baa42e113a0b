// <network-map src="/network/map/drawing.json?org=3&view=run" org="3" view="run" editable>: the drawn topology.
// The node says where everything stands; here it is drawn, asked for again, dragged, and saved as a picture.
import { look } from "../console/elements/chart-options.js";
import { echarts } from "../console/elements/live-chart.js";
import { dateTime, text } from "../console/texts.js";
import { option, same } from "./drawing.js";
import { post, say } from "./sending.js";

const ASK_EVERY_MS = 5000;

class NetworkMap extends HTMLElement {
  connectedCallback() {
    this.canvas = document.createElement("div");
    this.canvas.className = "map-canvas";
    this.canvas.setAttribute("role", "img");
    this.note = document.createElement("div");
    this.note.className = "chart-note";
    this.note.setAttribute("role", "status");
    this.note.textContent = text("Loading…");
    this.replaceChildren(this.canvas, this.note);
    this.opened = new Set();
    this.start();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    this.size?.disconnect();
    this.theme?.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  get editable() {
    return this.hasAttribute("editable");
  }

  set drawing(on) {
    this.linking = on;
    this.begin = null;
    this.redraw();
  }

  async start() {
    if (!this.checkVisibility()) {
      // On a phone the list below says it all; the drawing is for whoever turns it.
      this.size = new ResizeObserver(() => {
        if (!this.checkVisibility()) return;
        this.size.disconnect();
        this.start();
      });
      this.size.observe(this);
      return;
    }
    try {
      const library = await echarts();
      if (!this.isConnected) return;
      this.library = library;
      this.chart = library.init(this.canvas, null, { renderer: "canvas" });
    } catch {
      this.note.textContent = text("The chart could not be loaded. Reload the page.");
      return;
    }
    this.size = new ResizeObserver(() => this.chart?.resize());
    this.size.observe(this.canvas);
    this.theme = new MutationObserver(() => this.redraw());
    this.theme.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    this.chart.on("click", (event) => this.clicked(event));
    this.chart.on("mousedown", (event) => this.pressed(event));
    this.chart.on("mouseup", (event) => this.released(event));
    this.chart.getZr().on("mouseup", (event) => {
      if (!event.target) this.begin = null;
    });
    await this.load();
    const asked = this.getAttribute("node");
    if (asked) this.choose(asked);
    this.timer = setInterval(() => {
      if (!document.hidden && !this.held) this.load();
    }, ASK_EVERY_MS);
  }

  async load() {
    const address = new URL(this.getAttribute("src"), location.href);
    for (const key of this.opened) address.searchParams.append("open", key);
    const headers = { Accept: "application/json" };
    if (this.tag && this.asked === address.href) headers["If-None-Match"] = this.tag;
    try {
      const answer = await fetch(address, { headers, cache: "no-store" });
      if (answer.status === 304) return;
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      this.tag = answer.headers.get("ETag");
      this.asked = address.href;
      if (this.held) return;
      const moved = !same(this.data, data);
      this.data = data;
      this.redraw(moved);
      this.note.hidden = true;
    } catch {
      if (!this.data) {
        this.note.hidden = false;
        this.note.textContent = text("The readings cannot be read now. They are kept and will appear here again.");
      }
    }
  }

  /** Draw again; only `whole` lets go of the zoom that somebody chose. */
  redraw(whole = false) {
    if (!this.chart || !this.data) return;
    const made = option(this.data, look(this), { draggable: this.editable && !this.linking, begin: this.begin });
    this.chart.setOption(made, { notMerge: whole, lazyUpdate: !whole });
    const online = this.data.nodes.filter((one) => one.grade === "good").length;
    this.canvas.setAttribute("aria-label", `${online} / ${this.data.nodes.length}`);
  }

  clicked(event) {
    if (this.linking) return;
    const key = event.dataType === "edge" ? event.data.key : event.data?.id;
    const node = this.data.nodes.find((one) => one.id === key);
    if (node?.opens) {
      this.opened.add(node.opens);
      this.load();
    } else if (key) {
      this.choose(event.dataType === "edge" && event.data.derived ? event.data.target : key);
    }
  }

  choose(key) {
    this.dispatchEvent(new CustomEvent("map-choose", { detail: key, bubbles: true }));
  }

  pressed(event) {
    if (event.dataType !== "node") return;
    this.held = true;
    if (this.linking) this.begin = event.data.id;
  }

  async released(event) {
    this.held = false;
    if (event.dataType !== "node" || !this.editable) return;
    if (this.linking) {
      const begin = this.begin;
      this.begin = null;
      if (begin && begin !== event.data.id) await this.connect(begin, event.data.id);
      return;
    }
    const node = this.data.nodes.find((one) => one.id === event.data.id);
    const place = this.chart.getModel().getSeriesByIndex(0).getData().getItemLayout(event.dataIndex);
    if (!node || !place || node.opens || Math.hypot(place[0] - node.x, place[1] - node.y) < 4) return;
    [node.x, node.y] = [Math.round(place[0] * 10) / 10, Math.round(place[1] * 10) / 10];
    this.tag = null;
    try {
      await post("/network/map/move", this.getAttribute("org"), { places: { [node.id]: [node.x, node.y] } });
    } catch (error) {
      say(error.message);
      this.load();
    }
  }

  async connect(a, b) {
    try {
      const kind = document.getElementById("link-kind")?.value ?? "wired";
      await post("/network/map/connect", this.getAttribute("org"), { a, b, kind });
      this.tag = null;
      await this.load();
    } catch (error) {
      say(error.message);
    }
  }

  /** As PNG, or as SVG drawn anew at the size of the network. */
  save(kind) {
    if (!this.chart || !this.data) return;
    const colours = look(this);
    const name = `network-${dateTime(Date.now(), false).replace(/[ :]/g, "-")}.${kind}`;
    if (kind === "png") {
      download(this.chart.getDataURL({ pixelRatio: 2, backgroundColor: colours.surface }), name);
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const paper = this.library.init(null, null, { renderer: "svg", ssr: true, width, height });
    paper.setOption({ ...option(this.data, colours, {}), backgroundColor: colours.surface });
    const address = URL.createObjectURL(new Blob([paper.renderToSVGString()], { type: "image/svg+xml" }));
    paper.dispose();
    download(address, name);
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

function download(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

customElements.define("network-map", NetworkMap);
