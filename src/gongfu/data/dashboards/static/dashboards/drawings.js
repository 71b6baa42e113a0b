// Options of ECharts for a Pareto chart, and the colours of states.
import { number } from "../console/texts.js";
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
