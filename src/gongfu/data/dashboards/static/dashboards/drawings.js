// Options of ECharts for a gauge, a heat map and a Pareto chart.
import { number, reading } from "../console/texts.js";
import { say } from "./words.js";

const CATEGORY = { running: "--gf-good", idle: "--gf-accent", setup: "--gf-warn", fault: "--gf-alarm", off: "--gf-line-strong" };

/** Colour of a state by what it means; any other takes one of the palette. */
export function stateColour(element, category, place, colours) {
  const name = CATEGORY[category];
  return name ? getComputedStyle(element).getPropertyValue(name).trim() : colours.series[place % colours.series.length];
}

function tooltip(colours) {
  return {
    confine: true, transitionDuration: 0, renderMode: "richText",
    backgroundColor: colours.surface, borderColor: colours.line, borderWidth: 1, padding: [6, 10],
    textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 12 },
  };
}

function basis(colours) {
  return { animation: false, textStyle: { fontFamily: colours.font }, aria: { enabled: false }, color: colours.series };
}

/** Ends of a gauge: as chosen, else the range of the sensor, else round numbers about the value. */
export function ends(widget, tag, value) {
  let low = widget.low ?? tag.low;
  let high = widget.high ?? tag.high;
  low ??= Math.min(0, value ?? 0);
  if (high === null || high === undefined || high <= low) {
    const size = Math.max(Math.abs(value ?? 1) * 1.25, 1);
    const power = 10 ** Math.floor(Math.log10(size));
    high = low + Math.ceil(size / power) * power;
  }
  return [low, high];
}

export function gauge(widget, tag, value, stale, colours) {
  const [low, high] = ends(widget, tag, value);
  const decimals = widget.decimals ?? tag.decimals;
  const limits = (tag.limits ?? []).filter(([at]) => at > low && at < high);
  const shown = stale ? colours.quiet : colours.ink;
  return {
    ...basis(colours),
    series: [{
      type: "gauge", min: low, max: high, startAngle: 205, endAngle: -25, radius: "96%", center: ["50%", "60%"],
      progress: { show: value !== null, width: 14, roundCap: false, itemStyle: { color: stale ? colours.strong : colours.series[0] } },
      axisLine: { lineStyle: { width: 14, color: [[1, colours.line]] } },
      pointer: { show: false }, anchor: { show: false }, axisTick: { show: false },
      splitLine: { show: false },
      splitNumber: 2,
      axisLabel: { distance: -28, color: colours.quiet, fontSize: 11, formatter: (at) => (at === low || at === high ? number(at, 1) : "") },
      title: { show: false },
      detail: {
        valueAnimation: false, offsetCenter: [0, "-8%"], fontSize: 26, fontWeight: 600, color: shown,
        formatter: () => `${reading(value, decimals)}\n{unit|${tag.unit}}`,
        rich: { unit: { fontSize: 13, color: colours.quiet, fontWeight: 400, padding: [4, 0, 0, 0] } },
      },
      data: [{ value: value ?? low }],
    }, ...(limits.length ? [{
      // Where the alarm limits lie: marks outside the arc.
      type: "gauge", min: low, max: high, startAngle: 205, endAngle: -25, radius: "100%", center: ["50%", "60%"],
      axisLine: { lineStyle: { width: 4, color: bands(limits, low, high, colours) } },
      pointer: { show: false }, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { show: false },
      detail: { show: false }, title: { show: false }, data: [],
    }] : [])],
  };
}

function bands(limits, low, high, colours) {
  const at = (value) => (value - low) / (high - low);
  const below = limits.filter(([, name]) => name.startsWith("L")).map(([value]) => value);
  const above = limits.filter(([, name]) => name.startsWith("H")).map(([value]) => value);
  const result = [];
  if (below.length) result.push([at(Math.max(...below)), colours.alarm]);
  result.push([above.length ? at(Math.min(...above)) : 1, colours.line]);
  if (above.length) result.push([1, colours.alarm]);
  return result;
}

export function heat(widget, answer, colours) {
  const tag = answer.tags[0];
  const values = answer.cells.map((cell) => cell[2]);
  const label = { color: colours.quiet, fontSize: 11, fontFamily: colours.font };
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
  const decimals = widget.decimals ?? undefined;
  return {
    ...basis(colours),
    grid: { left: 8, right: 8, top: 8, bottom: 34, outerBoundsMode: "same" },
    tooltip: {
      ...tooltip(colours),
      formatter: ({ value }) => `${answer.days[value[1]]} ${hours[value[0]]}:00\n${reading(value[2], decimals)} ${tag?.unit ?? ""}`,
    },
    xAxis: { type: "category", data: hours, axisLabel: label, axisLine: { show: false }, axisTick: { show: false } },
    yAxis: { type: "category", data: answer.days, inverse: true, axisLabel: label, axisLine: { show: false }, axisTick: { show: false } },
    visualMap: {
      min: Math.min(...values), max: Math.max(...values), calculable: false, orient: "horizontal", left: "center", bottom: 0,
      itemHeight: 140, itemWidth: 10, inRange: { color: [colours.line, colours.series[0]] }, textStyle: label,
      formatter: (value) => reading(value, decimals),
      text: [`${reading(Math.max(...values), decimals)} ${tag?.unit ?? ""}`, reading(Math.min(...values), decimals)],
    },
    series: [{ type: "heatmap", data: answer.cells, itemStyle: { borderColor: colours.surface, borderWidth: 1 }, emphasis: { disabled: true } }],
  };
}

export function pareto(widget, answer, element, colours) {
  const bars = answer.bars.filter((bar) => bar.value > 0);
  const total = bars.reduce((sum, bar) => sum + bar.value, 0);
  let added = 0;
  const line = bars.map((bar) => {
    added += bar.value;
    return (100 * added) / total;
  });
  const label = { color: colours.quiet, fontSize: 11, fontFamily: colours.font };
  const unit = widget.of === "states" ? "h" : "";
  return {
    ...basis(colours),
    grid: { left: 8, right: 8, top: 26, bottom: 6, outerBoundsMode: "same" },
    tooltip: { ...tooltip(colours), trigger: "axis", axisPointer: { type: "shadow" } },
    xAxis: {
      type: "category", data: bars.map((bar) => bar.name), axisTick: { show: false }, axisLine: { lineStyle: { color: colours.strong } },
      axisLabel: { ...label, interval: 0, width: 84, overflow: "break", lineHeight: 13 },
    },
    yAxis: [
      { type: "value", name: unit, nameTextStyle: label, axisLabel: { ...label, formatter: (value) => number(value, 1) }, splitLine: { lineStyle: { color: colours.line } }, minInterval: unit ? undefined : 1 },
      { type: "value", min: 0, max: 100, interval: 50, axisLabel: { ...label, formatter: (value) => `${value} %` }, splitLine: { show: false } },
    ],
    series: [
      {
        type: "bar", name: widget.of === "states" ? say("Hours of each state") : say("Alarms"), barMaxWidth: 48,
        data: bars.map((bar, place) => ({
          value: bar.value,
          itemStyle: { color: widget.of === "states" ? stateColour(element, bar.colour, place, colours) : colours.series[0] },
        })),
        tooltip: { valueFormatter: (value) => `${number(value, 2)} ${unit}` },
      },
      {
        type: "line", name: say("share added up"), yAxisIndex: 1, data: line, symbol: "circle", symbolSize: 5,
        lineStyle: { color: colours.quiet, width: 1.5 }, itemStyle: { color: colours.quiet },
        tooltip: { valueFormatter: (value) => `${number(value, 0)} %` },
      },
    ],
  };
}
