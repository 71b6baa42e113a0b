// <dash-board data="id of a JSON script">: a dashboard. What is chosen above it stands in the address.
import "../console/elements/live-value.js";
import { Editor } from "./editor.js";
import { pins } from "./fields.js";
import { below, place } from "./grid.js";
import { period, RANGE_NAMES } from "./ranges.js";
import { NAMES, VIEWS } from "./views.js";
import { ask, iconButton, node, say } from "./words.js";

const PLAIN = ["text"];
const MOST_DEVICES = 50;
const EVERY_MS = { "1h": 20_000, "8h": 30_000 };

class DashBoard extends HTMLElement {
  connectedCallback() {
    this.given ??= JSON.parse(document.getElementById(this.getAttribute("data")).textContent);
    this.wall = this.given.wall;
    this.views = new Map();
    const address = new URLSearchParams(this.wall ? "" : location.search);
    const { variables = {} } = this.given.document;
    this.chosen = {
      range: address.get("range") in RANGE_NAMES ? address.get("range") : (variables.range ?? "8h"),
      device: Number(address.get("device")) || 0,
      place: Number(address.get("place")) || 0,
    };
    if (variables.device && !this.chosen.device && this.given.choices?.device?.length) this.chosen.device = this.given.choices.device[0][0];
    this.bar = node("div", "dash-bar");
    this.grid = node("div", "dash-grid");
    this.replaceChildren(...(this.wall ? [this.grid] : [this.bar, this.grid]));
    this.toggleAttribute("data-wall", Boolean(this.wall));
    this.rebuild();
    if (this.given.edits && address.get("edit") === "1") this.edit();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    for (const view of this.views.values()) view.dispose();
    this.views.clear();
  }

  get document() {
    return this.given.document;
  }

  get widgets() {
    this.document.widgets ??= [];
    return this.document.widgets;
  }

  /** Whether its time goes on with the clock, finely enough to follow each reading. */
  moves(widget) {
    return ["1h", "8h"].includes(widget.range || this.chosen.range);
  }

  /** The bar and every widget anew. */
  rebuild() {
    this.fillBar();
    for (const view of this.views.values()) view.dispose();
    this.views.clear();
    this.grid.replaceChildren(...this.widgets.map((widget) => this.frame(widget)));
    if (this.wall) this.grid.style.setProperty("--rows", Math.max(below(this.widgets), 1));
    if (!this.widgets.length) this.grid.append(this.nothing());
    this.editor?.dress();
    this.load();
  }

  nothing() {
    const box = node("div", "empty dash-empty");
    box.append(node("h2", "", say("This dashboard is empty.")));
    if (this.given.edits) {
      const add = node("button", "btn btn-primary", say("Add a widget"));
      add.type = "button";
      add.addEventListener("click", () => {
        this.edit();
        this.editor.add();
      });
      box.append(node("p", "", say("Add the first widget: choose what it shows, then its tags.")), add);
    }
    return box;
  }

  fillBar() {
    const { variables = {} } = this.document;
    const parts = [];
    if (variables.device) parts.push(this.select("device", say("Device"), this.given.choices?.device ?? []));
    if (variables.place) parts.push(this.select("place", say("Place"), [[0, say("Choose…")], ...(this.given.choices?.place ?? [])]));
    parts.push(this.select("range", say("Time"), Object.entries(RANGE_NAMES).map(([key, name]) => [key, say(name)])));
    parts.push(node("span", "gap"));
    this.tools = node("span", "dash-tools");
    parts.push(this.tools);
    if (this.given.edits && !this.editor) {
      const button = node("button", "btn", say("Arrange"));
      button.type = "button";
      button.dataset.edit = "";
      button.addEventListener("click", () => this.edit());
      this.tools.append(button);
    }
    this.bar.replaceChildren(...parts);
  }

  select(name, label, choices) {
    const box = node("label", "dash-choice");
    const field = node("select", "form-select");
    field.name = name;
    for (const [key, content] of choices) field.add(new Option(content, key));
    field.value = this.chosen[name];
    field.addEventListener("change", () => {
      this.chosen[name] = name === "range" ? field.value : Number(field.value);
      const address = new URL(location.href);
      address.searchParams.set(name, field.value);
      history.replaceState(null, "", address);
      this.load();
    });
    box.append(node("span", "", label), field);
    return box;
  }

  frame(widget) {
    const box = node("section", `dash-widget dash-${widget.kind}`);
    box.dataset.widget = widget.id;
    box.setAttribute("aria-label", say("Widget {what}", { what: widget.title || say(NAMES[widget.kind]) }));
    place(box, widget);
    const head = node("header", "dash-head");
    const title = node("h2", "", widget.title || "");
    const tools = node("span", "dash-widget-tools");
    head.append(title, tools);
    const body = node("div", "dash-body");
    box.append(head, body);
    const view = new VIEWS[widget.kind](widget, body, this);
    this.views.set(widget.id, view);
    if (view.picture && !this.wall) tools.append(iconButton("download", say("Save as picture"), () => this.savePicture(widget, view)));
    return box;
  }

