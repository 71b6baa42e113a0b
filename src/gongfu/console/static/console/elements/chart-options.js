// How a chart of readings looks: the ECharts options for series, limits and theme.
import { dateTime, moment, reading } from "../texts.js";
import { newest, withGaps } from "./chart-data.js";

/** Colours and type of the page's theme, from its style sheet. */
export function look(element) {
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get("--gf-ink"), quiet: get("--gf-ink-3"), line: get("--gf-line"), strong: get("--gf-line-strong"),
    surface: get("--gf-surface"), alarm: get("--gf-alarm"), accent: get("--gf-accent"), warn: get("--gf-warn"),
    series: get("--gf-series").split(/\s+/), font: style.fontFamily,
  };
}

/** Label of a tick: the day where it changes, else the time. */
function tick(ms) {
  const m = moment(ms);
  if (m.hour === "00" && m.minute === "00" && m.second === "00") return `${m.month}-${m.day}`;
  return m.second === "00" ? `${m.hour}:${m.minute}` : `${m.hour}:${m.minute}:${m.second}`;
}

/** The tooltip as elements: a style attribute inside HTML would be refused by the content security policy. */
function tip(colours, all, decimals) {
  return (items) => {
    if (!items.length) return "";
    const box = document.createElement("div");
    box.className = "chart-tip";
    const head = document.createElement("div");
    head.textContent = dateTime(items[0].value[0]);
    box.append(head);
    for (const item of items) {
      const row = document.createElement("div");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colours.series[item.seriesIndex % colours.series.length];
      const value = document.createElement("b");
      const { unit } = all[item.seriesIndex];
      value.textContent = `${reading(item.value[1], decimals)}${unit ? ` ${unit}` : ""}`;
      row.append(swatch, item.seriesName, value);
      box.append(row);
    }
    return box;
  };
}

/** Points of doubtful quality carry a mark on the line. */
function items(points, colours) {
  return withGaps(points).map(([at, value, quality]) =>
    quality === "uncertain"
      ? { value: [at, value], symbol: "triangle", symbolSize: 7, itemStyle: { color: colours.warn } }
      : [at, value],
  );
}

function limits(low, high, lines, colours) {
  const data = lines.map(([value, name]) => ({ yAxis: value, name }));
  if (high !== null) data.push({ yAxis: high, name: "H" });
  if (low !== null) data.push({ yAxis: low, name: "L" });
  return {
    silent: true, symbol: "none", data,
    lineStyle: { color: colours.alarm, type: [6, 4], width: 1 },
    label: {
      formatter: (limit) => `${limit.name} ${reading(limit.value)}`, position: "insideStartTop",
      color: colours.alarm, fontSize: 11, fontFamily: colours.font,
    },
  };
}

/** Times in which an alarm was, or would have been, active. */
function areas(marks, colours) {
  return {
    silent: true, itemStyle: { color: colours.alarm, opacity: 0.14 },
    data: marks.map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
  };
}

/** The whole option. `view` is {from, to} in ms; `low` and `high` are alarm limits or null, `lines` further ones
    ([value, name]), `marks` times to shade ([from, to] in ms). */
export function options(all, view, { low, high, lines = [], marks = [], decimals, compact, colours }) {
  const values = lines.map(([value]) => value);
  const least = values.length ? Math.min(...values, low ?? Infinity) : low;
  const greatest = values.length ? Math.max(...values, high ?? -Infinity) : high;
  const units = [...new Set(all.map((series) => series.unit))].slice(0, 2);
  const label = { color: colours.quiet, fontSize: 11, fontFamily: colours.font };
  const narrow = compact ? 8 : 12;
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    color: colours.series,
    aria: { enabled: false },
    grid: {
      left: narrow, right: all.length === 1 ? 72 : units.length > 1 ? narrow : 84,
      top: compact ? 24 : all.length > 1 ? 56 : 30, bottom: compact ? 4 : 40, outerBoundsMode: "same",
    },
    legend: {
      show: all.length > 1, type: "scroll", top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 3,
      textStyle: { ...label, fontSize: 12, color: colours.ink }, inactiveColor: colours.strong,
      pageTextStyle: label, pageIconColor: colours.quiet, pageIconInactiveColor: colours.strong,
    },
    tooltip: {
      trigger: "axis", confine: true, formatter: tip(colours, all, decimals), transitionDuration: 0,
      backgroundColor: colours.surface, borderColor: colours.line, borderWidth: 1, padding: [6, 10],
      textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 12 },
      axisPointer: { type: "line", lineStyle: { color: colours.strong }, label: { show: false } },
    },
    xAxis: {
      type: "time", min: view.from, max: view.to,
      axisLine: { lineStyle: { color: colours.strong } }, axisTick: { lineStyle: { color: colours.strong } },
      axisLabel: { ...label, hideOverlap: true, formatter: tick }, splitLine: { show: false },
    },
    yAxis: units.map((unit, index) => ({
      type: "value", scale: true, name: all.length === 1 ? `${all[0].name} ${unit}` : unit, position: index ? "right" : "left",
      nameTextStyle: { ...label, align: index ? "right" : "left" }, nameGap: 10, splitNumber: compact ? 3 : 5,
      axisLabel: { ...label, formatter: (value) => reading(value) }, axisLine: { show: false }, axisTick: { show: false },
      splitLine: { show: !index, lineStyle: { color: colours.line } },
      min: reach(least, Math.min), max: reach(greatest, Math.max),
    })),
    dataZoom: compact ? [] : [
      { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: true, throttle: 60 },
      {
        type: "slider", filterMode: "none", height: 18, bottom: 6, showDetail: false, brushSelect: false,
        borderColor: "transparent", backgroundColor: "transparent", fillerColor: `${colours.accent}22`,
        dataBackground: { lineStyle: { color: colours.strong }, areaStyle: { color: colours.line } },
        selectedDataBackground: { lineStyle: { color: colours.accent }, areaStyle: { color: `${colours.accent}33` } },
        handleStyle: { color: colours.surface, borderColor: colours.strong }, moveHandleSize: 0,
      },
    ],
    series: all.map((series, index) => ({
      type: "line", name: series.name, yAxisIndex: Math.max(0, units.indexOf(series.unit)),
      data: items(series.points, colours), showSymbol: true, symbol: "none", connectNulls: false,
      lineStyle: { width: 1.75 }, emphasis: { disabled: true },
      endLabel: {
        show: Boolean(newest(series)) && units.length < 2, distance: 6, color: colours.series[index % colours.series.length],
        fontSize: 12, fontWeight: 600, fontFamily: colours.font,
        formatter: () => reading(newest(series)?.[1], decimals),
      },
      labelLayout: { moveOverlap: "shiftY" },
      markLine: index === 0 && (low !== null || high !== null || lines.length) ? limits(low, high, lines, colours) : undefined,
      markArea: index === 0 && marks.length ? areas(marks, colours) : undefined,
    })),
  };
}

/** An axis reaches an alarm limit when the readings come near it, else the limit would be out of sight or squash them.
    Around a value that never changes it leaves a little room. */
function reach(limit, choose) {
  return (extent) => {
    const span = extent.max - extent.min || 0.02 * Math.abs(extent.max) || 1;
    if (limit === null) return extent.max === extent.min ? extent.max + (choose === Math.max ? span : -span) : null;
    const near = Math.abs(limit - (choose === Math.max ? extent.max : extent.min)) <= 1.5 * span;
    const edge = choose(limit, choose === Math.max ? extent.max : extent.min);
    return near ? edge + (choose === Math.max ? 0.05 : -0.05) * span : null;
  };
}
