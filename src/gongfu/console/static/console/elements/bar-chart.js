// <bar-chart table="report-table" columns="1,2" lying>: bars of a table on the same page, which stays below for those
// without scripts. The first column names the bars; numbers stand in the cells' data-value. `lying` for long names.
import { number, text } from "../texts.js";
import { look } from "./chart-options.js";
import { echarts } from "./live-chart.js";

/** Heading, names and numbers of the chosen columns. */
function read(table, columns) {
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hasAttribute("data-beyond"));
  return {
    names: rows.map((row) => row.cells[0].textContent.trim()),
    series: columns.map((column) => ({
      name: heads[column],
      values: rows.map((row) => Number(row.cells[column].dataset.value ?? 0)),
    })),
  };
}

class BarChart extends HTMLElement {
  connectedCallback() {
    this.canvas = document.createElement("div");
    this.canvas.className = "chart-canvas";
    this.canvas.setAttribute("role", "img");
    this.replaceChildren(this.canvas);
    this.draw();
  }

  disconnectedCallback() {
    this.size?.disconnect();
    this.theme?.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  async draw() {
    const table = document.getElementById(this.getAttribute("table"));
    if (!table?.tBodies[0]?.rows.length) {
      this.hidden = true;
      return;
    }
    let library;
    try {
      library = await echarts();
    } catch {
      this.canvas.textContent = text("The chart could not be loaded. Reload the page.");
      return;
    }
    if (!this.isConnected) return;
    this.data = read(table, this.getAttribute("columns").split(",").map(Number));
    const lying = this.hasAttribute("lying");
    if (lying) this.canvas.style.height = `${Math.max(8, 3 + 2 * this.data.names.length)}rem`;
    this.chart = library.init(this.canvas, null, { renderer: "canvas" });
    this.size = new ResizeObserver(() => this.chart?.resize());
    this.size.observe(this.canvas);
    this.theme = new MutationObserver(() => this.chart?.setOption(this.option(lying), true));
    this.theme.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    this.chart.setOption(this.option(lying), true);
    this.canvas.setAttribute("aria-label", this.data.series.map((one) => {
      const sum = one.values.reduce((a, b) => a + b, 0);
      return `${one.name}: ${number(sum, 0)}`;
    }).join("; "));
  }

  option(lying) {
    const colours = look(this);
    const label = { color: colours.quiet, fontSize: 11, fontFamily: colours.font };
    const names = {
      type: "category", data: this.data.names, inverse: lying,
      axisLabel: { ...label, width: lying ? 180 : undefined, overflow: "truncate", hideOverlap: true },
      axisLine: { lineStyle: { color: colours.strong } }, axisTick: { show: false },
    };
    const values = {
      type: "value", minInterval: 1, axisLabel: { ...label, formatter: (value) => number(value, 0) },
      splitLine: { lineStyle: { color: colours.line } },
    };
    return {
      animation: false, textStyle: { fontFamily: colours.font }, color: colours.series, aria: { enabled: false },
      grid: { left: 12, right: 24, top: 32, bottom: 8, outerBoundsMode: "same" },
      legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 6, textStyle: { ...label, fontSize: 12 } },
      tooltip: {
        trigger: "axis", confine: true, transitionDuration: 0, renderMode: "richText",
        axisPointer: { type: "shadow" }, valueFormatter: (value) => number(value, 0),
        backgroundColor: colours.surface, borderColor: colours.line, borderWidth: 1, padding: [6, 10],
        textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 12 },
      },
      xAxis: lying ? values : names,
      yAxis: lying ? names : values,
      series: this.data.series.map((one) => ({ name: one.name, type: "bar", data: one.values, barMaxWidth: 28 })),
    };
  }
}

customElements.define("bar-chart", BarChart);
