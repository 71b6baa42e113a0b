// Where widgets lie: twelve columns, rows without end. The server places them by the same rule when it saves.
export const COLUMNS = 12;
export const MOST_HEIGHT = 30;

function over(one, y, other) {
  return one.x < other.x + other.w && other.x < one.x + one.w && y < other.y + other.h && other.y < y + one.h;
}

/** Move down what lies over something earlier; `first` stays where it was put. */
export function settle(widgets, first = null) {
  const ordered = [...widgets].sort((a, b) => (b === first) - (a === first) || a.y - b.y || a.x - b.x);
  const placed = [];
  for (const one of ordered) {
    while (placed.some((other) => over(one, one.y, other))) one.y += 1;
    placed.push(one);
  }
  widgets.sort((a, b) => a.y - b.y || a.x - b.x);
}

/** Keep a widget inside the grid. */
export function clamp(widget) {
  widget.w = Math.min(Math.max(Math.round(widget.w) || 1, 1), COLUMNS);
  widget.h = Math.min(Math.max(Math.round(widget.h) || 1, 1), MOST_HEIGHT);
  widget.x = Math.min(Math.max(Math.round(widget.x) || 0, 0), COLUMNS - widget.w);
  widget.y = Math.min(Math.max(Math.round(widget.y) || 0, 0), 1900);
}

/** The first free row below everything. */
export function below(widgets) {
  return widgets.reduce((most, one) => Math.max(most, one.y + one.h), 0);
}

/** Tell the style sheet. */
export function place(element, widget) {
  for (const name of ["x", "y", "w", "h"]) element.style.setProperty(`--${name}`, widget[name]);
}
