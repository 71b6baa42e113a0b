// <live-value tag="17" device="3" unit="°C" decimals="1" value="21.5" at="1763620000000" quality="good" stale-after="15">
// The newest value of a tag. Quality is a shape as well as a colour; a stale value greys and says since when.
// `src` overrides the address of the stream. What the server wrote inside stands until the script runs.
import { dateTime, moment, reading, text } from "../texts.js";
import { listen, qualityOf } from "./stream.js";

const STALE_AFTER_S = 15;
const QUALITY = { good: "Good", uncertain: "Uncertain", bad: "Bad", stale: "Stale" };
const alive = new Set();

setInterval(() => {
  if (!document.hidden) for (const element of alive) element.age();
}, 1000);

function span(name) {
  const node = document.createElement("span");
  node.className = name;
  return node;
}

class LiveValue extends HTMLElement {
  connectedCallback() {
    if (!this.parts) {
      this.parts = { shape: span("shape"), value: span("value"), unit: span("unit"), since: span("since") };
      this.parts.shape.setAttribute("role", "img");
      this.parts.unit.textContent = this.getAttribute("unit") ?? "";
      this.replaceChildren(...Object.values(this.parts));
    }
    const at = this.getAttribute("at");
    this.at = at ? (/^\d+$/.test(at) ? Number(at) : Date.parse(at)) : 0;
    this.quality = qualityOf(this.getAttribute("quality") ?? undefined);
    const given = this.getAttribute("value");
    this.value = given === null || given === "" ? null : Number.isNaN(Number(given)) ? given : Number(given);
    this.show();
    alive.add(this);
    const url = this.getAttribute("src") ?? `/data/telemetry/live?device=${this.getAttribute("device")}`;
    this.end = listen(url, [this.getAttribute("tag")], {
      reading: (_tag, at, value, quality) => {
        if (at < this.at) return;
        Object.assign(this, { at, value, quality });
        this.show();
      },
    });
  }

  disconnectedCallback() {
    alive.delete(this);
    this.end?.();
  }

  get stale() {
    return !this.at || Date.now() - this.at > 1000 * Number(this.getAttribute("stale-after") ?? STALE_AFTER_S);
  }

  show() {
    const decimals = this.hasAttribute("decimals") ? Number(this.getAttribute("decimals")) : undefined;
    const content = this.value === null ? "—" : this.worded() ?? reading(this.value, decimals);
    if (this.parts.value.textContent !== content) this.parts.value.textContent = content;
    this.setAttribute("quality", this.quality);
    this.age();
  }

  /** Words for numbers: states="0:停止,1:运行". */
  worded() {
    const pairs = this.getAttribute("states")?.split(",").map((pair) => pair.split(":"));
    return pairs?.find(([number]) => Number(number) === Number(this.value))?.[1];
  }

  age() {
    const { stale } = this;
    this.toggleAttribute("stale", stale);
    const state = stale ? "stale" : this.quality;
    const name = `shape shape-${state}`;
    if (this.parts.shape.className !== name) {
      this.parts.shape.className = name;
      this.parts.shape.setAttribute("aria-label", text(QUALITY[state] ?? state));
      this.parts.shape.title = text(QUALITY[state] ?? state);
    }
    let since = "";
    if (stale && this.at) {
      const m = moment(this.at);
      const today = dateTime(Date.now(), false).slice(0, 10) === `${m.year}-${m.month}-${m.day}`;
      const time = today ? `${m.hour}:${m.minute}:${m.second}` : `${m.month}-${m.day} ${m.hour}:${m.minute}`;
      since = text("since {time}", { time });
    } else if (stale) {
      since = text("no value yet");
    }
    if (this.parts.since.textContent !== since) this.parts.since.textContent = since;
    this.title = this.at ? dateTime(this.at) : "";
  }
}

customElements.define("live-value", LiveValue);
