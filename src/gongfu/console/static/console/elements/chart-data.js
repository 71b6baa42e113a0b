// Series of readings for a chart: gaps, merging of live readings, CSV. No drawing here.
import { dateTime } from "../texts.js";
import { qualityOf } from "./stream.js";

const GAP_FACTOR = 5;
const GAP_FLOOR_MS = 5000;

/** The usual distance of points, in ms; 0 when there are too few to tell. */
export function rhythm(points) {
  const steps = [];
  for (let i = Math.max(1, points.length - 400); i < points.length; i += 1) {
    const step = points[i][0] - points[i - 1][0];
    if (step > 0) steps.push(step);
  }
  steps.sort((a, b) => a - b);
  return steps.length < 3 ? 0 : steps[steps.length >> 1];
}

/** Points with a null where nothing came for much longer than usual, so that the line breaks there. */
export function withGaps(points) {
  const limit = Math.max(rhythm(points) * GAP_FACTOR, GAP_FLOOR_MS);
  const result = [];
  points.forEach((point, index) => {
    const before = points[index - 1];
    if (before && before[1] !== null && point[1] !== null && point[0] - before[0] > limit) {
      result.push([before[0] + 1, null, "good"]);
    }
    result.push(point);
  });
  return result;
}

/** What the server sent, as {tag, name, unit, points: [[ms, value|null, quality]]}, ordered by time. */
export function parse(answer) {
  return answer.series.map((series) => ({
    tag: String(series.tag),
    name: series.name,
    unit: series.unit ?? "",
    points: series.points
      .map(([at, value, quality]) => {
        const known = qualityOf(quality);
        const numeric = typeof value === "boolean" ? Number(value) : value;
        return [at, known === "bad" || typeof numeric !== "number" ? null : numeric, known];
      })
      .sort((a, b) => a[0] - b[0]),
  }));
}

/** Append a live reading and drop what is older than `oldest`; false when it is not new. */
export function append(series, at, value, quality, oldest) {
  const last = series.points.at(-1);
  if (last && at <= last[0]) return false;
  const numeric = typeof value === "boolean" ? Number(value) : value;
  series.points.push([at, quality === "bad" || typeof numeric !== "number" ? null : numeric, quality]);
  let drop = 0;
  while (drop < series.points.length - 1 && series.points[drop + 1][0] < oldest) drop += 1;
  if (drop) series.points.splice(0, drop);
  return true;
}

/** The newest point that has a value. */
export function newest(series) {
  for (let i = series.points.length - 1; i >= 0; i -= 1) {
    if (series.points[i][1] !== null) return series.points[i];
  }
  return null;
}

/** One row for each point; opens in spreadsheet programs as UTF-8 thanks to the mark in front. */
export function csv(all) {
  const quote = (field) => `"${String(field).replaceAll('"', '""')}"`;
  const rows = ["time,tag,unit,value,quality"];
  for (const series of all) {
    for (const [at, value, quality] of series.points) {
      if (value === null && quality === "good") continue;
      const time = `${dateTime(at)}.${String(at % 1000).padStart(3, "0")}`;
      rows.push([time, quote(series.name), quote(series.unit), value ?? "", quality].join(","));
    }
  }
  return `\ufeff${rows.join("\r\n")}\r\n`;
}
