import { z } from "zod";
import { type FieldFault, invalid } from "./errors.ts";

/** Deeper input than this is nobody's contact; it would only cost stack. */
const MAX_DEPTH = 32;

/**
 * Checks an operation's input against its schema. Throws `invalid` with the fields that are not
 * acceptable: wrong type, out of bounds, unknown, or text that PostgreSQL cannot keep.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  raw: unknown,
): z.output<Schema> {
  const unstorable = unstorableText(raw);
  if (unstorable.length > 0) throw invalid(unstorable);
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap((issue) => faults(issue, raw)));
}

function faults(issue: z.core.$ZodIssue, raw: unknown): FieldFault[] {
  const path = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        code: "unknown_field",
        message: "is not a field of this request",
      }));
    case "invalid_type":
    case "invalid_value": {
      const { code } = issue;
      if (valueAt(raw, issue.path) === undefined) {
        return [{ path, code: "required", message: "is required" }];
      }
      const message =
        code === "invalid_type"
          ? `must be of type ${issue.expected}`
          : `must be one of ${issue.values.join(", ")}`;
      return [{ path, code, message }];
    }
    case "invalid_union":
      return [{ path, code: "invalid_type", message: issue.message }];
    case "custom":
      return [{ path, code: String(issue.params?.["code"] ?? "invalid"), message: issue.message }];
    default:
      return [{ path, code: issue.code, message: issue.message }];
  }
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    // The one item of what may be a list too, such as a parameter that is given once.
    if (typeof value !== "object" || value === null) return value;
    value = Reflect.get(value, key);
  }
  return value;
}

/** `["address", "city"]` is `address.city`, `["tags", 2]` is `tags[2]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/**
 * Text that PostgreSQL refuses (NUL, SQLSTATE 22021) or that would silently be replaced (half of a
 * surrogate pair), anywhere in the input, keys included.
 */
function unstorableText(value: unknown, path: PropertyKey[] = []): FieldFault[] {
  if (typeof value === "string") {
    if (value.includes("\0")) {
      return [{ path: pathText(path), code: "nul", message: "must not contain the NUL character" }];
    }
    if (!value.isWellFormed()) {
      const message = "must be well-formed Unicode: it has half of a surrogate pair";
      return [{ path: pathText(path), code: "not_unicode", message }];
    }
    return [];
  }
  if (typeof value !== "object" || value === null) return [];
  if (path.length >= MAX_DEPTH) {
    return [{ path: pathText(path), code: "too_deep", message: "is nested too deeply" }];
  }
  if (Array.isArray(value)) return value.flatMap((item, at) => unstorableText(item, [...path, at]));
  return Object.entries(value).flatMap(([key, item]) => [
    ...unstorableText(key, path),
    ...unstorableText(item, [...path, key]),
  ]);
}

/** Text without spaces at its ends, of `least` to `most` characters (UTF-16 units, as in JSON Schema). */
export function text(most: number, least = 1) {
  return z
    .string()
    .trim()
    .min(least, least === 1 ? "must not be empty" : `must have at least ${least} characters`)
    .max(most, `must have at most ${most} characters`);
}

/** A UUID; in lower case as PostgreSQL has it, because ids are compared as text. */
export function uuid(message = "must be a UUID") {
  return z.uuid(message).toLowerCase();
}

export const id = uuid();

/** An e-mail address in lower case (RFC 5321 allows at most 254 characters). */
export const email = text(254).toLowerCase().pipe(z.email("must be an e-mail address"));

/** RFC 3339 in UTC with milliseconds. */
export const timestamp = z.iso.datetime({ precision: 3 });

const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * A point in time as clients write it: RFC 3339 with any offset; kept to the millisecond. In UTC it is of
 * the years 0001 to 9999: outside of them ISO 8601 has other forms, which PostgreSQL does not read.
 */
export const moment = z.iso
  .datetime({ offset: true, message: "must be a time of RFC 3339, such as 2026-01-31T09:00:00Z" })
  .transform((written) => new Date(written))
  .refine((at) => at.getTime() >= EARLIEST && at.getTime() <= LATEST, {
    message: "must be, in UTC, of the years 0001 to 9999",
    params: { code: "out_of_range" },
    // Else whoever has a narrower span would say so, too.
    abort: true,
  });

/** A whole number that comes as a number, or in decimal digits from a query string. */
export function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,9}$/)
          .transform(Number),
      ],
      message,
    )
    .pipe(z.number(message).int(message).min(least, message).max(most, message));
}

/** A truth value that comes as one, or as `true` or `false` from a query string. */
export const flag = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")],
  "must be true or false",
);

/** The version that a change was made on: the number in the resource's ETag. */
export const expectedVersion = wholeNumber(1, 2_147_483_647).optional();
