// <time-ago at="1763620000000"> or <time-ago datetime="2026-11-20T06:05:00+00:00">: the server's text inside stands until
// the script runs.
import { ago, dateTime } from "../texts.js";

const shown = new Set();

setInterval(() => {
  if (!document.hidden) for (const element of shown) element.update();
}, 1000);

class TimeAgo extends HTMLElement {
  static observedAttributes = ["at", "datetime"];

  connectedCallback() {
    shown.add(this);
    this.update();
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  attributeChangedCallback() {
    this.update();
  }

  update() {
    const given = this.getAttribute("at") ?? this.getAttribute("datetime");
    const at = given && /^\d+$/.test(given) ? Number(given) : Date.parse(given ?? "");
    if (!at) return;
    const content = ago(at);
    if (this.textContent !== content) this.textContent = content;
    this.title = dateTime(at);
  }
}

customElements.define("time-ago", TimeAgo);
