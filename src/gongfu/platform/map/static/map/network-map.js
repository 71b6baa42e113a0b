// <network-map src="/network/map/drawing.json?org=3&view=run" org="3" view="run" editable>: the drawn topology.
// The node says where everything stands; here it is drawn, asked for again, dragged, and saved as a picture.
import { dateTime, text } from "../console/texts.js";
import { again, edge, element, extent, node, standalone } from "./drawing.js";
import { post, say } from "./sending.js";

const ASK_EVERY_MS = 5000;
const [NEAREST, FARTHEST] = [0.15, 4];

class NetworkMap extends HTMLElement {
  connectedCallback() {
    this.svg = element("svg", { class: "map-canvas", role: "group" });
    this.edges = element("g");
    this.nodes = element("g");
    this.rubber = element("line", { class: "map-rubber", visibility: "hidden" });
    this.svg.append(this.edges, this.rubber, this.nodes);
    this.note = document.createElement("div");
    this.note.className = "chart-note";
    this.note.setAttribute("role", "status");
    this.note.textContent = text("Loading…");
    this.replaceChildren(this.svg, this.note);
    this.known = { nodes: new Map(), edges: new Map() };
    this.opened = new Set();
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.drag(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointercancel", () => this.abandon());
    this.svg.addEventListener("keydown", (event) => {
      const key = event.target.closest?.("[data-key]")?.dataset.key;
      if (key && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        this.pick(key);
      }
    });
    this.svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, this.point(event));
    }, { passive: false });
    this.size = new ResizeObserver(() => this.frame());
    this.size.observe(this.svg);
    this.load().then(() => {
      const asked = this.getAttribute("node");
      if (asked) this.choose(asked);
    });
    this.timer = setInterval(() => {
      if (!document.hidden && !this.held) this.load();
    }, ASK_EVERY_MS);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    this.size?.disconnect();
  }

  get editable() {
    return this.hasAttribute("editable");
  }

  set drawing(on) {
    this.linking = on;
    this.classList.toggle("map-linking", on);
  }

  async load() {
    const address = new URL(this.getAttribute("src"), location.href);
    for (const key of this.opened) address.searchParams.append("open", key);
    const headers = { Accept: "application/json" };
    if (this.tag && this.asked === address.href) headers["If-None-Match"] = this.tag;
    let data;
    try {
      const answer = await fetch(address, { headers, cache: "no-store" });
      if (answer.status === 304) return;
      if (!answer.ok) throw new Error(String(answer.status));
      data = await answer.json();
      this.tag = answer.headers.get("ETag");
      this.asked = address.href;
    } catch {
      if (!this.data) this.note.textContent = text("The readings cannot be read now. They are kept and will appear here again.");
      return;
    }
    if (this.held) return;
    this.data = data;
    this.note.hidden = true;
    this.draw();
  }

  /** Bring what is drawn in line with what is known; what stays the same is not touched. */
  draw() {
    const places = new Map(this.data.nodes.map((one) => [one.id, one]));
    for (const one of this.data.nodes) {
      const there = this.known.nodes.get(one.id);
      if (there) again(there, one);
      else {
        const made = node(one);
        this.known.nodes.set(one.id, made);
        this.nodes.append(made);
      }
    }
    const most = this.data.view === "use" ? Math.max(...this.data.edges.map((one) => one.load), 0.001) : 0;
    for (const one of this.data.edges) {
      const load = most ? one.load / most : null;
      const made = edge(this.known.edges.get(one.id), one, places.get(one.a), places.get(one.b), load);
      if (!this.known.edges.has(one.id)) {
        this.known.edges.set(one.id, made);
        this.edges.append(made);
      }
    }
    const linked = new Set(this.data.edges.map((one) => one.id));
    for (const [known, left] of [[this.known.nodes, places], [this.known.edges, linked]]) {
      for (const [key, made] of known) {
        if (left.has(key)) continue;
        made.remove();
        known.delete(key);
      }
    }
    const area = extent(this.data.nodes);
    const moved = !this.area || ["x", "y", "width", "height"].some((side) => area[side] !== this.area[side]);
    this.area = area;
    if (moved && !this.zoomed) this.frame();
  }

  /** Show everything, unless somebody chose what to see. */
  frame() {
    if (!this.area || !this.svg.clientWidth) return;
    if (this.zoomed) {
      this.view.height = (this.view.width * this.svg.clientHeight) / this.svg.clientWidth;
    } else {
      const shape = this.svg.clientWidth / this.svg.clientHeight;
      // A small network is not blown up.
      const width = Math.max(this.area.width, this.area.height * shape, this.svg.clientWidth / 1.4);
      const height = width / shape;
      this.view = { x: this.area.x - (width - this.area.width) / 2, y: this.area.y - (height - this.area.height) / 2, width, height };
    }
    this.svg.setAttribute("viewBox", `${this.view.x} ${this.view.y} ${this.view.width} ${this.view.height}`);
  }

  /** Where an event happened, in the drawing's own units. */
  point(event) {
    const box = this.svg.getBoundingClientRect();
    return {
      x: this.view.x + ((event.clientX - box.left) / box.width) * this.view.width,
      y: this.view.y + ((event.clientY - box.top) / box.height) * this.view.height,
    };
  }

  zoom(factor, around = { x: this.view.x + this.view.width / 2, y: this.view.y + this.view.height / 2 }) {
    const scale = this.svg.clientWidth / (this.view.width * factor);
    if (scale < NEAREST || scale > FARTHEST) return;
    this.zoomed = true;
    this.view = {
      x: around.x - (around.x - this.view.x) * factor, y: around.y - (around.y - this.view.y) * factor,
      width: this.view.width * factor, height: this.view.height * factor,
    };
    this.frame();
  }

  whole() {
    this.zoomed = false;
    this.frame();
  }

  press(event) {
    if (event.button || !this.view) return;
    const key = event.target.closest("[data-key]")?.dataset.key;
    const one = this.data.nodes.find((other) => other.id === key);
    this.held = { at: this.point(event), from: { x: event.clientX, y: event.clientY }, key, one, moved: false };
    if (one) this.held.start = { x: one.x, y: one.y };
    this.svg.setPointerCapture(event.pointerId);
  }

  drag(event) {
    const held = this.held;
    if (!held) return;
    held.moved ||= Math.hypot(event.clientX - held.from.x, event.clientY - held.from.y) > 4;
    if (!held.moved) return;
    const at = this.point(event);
    if (held.one && this.linking) {
      for (const [name, value] of Object.entries({ x1: held.one.x, y1: held.one.y, x2: at.x, y2: at.y, visibility: "visible" })) {
        this.rubber.setAttribute(name, value);
      }
    } else if (held.one && this.editable && held.one.layer > 1 && !held.one.opens) {
      held.one.x = Math.round(10 * (held.start.x + at.x - held.at.x)) / 10;
      held.one.y = Math.round(10 * (held.start.y + at.y - held.at.y)) / 10;
      this.draw();
    } else {
      this.zoomed = true;
      this.view.x += held.at.x - at.x;
      this.view.y += held.at.y - at.y;
      this.frame();
    }
  }

  async release(event) {
    const held = this.held;
    this.abandon();
    if (!held) return;
    if (!held.moved) {
      if (held.key && !this.linking) this.pick(held.key);
      return;
    }
    if (this.linking && held.one) {
      const under = document.elementsFromPoint(event.clientX, event.clientY).map((one) => one.closest?.(".map-node"));
      const end = under.find(Boolean)?.dataset.key;
      if (end && end !== held.one.id) await this.connect(held.one.id, end);
    } else if (held.one && (held.one.x !== held.start.x || held.one.y !== held.start.y)) {
      this.tag = null;
      try {
        await post("/network/map/move", this.getAttribute("org"), { places: { [held.one.id]: [held.one.x, held.one.y] } });
      } catch (error) {
        say(error.message);
        this.load();
      }
    }
  }

  abandon() {
    this.held = null;
    this.rubber.setAttribute("visibility", "hidden");
  }

  /** A folded cell opens; of a link that nobody drew the device is shown. */
  pick(key) {
    const one = this.data.nodes.find((other) => other.id === key);
    const line = this.data.edges.find((other) => other.id === key);
    if (one?.opens && !this.opened.has(one.opens)) {
      this.opened.add(one.opens);
      this.load();
    } else if (one?.opens) {
      this.choose(one.opens);
    } else {
      this.choose(line && (line.derived || line.count > 1) ? line.b : key);
    }
  }

  choose(key) {
    for (const made of this.svg.querySelectorAll(".map-chosen")) made.classList.remove("map-chosen");
    (this.known.nodes.get(key) ?? this.known.edges.get(key))?.classList.add("map-chosen");
    this.dispatchEvent(new CustomEvent("map-choose", { detail: key, bubbles: true }));
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

  /** As SVG, or painted as PNG at twice the size. */
  async save(kind) {
    if (!this.data) return;
    const background = getComputedStyle(this).getPropertyValue("--gf-surface").trim();
    const drawn = standalone(this.svg, this.area, background);
    const name = `network-${dateTime(Date.now(), false).replace(/[ :]/g, "-")}.${kind}`;
    if (kind === "svg") {
      const address = URL.createObjectURL(new Blob([drawn], { type: "image/svg+xml" }));
      download(address, name);
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      return;
    }
    const picture = new Image();
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn)}`;
    await picture.decode();
    const scale = Math.min(2, 8000 / Math.max(this.area.width, this.area.height));
    const paper = document.createElement("canvas");
    paper.width = Math.round(this.area.width * scale);
    paper.height = Math.round(this.area.height * scale);
    paper.getContext("2d").drawImage(picture, 0, 0, paper.width, paper.height);
    download(paper.toDataURL("image/png"), name);
  }
}

function download(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

customElements.define("network-map", NetworkMap);
