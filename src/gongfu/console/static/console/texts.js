// Sentences in the page's language, and numbers and times as people there write them.

const source = document.getElementById("console-texts");
const texts = source ? JSON.parse(source.textContent) : {};

/** The translation of an English text; `{name}` is filled from `values`. */
export function text(english, values = {}) {
  return (texts[english] ?? english).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const chinese = document.documentElement.lang.startsWith("zh");
const locale = chinese ? "zh-CN" : "en-GB";
const timeZone = document.documentElement.dataset.timezone || undefined;

const formats = new Map();

/** Parts of a moment in the node's time zone: {year, month, day, hour, minute, second}, two digits each. */
export function moment(ms) {
  let format = formats.get("moment");
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone, year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    });
    formats.set("moment", format);
  }
  return Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, part.value]));
}

/** 2026-11-20 14:05:09 */
export function dateTime(ms, seconds = true) {
  const m = moment(ms);
  return `${m.year}-${m.month}-${m.day} ${m.hour}:${m.minute}${seconds ? `:${m.second}` : ""}`;
}

/** A number with at most `digits` decimals and separators. */
export function number(value, digits = 2) {
  let format = formats.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
    formats.set(digits, format);
  }
  return format.format(value);
}

/** How a reading is written: enough digits to see it move, not more. */
export function reading(value, decimals) {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  if (typeof value === "boolean") return text(value ? "On" : "Off");
  if (typeof value !== "number") return String(value);
  if (decimals !== undefined) {
    const key = `r${decimals}`;
    let format = formats.get(key);
    if (!format) {
      format = new Intl.NumberFormat(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
      formats.set(key, format);
    }
    return format.format(value);
  }
  const size = Math.abs(value);
  return number(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4);
}

/** "3 分钟前", "3 min ago"; under five seconds "just now". */
export function ago(ms, now = Date.now()) {
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < -5) return dateTime(ms, false);
  if (seconds < 5) return text("just now");
  if (seconds < 60) return text("{n} s ago", { n: seconds });
  if (seconds < 3600) return text("{n} min ago", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return text("{n} h ago", { n: Math.floor(seconds / 3600) });
  if (seconds < 30 * 86400) return text("{n} days ago", { n: Math.floor(seconds / 86400) });
  return dateTime(ms, false);
}
