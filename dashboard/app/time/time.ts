// Times and durations as text. All functions are pure: the zone and the language are arguments.

/** Milliseconds of a duration in the format of .NET, `[-][d.]hh:mm:ss[.fffffff]`. */
export function parseSpan(text: string): number {
  const match = /^(-)?(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text);
  if (match === null) return Number.NaN;
  const [, sign, days = "0", hours = "0", minutes = "0", seconds = "0"] = match;
  const total = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === undefined ? 1 : -1) * total * 1000;
}

const pad = (value: number): string => String(value).padStart(2, "0");

/** A duration with two units at most: `850 ms`, `1.2 s`, `3 min 04 s`, `2 h 05 min`, `2 d 3 h`. */
export function formatSpan(milliseconds: number, locale: string): string {
  const value = Math.abs(milliseconds);
  const sign = milliseconds < 0 ? "−" : "";
  const decimal = (number: number): string =>
    new Intl.NumberFormat(locale, { maximumFractionDigits: number < 10 ? 1 : 0 }).format(number);
  if (value < 1) return value === 0 ? "0 ms" : `${sign}${decimal(value)} ms`;
  if (value < 999.5) return `${sign}${Math.round(value)} ms`;
  if (value < 59_950) return `${sign}${decimal(value / 1000)} s`;
  const seconds = Math.round(value / 1000);
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(value / 60_000);
  if (minutes < 24 * 60) return `${sign}${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.round(value / 3_600_000);
  return `${sign}${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Time since or until an instant: `2 min ago`, `in 26 min`. */
export function formatRelative(at: number, now: number, locale: string): string {
  const seconds = (at - now) / 1000;
  const size = Math.abs(seconds);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (size < 60) return format.format(Math.round(seconds), "second");
  if (size < 3600) return format.format(Math.trunc(seconds / 60), "minute");
  if (size < 86_400) return format.format(Math.trunc(seconds / 3600), "hour");
  return format.format(Math.trunc(seconds / 86_400), "day");
}

/** How much of an instant is shown. */
export type TimeStyle = "time" | "seconds" | "minutes" | "day" | "exact";

const styles: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  time: { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
  seconds: { dateStyle: "medium", timeStyle: "medium" },
  minutes: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "medium" },
  exact: {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    timeZoneName: "longOffset",
  },
};

const formats = new Map<string, Intl.DateTimeFormat>();

/** An instant in a zone. */
export function formatTime(at: number, style: TimeStyle, zone: string, locale: string): string {
  const key = `${style} ${zone} ${locale}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale, { ...styles[style], timeZone: zone });
    formats.set(key, format);
  }
  return format.format(at);
}

/** Offset of a zone at an instant, in minutes east of UTC. */
export function offsetOf(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(at);
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "GMT";
  const match = /GMT([+-])(\d{2}):(\d{2})/.exec(name);
  if (match === null) return 0;
  return (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}

/** Instants that a local time `YYYY-MM-DDTHH:MM[:SS]` has in a zone: none in a gap, two when clocks are set back. */
export function instantsOf(local: string, zone: string): number[] {
  const utc = Date.parse(`${local.length === 16 ? `${local}:00` : local}Z`);
  if (Number.isNaN(utc)) return [];
  const offsets = new Set([-86_400_000, 0, 86_400_000].map((shift) => offsetOf(utc + shift, zone)));
  const instants = [...offsets].map((offset) => ({ at: utc - offset * 60_000, offset }));
  return instants
    .filter(({ at, offset }) => offsetOf(at, zone) === offset)
    .map(({ at }) => at)
    .sort((one, other) => one - other);
}

/** A local time of an instant for inputs, `YYYY-MM-DDTHH:MM:SS`. */
export function localOf(at: number, zone: string): string {
  return new Date(at + offsetOf(at, zone) * 60_000).toISOString().slice(0, 19);
}

/** The start of a period: an ISO time, or relative such as `-1h`, `-7d`. Null if it is neither. */
export function parseFrom(text: string, now: number): number | null {
  const match = /^-(\d{1,6})(s|m|h|d|w)$/.exec(text);
  if (match !== null) {
    const units: Record<string, number> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };
    return now - Number(match[1]) * (units[match[2] ?? ""] ?? 0);
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
