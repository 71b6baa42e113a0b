// How the network looks: the ECharts options for nodes and links. Quality is a shape and a colour, red is for alarms.
const CROSS =
  "path://M20,0 L50,30 L80,0 L100,20 L70,50 L100,80 L80,100 L50,70 L20,100 L0,80 L30,50 L0,20 Z";
const SHAPES = { good: "circle", uncertain: "triangle", bad: CROSS, unknown: "emptyCircle" };
const SIGNS = { good: "●", uncertain: "▲", bad: "✕", unknown: "○" };
const DASHES = { wifi: [6, 4], "5g": [2, 3], serial: [10, 3, 2, 3], vpn: [12, 5], bus: [2, 4] };
const PLACES = 2;
const DEVICE = 5;

function tone(colours, grade) {
  return { good: colours.good, uncertain: colours.warn, bad: colours.bad, unknown: colours.idle }[grade];
}

function clipped(name, most) {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

function place(one, colours) {
  const site = one.layer === 0;
  return {
    symbol: "roundRect", symbolSize: [Math.max(56, 15 * clipped(one.name, 14).length + 16), site ? 30 : 24],
    itemStyle: { color: site ? colours.strong : colours.line, borderColor: colours.strong, borderWidth: 1 },
    label: {
      show: true, position: "inside", formatter: clipped(one.name, 14), color: colours.ink,
      fontSize: site ? 13 : 12, fontWeight: site ? 600 : 400,
    },
  };
}

function box(one, colours) {
  const colour = tone(colours, one.grade);
  const name = clipped(one.name, 12);
  return {
    symbol: one.kind === "gateway" ? "rect" : "roundRect",
    symbolSize: [Math.max(64, 13 * name.length + 30), 28],
    itemStyle: { color: colours.surface, borderColor: colour, borderWidth: 2, borderType: ghost(one) ? "dashed" : "solid" },
    label: {
      show: true, position: "inside", formatter: `{sign|${SIGNS[one.grade]}} ${name}`, color: colours.ink, fontSize: 12,
      rich: { sign: { color: colour, fontSize: 12 } },
    },
  };
}

function ghost(one) {
  return one.build === "planned" || one.build === "building";
}

function device(one, colours) {
  const colour = tone(colours, one.grade);
  const many = one.count > 1;
  const name = clipped(one.name, 9);
  return {
    symbol: many ? "roundRect" : SHAPES[one.grade], symbolSize: many ? [72, 26] : 16,
    itemStyle: {
      color: many || one.grade === "unknown" ? colours.surface : colour, borderColor: colour,
      borderWidth: many || one.grade === "unknown" ? 2 : 0, borderType: ghost(one) ? "dashed" : "solid",
    },
    label: {
      show: true, position: many ? "inside" : "bottom", distance: 4, color: colours.ink, fontSize: 11, lineHeight: 14,
      formatter: one.note && !many ? `${name}\n{note|${one.note}}` : name,
      rich: { note: { color: colours.quiet, fontSize: 10, lineHeight: 13 } },
    },
  };
}

function node(one, colours, { draggable, begin }) {
  const looks = one.layer < PLACES ? place(one, colours) : one.layer === DEVICE ? device(one, colours) : box(one, colours);
  if (one.build === "retired") looks.itemStyle.opacity = 0.45;
  if (begin === one.id) looks.itemStyle.shadowBlur = 12;
  return {
    id: one.id, name: one.id, x: one.x, y: one.y, draggable: Boolean(draggable) && one.layer >= PLACES, title: one.name,
    note: one.note, cursor: "pointer", ...looks, label: { ...looks.label, fontFamily: colours.font },
  };
}

function edge(one, colours, most) {
  const planned = one.build !== "in_use";
  const load = most ? Math.sqrt(one.load / most) : 0;
  return {
    id: one.id, key: one.id, derived: one.derived, source: one.a, target: one.b, ignoreForceLayout: true,
    lineStyle: {
      color: planned || one.grade === "unknown" ? colours.idle : tone(colours, one.grade),
      width: most ? 1 + 7 * load : one.kind === "fibre" ? 3.5 : one.derived ? 1 : 2,
      type: planned ? [3, 5] : DASHES[one.kind] ?? "solid",
      opacity: one.build === "retired" ? 0.3 : one.derived && !most ? 0.45 : 0.85,
      curveness: one.derived ? 0.06 : 0,
    },
  };
}

/** Colours that only the map needs. */
function more(colours) {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return { ...colours, good: get("--gf-good"), bad: get("--gf-bad"), idle: get("--gf-idle") };
}

/** Whether both drawings have the same nodes in the same places, so that only how they look has changed. */
export function same(before, after) {
  if (!before || before.nodes.length !== after.nodes.length || before.edges.length !== after.edges.length) return false;
  return before.nodes.every((one, index) => {
    const other = after.nodes[index];
    return one.id === other.id && one.x === other.x && one.y === other.y;
  }) && before.edges.every((one, index) => one.id === after.edges[index].id);
}

/** The whole option of a drawing. */
export function option(data, plain, how) {
  const colours = more(plain);
  const most = data.view === "use" ? Math.max(...data.edges.map((one) => one.load), 0.001) : 0;
  return {
    animation: false, textStyle: { fontFamily: colours.font }, aria: { enabled: false },
    tooltip: {
      confine: true, transitionDuration: 0, renderMode: "richText", backgroundColor: colours.surface,
      borderColor: colours.line, borderWidth: 1, textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 12 },
      formatter: (item) => (item.dataType === "edge" ? "" : [item.data.title, item.data.note].filter(Boolean).join("\n")),
    },
    series: [{
      type: "graph", layout: "none", roam: true, scaleLimit: { min: 0.2, max: 8 }, left: 48, right: 48, top: 36, bottom: 56,
      nodeScaleRatio: 0.4, labelLayout: { hideOverlap: false }, emphasis: { focus: "none", scale: false },
      autoCurveness: false, edgeSymbol: ["none", "none"],
      data: data.nodes.map((one) => node(one, colours, how)),
      links: data.edges.map((one) => edge(one, colours, most)),
    }],
  };
}
