// Times that can be chosen, by name.
export const RANGE_NAMES = {
  "1h": "1 hour", "8h": "8 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days",
  today: "Today", yesterday: "Yesterday",
};
const HOURS = { "1h": 1, "8h": 8, "24h": 24, "7d": 168, "30d": 720, "90d": 2160 };

/** Beginning and end of a range, in ms; days are those of the node's clock. */
export function period(range) {
  const now = Date.now();
  if (HOURS[range]) return [now - HOURS[range] * 3600e3, now];
  const timeZone = document.documentElement.dataset.timezone || undefined;
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const parts = Object.fromEntries(format.formatToParts(now).map((part) => [part.type, Number(part.value)]));
  const midnight = now - ((parts.hour * 60 + parts.minute) * 60 + parts.second) * 1000 - (now % 1000);
  return range === "today" ? [midnight, now] : [midnight - 86400e3, midnight];
}
