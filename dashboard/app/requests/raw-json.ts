// JSON of requests with parts that are sent as they were typed.

/** JSON text that is sent as it is: numbers keep all their digits. */
export class RawJson {
  constructor(readonly text: string) {}
}

/** JSON of a value in which each {@link RawJson} is its text. */
export function jsonOf(value: unknown): string {
  const texts = new Map<string, string>();
  const json = JSON.stringify(value, (_, part: unknown) => {
    if (!(part instanceof RawJson)) return part;
    const place = crypto.getRandomValues(new Uint32Array(4)).join("-");
    texts.set(place, part.text);
    return place;
  });
  return [...texts].reduce((text, [place, raw]) => text.replace(`"${place}"`, () => raw), json);
}
