/** Small readers that turn unknown JSON into typed values, or say where it is wrong. */

export class MalformedError extends Error {
  /** `path` names the field, such as `people[2].name`. */
  constructor(
    readonly path: string,
    expected: string,
  ) {
    super(`${path || "message"}: expected ${expected}`);
    this.name = "MalformedError";
  }
}

/** Returns the typed value or throws {@link MalformedError}; never changes what it reads. */
export type Reader<T> = (value: unknown, path?: string) => T;
export type Read<R> = R extends Reader<infer T> ? T : never;

/** A string of at most `limit` UTF-16 units. */
export function text(limit = 4096): Reader<string> {
  return (value, path = "") => {
    if (typeof value !== "string" || value.length > limit) throw new MalformedError(path, `text up to ${limit}`);
    return value;
  };
}

export const flag: Reader<boolean> = (value, path = "") => {
  if (typeof value !== "boolean") throw new MalformedError(path, "true or false");
  return value;
};

/** A finite number within the bounds. */
export function number(min = -Infinity, max = Infinity): Reader<number> {
  return (value, path = "") => {
    if (typeof value !== "number" || !Number.isFinite(value) || value < min || value > max) {
      throw new MalformedError(path, `a number from ${min} to ${max}`);
    }
    return value;
  };
}

export function word<const W extends string>(...words: W[]): Reader<W> {
  return (value, path = "") => {
    if (!words.includes(value as W)) throw new MalformedError(path, words.join(" | "));
    return value as W;
  };
}

/** Absent and null read the same: null. */
export function maybe<T>(reader: Reader<T>): Reader<T | null> {
  return (value, path = "") => (value === null || value === undefined ? null : reader(value, path));
}

/** What stands in when the field is absent. */
export function otherwise<T>(reader: Reader<T>, fallback: T): Reader<T> {
  return (value, path = "") => (value === null || value === undefined ? fallback : reader(value, path));
}

export function list<T>(reader: Reader<T>, limit = 1000): Reader<T[]> {
  return (value, path = "") => {
    if (!Array.isArray(value) || value.length > limit) throw new MalformedError(path, `a list of up to ${limit}`);
    return value.map((item, index) => reader(item, `${path}[${index}]`));
  };
}

type Shape = Record<string, Reader<unknown>>;

/** An object with these fields; further fields are left out, so that a newer server may add some. */
export function record<S extends Shape>(shape: S): Reader<{ [K in keyof S]: Read<S[K]> }> {
  return (value, path = "") => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new MalformedError(path, "an object");
    const source = value as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [key, reader] of Object.entries(shape)) {
      result[key] = reader(source[key], path ? `${path}.${key}` : key);
    }
    return result as { [K in keyof S]: Read<S[K]> };
  };
}

/** Any object, as it came: for payloads that another module reads. */
export const anything: Reader<Record<string, unknown>> = (value, path = "") => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new MalformedError(path, "an object");
  return value as Record<string, unknown>;
};
