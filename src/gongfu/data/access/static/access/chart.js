// A result drawn as lines or bars: which columns are numbers and times, and the options of ECharts for them.
import { look } from "../console/elements/chart-options.js";
import { number } from "../console/texts.js";

const MOST_SERIES = 7;
const MOST_BARS = 200;

export const isNumber = (column) => /^(Nullable\()?(U?Int|Float|Decimal|Bool)/.test(column.type.replace("LowCardinality(", ""));
export const isTime = (column) => /^(Nullable\()?Date/.test(column.type);

/** Milliseconds of what ClickHouse writes for a time; it writes UTC unless the type names another zone. */
export function moment(value) {
  return Date.parse(`${String(value).replace(" ", "T")}${String(value).length > 10 ? "Z" : ""}`);
}

/** What people would choose: the first time or text across, the first numbers as values. */
export function guess(columns) {
  const x = columns.findIndex(isTime) >= 0 ? columns.findIndex(isTime) : columns.findIndex((one) => !isNumber(one));
  const y = columns.map((one, index) => (isNumber(one) && index !== x ? index : -1)).filter((index) => index >= 0);
  const measured = y.filter((index) => !["org", "series", "quality"].includes(columns[index].name));
  const by = columns.findIndex((one, index) => index !== x && !isNumber(one) && !isTime(one));
  return { x: Math.max(0, x), y: (measured.length ? measured : y).slice(0, 1), by };
}

/** One series for each value column, or for each value of the column `by`. */
export function series(result, { x, y, by }) {
  const timed = isTime(result.columns[x]);
  const across = (row) => (timed ? moment(row[x]) : String(row[x]));
  const value = (row, index) => (row[index] === null ? null : Number(row[index]));
  if (by >= 0 && by !== x && y.length === 1) {
    const groups = new Map();
    for (const row of result.rows) {
      const name = String(row[by]);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push([across(row), value(row, y[0])]);
    }
    return [...groups].slice(0, MOST_SERIES).map(([name, data]) => ({ name, data }));
  }
  return y.slice(0, MOST_SERIES).map((index) => ({
    name: result.columns[index].name, data: result.rows.map((row) => [across(row), value(row, index)]),
  }));
}

export function option(element, result, chosen, kind) {
  const colours = look(element);
  const timed = isTime(result.columns[chosen.x]);
  const all = series(result, chosen).map((one) => ({
    ...one, type: kind, showSymbol: one.data.length < 60, barMaxWidth: 28,
    data: timed ? [...one.data].sort((a, b) => a[0] - b[0]) : one.data.slice(0, kind === "bar" ? MOST_BARS : undefined),
  }));
  const label = { color: colours.quiet, fontSize: 11, fontFamily: colours.font };
  return {
    animation: false, textStyle: { fontFamily: colours.font }, color: colours.series, aria: { enabled: false },
    grid: { left: 12, right: 24, top: 36, bottom: 8, outerBoundsMode: "same" },
    legend: { top: 6, left: 8, icon: "roundRect", itemWidth: 12, itemHeight: 6, textStyle: { ...label, fontSize: 12 } },
    tooltip: {
      trigger: "axis", confine: true, transitionDuration: 0, renderMode: "richText",
      valueFormatter: (value) => (value === null ? "—" : number(value, 3)),
      backgroundColor: colours.surface, borderColor: colours.line, borderWidth: 1, padding: [6, 10],
      textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 12 },
    },
    xAxis: {
      type: timed ? "time" : "category", axisLabel: { ...label, hideOverlap: true },
      axisLine: { lineStyle: { color: colours.strong } },
    },
    yAxis: {
      type: "value", scale: kind === "line", axisLabel: label, splitLine: { lineStyle: { color: colours.line } },
    },
    series: all,
  };
}
