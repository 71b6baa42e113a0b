// Everything a page of the console may need; elements load their own heavy parts when they are used.
import "./ui/menus.js";
import "./ui/palette.js";
import "./ui/messages.js";
import "./ui/figures.js";
import "./ui/lists.js";
import "./elements/time-ago.js";
import "./elements/copy-text.js";
import "./elements/spark-line.js";
import "./elements/live-value.js";
import "./elements/live-chart.js";
import "./elements/bar-chart.js";
import "./elements/state-timeline.js";
