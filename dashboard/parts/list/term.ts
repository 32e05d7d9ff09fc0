// A term of the filter language.

/** `field:value`, with quotes where the value needs them. */
export function term(field: string, value: string): string {
  return /^[\p{L}\p{N}_.\/-]+$/u.test(value) && !value.includes("..") ? `${field}:${value}` : `${field}:${JSON.stringify(value)}`;
}
