// <state-timeline src="/…" from="ms" to="ms">, or with the data inside:
// <state-timeline><script type="application/json">{"from":ms,"to":ms,"spans":[[from_ms,to_ms,"online","在线"],…]}</script>
// What something was, when, as one bar.
import { dateTime, text } from "../texts.js";

const SPACE = "http://www.w3.org/2000/svg";

class StateTimeline extends HTMLElement {
  async connectedCallback() {
    const inside = this.querySelector("script[type='application/json']");
    try {
      if (inside) {
        this.draw(JSON.parse(inside.textContent));
        return;
      }
      const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      this.draw(await answer.json());
    } catch {
      this.replaceChildren(note(text("The history cannot be read now.")));
    }
  }

  draw({ from, to, spans }) {
    if (!spans.length || to <= from) {
      this.replaceChildren(note(text("Nothing is known about this time.")));
      return;
    }
    const svg = document.createElementNS(SPACE, "svg");
    svg.setAttribute("viewBox", "0 0 1000 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    const told = [];
    for (const [start, end, state, label] of spans) {
      const x = Math.max(0, ((start - from) / (to - from)) * 1000);
      const width = Math.min(1000, ((end - from) / (to - from)) * 1000) - x;
      if (width <= 0) continue;
      const rect = document.createElementNS(SPACE, "rect");
      rect.setAttribute("x", x.toFixed(2));
      rect.setAttribute("width", Math.max(width, 0.8).toFixed(2));
      rect.setAttribute("height", "24");
      rect.setAttribute("class", `span-${state}`);
      const title = document.createElementNS(SPACE, "title");
      title.textContent = `${label ?? state}  ${dateTime(start, false)} – ${dateTime(end, false)}`;
      told.push(title.textContent);
      rect.append(title);
      svg.append(rect);
    }
    svg.setAttribute("aria-label", told.slice(-8).join("; "));
    const axis = document.createElement("div");
    axis.className = "axis";
    for (const at of [from, (from + to) / 2, to]) {
      const label = document.createElement("span");
      label.textContent = dateTime(at, false).slice(5);
      axis.append(label);
    }
    this.replaceChildren(svg, axis);
  }
}

function note(content) {
  const node = document.createElement("span");
  node.className = "quiet";
  node.textContent = content;
  return node;
}

customElements.define("state-timeline", StateTimeline);