  box(widget) {
    return this.grid.querySelector(`[data-widget="${CSS.escape(widget.id)}"]`);
  }

  async savePicture(widget, view) {
    const address = await view.picture();
    if (!address) return;
    const link = node("a");
    link.href = address;
    link.download = `${(widget.title || widget.kind).replace(/[\\/:*?"<>|\s]+/g, "_")}.png`;
    link.click();
  }

  /** One round: every widget asks, then those with live values begin to listen, all to one stream. */
  async load() {
    clearTimeout(this.timer);
    const round = (this.round = {});
    await Promise.allSettled(this.widgets.map((widget) => this.ask(widget)));
    if (this.round !== round || !this.isConnected) return;
    this.connectLive();
    this.dataset.loaded = "";
    this.timer = setTimeout(() => this.again(), EVERY_MS[this.chosen.range] ?? 60_000);
  }

  again() {
    if (document.hidden) this.timer = setTimeout(() => this.again(), 5000);
    else this.load();
  }

  connectLive() {
    const devices = new Set();
    for (const view of this.views.values()) for (const tag of view.answer?.tags ?? []) devices.add(tag.device);
    const url = `/data/telemetry/live?device=${[...devices].sort((a, b) => a - b).slice(0, MOST_DEVICES).join(",")}`;
    const changed = url !== this.url;
    this.url = url;
    for (const view of this.views.values()) {
      if (!view.connect || (!changed && view.connected)) continue;
      view.connected = true;
      if (devices.size || view.widget.kind === "image") view.connect(url);
    }
  }

  async ask(widget) {
    const view = this.views.get(widget.id);
    const box = this.box(widget);
    if (!view || !box) return;
    if (PLAIN.includes(widget.kind)) {
      view.show({ tags: [] });
      return;
    }
    const byKey = (widget.sources ?? []).some((one) => one.key);
    if (!widget.sources?.length && !(widget.kind === "pareto" && widget.of !== "states") && widget.kind !== "image") {
      this.note(view, say("Choose the tags it shows."));
      return;
    }
    if (byKey && !this.chosen.device && !this.chosen.place) {
      this.note(view, say("Choose a device above."));
      return;
    }
    const [from, to] = period(widget.range || this.chosen.range);
    const points = Math.min(Math.max(Math.round(view.body.clientWidth * 1.2) || 300, 100), 2000);
    const { device, place: at } = this.chosen;
    try {
      const answer = await ask("/data/boards/answer", {
        method: "POST",
        body: { widget, from: Math.round(from), to: Math.round(to), points, device, place: device ? 0 : at },
      });
      if (this.views.get(widget.id) !== view) return;
      const title = box.querySelector("h2");
      if (!widget.title) title.textContent = this.heading(widget, answer);
      box.querySelector(".dash-missing")?.remove();
      if (answer.missing) box.querySelector("header").append(node("small", "dash-missing", say("{n} tags are gone or not for you.", { n: answer.missing })));
      await view.show(answer);
      view.failed = false;
    } catch (error) {
      // What was there stays; it is marked as old.
      if (!view.answer) this.note(view, error.message);
      view.failed = true;
    }
    box.toggleAttribute("data-old", view.failed);
  }

  heading(widget, answer) {
    if (widget.kind === "pareto" && widget.of !== "states") return say("Alarms");
    const names = answer.tags.slice(0, 3).map((tag) => (answer.tags.length === 1 ? `${tag.device_name} · ${tag.name}` : tag.name));
    return [...new Set(names)].join(" · ") || say(NAMES[widget.kind]);
  }

  note(view, sentence) {
    view.body.replaceChildren(node("p", "dash-note", sentence));
  }

  /** Draw one widget anew, after it was changed. */
  async redraw(widget) {
    this.views.get(widget.id)?.dispose();
    const old = this.box(widget);
    const made = this.frame(widget);
    if (old) old.replaceWith(made);
    else this.grid.append(made);
    this.editor?.dress();
    await this.ask(widget);
    this.connectLive();
  }

  /** A picture was drawn: while editing, its values can be moved. */
  pinned(view, frame) {
    if (this.editor) pins(view, frame);
  }

  edit() {
    if (this.editor) return;
    this.editor = new Editor(this);
    this.toggleAttribute("data-editing", true);
    this.rebuild();
  }

  /** Called by the editor when it ends. */
  edited() {
    this.editor = null;
    this.toggleAttribute("data-editing", false);
    const address = new URL(location.href);
    address.searchParams.delete("edit");
    history.replaceState(null, "", address);
    this.rebuild();
  }
}

customElements.define("dash-board", DashBoard);
