// <spark-line points="1,2,,3">: a line the size of a word; an empty place is a gap.

const SPACE = "http://www.w3.org/2000/svg";

class SparkLine extends HTMLElement {
  static observedAttributes = ["points"];

  connectedCallback() {
    this.draw();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.draw();
  }

  draw() {
    const points = (this.getAttribute("points") ?? "").split(",").map((p) => (p.trim() === "" ? null : Number(p)));
    const known = points.filter((p) => p !== null && Number.isFinite(p));
    if (known.length < 2) {
      this.replaceChildren();
      return;
    }
    // A ripple of a few per cent must not look like a storm.
    const high = Math.max(...known);
    const low = Math.min(...known, 0.8 * high);
    const span = high - low || 1;
    let path = "";
    let pen = "M";
    points.forEach((point, index) => {
      if (point === null || !Number.isFinite(point)) {
        pen = "M";
        return;
      }
      const x = (index / (points.length - 1)) * 100;
      path += `${pen}${x.toFixed(1)} ${(27 - ((point - low) / span) * 24).toFixed(1)}`;
      pen = "L";
    });
    let svg = this.firstElementChild;
    if (!svg) {
      svg = document.createElementNS(SPACE, "svg");
      svg.setAttribute("viewBox", "0 0 100 30");
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      svg.append(document.createElementNS(SPACE, "path"));
      this.replaceChildren(svg);
    }
    svg.firstElementChild.setAttribute("d", path);
  }
}

customElements.define("spark-line", SparkLine);
